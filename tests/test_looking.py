"""What is asked of a gateway, and the wait for channels: a command that answers as OpenClaw does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.events import Advanced
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.journal import Journal
from openclaw_wizard.model import Facts, Role
from openclaw_wizard.openclaw import inventory
from openclaw_wizard.steps import looking, trees
from openclaw_wizard.steps.action import Context
from tests.builders import installation, plan, tree
from tests.moves import QuickClock
from tests.odd_trees import PATH
from tests.openclaw_states import early, facts, gateway, helper, lock_of, today, write

pytestmark = pytest.mark.node

PROGRAM = """#!/bin/sh
echo "$*" >>"$HOME/asked"
case "$*" in
  *"gateway status"*) echo '{"gateway":{"version":"2026.9.6"},"rpc":{"ok":true}}' ;;
  *"channels status"*)
    count=$(grep -c "channels status" "$HOME/asked")
    [ "$count" -gt 2 ] && up=true || up=false
    printf '{"channelAccounts":{"telegram":[{"accountId":"default","enabled":true,"configured":true,'
    printf '"running":true,"connected":%s,"probe":{"ok":%s}}]}}' $up $up ;;
  *sessions.list*) echo '{"sessions":[{"key":"agent:main:main"}]}' ;;
esac
"""


class Ground:
    def __init__(self, folder: Path, state: Path, version: str) -> None:
        self.home = state.parent
        write(self.home / "bin/openclaw", PROGRAM, 0o755)
        machine = facts(self.home, path=f"{self.home}/bin:{PATH}", openclaw=version, npm_prefix=None)
        moving = installation(state_dir=str(state), config_path=f"{state}/openclaw.json", port=28123)
        there = tree(old=str(state), new=str(state))
        planned = plan(old=machine, new=machine, installation=moving, version=version, trees=(there,))
        (folder / "move").mkdir()
        self.events: list[Any] = []
        self.ctx = Context(
            move="m",
            plan=planned.model_copy(update={"path_changes": ()}),
            old=LocalHost(self.home),
            new=LocalHost(self.home),
            old_helper=helper(),
            new_helper=helper(),
            shelf=Journal(folder / "move", create=True),
            clock=QuickClock(),
            tell=self.events.append,
            learn=lambda found: None,
            facts=Facts(old=machine, new=machine),
        )

    async def count(self) -> None:
        moving, machine = self.ctx.plan.installation, self.ctx.plan.old
        found = await inventory.take(helper(), moving, machine, version=self.ctx.plan.version)
        self.ctx.shelf.save(trees.BEFORE, found.model_dump_json().encode())

    def keep_old(self, **seen: Any) -> None:
        kept = json.dumps(seen).encode()
        self.ctx.shelf.save(looking.SEEN_OLD, kept)

    @property
    def asked(self) -> list[str]:
        kept = self.home / "asked"
        return kept.read_text().splitlines() if kept.exists() else []


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    made = Ground(tmp_path, today(tmp_path / "home"), "2026.9.6")
    await made.count()
    state = made.home / ".openclaw"
    with gateway(state, lock_of(state)):
        yield made


async def test_each_question_is_asked_once_and_the_channels_waited_for(ground: Ground) -> None:
    ground.keep_old(channels={"telegram/default": "connected"})
    done = await looking.Look().apply(ground.ctx)
    assert await looking.Look().holds(ground.ctx)
    seen = looking.new_seen(ground.ctx)
    assert (seen.gateway, seen.answers) == ("2026.9.6, answers", True)
    assert seen.channels == {"telegram/default": "connected"}
    assert seen.sessions == ("agent:main:main",)
    assert seen.dashboard is False
    assert done.fact == "2026.9.6, answers; 1 channels connected"
    asked = sorted(ground.asked)
    assert [each.split(" --")[0] for each in asked] == [
        "channels status",
        "channels status",
        "channels status",
        "gateway call sessions.list",
        "gateway status",
    ]
    labels = [each.label for each in ground.events if isinstance(each, Advanced)]
    assert set(labels[1:]) == {"waiting for telegram/default"}


async def test_a_channel_that_old_did_not_have_connected_is_not_waited_for(ground: Ground) -> None:
    ground.keep_old(channels={"telegram/default": "not running"})
    await looking.Look().apply(ground.ctx)
    assert looking.new_seen(ground.ctx).channels == {"telegram/default": "not connected"}
    assert len([each for each in ground.asked if "channels" in each]) == 1


async def test_a_channel_that_never_comes_ends_the_wait(ground: Ground) -> None:
    ground.keep_old(channels={"telegram/default": "connected", "signal/default": "connected"})
    await looking.Look().apply(ground.ctx)
    assert looking.new_seen(ground.ctx).channels == {"telegram/default": "connected"}
    assert ground.events[-1].label == "waiting for signal/default"
    assert ground.events[-1].done <= looking.CHANNELS_BUDGET


async def test_a_config_that_no_longer_parses_leaves_the_dashboard_unknown(ground: Ground) -> None:
    write(ground.home / ".openclaw/openclaw.json", "{ botToken: 'secret-token'")
    ground.keep_old(channels={})
    await looking.Look().apply(ground.ctx)
    seen = looking.new_seen(ground.ctx)
    assert (seen.answers, seen.dashboard) == (True, None)


async def test_a_gateway_that_is_not_there_is_asked_nothing(tmp_path: Path) -> None:
    made = Ground(tmp_path, today(tmp_path / "home"), "2026.9.6")
    await made.count()
    seen = await looking.look(made.ctx, Role.OLD, trees.counted(made.ctx, trees.BEFORE))
    assert (seen.answers, seen.channels, seen.why_not) == (False, None, looking.NOT_RUNNING)
    assert made.asked == []


@pytest.mark.parametrize(("paired", "asked"), [({}, 0), ({"device-own": {}}, 3)])
async def test_an_old_version_is_asked_only_by_a_device_that_it_knows(
    tmp_path: Path, paired: dict[str, Any], asked: int
) -> None:
    state = early(tmp_path / "home")
    write(state / "devices/paired.json", json.dumps(paired))
    (state / "state").mkdir()
    (state / "state/openclaw.sqlite").touch()
    made = Ground(tmp_path, state, "2026.2.9")
    await made.count()
    with gateway(state, lock_of(state)):
        seen = await looking.look(made.ctx, Role.OLD, trees.counted(made.ctx, trees.BEFORE))
    assert len(made.asked) == asked
    assert (seen.why_not == looking.NOT_ASKED) is (asked == 0)
    assert seen.asked is (asked > 0)
    # Its process is not one that answers here.
    assert seen.gateway != "ready"
