"""A move whose effects are folders on this disk: real journal, real session, no machine behind it."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from openclaw_wizard.errors import LinkLost
from openclaw_wizard.events import Event
from openclaw_wizard.hosts import ByteSink, ByteSource, Completed, Host
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import Facts, Finding, GatewayState, Plan, Role, StepId, Wishes
from openclaw_wizard.session import Policy, Survey, Wizard
from openclaw_wizard.steps.action import Action, Ask, AskFirst, Context, Done
from tests.builders import host_facts, new_facts, plan


class Nowhere:
    """A host on which nothing can be run; these actions work on the local disk."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.host_key = f"SHA256:{label}"
        self.place = f"someone@{label}:22"
        self.reconnects = 0
        self.refuse_reconnect = 0
        self.lost_forwards = 0
        """How often the link is found lost when a port is wanted."""
        self.closed = False

    async def run(
        self, argv: Sequence[str], *, input: bytes = b"", timeout: float = 60.0, pty: bool = False
    ) -> Completed:
        raise NotImplementedError

    def lines(
        self,
        argv: Sequence[str],
        *,
        input: bytes | AsyncIterable[bytes] = b"",
        timeout: float = 60.0,
        inflate: bool = False,
    ) -> AsyncIterator[bytes]:
        raise NotImplementedError

    def reader(
        self, argv: Sequence[str], *, input: bytes | AsyncIterable[bytes] = b""
    ) -> AbstractAsyncContextManager[ByteSource]:
        raise NotImplementedError

    def writer(self, argv: Sequence[str]) -> AbstractAsyncContextManager[ByteSink]:
        raise NotImplementedError

    async def forward(self, port: int) -> int:
        if self.lost_forwards:
            self.lost_forwards -= 1
            raise LinkLost(host=self.label, doing="opening a port to it")
        return port

    async def reconnect(self) -> None:
        self.reconnects += 1
        if self.reconnects <= self.refuse_reconnect:
            raise LinkLost(host=self.label, doing="connecting again")

    async def aclose(self) -> None:
        self.closed = True


class Folder(Action):
    """Its effect is a folder; making one that exists fails, so an effect that happens twice is seen."""

    def __init__(
        self, world: Path, name: str, step: StepId, *, after_effect: Callable[[], None] | None = None
    ):
        self.id = name
        self.step = step
        self.title = f"make {name}"
        self._folder = world / name
        self._after = after_effect or (lambda: None)

    async def holds(self, ctx: Context) -> bool:
        return self._folder.is_dir()

    async def apply(self, ctx: Context) -> Done:
        ctx.shelf.save(f"{self.id}.json", b"{}")
        self._folder.mkdir()
        with (self._folder.parent / "effects").open("a") as file:
            file.write(f"{self.id}\n")
        self._after()
        return Done(fact=f"made {self.id}", data={"name": self.id})

    async def revert(self, ctx: Context) -> Done | None:
        if self._folder.is_dir():
            self._folder.rmdir()
            with (self._folder.parent / "effects").open("a") as file:
                file.write(f"-{self.id}\n")
            self._after()
        return Done(fact=f"removed {self.id}")


class Stopping(Folder):
    gateway = (Role.OLD, GatewayState.STOPPING, GatewayState.STOPPED)


class Starting(Folder):
    gateway = (Role.NEW, GatewayState.STARTING, GatewayState.READY)
    ask = AskFirst(question="start-new", prompt="Start?", answered_by="--yes")


def folders(world: Path, after_effect: Callable[[], None] | None = None) -> tuple[Action, ...]:
    return (
        Stopping(world, "old.stop", StepId.BACK_UP, after_effect=after_effect),
        Folder(world, "new.openclaw", StepId.INSTALL, after_effect=after_effect),
        Folder(world, "copy.stream", StepId.COPY, after_effect=after_effect),
        Folder(world, "new.doctor", StepId.DOCTOR, after_effect=after_effect),
        Starting(world, "new.start", StepId.VERIFY, after_effect=after_effect),
    )


class QuickClock:
    """Time passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        self.now += 0.25
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Ground:
    """Everything that one such move needs."""

    def __init__(self, folder: Path) -> None:
        self.world = folder / "world"
        self.world.mkdir(parents=True)
        self.home = folder / "wizard"
        self.actions: tuple[Action, ...] = folders(self.world)
        self.plan: Plan = plan()
        self.facts = Facts(old=host_facts(), new=new_facts())
        self.findings: dict[str, Finding] = {}
        self.hosts: dict[str, Nowhere] = {}
        self.clock = QuickClock()

    async def connect(self, address: str) -> Host:
        return self.hosts.setdefault(address, Nowhere(address))

    async def _read(
        self, old: Host, new: Host, profiles: tuple[str, ...], tell: Any, learn: Any, wishes: Wishes, ask: Ask
    ) -> Plan:
        learn(self.facts)
        return self.plan

    async def _again(self, old: Host, new: Host, planned: Plan) -> Facts:
        return self.facts

    def wizard(self, events: list[Event] | None = None, **policy: Any) -> Wizard:
        handed = Survey(
            read=self._read,
            again=self._again,
            judge=lambda facts, accepted: self.findings,
            actions=lambda planned: self.actions,
            helper=lambda host, path: Helper(host, path),
        )
        policy.setdefault("yes", True)
        made = Wizard(self.home, handed, policy=Policy(**policy), connect_to=self.connect, clock=self.clock)
        if events is not None:
            made.subscribe(events.append)
        return made

    def effects(self) -> list[str]:
        path = self.world / "effects"
        return path.read_text().split() if path.exists() else []
