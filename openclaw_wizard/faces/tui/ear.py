"""What this face hears: listens to the session's events and keeps what a scene needs beyond the view."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from openclaw_wizard.events import (
    ActionDone,
    ActionFailed,
    ActionReverted,
    ActionStarted,
    Advanced,
    Event,
    HostBack,
    HostLost,
    MoveFinished,
    MoveOpened,
    MoveStopped,
    QuestionAsked,
    Said,
    Surveyed,
    SurveyFailed,
    Surveying,
)
from openclaw_wizard.faces import figures
from openclaw_wizard.faces.figures import Pace
from openclaw_wizard.faces.tui.hosttext import literal
from openclaw_wizard.faces.tui.scene import Doing, Scene
from openclaw_wizard.faces.wizard import Wizard
from openclaw_wizard.model import Role

LOG_LINES: Final = 400


class Ear:
    """Never raises and never paints; `changed` says whether a repaint is worth it."""

    def __init__(self, wizard: Wizard, clock: Callable[[], float], old: str = "", new: str = "") -> None:
        self._wizard, self._clock = wizard, clock
        self.old, self.new, self.profile = old, new, ""
        self.move: str | None = wizard.view.move
        self.doing = Doing.RESUME if wizard.view.actions else Doing.NOTHING
        self.working = self.stopping = False
        self.log: deque[tuple[str, str]] = deque(maxlen=LOG_LINES)
        self.said = 0
        """How many lines were ever said."""
        self.changed = True
        self._shown: object = None
        self._begun = 0.0
        self._reading = ""
        self._read: list[str] = []
        self._survey_seconds: float | None = None
        self._pace = Pace()

    @property
    def profiles(self) -> tuple[str, ...]:
        """Those that the person named."""
        return tuple(name for part in self.profile.split(",") if (name := part.strip()))

    def keep_profiles(self) -> None:
        """Those of the plan are named, so that a person who chose them is not asked again."""
        plan = self._wizard.view.plan
        if plan and (plan.beside or plan.others):
            self.profile = plan.profiles

    def begin(self, doing: Doing) -> None:
        """Called just before work is begun."""
        self.doing, self.working, self._begun = doing, True, self._clock()
        self._reading, self.changed = "", True
        if doing is Doing.SURVEY:
            self._read, self._survey_seconds = [], None

    def hear(self, event: Event) -> None:
        self.changed = True
        match event:
            case Said():
                self._note(event)
            case Advanced():
                self.working = True
                self._note_progress(event)
            case Surveying():
                self._next_reading(event)
            case Surveyed() if self.doing is Doing.SURVEY:
                self._end()
            case SurveyFailed() | ActionFailed():
                # What was being read when it failed must not look like something that was read.
                self._reading = ""
                self._end()
            case MoveFinished() | MoveStopped():
                self._end()
            case QuestionAsked():
                self.working = True
            case ActionStarted() | ActionDone() | ActionReverted():
                self.working, self._reading = True, ""
            case MoveOpened():
                self._reading = ""
            case HostLost():
                wait = figures.until_retry(event, event.time)
                self._note(Said(role=event.role, text=f"the link is lost: {event.why.rstrip('.')}; {wait}"))
            case HostBack():
                self._note(Said(role=event.role, text="the link is there again"))

    def take_change(self) -> bool:
        """Whether anything changed since the last call; opening a move changes the view without an event."""
        seen = (self._wizard.view, self._wizard.report_path)
        fresh = self._shown != (id(seen[0]), seen[1])
        self._shown = (id(seen[0]), seen[1])
        changed, self.changed = self.changed or fresh, False
        return changed

    def scene(self, place: str, beat: int) -> Scene:
        view, now = self._wizard.view, self._clock()
        progress = view.progress
        return Scene(
            view=view,
            now=now,
            beat=beat,
            place=place,
            doing=self.doing,
            working=self.working,
            stopping=self.stopping,
            begun=self._begun,
            old=self.old,
            new=self.new,
            profile=self.profile,
            reading=self._reading,
            read=tuple(self._read),
            survey_seconds=self._survey_time(now),
            rate=self._pace.rate(now) if progress else None,
            left=self._pace.left(progress.total, now) if progress and progress.total else None,
            history=self._pace.history(now) if progress else (),
            slow=self._pace.slow(now) if progress else "",
            report_path=self._wizard.report_path,
            log_tail=self.log[-1][1] if self.log else "",
        )

    def _survey_time(self, now: float) -> float | None:
        if self.working and self.doing is Doing.SURVEY:
            return now - self._begun
        return self._survey_seconds

    def _note_progress(self, event: Advanced) -> None:
        # Hashing what stands on NEW is not sending: neither says how fast the other goes.
        work = (event.action, event.of_entries)
        self._pace.note(work, event.time or self._clock(), event.done, event.entries)

    def _note(self, event: Said) -> None:
        who = event.role.upper() if event.role else ""
        lines = literal(event.text).splitlines()
        self.log.extend((who, line) for line in lines)
        self.said += len(lines)

    def _next_reading(self, event: Surveying) -> None:
        if self._reading:
            self._read.append(self._reading)
        self._reading = f"{event.role.upper()}: {event.what}" if isinstance(event.role, Role) else event.what

    def _end(self) -> None:
        if self.doing is Doing.SURVEY:
            self._survey_seconds = self._clock() - self._begun
        if self._reading:
            self._read.append(self._reading)
        self.working, self._reading = False, ""
