"""What a face may ask of the core: the seam between the session and everything that shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from openclaw_wizard.events import Event
from openclaw_wizard.model import MoveSummary, Wishes
from openclaw_wizard.view import View


class Wizard(Protocol):
    """The session as a face sees it. Every `begin_*` starts work that the session owns, and returns at once.

    Work tells how it went by events only: `Surveyed` or `SurveyFailed` after `begin_survey`,
    `MoveFinished`, `ActionFailed` or `SurveyFailed` after the others.
    """

    @property
    def view(self) -> View:
        """Replaced, never changed, after every event; opening a move replaces it without an event."""
        ...

    @property
    def report_path(self) -> str | None:
        """Where the report was written on this machine; None until the move has ended."""
        ...

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Calls `listener` on the event loop for every event; returns what ends that.

        A listener must not raise and must not wait.
        """
        ...

    def moves(self) -> list[MoveSummary]:
        """All moves that this machine knows, newest first; reads only."""
        ...

    def begin_survey(
        self, old: str, new: str, profiles: tuple[str, ...] = (), wishes: Wishes | None = None
    ) -> None:
        """Reads both machines and makes the plan as it is wished for; writes nothing.

        `profiles` are those that move in one go; where none is named and OLD has several, it asks.
        """
        ...

    def begin_run(self) -> None:
        """Carries out the surveyed plan, or goes on with the move that is open."""
        ...

    def begin_resume(self, move: str | None) -> None:
        """Goes on where a move stopped; None is the newest that has not ended."""
        ...

    def begin_undo(self, move: str | None) -> None:
        """Puts everything back as it was before the move; None is the newest."""
        ...

    def begin_dashboard(self) -> None:
        """Leads a port of this machine to NEW's dashboard; `DashboardOpened` tells where, or why not.

        It closes with the session.
        """
        ...

    def answer(self, question: str, answer: str) -> None:
        """Answers the open question with one of its choices."""
        ...

    def accept(self, pitfall: str) -> None:
        """Accepts a finding whose verdict is *look*; it is journaled and stands in the report."""
        ...

    def fix(self, pitfall: str) -> None:
        """Has the move mend a finding on NEW, or not after all; only before it begins, and where it can."""
        ...

    async def stop(self, reason: str) -> None:
        """Stops at a safe point and returns when nothing runs any more; the move can be resumed."""
        ...
