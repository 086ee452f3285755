"""The words that every layer speaks: machines, installations, facts, findings, plan, inventory.

All are frozen pydantic models, because all of them cross a border or are kept (the plan, the
journal's side files, the JSON face). A field that is None is *not yet known*, never "no".
Sizes are bytes, times are seconds, paths are absolute on the machine they belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from openclaw_wizard.counted import Arrived, Database, Inventory, Proof, Row, RowState, Seen
from openclaw_wizard.findings import Finding, Fix, Severity, Verdict
from openclaw_wizard.paths import Paths, Pin, Relocation
from openclaw_wizard.signs import There
from openclaw_wizard.standing import (
    GatewayFacts,
    GatewayState,
    HostFacts,
    Installation,
    LooseKey,
    Moved,
    Outside,
    Part,
    StaysBehind,
    Workspace,
)
from openclaw_wizard.word import Word

__all__ = [
    "Arrived",
    "Database",
    "Finding",
    "Fix",
    "GatewayFacts",
    "GatewayState",
    "HostFacts",
    "Installation",
    "Inventory",
    "LooseKey",
    "Moved",
    "Outside",
    "Part",
    "Paths",
    "Pin",
    "Proof",
    "Relocation",
    "Row",
    "RowState",
    "Seen",
    "Severity",
    "StaysBehind",
    "There",
    "Verdict",
    "Word",
    "Workspace",
]

FORMAT: Final = 1
"""Number of the plan and journal format; a reader refuses any other."""


class Role(StrEnum):
    OLD = "old"
    NEW = "new"


class StepId(StrEnum):
    """What the person sees; actions are what is journaled."""

    IDENTIFY = "identify"
    BACK_UP = "back_up"
    INSTALL = "install"
    COPY = "copy"
    DOCTOR = "doctor"
    VERIFY = "verify"


class ActionState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REVERTED = "reverted"


class Tree(Word):
    """One folder or file that moves, and where it goes."""

    name: str
    """`state`, `workspace-<n>` for a workspace outside the state directory, else `outside-<n>`."""
    old: str
    new: str
    bytes: int
    files: int
    occupied: bool
    """Whether something stands at `new` now; it is moved aside, never merged into."""
    free_bytes: int | None = None
    """Room at the file system of `new`."""
    real: str | None = None
    """`new` as NEW's links lead to it."""
    makeable: bool | None = None
    """Whether NEW's user may make it."""
    also: tuple[tuple[str, str], ...] = ()
    """Other names on OLD for it or for something in it, such as links, with their places on NEW."""
    problem: str | None = None
    """What of a workspace cannot be read on OLD, or None; see `Installation.config_problem` for the state."""
    file: bool = False
    """Whether it is one file; it is staged in a folder of its own, and what lies beside it is not touched."""

    @property
    def root(self) -> str:
        """The folder on OLD that is walked and packed."""
        return self.old.rpartition("/")[0] or "/" if self.file else self.old

    @property
    def root_on_new(self) -> str:
        """The same of what stands at the target."""
        return self.new.rpartition("/")[0] or "/" if self.file else self.new

    @property
    def only(self) -> tuple[str, ...]:
        """What of `root` moves, by name; empty for all of it."""
        return (self.old.rpartition("/")[2],) if self.file else ()

    def staging(self, move: str) -> str:
        """The folder beside the target in which the copy is made before the switch."""
        return f"{self.new}.incoming-{move}"

    def staged(self, move: str) -> str:
        """What takes the target's place at the switch."""
        return "/".join((self.staging(move), *self.only))

    def aside(self, move: str) -> str:
        """The name that what stood at `new` gets."""
        return f"{self.new}.before-{move}"

    def undone(self, move: str) -> str:
        """The name that the moved tree gets when the move is put back."""
        return f"{self.new}.undone-{move}"


class Excluded(Word):
    path: str
    reason: str


class Staged(Word):
    """What is known of the copy on NEW once it was compared."""

    missing: int
    different: int
    foreign_owned: int
    """Entries that do not belong to the gateway's user."""
    too_open: int
    """Entries under the state directory that group or others may read or write, where OLD's were not."""


class Archive(Word):
    path: str
    bytes: int
    entries: int
    mode: int
    sha256: str
    unread: tuple[str, ...] = ()
    """What OLD's disk could not read, and so is not whole in it."""


class Losses(Word):
    """Entries that cannot come along: how many, and the first of them, each with the reason."""

    count: int
    first: tuple[Excluded, ...] = ()


class SchemaFit(Word):
    """Whether the OpenClaw that will run on NEW reads what moves."""

    runs: str
    """Its version."""
    newer: tuple[Excluded, ...] = ()
    """What it refuses, each with the reason."""
    unsure: tuple[Excluded, ...] = ()
    """What it may refuse: of that version the number is not known."""


