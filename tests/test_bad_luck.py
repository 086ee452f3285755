"""Bad input and bad luck on two real SSH hosts: own words, own code, and things stay as they were."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import pytest

from openclaw_wizard.errors import Blocked, ExitCode, MoveInUse, NothingToMove, StepFailed, WizardError
from openclaw_wizard.events import (
    ActionDone,
    ActionFailed,
    Event,
    HostBack,
    HostLost,
)
from openclaw_wizard.hosts import Host
from openclaw_wizard.hosts.facts import probe
from openclaw_wizard.hosts.practice import running_server
from openclaw_wizard.model import HostFacts, Outcome, Verdict
from openclaw_wizard.session import Wizard
from openclaw_wizard.steps import back_up, survey
from openclaw_wizard.steps.action import Context, Done
from openclaw_wizard.steps.copy import CompareHashes, Stream, TakeManifest
from openclaw_wizard.steps.install import NodeInRange, SameOpenClaw
from tests.conftest import Until
from tests.two_hosts import COPYING, TwoHosts

pytestmark = pytest.mark.node


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[TwoHosts]:
    made = TwoHosts(tmp_path)
    yield made
    await made.close()


async def failing(wizard: Wizard, hosts: TwoHosts) -> WizardError:
    with pytest.raises(WizardError) as caught:
        await wizard.survey(hosts.old, hosts.new)
        await wizard.run()
    await wizard.aclose()
    return caught.value


async def test_no_openclaw_on_old(hosts: TwoHosts) -> None:
    problem = await failing(hosts.wizard(), hosts)
    assert isinstance(problem, NothingToMove) and problem.exit_code is ExitCode.FAILED
    assert str(hosts.old_home) in problem.what


async def test_a_state_directory_that_is_not_one(hosts: TwoHosts) -> None:
    (hosts.old_home / ".openclaw" / "notes").mkdir(parents=True)
    problem = await failing(hosts.wizard(), hosts)
    assert isinstance(problem, NothingToMove)
    assert ".openclaw holds no config, no agents and no database" in problem.what


async def test_a_profile_that_is_not_there_is_named_with_those_that_are(hosts: TwoHosts) -> None:
    hosts.furnish()
    wizard = hosts.wizard()
    with pytest.raises(NothingToMove, match="no profile 'work'; found: default"):
        await wizard.survey(hosts.old, hosts.new, ("work",))
    await wizard.aclose()


async def test_remote_mode_is_blocked_and_names_the_host_that_owns_the_state(hosts: TwoHosts) -> None:
    hosts.furnish(gateway={"mode": "remote", "remote": {"url": "wss://gateway.example:8443", "token": "t0p"}})
    problem = await failing(hosts.wizard(), hosts)
    assert isinstance(problem, Blocked) and problem.exit_code is ExitCode.BLOCKED
    assert "gateway.example" in problem.what and "t0p" not in problem.what


@pytest.fixture
def node_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str | None], None]:
    """Lets the probe find another Node, or none, on one host; this machine's own cannot be hidden."""

    def found(address: str, version: str | None) -> None:
        async def altered(host: Host) -> HostFacts:
            facts = await probe(host)
            return facts.model_copy(update={"node": version}) if host.label == address else facts

        monkeypatch.setattr(survey, "probe", altered)

    return found


@pytest.mark.parametrize(("version", "said"), [(None, "OLD has no Node"), ("20.20.2", "only Node 20.20.2")])
async def test_no_usable_node_on_old(
    hosts: TwoHosts, node_of: Callable[[str, str | None], None], version: str | None, said: str
) -> None:
    hosts.furnish()
    node_of(hosts.old, version)
    problem = await failing(hosts.wizard(), hosts)
    assert said in problem.what and problem.exit_code is ExitCode.FAILED


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (None, "NEW has no Node"),
        ("20.20.2", "NEW has Node 20.20.2"),
        ("22.12.0", "NEW has Node 22.12.0; this OpenClaw needs >=24.16.0"),
    ],
)
async def test_no_usable_node_on_new_is_blocked_before_anything_is_written(
    hosts: TwoHosts, node_of: Callable[[str, str | None], None], version: str | None, said: str
) -> None:
    hosts.furnish()
    node_of(hosts.new, version)
    before = hosts.snapshot(hosts.old_home), hosts.snapshot(hosts.new_home)
    problem = await failing(hosts.wizard(), hosts)
    assert isinstance(problem, Blocked) and said in problem.what
    assert (hosts.snapshot(hosts.old_home), hosts.snapshot(hosts.new_home)) == before


