"""The view: everything a face shows, folded from events by the pure `reduce`, as resume folds the journal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from openclaw_wizard.events import (
    ActionDone,
    ActionFailed,
    ActionReverted,
    ActionStarted,
    Advanced,
    Compared,
    DashboardOpened,
    Event,
    Failure,
    FindingAccepted,
    FindingsChanged,
    FixChosen,
    GatewayChanged,
    HostBack,
    HostLost,
    MoveCreated,
    MoveFinished,
    MoveOpened,
    MoveStopped,
    QuestionAnswered,
    QuestionAsked,
    Relocated,
    Said,
    Surveyed,
    SurveyFailed,
    Surveying,
    UndoStarted,
)
from openclaw_wizard.model import (
    ActionState,
    Finding,
    GatewayState,
    Outcome,
    Plan,
    Relocation,
    Role,
    Row,
    StepId,
)


@dataclass(frozen=True, slots=True)
class ActionView:
    id: str
    step: StepId
    title: str
    state: ActionState = ActionState.PENDING
    fact: str = ""
    found: bool = False
    started: float | None = None
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    action: str
    done: int
    total: int | None
    unit: str
    label: str
    since: float
    """When this action's first progress came, for a rate."""
    first: int = 0
    entries: int | None = None
    of_entries: int | None = None
    already: int = 0
    path: str = ""


LOG_LINES: Final = 400


@dataclass(frozen=True, slots=True)
class View:
    """Everything a face shows, folded from events."""

    move: str | None = None
    old: str = ""
    new: str = ""
    profile: str | None = None
    created: float | None = None
    actions: tuple[ActionView, ...] = ()
    data: dict[str, dict[str, str]] = field(default_factory=dict)
    """`ActionDone.data` by action."""
    gateways: dict[Role, GatewayState] = field(
        default_factory=lambda: {Role.OLD: GatewayState.UNKNOWN, Role.NEW: GatewayState.UNKNOWN}
    )
    findings: dict[str, Finding] = field(default_factory=dict)
    accepted: frozenset[str] = frozenset()
    fixing: frozenset[str] = frozenset()
    """The pitfalls that the move is to mend."""
    answers: dict[str, str] = field(default_factory=dict)
    question: QuestionAsked | None = None
    failure: Failure | None = None
    progress: Progress | None = None
    surveying: str = ""
    plan: Plan | None = None
    lost: HostLost | None = None
    rows: tuple[Row, ...] = ()
    relocation: Relocation | None = None
    dashboard: str = ""
    """How a person reaches NEW's dashboard by themselves; see `MoveFinished`."""
    dashboard_url: str | None = None
    """Where it is now, once it was opened here."""
    dashboard_problem: str = ""
    undoing: bool = False
    stopped: str | None = None
    outcome: Outcome | None = None
    downtime: float | None = None
    exit_code: int | None = None
    log: tuple[str, ...] = ()

    def action(self, name: str) -> ActionView:
        """The action with this id. Raises KeyError where the move has none."""
        for each in self.actions:
            if each.id == name:
                return each
        raise KeyError(name)

    @property
    def current(self) -> ActionView | None:
        """The running action, else the first that is not done; the screen to show follows from it."""
        for each in self.actions:
            if each.state in (ActionState.RUNNING, ActionState.FAILED):
                return each
        return next((a for a in self.actions if a.state is not ActionState.DONE), None)

    def step_actions(self, step: StepId) -> tuple[ActionView, ...]:
        return tuple(a for a in self.actions if a.step is step)


def _set(view: View, name: str, **changes: object) -> View:
    actions = tuple(replace(a, **changes) if a.id == name else a for a in view.actions)  # type: ignore[arg-type]
    return replace(view, actions=actions)


def _advance(view: View, event: Advanced) -> View:
    before = view.progress
    fresh = before is None or before.action != event.action or event.done < before.done
    since, first = (event.time, event.done) if fresh or before is None else (before.since, before.first)
    return replace(
        view,
        progress=Progress(
            event.action,
            event.done,
            event.total,
            event.unit,
            event.label,
            since,
            first,
            event.entries,
            event.of_entries,
            event.already,
            event.path,
        ),
    )


def reduce(view: View, event: Event) -> View:
    """The view after `event`; pure, so that a replayed journal shows what the person saw."""
    match event:
        case MoveCreated():
            return replace(
                view,
                move=event.move,
                old=event.old,
                new=event.new,
                profile=event.profile,
                created=event.time,
                actions=tuple(ActionView(a.id, a.step, a.title) for a in event.actions),
            )
        case ActionStarted():
            view = replace(view, failure=None, stopped=None, outcome=None, progress=None, lost=None)
            return _set(view, event.action, state=ActionState.RUNNING, started=event.time, ended=None)
        case ActionDone():
            view = replace(view, data={**view.data, event.action: event.data}, progress=None)
            return _set(
                view,
                event.action,
                state=ActionState.DONE,
                fact=event.fact,
                found=event.found,
                ended=event.time,
            )
        case ActionFailed():
            view = replace(view, failure=event, progress=None, question=None)
            return _set(view, event.action, state=ActionState.FAILED, ended=event.time)
        case ActionReverted():
            return _set(
                replace(view, progress=None), event.action, state=ActionState.REVERTED, fact=event.fact
            )
        case GatewayChanged():
            return replace(view, gateways={**view.gateways, event.role: event.state})
        case FindingAccepted():
            return replace(view, accepted=view.accepted | {event.pitfall})
        case FixChosen():
            one = frozenset({event.pitfall})
            return replace(view, fixing=view.fixing | one if event.wanted else view.fixing - one)
        case QuestionAnswered():
            return replace(view, question=None, answers={**view.answers, event.question: event.answer})
        case UndoStarted():
            return replace(view, undoing=True, failure=None, outcome=None, stopped=None)
        case MoveStopped():
            return replace(view, stopped=event.reason, question=None, progress=None)
        case Compared():
            return replace(view, rows=event.rows)
        case Relocated():
            return replace(view, relocation=event.relocation)
        case DashboardOpened():
            return replace(view, dashboard_url=event.url, dashboard_problem=event.why)
        case MoveFinished():
            return replace(
                view,
                dashboard=event.dashboard,
                dashboard_url=None,
                dashboard_problem="",
                outcome=event.outcome,
                downtime=event.downtime,
                exit_code=event.exit_code,
                question=None,
                progress=None,
                surveying="",
            )
        case MoveOpened():
            return replace(view, surveying="")
        case Surveying():
            return replace(view, surveying=event.what, failure=None)
        case Surveyed():
            return replace(view, plan=event.plan, surveying="")
        case SurveyFailed():
            return replace(view, failure=event, surveying="", question=None)
        case Advanced():
            return _advance(view, event)
        case FindingsChanged():
            return replace(view, findings={**view.findings, **{f.pitfall: f for f in event.findings}})
        case QuestionAsked():
            return replace(view, question=event)
        case Said():
            lines = tuple(event.text.splitlines())
            return replace(view, log=(*view.log, *lines)[-LOG_LINES:])
        case HostLost():
            return replace(view, lost=event)
        case HostBack():
            return replace(view, lost=None)
        case _:
            raise TypeError(f"no rule for {type(event).__name__}")
