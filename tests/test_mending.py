"""What the move mends on NEW where the person wants it: previewed, undone, judged again."""

from __future__ import annotations

import asyncio
import json
import shutil
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openclaw_wizard import wishes
from openclaw_wizard.cli import parser
from openclaw_wizard.errors import Blocked, StepFailed, UsageError
from openclaw_wizard.events import Event, FindingsChanged
from openclaw_wizard.model import Finding, Fix, Outcome, Verdict, Wishes
from openclaw_wizard.steps import mending, together
from openclaw_wizard.steps.action import Context
from tests import openclaw_states
from tests.openclaw_states import gateway, lock_of, write
from tests.two_hosts import TwoHosts

pytestmark = pytest.mark.node

UNITS, LEGACY = ".config/systemd/user", ".clawdbot"
BOTH = ("service-folder-open", "legacy-folder-on-new")


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[TwoHosts]:
    """OLD is of the version that does not start beside a folder of the old name."""
    made = TwoHosts(tmp_path)
    state = openclaw_states.early(made.old_home)
    config = json.loads((state / "openclaw.json").read_text())
    write(state / "openclaw.json", json.dumps(config | {"meta": {"lastTouchedVersion": "2026.7.1"}}))
    write(made.new_home / LEGACY / "clawdbot.json", "{}")
    units = made.new_home / UNITS
    units.mkdir(parents=True)
    units.chmod(0o775)
    yield made
    await made.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def last(events: list[Event], pitfall: str) -> Finding:
    told = [f for e in events if isinstance(e, FindingsChanged) for f in e.findings if f.pitfall == pitfall]
    return told[-1]


async def test_what_is_wanted_is_mended_judged_again_and_put_back(hosts: TwoHosts) -> None:
    new, events = hosts.new_home, []  # type: Path, list[Event]
    before = hosts.snapshot(new)
    wizard = hosts.wizard(events, actions=(mending.Mend(),))
    await wizard.survey(hosts.old, hosts.new, (), Wishes(fix=BOTH))
    found = wizard.view.findings["legacy-folder-on-new"]
    assert (found.verdict, found.fixing) == (Verdict.LOOK, True)
    (fix,) = found.fixes
    assert fix.says() == f"on NEW: {new / LEGACY} is renamed to {new / LEGACY}.before-…, beside it"
    assert hosts.snapshot(new) == before
    assert await wizard.run() is Outcome.DONE
    assert (new / f"{LEGACY}.before-{wizard.view.move}/clawdbot.json").read_text() == "{}"
    assert not (new / LEGACY).exists()
    assert mode(new / UNITS) == 0o755
    assert {last(events, each).verdict for each in BOTH} == {Verdict.CLEAR}
    assert await wizard.undo() is Outcome.PUT_BACK
    await wizard.aclose()
    assert hosts.snapshot(new) == before


async def test_nothing_is_mended_that_nobody_wanted(hosts: TwoHosts) -> None:
    wizard = hosts.wizard(actions=(mending.Mend(),))
    await wizard.survey(hosts.old, hosts.new, (), Wishes(fix=BOTH))
    wizard.fix("legacy-folder-on-new")
    assert wizard.view.findings["legacy-folder-on-new"].verdict is Verdict.BLOCKS
    with pytest.raises(Blocked, match="clawdbot") as held:
        await wizard.run()
    assert held.value.next.startswith("Let the move mend it (--fix legacy-folder-on-new), or: `mv")
    wizard.fix("legacy-folder-on-new")
    wizard.fix("service-folder-open")
    assert await wizard.run() is Outcome.DONE
    wizard.fix("service-folder-open")
    assert not wizard.view.findings["service-folder-open"].fixing
    await wizard.aclose()
    assert mode(hosts.new_home / UNITS) == 0o775
    assert not (hosts.new_home / LEGACY).exists()


