"""What the session tells: the event union and its JSON form.

Durable events are appended to the journal and synced before anyone hears of them; the same
`reduce` folds them for the faces and for resume. `time` is seconds since the epoch, stamped by the
session. The JSON form (one object, `type` first) is the line of the journal and of the JSON face.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, TypeAdapter

from openclaw_wizard.model import (
    Finding,
    GatewayState,
    Outcome,
    Plan,
    Relocation,
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


class FixChosen(Event):
    """What stands in the plan of a move is mended; before there is one, this says what will be."""

    type: Literal["fix-chosen"] = "fix-chosen"
    pitfall: str
    wanted: bool = True


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


class Relocated(Event):
    """What is rewritten in the copy on NEW, told before it is done."""

    durable: ClassVar[bool] = True
    type: Literal["relocated"] = "relocated"
    relocation: Relocation


class MoveFinished(Event):
    durable: ClassVar[bool] = True
    type: Literal["move-finished"] = "move-finished"
    outcome: Outcome
    downtime: float | None = None
    """Seconds between the stop of OLD's gateway and NEW's being ready, measured."""
    gateways: dict[Role, GatewayState] = {}
    """Both gateways' end states."""
    dashboard: str = ""
    """How a person reaches NEW's dashboard from here: a command for their shell, or an address."""
    exit_code: int = 0


# ---------------------------------------------------------------- transient


class Surveying(Event):
    """Reading the machines, before there is a move."""

    type: Literal["surveying"] = "surveying"
    role: Role | None = None
    what: str


class MoveOpened(Event):
    """A journal was replayed and both machines are the same as then: where a resume or undo stands."""

    type: Literal["move-opened"] = "move-opened"
    move: str
    old: str
    new: str
    gateways: dict[Role, GatewayState]
    done: tuple[str, ...]
    """Ids of the actions that were done; each is asked again whether it still holds."""
    undoing: bool


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
    entries: int | None = None
    """Files, folders and links that are done; with `of_entries` only while a tree is sent."""
    of_entries: int | None = None
    already: int = 0
    """Bytes of `done` that stood on NEW before this sending began, and are not sent."""
    path: str = ""
    """What is sent right now, below its tree: on one line, with nothing in it that a terminal acts on."""


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


class DashboardOpened(Event):
    """NEW's dashboard can be reached from this machine at `url`, or not, and `why`. It holds no token."""

    type: Literal["dashboard-opened"] = "dashboard-opened"
    url: str | None
    why: str = ""


class HostLost(Event):
    type: Literal["host-lost"] = "host-lost"
    role: Role
    why: str
    retry_in: float
    attempt: int = 1
    """Which try to get the link back comes after the wait, counted from the loss."""


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
    | FixChosen
    | QuestionAnswered
    | UndoStarted
    | MoveStopped
    | Compared
    | Relocated
    | MoveFinished
    | MoveOpened
    | Surveying
    | Surveyed
    | SurveyFailed
    | Advanced
    | FindingsChanged
    | QuestionAsked
    | Said
    | DashboardOpened
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
