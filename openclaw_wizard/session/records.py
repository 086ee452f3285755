"""What moves this machine knows, read from their journals; and the first record of a new one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from openclaw_wizard import __version__, report
from openclaw_wizard.errors import NoSuchMove, PlanUnreadable, WizardError
from openclaw_wizard.events import ActionName, MoveCreated
from openclaw_wizard.journal import JOURNAL, Journal, Moves, replay
from openclaw_wizard.model import FORMAT, ActionState, MoveSummary, Outcome, Plan
from openclaw_wizard.steps.action import Action
from openclaw_wizard.view import View, reduce

ENDED: Final = (Outcome.DONE, Outcome.PROBLEMS, Outcome.PUT_BACK)


def created(
    move: str, view: View, context: Mapping[str, str], plan_sha256: str, actions: Sequence[Action]
) -> MoveCreated:
    """The first record of a journal, of the plan that is in `view`."""
    assert view.plan is not None
    return MoveCreated(
        format=FORMAT,
        wizard=__version__,
        move=move,
        old=view.old,
        new=view.new,
        context=dict(context),
        plan_sha256=plan_sha256,
        profile=view.plan.profile,
        actions=tuple(ActionName(id=each.id, step=each.step, title=each.title) for each in actions),
    )


def summaries(store: Moves) -> list[MoveSummary]:
    """Newest first; a journal that cannot be read is listed with its problem."""
    return [_summary(store, move) for move in store.ids()]


def _summary(store: Moves, move: str) -> MoveSummary:
    try:
        view = replayed(store.folder / move)
    except (WizardError, OSError) as problem:
        what = problem.what if isinstance(problem, WizardError) else str(problem)
        return MoveSummary(
            id=move,
            old="?",
            new="?",
            profile=None,
            started=0.0,
            step=None,
            actions_done=0,
            actions=0,
            outcome=None,
            problem=what,
        )
    current = view.current
    return MoveSummary(
        id=move,
        old=view.old,
        new=view.new,
        profile=view.profile,
        started=view.created or 0.0,
        step=current.step if current else None,
        actions_done=sum(a.state is ActionState.DONE for a in view.actions),
        actions=len(view.actions),
        outcome=view.outcome or (Outcome.FAILED if view.failure else None),
        problem=None if view.actions else "stopped before its first record",
    )


def replayed(folder: Path) -> View:
    """Raises JournalCorrupt, FormatUnknown, OSError."""
    view = View()
    for event in replay(folder / JOURNAL)[0]:
        view = reduce(view, event)
    return view


def view_of(store: Moves, move: str | None) -> tuple[View, Plan, Path]:
    """A move (the newest where none is named) as its journal tells it, and its folder. Raises WizardError."""
    ids = store.ids()
    if move is None and not ids:
        raise NoSuchMove(move="at all")
    folder = store.folder_of(move or ids[0])
    return replayed(folder), stored_plan(folder), folder


def latest(store: Moves) -> str:
    """The newest move that has not ended, else the newest. Raises NoSuchMove."""
    found = summaries(store)
    for each in found:
        if each.outcome not in ENDED and not each.problem:
            return each.id
    if not found:
        raise NoSuchMove(move="at all")
    return found[0].id


def stored_plan(folder: Path) -> Plan:
    """Raises PlanUnreadable."""
    path = folder / "plan.json"
    if not path.exists():
        raise PlanUnreadable(path=path, why="it is missing")
    return load_plan(path.read_bytes(), str(path))


def load_plan(content: bytes, path: str) -> Plan:
    """Raises PlanUnreadable for anything that is not a plan of this format."""
    try:
        found = json.loads(content)
        number = found.get("format") if isinstance(found, dict) else None
        if number != FORMAT:
            raise PlanUnreadable(path=path, why=f"format {number}, this wizard reads {FORMAT}")
        return Plan.model_validate(found)
    except ValueError as problem:
        raise PlanUnreadable(path=path, why="it is not a plan of this program") from problem


def keep_reports(journal: Journal, view: View, plan: Plan) -> None:
    """Writes the report of a move that ended into its folder, in every form."""
    kept = report.Kept.load(journal.load, plan)
    journal.save("report.md", report.markdown(view, plan, kept).encode())
    journal.save("report.html", report.html(view, plan, kept).encode())
    journal.save("report.json", report.as_json(view, plan, kept).encode())