def probed_otherwise(wizard: Wizard, **changes: object) -> None:
    """As if NEW had changed after the survey: what was probed last differs from the plan."""
    assert wizard.facts.new is not None
    wizard.facts = wizard.facts.model_copy(update={"new": wizard.facts.new.model_copy(update=changes)})


async def test_node_out_of_range_on_new_and_a_resume_once_it_was_mended(hosts: TwoHosts) -> None:
    hosts.furnish()
    wizard = hosts.wizard(actions=(NodeInRange(),))
    await wizard.survey(hosts.old, hosts.new)
    probed_otherwise(wizard, node="22.12.0")
    with pytest.raises(StepFailed, match=r"NEW has Node 22\.12\.0; OpenClaw 2026\.9\.6 needs >=24") as caught:
        await wizard.run()
    assert "resume" in caught.value.next
    await wizard.aclose()
    again = hosts.wizard(actions=(NodeInRange(),))
    assert await again.resume() is Outcome.DONE
    await again.aclose()


async def test_no_npm_on_new_is_told_in_the_step_too(hosts: TwoHosts) -> None:
    hosts.furnish()
    wizard = hosts.wizard(actions=(SameOpenClaw(),))
    await wizard.survey(hosts.old, hosts.new)
    probed_otherwise(wizard, npm=None)
    with pytest.raises(StepFailed, match="NEW has no npm") as caught:
        await wizard.run()
    assert "Install npm" in caught.value.next
    await wizard.aclose()


async def test_reading_changes_nothing_on_either_machine(hosts: TwoHosts) -> None:
    hosts.furnish()
    (hosts.new_home / ".openclaw").mkdir()
    (hosts.new_home / ".openclaw" / "mine.txt").write_text("what stood there")
    before = hosts.snapshot(hosts.old_home), hosts.snapshot(hosts.new_home)
    wizard = hosts.wizard()
    plan = await wizard.survey(hosts.old, hosts.new)
    await wizard.aclose()
    assert (hosts.snapshot(hosts.old_home), hosts.snapshot(hosts.new_home)) == before
    assert plan.trees[0].occupied
    assert wizard.view.findings["target-not-empty"].verdict is Verdict.LOOK


def size(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.exists())


class Slow(Stream):
    """Stops for a moment before it sends, so that a test can change the world."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def began(self, wizard: Wizard) -> None:
        """Until it is there; an end before it is a failure of the test, not a wait for ever."""
        waiting = {asyncio.create_task(self.reached.wait()), asyncio.create_task(wizard.wait())}
        _, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        assert self.reached.is_set(), wizard.view.failure

    async def apply(self, ctx: Context) -> Done:
        self.reached.set()
        await self.go_on.wait()
        return await super().apply(ctx)


async def test_the_link_is_cut_in_the_middle_of_the_copy_and_only_the_rest_is_sent(
    hosts: TwoHosts, tmp_path: Path, until: Until
) -> None:
    state = hosts.furnish()
    for number in range(8):
        (state / f"big-{number}").write_bytes(os.urandom(24_000_000))
    events: list[Event] = []
    wizard = hosts.wizard(events, actions=COPYING)
    await wizard.survey(hosts.old, hosts.new)
    staged = hosts.new_home

    async def cut() -> None:
        await until(lambda: size(staged.glob(".openclaw.incoming-*/big-*")) > 60_000_000)
        server = running_server(tmp_path / "new")
        assert server is not None
        os.kill(server["pid"], signal.SIGKILL)

    cutting = asyncio.create_task(cut())
    outcome = await wizard.run()
    await cutting
    assert outcome is Outcome.DONE
    assert any(isinstance(e, HostLost) for e in events) and any(isinstance(e, HostBack) for e in events)
    (sent,) = [e.fact for e in events if isinstance(e, ActionDone) and e.action == "copy.stream"]
    assert "was there already" in sent
    await wizard.aclose()


async def test_a_kill_of_the_wizard_in_the_copy_leaves_new_as_it_was(hosts: TwoHosts) -> None:
    hosts.furnish()
    (hosts.new_home / ".openclaw").mkdir()
    (hosts.new_home / ".openclaw" / "mine.txt").write_text("what stood there")
    slow = Slow()
    wizard = hosts.wizard(actions=(TakeManifest(), slow, CompareHashes()))
    await wizard.survey(hosts.old, hosts.new)
    wizard.begin_run()
    await slow.began(wizard)
    await wizard.stop("SIGTERM")
    await wizard.aclose()
    assert (hosts.new_home / ".openclaw" / "mine.txt").read_text() == "what stood there"
    slow.go_on.set()
    again = hosts.wizard(actions=(TakeManifest(), slow, CompareHashes()))
    assert await again.resume() is Outcome.DONE
    assert await again.undo() is Outcome.PUT_BACK
    assert list(hosts.new_home.glob("*incoming*")) == []
    assert (hosts.new_home / ".openclaw" / "mine.txt").read_text() == "what stood there"
    await again.aclose()


def mount_small_disk(home: Path, size: str) -> None:
    """A real disk of that size at a practice host's home, with what stood there."""
    aside = home.with_name("aside")
    shutil.copytree(home, aside)
    options = f"size={size},mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(home)], check=True)
    shutil.copytree(aside, home, dirs_exist_ok=True)


