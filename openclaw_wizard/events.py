"""What the session tells: the event union, its JSON form, the View and the pure `reduce`.

Durable events are appended to the journal and synced before anyone hears of them; the same
`reduce` folds them for the faces and for resume. `time` is seconds since the epoch, stamped by the
session. The JSON form (one object, `type` first) is the line of the journal and of the JSON face.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, TypeAdapter

from openclaw_wizard.model import (
    ActionState,
    Finding,
    GatewayState,
    Outcome,
    Plan,
    Role,
    Row,
    StepId,
    Word,
)


class Event(Word):
    durable: ClassVar[bool] = False
    time: float = 0.0


class ActionName(Word):
    id: str
    step: StepId
    title: str


# ------------------------------------------------------------------ durable


class MoveCreated(Event):
    """The context record: resume compares it with what the machines say now."""

    durable: ClassVar[bool] = True
    type: Literal["move-created"] = "move-created"
    format: int
    wizard: str
    move: str
    old: str
    new: str
    """Addresses as the person gave them."""
    context: dict[str, str]
    """Named facts that must not change, such as `old.machine_id`, `new.home`, `old.host_key`."""
    plan_sha256: str
    profile: str | None = None
    actions: tuple[ActionName, ...]


class ActionStarted(Event):
    durable: ClassVar[bool] = True
    type: Literal["action-started"] = "action-started"
    action: str


class ActionDone(Event):
    durable: ClassVar[bool] = True
    type: Literal["action-done"] = "action-done"
    action: str
    fact: str = ""
    """One line for the step rail, such as `1.8 GB in 4,211 files`."""
    data: dict[str, str] = {}
    """Small facts that later actions need, such as the archive's path."""
    found: bool = False
    """True where nothing had to be done, because it was true already."""


class Failure(Event):
    """The four things that every failure panel says: what, what is safe, the next step, the exit code."""

    code: str
    what: str
    safe: str
    next: str
    exit_code: int
    retryable: bool = False


class ActionFailed(Failure):
    durable: ClassVar[bool] = True
    type: Literal["action-failed"] = "action-failed"
    action: str


class ActionReverted(Event):
    durable: ClassVar[bool] = True
    type: Literal["action-reverted"] = "action-reverted"
    action: str
    fact: str = ""


class GatewayChanged(Event):
    durable: ClassVar[bool] = True
    type: Literal["gateway-changed"] = "gateway-changed"
    role: Role
    state: GatewayState


class FindingAccepted(Event):
    durable: ClassVar[bool] = True
    type: Literal["finding-accepted"] = "finding-accepted"
    pitfall: str


class QuestionAnswered(Event):
    durable: ClassVar[bool] = True
    type: Literal["question-answered"] = "question-answered"
    question: str
    answer: str


class UndoStarted(Event):
    durable: ClassVar[bool] = True
    type: Literal["undo-started"] = "undo-started"


class MoveStopped(Event):
    """Ended before its end, by a person or a signal; may be missing after a crash."""

    durable: ClassVar[bool] = True
    type: Literal["move-stopped"] = "move-stopped"
    reason: str


class Compared(Event):
    durable: ClassVar[bool] = True
    type: Literal["compared"] = "compared"
    rows: tuple[Row, ...]


class MoveFinished(Event):
    durable: ClassVar[bool] = True
    type: Literal["move-finished"] = "move-finished"
    outcome: Outcome
    downtime: float | None = None
    """Seconds between the stop of OLD's gateway and NEW's being ready, measured."""
    exit_code: int = 0


# ---------------------------------------------------------------- transient


class Surveying(Event):
    """Reading the machines, before there is a move."""

    type: Literal["surveying"] = "surveying"
    role: Role | None = None
    what: str


class Surveyed(Event):
    """The plan is ready to be looked at; nothing has been written yet."""

    type: Literal["surveyed"] = "surveyed"
    plan: Plan


class SurveyFailed(Failure):
    """Failed before there was a move (reading the machines), or outside of any action."""

    type: Literal["survey-failed"] = "survey-failed"


class Advanced(Event):
    """Progress of the running action; at most ten a second reach a screen."""

    type: Literal["advanced"] = "advanced"
    action: str
    done: int
    total: int | None
    """None where the end is not known yet."""
    unit: Literal["bytes", "files", "seconds", "steps"] = "bytes"
    label: str = ""


class FindingsChanged(Event):
    """Only those whose judgement differs from before."""

    type: Literal["findings-changed"] = "findings-changed"
    findings: tuple[Finding, ...]


class QuestionAsked(Event):
    type: Literal["question-asked"] = "question-asked"
    question: str
    prompt: str
    choices: tuple[str, ...]
    answered_by: str
    """The command line option that answers it."""
    irreversible: bool = False


class Said(Event):
    """A line for the log: a command that ran, or what it printed. Redacted before it gets here."""

    type: Literal["said"] = "said"
    role: Role | None = None
    text: str


class HostLost(Event):
    type: Literal["host-lost"] = "host-lost"
    role: Role
    why: str
    retry_in: float


class HostBack(Event):
    type: Literal["host-back"] = "host-back"
    role: Role


AnyEvent = Annotated[
    MoveCreated
    | ActionStarted
    | ActionDone
    | ActionFailed
    | ActionReverted
    | GatewayChanged
    | FindingAccepted
    | QuestionAnswered
    | UndoStarted
    | MoveStopped
    | Compared
    | MoveFinished
    | Surveying
    | Surveyed
    | SurveyFailed
    | Advanced
    | FindingsChanged
    | QuestionAsked
    | Said
    | HostLost
    | HostBack,
    Field(discriminator="type"),
]

_ADAPTER: Final[TypeAdapter[AnyEvent]] = TypeAdapter(AnyEvent)


def encode(event: Event) -> bytes:
    """One line of JSON without the newline; newlines inside strings are escaped by JSON itself."""
    return event.model_dump_json().encode()


def decode(line: bytes) -> Event:
    """The event of one line. Raises ValueError (pydantic's ValidationError) on anything else."""
    return _ADAPTER.validate_json(line)


# --------------------------------------------------------------------- view


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
    answers: dict[str, str] = field(default_factory=dict)
    question: QuestionAsked | None = None
    failure: Failure | None = None
    progress: Progress | None = None
    surveying: str = ""
    plan: Plan | None = None
    lost: HostLost | None = None
    rows: tuple[Row, ...] = ()
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
        progress=Progress(event.action, event.done, event.total, event.unit, event.label, since, first),
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
        case QuestionAnswered():
            return replace(view, question=None, answers={**view.answers, event.question: event.answer})
        case UndoStarted():
            return replace(view, undoing=True, failure=None, outcome=None, stopped=None)
        case MoveStopped():
            return replace(view, stopped=event.reason, question=None, progress=None)
        case Compared():
            return replace(view, rows=event.rows)
        case MoveFinished():
            return replace(
                view,
                outcome=event.outcome,
                downtime=event.downtime,
                exit_code=event.exit_code,
                progress=None,
                surveying="",
            )
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
