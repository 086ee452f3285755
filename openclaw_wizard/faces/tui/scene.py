"""The scene: everything that a screen paints from, and what follows from it, without any widget.

A `Scene` is the session's view plus what only this face knows: the time, what the person asked for
last, whether it still runs, and how fast it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from openclaw_wizard.events import (
    Failure,
    SurveyFailed,
)
from openclaw_wizard.faces import figures
from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.faces.tui.signs import Phase
from openclaw_wizard.faces.tui.words import STEPS
from openclaw_wizard.model import ActionState, Finding, MoveSummary, Outcome, StepId, Verdict
from openclaw_wizard.view import ActionView, View

PLACES: Final = (
    "welcome",
    "machines",
    "identify",
    "review",
    "back_up",
    "install",
    "copy",
    "doctor",
    "verify",
    "put_back",
    "done",
)
"""Every screen, in the order in which a person meets them."""


class Doing(StrEnum):
    """What the person asked for last."""

    NOTHING = "nothing"
    SURVEY = "survey"
    RUN = "run"
    RESUME = "resume"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Mark:
    """One action or step as it is drawn."""

    name: str
    title: str
    phase: Phase
    fact: str = ""
    brief: str = ""
    """The fact in a few characters, such as `62 %`."""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    view: View = field(default_factory=View)
    now: float = 0.0
    beat: int = 0
    """Counts up while work runs; turns the spinner."""
    place: str = "welcome"
    """The screen that the person looks at."""
    doing: Doing = Doing.NOTHING
    working: bool = False
    """True from `begin_*` until its last event."""
    stopping: bool = False
    """True while the work is being stopped because the person leaves."""
    begun: float = 0.0
    """When that was asked for."""
    old: str = ""
    new: str = ""
    profile: str = ""
    reading: str = ""
    """What is being read or reached right now, before the first action."""
    read: tuple[str, ...] = ()
    """What was read before that."""
    survey_seconds: float | None = None
    rate: float | None = None
    left: tuple[float, float] | None = None
    history: tuple[float, ...] = ()
    """The rate lately, oldest first; empty where it is not known."""
    slow: str = ""
    """Why the work goes slowly, as far as its progress tells."""
    report_path: str | None = None
    log_tail: str = ""

    # ------------------------------------------------------------ what holds

    @property
    def failure(self) -> Failure | None:
        """What failed last; a failure ends the work, so while work runs it is being tried again."""
        return None if self.working else self.view.failure

    @property
    def outcome(self) -> Outcome | None:
        """How the move ended; the end of a move that is being put back is not its end any more."""
        outcome = self.view.outcome
        if self.doing is Doing.UNDO and outcome is not Outcome.PUT_BACK:
            return None
        return outcome

    @property
    def undoing(self) -> bool:
        return self.doing is Doing.UNDO or self.view.undoing

    @property
    def target(self) -> str | None:
        """The screen on which the work is, or None where only the person leads."""
        if self.view.actions and self.outcome is not None:
            return "done"
        if self.view.actions and self.undoing:
            return "put_back"
        if self.view.actions:
            current = self.view.current
            return current.step.value if current else StepId.VERIFY.value
        return "identify" if self.doing is Doing.SURVEY and self.working else None

    @property
    def at_work(self) -> bool:
        """Whether the person looks at the screen where the work is, or leads alone."""
        return self.target in (None, self.place)

    @property
    def reachable(self) -> tuple[str, ...]:
        """The screens that can be looked at one after the other, forwards and back."""
        planned = self.view.plan is not None
        if not self.view.actions:
            seen = planned or self.doing is Doing.SURVEY
            ready = planned and not (self.working and self.doing is Doing.SURVEY)
            return ("welcome", "machines", *(["identify"] if seen else []), *(["review"] if ready else []))
        steps = [s.value for s in StepId if s is not StepId.IDENTIFY]
        target = self.target or "done"
        begun = steps[: steps.index(target) + 1] if target in steps else [*steps, target]
        return (*(["identify", "review"] if planned else []), *begun)

    def beside(self, by: int) -> str | None:
        """The screen before (-1) or after (1) the one that is looked at."""
        reachable = self.reachable
        if self.place not in reachable:
            return self.target if by > 0 else None
        index = reachable.index(self.place) + by
        return reachable[index] if 0 <= index < len(reachable) else None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is judged now, else what the plan kept; the gravest first, accepted ones marked."""
        known = dict(self.view.findings)
        if not known and self.view.plan:
            known = {f.pitfall: f for f in self.view.plan.findings}
        marked = [_marked(f, self.view.accepted) for f in known.values()]
        order = [Verdict.BLOCKS, Verdict.LOOK, Verdict.UNKNOWN, Verdict.CLEAR]
        return tuple(sorted(marked, key=lambda f: (order.index(f.verdict), f.fixing, f.accepted)))

    @property
    def blockers(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.verdict is Verdict.BLOCKS)

    # ------------------------------------------------------------- as drawn

    def marks(self, step: StepId | None = None) -> tuple[Mark, ...]:
        """The actions of one step, or of the whole move."""
        actions = self.view.actions if step is None else self.view.step_actions(step)
        return tuple(self._mark(action) for action in actions)

    def reversed_marks(self) -> tuple[Mark, ...]:
        """The actions to put back, last one first; the first that is left is at work."""
        marks = [replace(m, seconds=None) for m in reversed(self.marks()) if m.phase is not Phase.WAITING]
        left = [i for i, m in enumerate(marks) if m.phase not in (Phase.PUT_BACK, Phase.FAILED)]
        for i in left:
            running = self.working and i == left[0]
            marks[i] = replace(marks[i], phase=Phase.RUNNING if running else Phase.WAITING, fact="")
        return tuple(marks)

    def _mark(self, action: ActionView) -> Mark:
        phase = self._phase(action)
        return Mark(action.id, action.title, phase, action.fact, seconds=self._seconds(action))

    def _phase(self, action: ActionView) -> Phase:
        match action.state:
            case ActionState.DONE:
                return Phase.FOUND if action.found else Phase.DONE
            case ActionState.FAILED:
                return Phase.RUNNING if self.working else Phase.FAILED
            case ActionState.RUNNING:
                return Phase.RUNNING if self.working else Phase.PAUSED
            case ActionState.REVERTED:
                return Phase.PUT_BACK
            case ActionState.PENDING:
                return Phase.WAITING

    def _seconds(self, action: ActionView) -> float | None:
        if action.started is None:
            return None
        if action.ended is not None:
            return action.ended - action.started
        return self.now - action.started if self.working and action.started >= self.begun else None

    def steps(self) -> tuple[Mark, ...]:
        """The six steps, as the rail draws them."""
        return tuple(self._identify() if s is StepId.IDENTIFY else self._step(s) for s in StepId)

    def _identify(self) -> Mark:
        plan = self.view.plan
        title = STEPS[StepId.IDENTIFY].title
        fact = figures.size(sum(t.bytes for t in plan.all_trees)) if plan else ""
        if plan or self.view.actions:
            phase = Phase.DONE
        elif isinstance(self.failure, SurveyFailed) and self.doing is Doing.SURVEY:
            phase = Phase.FAILED
        else:
            phase = Phase.RUNNING if self.working and self.doing is Doing.SURVEY else Phase.WAITING
        if self.working and self.doing is Doing.SURVEY:
            phase, fact = Phase.RUNNING, "reading"
        return Mark("identify", title, phase, fact, seconds=self.survey_seconds)

    def _step(self, step: StepId) -> Mark:
        marks = self.marks(step)
        spent = [m.seconds for m in marks if m.seconds is not None]
        fact = next((m.fact for m in reversed(marks) if m.fact), "")
        phase, brief = self._step_phase({m.phase for m in marks}), ""
        if phase is Phase.RUNNING:
            fact = self.progress_brief or next((m.title for m in marks if m.phase is Phase.RUNNING), fact)
            brief = self.percent
        seconds = sum(spent) if spent else None
        return Mark(step.value, STEPS[step].title, phase, fact, brief, seconds)

    def _step_phase(self, phases: set[Phase]) -> Phase:
        for phase in (Phase.FAILED, Phase.RUNNING, Phase.PAUSED, Phase.PUT_BACK):
            if phase in phases:
                return phase
        if not phases or phases == {Phase.WAITING}:
            return Phase.WAITING
        if Phase.WAITING not in phases:
            return Phase.DONE
        return Phase.RUNNING if self.working and not self.undoing else Phase.PAUSED

    # ------------------------------------------------------------- progress

    @property
    def share(self) -> float | None:
        """How much of the running action is done, 0 to 1; None where waiting has no known end."""
        progress = self.view.progress
        if progress is None or progress.unit == "seconds":
            return None
        return figures.share(progress.done, progress.total)

    @property
    def percent(self) -> str:
        return "" if self.share is None else f"{int(self.share * 100)} %"

    @property
    def progress_short(self) -> str:
        """`1.8 of 2.1 GB`, or what is going on where nothing can be counted yet."""
        progress = self.view.progress
        if progress and not progress.done and progress.total is None:
            return one_line(progress.label)
        return figures.amounts(progress.done, progress.total, progress.unit) if progress else ""

    @property
    def progress_line(self) -> str:
        """All that is known of the pace: `1.8 of 2.1 GB · 41 MB/s · 6-9 min left`."""
        if self.view.progress is None:
            return ""
        left = f"{self._range} left" if self._range else ""
        return " · ".join(part for part in (self.progress_short, self._speed, left) if part)

    @property
    def progress_brief(self) -> str:
        """The same for the rail: `1.8/2.1 GB · 41 MB/s · 6-9 min`."""
        progress = self.view.progress
        if progress is None or progress.unit != "bytes" or not self.share:
            return self.progress_line
        parts = (figures.brief(progress.done, progress.total), self._speed, self._range)
        return " · ".join(part for part in parts if part)

    @property
    def progress_counts(self) -> str:
        """`2,613 of 4,211 entries`, else what the work says of itself."""
        progress = self.view.progress
        if progress is None:
            return ""
        if progress.of_entries is None or progress.entries is None:
            label = one_line(progress.label)
            return "" if label == self.progress_short else label
        return f"{progress.entries:,} of {progress.of_entries:,} entries"

    @property
    def already(self) -> str:
        """What of the amount was not sent, since NEW had it."""
        progress = self.view.progress
        kept = progress.already if progress else 0
        return f"{figures.short(kept)} was there already" if kept else ""

    @property
    def slow_because(self) -> str:
        """Why it goes slowly or not at all; empty before there is a basis, and where all is sent."""
        if lost := self.view.lost:
            return f"no link to {lost.role.upper()}, {figures.until_retry(lost, self.now)}"
        if self.rate is None or self.share == 1:
            return ""
        limit = self.view.plan.wishes.bwlimit if self.view.plan else None
        sending = self.view.progress is not None and self.view.progress.of_entries is not None
        limited = f"held to {figures.speed(limit)}, as asked" if limit and sending else ""
        return limited or self.slow

    @property
    def _speed(self) -> str:
        progress = self.view.progress
        known = self.rate and progress and progress.unit == "bytes" and not self.view.lost
        return figures.speed(self.rate) if known and self.rate else ""

    @property
    def _range(self) -> str:
        going = self.share is not None and self.share < 1 and not self.view.lost
        return figures.span(*self.left) if self.left and going else ""


def _marked(finding: Finding, accepted: frozenset[str]) -> Finding:
    """The finding, marked where the person has accepted it."""
    if finding.accepted or finding.pitfall not in accepted:
        return finding
    return finding.model_copy(update={"accepted": True})


@dataclass(frozen=True, slots=True)
class LogSaid:
    """The log as it is kept for the screens."""

    lines: Sequence[tuple[str, str]]
    """The last lines: which machine, and what was said."""
    total: int
    """How many lines were ever said."""
    opened: bool
    """Whether the person opened the drawer."""


@runtime_checkable
class Stage(Protocol):
    """What a screen may ask of the app that shows it."""

    def scene(self) -> Scene: ...

    def log_said(self) -> LogSaid: ...

    def moves(self) -> tuple[MoveSummary, ...]: ...
