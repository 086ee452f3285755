"""Two profiles in one move, between practice hosts: stopped together, carried once, counted, put back."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from openclaw_wizard.events import Event, QuestionAsked
from openclaw_wizard.hosts.facts import probe
from openclaw_wizard.hosts.practice import connect_practice
from openclaw_wizard.model import Outcome, Row, RowState, Verdict
from openclaw_wizard.openclaw import command
from openclaw_wizard.steps import back_up, copy, databases, verify
from openclaw_wizard.steps.action import Action, Context
from tests.openclaw_states import lock_of, write
from tests.two_hosts import TwoHosts

pytestmark = pytest.mark.node

STATES = (".openclaw", ".openclaw-work")


class Both(TwoHosts):
    """OLD has the default profile and `work`, whose gateways run; they share one workspace.

    The other workspace of `work` lies in the state directory of the default one, as old versions had it.
    """

    def furnish_both(self) -> None:
        self.has_openclaw()
        home, ports = self.old_home, free_ports(2)
        self.furnish(gateway={"mode": "local", "port": ports[0]})
        spaces = {"main": f"{home}/.openclaw/workspace-work", "research": f"{home}/research"}
        entries = {agent: {"workspace": space} for agent, space in spaces.items()}
        agents = {"ownership": "explicit", "entries": entries}
        self.furnish(name=".openclaw-work", gateway={"mode": "local", "port": ports[1]}, agents=agents)
        write(home / ".openclaw/workspace-work/SOUL.md", "who I am at work\n", 0o644)

    async def start(self, *profiles: tuple[str | None, str]) -> None:
        """Their gateways on OLD, until each says that it runs."""
        host = await connect_practice(self.old)
        facts = await probe(host)
        for profile, name in profiles:
            argv = command.start_detached(facts, state_dir=f"{self.old_home}/{name}", profile=profile)
            (await host.run(argv, timeout=30)).check()
        await host.aclose()
        await asyncio.to_thread(self._until, {name for _, name in profiles})

    def _until(self, names: set[str]) -> None:
        while not names <= running(self.old_home):
            time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        opened = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in opened]


def pid_of(state: Path) -> int | None:
    """The process that says it is the gateway of that state directory."""
    lock = lock_of(state)
    return int(json.loads(text)["pid"]) if lock.exists() and (text := lock.read_text()) else None


def running(home: Path) -> set[str]:
    found = {name: pid_of(home / name) for name in STATES}
    return {name for name, pid in found.items() if pid is not None and Path(f"/proc/{pid}").exists()}


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    made = Both(tmp_path)
    yield made
    for home in (made.old_home, made.new_home):
        for name in running(home):
            os.kill(pid_of(home / name) or 0, signal.SIGKILL)
    await made.close()


def data(both: Both, home: Path) -> dict[str, tuple[int, int, bytes]]:
    """What is on that machine beside what the wizard keeps there and what gateways write as they run."""
    return {
        name: seen
        for name, seen in both.snapshot(home).items()
        if not any(part in name for part in ("/tmp", ".openclaw-wizard", "sqlite-shm", "sqlite-wal"))
        and seen[0] & 0o170000 == 0o100000
    }


class Killed(BaseException):
    """As if the wizard's process ended there: nothing is journaled of it."""


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, action: type[Action], work: str) -> Iterator[None]:
    """Dies in that action once it is done for one of the two profiles."""
    real = getattr(action, work)
    done: list[str] = []

    async def instead(self: Action, ctx: Context) -> object:
        if done:
            raise Killed
        done.append(ctx.plan.name)
        return await real(self, ctx)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(action, work, instead)
        yield


