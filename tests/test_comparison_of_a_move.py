"""A whole state moved between two machines and compared: with its paths following, and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_wizard.events import Compared, Event
from openclaw_wizard.model import Outcome, Row, RowState
from openclaw_wizard.steps import back_up, copy, relocating, verify
from openclaw_wizard.steps.action import Action
from tests.two_hosts import TwoHosts

pytestmark = pytest.mark.node

SECRETS = ("secret-token", "sk-1\n", '"sk-1', "=sk-1")
"""The bot's token and the value of a variable, as the state of these tests has them."""
WITHOUT_A_GATEWAY = {"gateway", "dashboard", "sessions in the dashboard"}
"""No program is on these machines, so nobody can be asked."""
COUNTED: tuple[Action, ...] = (back_up.RehearseInventory(), back_up.CheckDatabases())


async def compared(folder: Path, actions: tuple[Action, ...]) -> tuple[dict[str, Row], int]:
    hosts = TwoHosts(folder)
    hosts.furnish()
    events: list[Event] = []
    wizard = hosts.wizard(events, (*COUNTED, *actions, verify.Compare()))
    try:
        await wizard.survey(hosts.old, hosts.new)
        assert await wizard.run() is Outcome.PROBLEMS
        told = next(each for each in events if isinstance(each, Compared))
        return {row.subject: row for row in told.rows}, wizard.view.exit_code or 0
    finally:
        await wizard.aclose()
        await hosts.close()


async def test_every_difference_is_explained_where_the_paths_followed(tmp_path: Path) -> None:
    rows, code = await compared(tmp_path, copy.ACTIONS)
    assert code == 3
    assert {name for name, row in rows.items() if not row.explained} == WITHOUT_A_GATEWAY
    differing = {name: row.detail for name, row in rows.items() if row.state is RowState.EXPECTED}
    assert differing == {
        "workspaces": "their paths followed to the new place",
        "state files": "2 with paths that follow to the new place; 6 the same by hash",
    }
    assert (rows["workspace files"].old, rows["workspace files"].new) == ("4", "4")
    no_secret_is_told(tmp_path)


def no_secret_is_told(folder: Path) -> None:
    """In nothing that the move kept; and its reports name nobody and no place of theirs."""
    (kept,) = (folder / "wizard/migrations").iterdir()
    told = {path.name: path.read_text(errors="replace") for path in kept.iterdir()}
    for secret in SECRETS:
        assert [name for name, text in told.items() if secret in text] == []
    for name in ("report.md", "report.html", "report.json"):
        assert (kept / name).stat().st_mode & 0o077 == 0
        assert [each for each in ("alice", "bob", str(folder)) if each in told[name]] == [], name
        assert "OLD:~/.openclaw" in told[name]


async def test_paths_that_did_not_follow_are_caught(tmp_path: Path) -> None:
    kept = tuple(each for each in copy.ACTIONS if not isinstance(each, relocating.Relocate))
    rows, code = await compared(tmp_path, kept)
    assert code == 3
    lost = {name for name, row in rows.items() if not row.explained} - WITHOUT_A_GATEWAY
    assert lost == {"cron jobs", "workspaces"}
    assert rows["cron jobs"].detail == "missing on NEW: job-1, job-2"
    assert rows["workspaces"].state is RowState.DIFFERS
    assert str(tmp_path / "old") in rows["workspaces"].detail