class Facts(Word):
    """Everything read so far; pitfalls are judged from this alone."""

    old: HostFacts | None = None
    new: HostFacts | None = None
    installation: Installation | None = None
    installations: tuple[Installation, ...] | None = None
    """All that OLD has, the one that moves among them."""
    noticed: tuple[str, ...] = ()
    """What was found and could not be followed: a unit that cannot be read, a folder that is gone."""
    other_profiles: tuple[str, ...] | None = None
    node_range: str | None = None
    """What OLD's OpenClaw asks of Node."""
    node_fits: bool | None = None
    """Whether NEW's Node is in that range."""
    schema_fit: SchemaFit | None = None
    target: Installation | None = None
    """What NEW holds already at the place the state directory goes to."""
    neighbours: tuple[Installation, ...] | None = None
    """What NEW holds elsewhere."""
    there: There | None = None
    """What else was read of NEW."""
    target_gateway: GatewayFacts | None = None
    trees: tuple[Tree, ...] | None = None
    archive_room: int | None = None
    archive: Archive | None = None
    staged: Staged | None = None
    losses: Losses | None = None
    damaged: tuple[Excluded, ...] | None = None
    """Databases of OLD that are damaged, with what SQLite said."""
    old_gateway: GatewayState | None = None
    paths: Paths | None = None
    relocation: Relocation | None = None
    shared: tuple[str, ...] | None = None
    """Folders that both machines see at the same path, such as on a NAS: they neither move nor are copied."""
    name: str = ""
    """How a person names what moves, where it is one of several."""
    beside: tuple[Facts, ...] = ()
    """The facts of the other profiles that move in the same go."""

    @property
    def each(self) -> tuple[Facts, ...]:
        """Those of every profile that moves, each by itself."""
        return (self.model_copy(update={"beside": ()}), *self.beside)

    @classmethod
    def joined(cls, each: Sequence[Facts]) -> Facts:
        """What `each` takes apart."""
        return each[0].model_copy(update={"beside": tuple(each[1:])})


class Wishes(Word):
    """How the person wants the copy to be made."""

    ahead: bool = True
    """Whether most of it is copied while OLD's gateway still works."""
    bwlimit: int | None = None
    """The most that goes to NEW, in bytes a second on the line; None for as fast as it goes."""
    paths: Paths = Paths.REWRITE
    exclude: tuple[str, ...] = ()
    """Patterns of what more stays behind; see openclaw/selection.py."""
    include: tuple[str, ...] = ()
    """Patterns of what is taken along though it would stay behind."""
    fix: tuple[str, ...] = ()
    """The pitfalls that the move is to mend on NEW."""
    direct: str | None = None
    """How OLD reaches NEW, `[user@]host[:port]`, where the person lets OLD stream to NEW by itself.

    Empty for the way that the wizard itself takes to NEW; None where all goes through the wizard.
    """


class Route(Word):
    """How the data gets from OLD to NEW."""

    direct: str | None = None
    """Where OLD's own ssh reaches NEW, `[user@]host[:port]`; None for through the wizard."""
    why: str = "through the wizard; neither machine needs to reach the other"
    """The route and its reason, as a person reads it."""


class Plan(Word):
    """What will be done, frozen once confirmed."""

    format: int = FORMAT
    old: HostFacts
    new: HostFacts
    installation: Installation
    version: str
    """The OpenClaw version that OLD runs and that NEW gets."""
    node_range: str
    trees: tuple[Tree, ...]
    excluded: tuple[Excluded, ...]
    path_changes: tuple[tuple[str, str], ...]
    """Old and new folder of what moves, longest first; empty where no path changes."""
    relocation: Relocation | None = None
    """What was found to be rewritten when the plan was made."""
    pins: tuple[Pin, ...] = ()
    shared: tuple[str, ...] = ()
    """See `Facts.shared`."""
    links: tuple[str, ...] = ()
    """What root types on NEW where links are wanted, so that old places lead to new ones."""
    service: str
    """How the gateway is started on NEW: `systemd` or `detached`."""
    findings: tuple[Finding, ...] = ()
    wishes: Wishes = Wishes()
    route: Route = Route()
    fixes: tuple[Fix, ...] = ()
    """What is mended on NEW, because the person wants it."""
    unmatched: tuple[str, ...] = ()
    """Those of the person's patterns that nothing on OLD matched when it was read."""
    stays: tuple[StaysBehind, ...] = ()
    others: tuple[Installation, ...] = ()
    """The other installations that OLD has."""
    noticed: tuple[str, ...] = ()
    """See `Facts.noticed`."""
    guests: tuple[Workspace, ...] = ()
    """Workspaces of the other profiles that move along, which lie in its trees."""
    name: str = ""
    """How a person names what moves, where it is one of several."""
    folder: str = ""
    """Where in the move's folder its side files are, and its safety copy on OLD; the first has none."""
    beside: tuple[Plan, ...] = ()
    """The plans of the other profiles that move in the same go, one profile each."""

    @property
    def each(self) -> tuple[Plan, ...]:
        """The plan of every profile that moves, each by itself."""
        return (self.model_copy(update={"beside": ()}), *self.beside)

    @classmethod
    def joined(cls, each: Sequence[Plan]) -> Plan:
        """What `each` takes apart."""
        return each[0].model_copy(update={"beside": tuple(each[1:])})

    @property
    def all_relocation(self) -> Relocation | None:
        """What was found to be rewritten for all of them."""
        found = [(each.name, each.relocation) for each in self.each if each.relocation]
        return Relocation.joined(found) if found else None

    @property
    def all_trees(self) -> tuple[Tree, ...]:
        return tuple(tree for each in self.each for tree in each.trees)

    @property
    def profile(self) -> str | None:
        """That of the move; None for the default one alone."""
        return self.profiles if self.beside else self.installation.profile

    @property
    def profiles(self) -> str:
        """What moves, as a person names it."""
        return ", ".join(each.name or each.installation.profile or "default" for each in self.each)


class LeftToDo(Word):
    """Something that the wizard could not do on NEW, and how the person does it."""

    subject: str
    why: str
    command: str


class Outcome(StrEnum):
    """How a move ended; never just "completed"."""

    DONE = "done"
    PROBLEMS = "done with problems"
    PUT_BACK = "put back"
    FAILED = "failed, resumable"
    STOPPED = "stopped, resumable"


class MoveSummary(Word):
    """One line of `status`."""

    id: str
    old: str
    new: str
    profile: str | None
    started: float
    step: StepId | None
    actions_done: int
    actions: int
    outcome: Outcome | None
    problem: str | None = None