async def test_another_wizard_goes_on_with_it_and_something_new_is_never_replaced(hosts: TwoHosts) -> None:
    new = hosts.new_home
    first = hosts.wizard(actions=(mending.Mend(),))
    await first.survey(hosts.old, hosts.new, (), Wishes(fix=BOTH))
    assert await first.run() is Outcome.DONE
    await first.aclose()
    write(new / LEGACY / "later.json", "{}")
    second = hosts.wizard(actions=(mending.Mend(),))
    assert await second.undo() is Outcome.PUT_BACK
    (reverted,) = second.view.actions
    assert f"something new stands at {new / LEGACY}" in reverted.fact
    await second.aclose()
    assert (new / LEGACY / "later.json").exists()
    assert (new / f"{LEGACY}.before-{second.view.move}/clawdbot.json").exists()
    assert mode(new / UNITS) == 0o775


async def test_a_kill_between_two_of_them_loses_nothing(
    hosts: TwoHosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, mend, left = hosts.new_home, mending._mend, [1]
    before = hosts.snapshot(new)

    async def killed_after_one(ctx: Context, fix: Fix) -> None:
        if not left:
            raise asyncio.CancelledError
        left.pop()
        await mend(ctx, fix)

    first = hosts.wizard(actions=(mending.Mend(),))
    await first.survey(hosts.old, hosts.new, (), Wishes(fix=BOTH))
    with monkeypatch.context() as patched:
        patched.setattr(mending, "_mend", killed_after_one)
        with pytest.raises(asyncio.CancelledError):
            await first.run()
    await first.aclose()
    assert mode(new / UNITS) == 0o755
    assert (new / LEGACY).exists()
    second = hosts.wizard(actions=(mending.Mend(),))
    assert await second.resume() is Outcome.DONE
    assert not (new / LEGACY).exists()
    assert await second.undo() is Outcome.PUT_BACK
    await second.aclose()
    assert hosts.snapshot(new) == before


async def test_a_folder_that_a_gateway_works_with_stays(hosts: TwoHosts) -> None:
    """Not offered where one runs; where one started since, the move stops before it takes its state away."""
    state = hosts.new_home / LEGACY
    shutil.rmtree(state)
    openclaw_states.today(hosts.new_home).rename(state)
    wizard = hosts.wizard(actions=(mending.Mend(),))
    await wizard.survey(hosts.old, hosts.new, (), Wishes(fix=BOTH))
    with gateway(state, lock_of(state)):
        with pytest.raises(StepFailed, match="works with"):
            await wizard.run()
        await wizard.aclose()
        other = hosts.wizard(actions=(mending.Mend(),))
        await other.survey(hosts.old, hosts.new, (), Wishes(fix=BOTH))
        found = other.view.findings["legacy-folder-on-new"]
        await other.aclose()
    assert (found.verdict, found.fixes) == (Verdict.BLOCKS, ())
    assert state.exists()


async def test_several_profiles_share_what_is_mended(hosts: TwoHosts) -> None:
    work = hosts.old_home / ".openclaw-work"
    config = json.loads((hosts.old_home / ".openclaw/openclaw.json").read_text())
    config["gateway"]["port"] += 100
    write(work / "openclaw.json", json.dumps(config))
    (work / "agents/main/agent").mkdir(parents=True)
    events: list[Event] = []
    wizard = hosts.wizard(events, actions=together.for_each((mending.Mend(),)))
    await wizard.survey(hosts.old, hosts.new, ("all",), Wishes(fix=BOTH))
    assert await wizard.run() is Outcome.DONE
    await wizard.aclose()
    assert {last(events, each).verdict for each in BOTH} == {Verdict.CLEAR}


def test_what_cannot_be_mended_is_refused_by_name() -> None:
    options = parser().parse_args(["run", "--from", "a", "--to", "b", "--fix", "remote-mode"])
    with pytest.raises(UsageError, match="'remote-mode'") as refused:
        wishes.of(options)
    assert refused.value.next == "What it can mend: service-folder-open, legacy-folder-on-new."