async def test_all_go_in_one_move_that_is_killed_between_them_and_then_put_back(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    both.furnish_both()
    await both.start((None, ".openclaw"), ("work", ".openclaw-work"))
    old, new = both.old_home, both.new_home
    before = data(both, old)

    wizard = both.wizard()
    plan = await wizard.survey(both.old, both.new, ("all",))
    carried = [[tree.old.removeprefix(f"{old}/") for tree in each.trees] for each in plan.each]
    assert carried == [[".openclaw", "research"], [".openclaw-work"]]
    with dying(monkeypatch, back_up.StopOld, "apply"):
        await wizard.run()
    assert running(old) == {".openclaw-work"}
    await wizard.aclose()

    wizard = both.wizard()
    with dying(monkeypatch, databases.CheckCopies, "apply"):
        await wizard.resume()
    await wizard.aclose()
    assert running(old) == set() and not (new / ".openclaw").exists()

    # The one that has the shared workspace on loan comes back and writes there: the other lists it again.
    await both.start(("work", ".openclaw-work"))
    write(old / "research/notes.md", "heat pumps, and what came later\n", 0o644)
    before |= {"research/notes.md": data(both, old)["research/notes.md"]}
    wizard = both.wizard()
    with dying(monkeypatch, copy.Switch, "apply"):
        await wizard.resume()
    await wizard.aclose()
    assert running(old) == set()
    assert (new / ".openclaw").is_dir() and not (new / ".openclaw-work").exists()

    wizard = both.wizard()
    with dying(monkeypatch, verify.StartNew, "apply"):
        await wizard.resume()
    await wizard.aclose()
    assert running(new) == {".openclaw"}
    first = pid_of(new / ".openclaw")

    wizard = both.wizard()
    outcome = await wizard.resume()
    assert [row for row in wizard.view.rows if not row.explained] == []
    assert outcome is Outcome.DONE
    assert running(new) == set(STATES) and pid_of(new / ".openclaw") == first
    assert data(both, old) == before
    assert_it_works(new, before)
    assert_counted(wizard.view.rows)
    assert_kept_and_told(both, str(wizard.view.move))

    with dying(monkeypatch, copy.Switch, "revert"):
        await wizard.undo()
    await wizard.aclose()
    assert running(new) == set() and (new / ".openclaw").exists() != (new / ".openclaw-work").exists()
    wizard = both.wizard()
    assert await wizard.undo() is Outcome.PUT_BACK
    await wizard.aclose()
    assert running(old) == set(STATES)
    assert not any((new / name).exists() for name in (*STATES, "research"))
    assert data(both, old) == before


def assert_it_works(new: Path, before: dict[str, tuple[int, int, bytes]]) -> None:
    entries = json.loads((new / ".openclaw-work/openclaw.json").read_text())["agents"]["entries"]
    assert entries["main"]["workspace"] == f"{new}/.openclaw/workspace-work"
    assert entries["research"]["workspace"] == f"{new}/research"
    for name in ("research/notes.md", ".openclaw/workspace-work/SOUL.md"):
        assert (new / name).read_bytes() == before[name][2]


def assert_counted(rows: tuple[Row, ...]) -> None:
    """Each by itself, and files where they were carried: those of the workspace on loan by its host."""
    counted = {row.subject: (row.old, row.new, row.state) for row in rows}
    for name in ("default", "work"):
        assert counted[f"{name}: gateway"] == ("2026.9.6, answers",) * 2 + (RowState.EQUAL,)
        assert counted[f"{name}: messages"] == ("86", "86", RowState.EQUAL)
        assert counted[f"{name}: cron jobs"] == ("2", "2", RowState.EQUAL)
    assert counted["default: workspace files"] == ("5", "5", RowState.EQUAL)
    assert counted["work: workspace files"] == ("0", "0", RowState.EQUAL)


def assert_kept_and_told(both: Both, move: str) -> None:
    """A safety copy and a mark of each on OLD; and the report names both, with every tree's hash."""
    keeps = both.old_home / ".openclaw-wizard" / move
    assert sorted(str(path.relative_to(keeps)).partition(".")[0] for path in keeps.rglob("*.*")) == [
        "MOVED",
        "openclaw-safety-copy",
        "profile-2/MOVED",
        "profile-2/openclaw-safety-copy",
    ]
    told = json.loads((both.wizard_home / "migrations" / move / "report.json").read_text())
    sections = {each["title"]: each["rows"] for each in told["sections"]}
    assert told["summary"]["OpenClaw"] == "2026.9.6, profile default, work"
    assert [(row[0], row[-1]) for row in sections["What moved"]] == [
        ("OLD:~/.openclaw", "equal"),
        ("OLD:~/research", "equal"),
        ("OLD:~/.openclaw-work", "equal"),
    ]
    files = {row[0] for row in sections["Every changed path"]}
    assert {"default: openclaw.json", "work: openclaw.json", "work: state/openclaw.sqlite"} <= files
    assert any("profile-2" in row[0] for row in sections["What is left for you"])


async def test_a_person_is_asked_which_and_a_program_gets_the_default_one(both: Both) -> None:
    both.furnish_both()
    person = both.wizard(yes=False, interactive=True)

    def answer(event: Event) -> None:
        if isinstance(event, QuestionAsked):
            asyncio.get_running_loop().call_soon(person.answer, event.question, "all")

    person.subscribe(answer)
    plan = await person.survey(both.old, both.new)
    assert plan.profiles == "default, work" and person.view.question is None
    assert person.view.findings["profile-mismatch"].verdict is Verdict.CLEAR
    await person.aclose()

    program = both.wizard()
    alone = await program.survey(both.old, both.new)
    assert (alone.profiles, [each.profile for each in alone.others]) == ("default", ["work"])
    stays = program.view.findings["profile-mismatch"]
    assert (stays.verdict, stays.evidence) == (Verdict.LOOK, "stays behind: work")
    again = await program.survey_as_planned(plan)
    assert again.profiles == "default, work"
    await program.aclose()
