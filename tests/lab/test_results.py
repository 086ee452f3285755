"""The table of what was tried: every cell comes from the events of a move."""

from __future__ import annotations

from pathlib import Path

from tests.lab import results
from tests.lab.results import NOT_REACHED
from tests.program import Event

ACTIONS = [
    {"id": "old.stop", "step": "back_up", "title": ""},
    {"id": "old.archive", "step": "back_up", "title": ""},
    {"id": "new.openclaw", "step": "install", "title": ""},
]


def told(*events: Event) -> list[Event]:
    return [{"type": "surveying", "time": 100.0}, *events]


CREATED: Event = {"type": "move-created", "time": 104.0, "actions": ACTIONS}


def at(time: float, kind: str, action: str, **more: str) -> Event:
    return {"type": f"action-{kind}", "time": time, "action": action, **more}


def test_a_step_lasts_from_its_first_action_to_its_last() -> None:
    events = told(
        CREATED,
        at(105, "started", "old.stop"),
        at(106, "done", "old.stop"),
        at(107, "started", "old.archive"),
        at(112, "done", "old.archive"),
    )
    found = results.cells(events)
    assert (found["identify"], found["back_up"]) == ("4 s", "7 s")
    assert found["install"] == found["verify"] == NOT_REACHED


def test_a_step_whose_work_was_done_before_says_that_it_held() -> None:
    assert results.cells(told(CREATED, at(105, "done", "new.openclaw")))["install"] == "held"


def test_a_step_that_failed_says_so_and_why() -> None:
    events = told(CREATED, at(105, "started", "old.stop"), at(106, "failed", "old.stop", what="It hangs."))
    assert results.cells(events)["back_up"] == "failed"
    assert results.why(events) == "It hangs."


def test_a_move_that_never_began_was_refused(tmp_path: Path) -> None:
    events = told({"type": "survey-failed", "time": 101.0, "what": "NEW has no Node | none."})
    line = results.record(tmp_path, "userland", "no node", "NEW is bare", events)
    assert set(line.cells.values()) == {"refused", NOT_REACHED}
    page = results.page(results.lines(tmp_path))
    assert "| `no node` | NEW is bare | refused | – | – | – | – | – | – | NEW has no Node \\| none. |" in page


def test_rows_that_are_not_equal_are_named() -> None:
    rows = [
        {"subject": "agents", "old": "3", "new": "3", "state": "equal"},
        {"subject": "sessions", "old": "4", "new": "3", "state": "lost"},
    ]
    assert (
        results.comparison(told({"type": "compared", "rows": rows})) == "1 of 2 equal; sessions lost (4 → 3)"
    )
    assert results.comparison(told()) == NOT_REACHED
