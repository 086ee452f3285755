"""The words of the proof: what a machine holds, what its gateway shows, and the two machines side by side."""

from __future__ import annotations

from enum import StrEnum

from openclaw_wizard.word import Word


class Database(Word):
    path: str
    """Relative to its tree, lossy where it is not UTF-8."""
    ok: bool
    detail: str
    user_version: int | None = None
    schema_version: int | None = None
    """What OpenClaw wrote of its own schema into it."""


class Inventory(Word):
    """What a machine holds, counted; two of these side by side are the proof.

    Every list holds stable names (never content), so that *what* is missing can be said. Files are
    counted by the manifests of the trees, which have their hashes already.
    """

    version: str | None
    agents: tuple[str, ...]
    sessions: tuple[str, ...]
    """`<agent>/<session key>`."""
    messages: dict[str, int]
    """Transcript events by `<agent>/<session id>`."""
    cron_jobs: tuple[str, ...]
    """Job ids that OpenClaw will see: those stored under this state directory's own key."""
    cron_off: tuple[str, ...] = ()
    """Those of them that are switched off."""
    channels: tuple[str, ...]
    credentials: tuple[str, ...]
    devices: tuple[str, ...]
    pairing_requests: dict[str, float] = {}
    """When each was made, by `<channel>/<account>/<digest>` or `device/<digest>`."""
    plugins: dict[str, bool] = {}
    """Whether each is on; those of OpenClaw itself only where the config switches them."""
    skills: dict[str, bool] = {}
    """The same of skills: those that were added, and those that the config switches."""
    workspaces: dict[str, str] = {}
    """Where each agent's workspace stands; only those that are there."""
    memory_files: tuple[str, ...] = ()
    """`<agent>/MEMORY.md`, `<agent>/memory/...`."""
    memory_index: dict[str, int] = {}
    """Rows of the memory index by agent."""
    config_keys: tuple[str, ...]
    asks_quietly: bool = False
    """Whether a question to its gateway makes no new device."""
    env_keys: tuple[str, ...]
    """Names in `.env`, and `env.vars.<NAME>` of the config; never values."""
    databases: tuple[Database, ...]
    taken: float = 0.0
    """When, by that machine's own clock."""


class RowState(StrEnum):
    EQUAL = "equal"
    GREW = "grew"
    """NEW has all of it and more: what came since the start."""
    EXPECTED = "expected"
    """It differs, and a fact that the detail names is the reason."""
    LOST = "lost"
    """Something of OLD is not on NEW, and nothing explains it."""
    DIFFERS = "differs"
    """It is otherwise on NEW, and nothing explains it."""
    UNKNOWN = "unknown"


class Row(Word):
    """One line of the comparison table."""

    subject: str
    old: str
    new: str
    state: RowState
    detail: str = ""

    @property
    def explained(self) -> bool:
        """False where a person has to look; one such row makes the move *done with problems*."""
        return self.state in (RowState.EQUAL, RowState.GREW, RowState.EXPECTED)


class Seen(Word):
    """What a running gateway shows of itself; None is not known, `why_not` then says why where it can.

    `asked` is False where no command of OpenClaw was run for it, on purpose: what would be seen by that is
    then no part of the comparison.
    """

    gateway: str | None = None
    """`2026.9.6, answers`, or what is wrong."""
    answers: bool | None = None
    channels: dict[str, str] | None = None
    """What each `<channel>/<account>` is: `connected`, or what it is instead."""
    troubles: dict[str, str] = {}
    """What OpenClaw says of those that are not."""
    sessions: tuple[str, ...] | None = None
    """The keys that the dashboard lists."""
    dashboard: bool | None = None
    asked: bool = True
    why_not: str = ""


class Arrived(Word):
    """One tree on both machines: as OLD had it when it was stopped, and as NEW had it before the switch."""

    name: str
    files: int
    bytes: int
    old_sha256: str
    new_sha256: str
    """Over path, kind and content of every entry, in the order of the walk; hex."""


class Proof(Word):
    """What files say, beside the inventories."""

    trees: tuple[Arrived, ...]
    rows: tuple[Row, ...]