@pytest.mark.root
async def test_the_disk_of_new_fills_during_the_copy(hosts: TwoHosts, tmp_path: Path) -> None:
    state = hosts.furnish()
    (state / "big").write_bytes(os.urandom(6_000_000))
    mount_small_disk(hosts.new_home, "400m")
    try:
        (hosts.new_home / ".openclaw").mkdir()
        (hosts.new_home / ".openclaw" / "mine.txt").write_text("what stood there")
        events: list[Event] = []
        slow = Slow()
        wizard = hosts.wizard(events, actions=(TakeManifest(), slow, CompareHashes()))
        await wizard.survey(hosts.old, hosts.new)
        wizard.begin_run()
        await slow.began(wizard)
        room = os.statvfs(hosts.new_home)
        (hosts.new_home / "filler").write_bytes(b"x" * (room.f_bavail * room.f_frsize - 2_000_000))
        slow.go_on.set()
        await wizard.wait()
        await wizard.aclose()
        (failed,) = [e for e in events if isinstance(e, ActionFailed)]
        assert "disk of NEW" in failed.what and "full" in failed.what and failed.exit_code == 1
        assert "Resume" in failed.next and "untouched" in failed.safe
        assert (hosts.new_home / ".openclaw" / "mine.txt").read_text() == "what stood there"
        (hosts.new_home / "filler").unlink()
        again = hosts.wizard(actions=(TakeManifest(), slow, CompareHashes()))
        assert await again.resume() is Outcome.DONE
        await again.aclose()
    finally:
        subprocess.run(["umount", "-l", str(hosts.new_home)], check=True)


@pytest.mark.root
async def test_not_enough_room_is_blocked_before_anything_is_written(hosts: TwoHosts) -> None:
    state = hosts.furnish()
    (state / "big").write_bytes(os.urandom(6_000_000))
    mount_small_disk(hosts.new_home, "4m")
    try:
        problem = await failing(hosts.wizard(), hosts)
        assert isinstance(problem, Blocked) and "not-enough-room" in problem.what
    finally:
        subprocess.run(["umount", "-l", str(hosts.new_home)], check=True)


async def test_two_wizards_on_one_move(hosts: TwoHosts) -> None:
    hosts.furnish()
    slow = Slow()
    first = hosts.wizard(actions=(TakeManifest(), slow))
    await first.survey(hosts.old, hosts.new)
    first.begin_run()
    await slow.began(first)
    with pytest.raises(MoveInUse, match=str(os.getpid())):
        await hosts.wizard().resume()
    await first.stop("done with")
    await first.aclose()


async def test_an_unreadable_database_on_old_is_told_and_nothing_is_copied(hosts: TwoHosts) -> None:
    state = hosts.furnish()
    path = state / "state" / "openclaw.sqlite"
    content = bytearray(path.read_bytes())
    content[4096 : 4096 + 2000] = os.urandom(2000)
    path.write_bytes(content)
    wizard = hosts.wizard(actions=(back_up.CheckDatabases(),))
    await wizard.survey(hosts.old, hosts.new)
    with pytest.raises(WizardError) as caught:
        await wizard.run()
    assert caught.value.exit_code is ExitCode.FAILED
    assert list(hosts.new_home.glob("*incoming*")) == []
    await wizard.aclose()
