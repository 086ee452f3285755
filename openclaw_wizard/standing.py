"""The words for what stands on a machine: its facts, the installations on it, what belongs to them."""

from __future__ import annotations

from enum import StrEnum

from openclaw_wizard.signs import Signs
from openclaw_wizard.word import Word


class GatewayState(StrEnum):
    UNKNOWN = "unknown"
    ABSENT = "absent"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    DISABLED = "disabled"


class HostFacts(Word):
    """What one round trip tells about a machine (the probe, design section 4)."""

    address: str
    hostname: str
    system: str
    """`uname -s`: Linux, Darwin."""
    arch: str
    user: str
    uid: int
    home: str
    machine_id: str | None
    path: str
    """PATH as a login shell has it, with the usual places of nvm, Homebrew and npm added."""
    node: str | None
    """Version without `v`, or None where there is no Node on that PATH."""
    npm: str | None
    npm_prefix: str | None
    """Where `npm install -g` goes for this user, if this user may write there."""
    openclaw: str | None
    tar: str | None
    """gnu, bsd, busybox, or None where there is none."""
    zstd: bool
    gzip: bool
    free_bytes: int | None
    """Free room for this user at the home's file system."""
    user_bus: bool
    """Whether `systemctl --user` answers."""
    linger: bool | None
    clock: float
    """Seconds since the epoch on that machine."""
    round_trip: float
    """Seconds that the probe took, there and back."""


class Workspace(Word):
    agent: str
    path: str
    inside_state: bool
    exists: bool
    real: str | None = None
    """Where links lead from `path`; None where it is no link and in none."""
    network: str | None = None
    """The disk of another machine that it is on (`nfs4 nas:/claw`); then it does not move."""


class Part(Word):
    """What one of the first two levels of folders in a state directory holds."""

    path: str
    """Relative; `.` is for the files beside the folders."""
    bytes: int
    files: int
    stays: str = ""
    """Why it does not move; then it was not counted."""


class Outside(Word):
    """A folder or file outside the state directory that belongs to it and moves with it."""

    path: str
    folder: bool
    why: str


class LooseKey(Word):
    """An environment variable that the gateway gets from a unit or a shell alone; never its value."""

    name: str
    where: str


class StaysBehind(Word):
    """What belongs to an installation and does not move."""

    what: str
    reason: str
    remedy: str


class GatewayFacts(Word):
    """Who runs the gateway of one installation, read from lock files, processes and units."""

    state: GatewayState
    pid: int | None = None
    port: int | None = None
    unit: str | None = None
    """Name of the systemd user unit, where there is one."""
    unit_enabled: bool | None = None
    environment: dict[str, str] = {}
    """The OPENCLAW_* variables that place the state (never others: those can be secret)."""


class Moved(Word):
    """What an earlier move left on OLD when it was done."""

    move: str
    when: str
    """ISO 8601, UTC."""
    to: str
    """The state directory on the other machine."""
    address: str
    """`user@hostname` of it."""


class Installation(Word):
    """One profile of OpenClaw on a machine."""

    profile: str | None
    """None is the default profile."""
    state_dir: str
    config_path: str
    config_problem: str | None = None
    """Why the config could not be read, or None."""
    version: str | None
    """The version that last wrote the config (`meta.lastTouchedVersion`)."""
    mode: str | None
    """`gateway.mode`: local or remote."""
    remote_url: str | None = None
    port: int
    agents: tuple[str, ...]
    channels: tuple[str, ...]
    workspaces: tuple[Workspace, ...]
    state_bytes: int
    state_files: int
    has_agents: bool
    """Whether the state directory holds `agents/`."""
    has_credentials: bool
    gateway: GatewayFacts
    found_by: tuple[str, ...] = ()
    """What names it: the home folder, a unit, a lock, a process, a shell's start-up file."""
    schemas: dict[str, int] = {}
    """`PRAGMA user_version` of its own databases, by path in the state directory, as their headers say."""
    starts: tuple[str, ...] = ()
    """What would start its gateway at boot besides its own user unit, each with how that is ended."""
    moved: tuple[Moved, ...] = ()
    """Moves of it that were done, the last one last."""
    parts: tuple[Part, ...] = ()
    outside: tuple[Outside, ...] = ()
    loose_keys: tuple[LooseKey, ...] = ()
    stays: tuple[StaysBehind, ...] = ()
    signs: Signs | None = None
    """What pitfalls are told by."""
