"""Where OpenClaw keeps what: names in the state directory, and what of it does not move.

A pattern is `/`-separated and relative to its tree: `*` stays within a segment, `**` is any number
of segments, a trailing `/` means the folder with everything in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from openclaw_wizard.model import HostFacts

STATE_DIR_NAME: Final = ".openclaw"
LEGACY_STATE_DIR_NAME: Final = ".clawdbot"
"""Still honoured when `~/.openclaw` does not exist [src config/state-dir.ts]."""
LEGACY_STATE_DIR_NAMES: Final = (LEGACY_STATE_DIR_NAME, ".moltbot", ".moldbot")
"""The last two up to 2026.3 [old 2026.2.9, 2026.3.13]."""
LEGACY_WORKSPACE: Final = "clawd"
"""In the home; the default of the Clawdbot era (#15455)."""

CONFIG_NAMES: Final = ("openclaw.json", "clawdbot.json")
"""In the order in which OpenClaw looks for them [src config/paths.ts]."""

STATE_DATABASE: Final = "state/openclaw.sqlite"
AGENT_DATABASE: Final = "agents/{agent}/agent/openclaw-agent.sqlite"
CRON_STORE: Final = "cron/jobs.json"
"""The file of the JSON era; since 2026.6.1 its absolute path is the key of the rows (#90510)."""
CREDENTIALS: Final = "credentials"
ENV_FILE: Final = ".env"
LOCK_FOLDER: Final = "tmp/openclaw-{uid}"
"""Since 2026.8; before, `${TMPDIR:-/tmp}/openclaw-<uid>` [doc gateway/gateway-lock.md]."""
DETACHED_LOG: Final = "tmp/openclaw-wizard-gateway.log"
"""What a gateway without a service writes; under `tmp/`, so that it never moves."""

DATABASE_LOGS: Final = ("-wal", "-journal")
"""What holds data beside a database of SQLite, and belongs to it."""

DEFAULT_PORT: Final = 18789
"""[doc help/faq/gateway-ports-and-remote-mode.md]"""

_PLUGIN_CODE: Final = "plugin code for OLD's kind of machine; `openclaw plugins install` brings it again"
_REBUILT: Final = "made again by OpenClaw when it starts"
_INSTALLED: Final = "installed code, made for that machine; installed again instead"
_LOCK: Final = "a lock of a process on that machine"
_SERVICE: Final = "written for the service of that machine; installing the service makes it"

PLUGIN_CODE: Final[tuple[tuple[str, str], ...]] = (
    ("npm/", _PLUGIN_CODE),
    ("npm-runtime/", _PLUGIN_CODE),
    ("extensions/*/node_modules/", _PLUGIN_CODE),
    # 2026.4.x kept the dependencies of plugins here.
    ("plugin-runtime-deps/", _PLUGIN_CODE),
)
"""What plugins run on. It moves between machines of one kind (`runs_same_code`): without it a plugin does
not load, and 2026.6 and 2026.7 then refuse every command [measured]. Elsewhere native modules would break
(#102270, #45364).
"""

EXCLUDED: Final[tuple[tuple[str, str], ...]] = (
    # [doc cli/backup.md "What gets backed up"]: managed state roots and generated indexes.
    ("tmp/", "temporary files and the locks of running processes"),
    ("dev/", _INSTALLED),
    ("git/", _INSTALLED),
    ("tools/", _INSTALLED),
    # install-cli.sh takes the state directory as its prefix [doc install/installer.md].
    ("lib/node_modules/", _INSTALLED),
    ("bin/openclaw", _INSTALLED),
    (".openclaw-install-backups/", _INSTALLED),
    ("plugins/.backup-*/", _INSTALLED),
    # 54 MB of the control UI [measured]; [doc cli/backup.md] leaves them out too.
    ("cache/", _REBUILT),
    ("plugin-skills/", "links into that machine's installation; " + _REBUILT),
    ("sandbox/skills-workspaces/", _REBUILT),
    ("completions/", _REBUILT),
    # Up to 15 GB of it (#76502).
    ("logs/*.log", "a log of that machine"),
    ("logs/*.jsonl", "a log of that machine"),
    ("*.sock", "a socket"),
    ("*.pid", _LOCK),
    ("gateway.*.lock", _LOCK),
    ("agents/*/sessions/*.lock", _LOCK),
    # [src backup-volatile-filter.ts SQLITE_MEMORY_TRANSIENT_PATH_PATTERN]
    ("agents/*/agent/*.sqlite.generation-lock.sqlite*", _LOCK),
    ("agents/*/agent/*.sqlite.generation-writer.sqlite*", _LOCK),
    ("agents/*/agent/*.sqlite.reindex-lock.sqlite*", _LOCK),
    # SQLite makes it from the -wal; the -wal itself holds data and moves.
    ("**/*.sqlite-shm", _REBUILT),
    # [doc cli/backup.md]: temporary trees of agents' runtimes.
    ("agents/*/agent/**/tmp/", "temporary files"),
    ("agents/*/agent/**/.tmp/", "temporary files"),
    ("browser/*/user-data/Singleton*", _LOCK),
    ("browser/**/Cache/", _REBUILT),
    ("browser/**/Code Cache/", _REBUILT),
    ("browser/**/GPUCache/", _REBUILT),
    # [src daemon/systemd-unit.ts, launchd]: the new machine's service gets its own.
    ("gateway.systemd.env", _SERVICE),
    ("service-env/", _SERVICE),
    ("gateway.cmd", _SERVICE),
    ("gateway.vbs", _SERVICE),
)
"""What of a state directory stays behind, and why; shown to the person and kept in the report.

Workspaces inside the state directory hold files of people: no pattern may reach into them by a
common name (`*.pid`, `*.tmp`), which is what `openclaw backup create` does there (#86382).
"""

NEVER: Final[tuple[tuple[str, str], ...]] = (
    (f"{LOCK_FOLDER.format(uid='*')}/", _LOCK),
    *(rule for rule in EXCLUDED if rule[1] == _LOCK or rule[0].endswith("-shm")),
)
"""What does not move even where a person takes along what is around it."""

WORKSPACE_EXCLUDED: Final[tuple[tuple[str, str], ...]] = (("**/*.sock", "a socket"),)
"""The manifest leaves out sockets by kind; the name covers one that is gone by the time it is sent."""


DATABASES: Final = (".sqlite", ".sqlite3", ".db")
_DATABASE: Final = re.compile(r"\.(sqlite3?|db)(-wal|-journal)?$")

PASSING: Final[tuple[tuple[str, str], ...]] = (
    # [doc reference/restart-sentinel; src infra/restart-sentinel.ts]: read once, at the start.
    ("restart-sentinel.json", "read once at the start"),
    ("delivery-queue*/**", "a delivery that was made"),
    ("session-delivery-queue/**", "a delivery that was made"),
    # [doc gateway/configuration-reference media.ttlHours]
    ("media/**", "media past its time"),
    ("credentials/*-pairing.json", "requests for pairing lapse"),
    ("credentials/whatsapp/*/pre-key-*.json", "a one-time key that was used up"),
    ("cache/**", _REBUILT),
)
"""What a gateway that runs removes by itself, and why."""

COUNTED_BY_ROWS: Final = "databases, counted by their rows"


def is_database(path: str) -> bool:
    """A database or its log, by name: its bytes change with every start, so its rows are counted."""
    return _DATABASE.search(path) is not None


def only_grows(path: str) -> bool:
    """A transcript of the JSONL era: lines are added at its end, and none changes."""
    return covers("agents/*/sessions/*.jsonl", path)


def passing(path: str) -> str | None:
    """Why a running gateway may have removed this file of its state directory; None where it would not."""
    return next((why for pattern, why in PASSING if covers(pattern, path)), None)


_PROFILE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.IGNORECASE)
"""What OpenClaw takes as the name of a profile [src cli/profile.ts]."""


def canonical_state_dir(home: str, profile: str | None) -> str:
    """Where the state of a profile is when no variable says otherwise [src cli/profile.ts]."""
    return f"{home}/{STATE_DIR_NAME}" if profile is None else f"{home}/{STATE_DIR_NAME}-{profile}"


def is_profile_name(text: str) -> bool:
    return _PROFILE.fullmatch(text) is not None


def covers(pattern: str, path: str) -> bool:
    """Whether `pattern` leaves out `path` (relative, without a leading `/`)."""
    names = path.split("/")
    if not pattern.endswith("/"):
        return _matches(pattern.split("/"), names)
    parts = pattern.rstrip("/").split("/")
    return any(_matches(parts, names[:length]) for length in range(1, len(names) + 1))


def _matches(parts: list[str], names: list[str]) -> bool:
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_matches(parts[1:], names[skip:]) for skip in range(len(names) + 1))
    return bool(names) and segment_fits(parts[0], names[0]) and _matches(parts[1:], names[1:])


def segment_fits(pattern: str, name: str) -> bool:
    """Whether one segment of a pattern matches a name; only the star is special (helper.mjs)."""
    return fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))


def runs_same_code(old: HostFacts, new: HostFacts) -> bool:
    """Whether native modules built on OLD load on NEW: system, processor and the major version of Node.

    Another C library (musl) is not told by the facts; such a Node is not one that OpenClaw runs on.
    """

    def kind(host: HostFacts) -> tuple[str, str, str] | None:
        return (host.system, host.arch, host.node.partition(".")[0]) if host.node else None

    return kind(old) is not None and kind(old) == kind(new)


def excluded(*, plugin_code: bool) -> tuple[tuple[str, str], ...]:
    """What stays behind, with or without what plugins run on."""
    return EXCLUDED if plugin_code else (*EXCLUDED, *PLUGIN_CODE)


def keeping(rules: Iterable[tuple[str, str]], keep: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The rules without those that would drop a folder in `keep`, relative to the state directory.

    A workspace or agent folder that was configured below such a folder is data all the same
    [doc cli/backup.md].
    """
    wanted = tuple(keep)
    return tuple(rule for rule in rules if not any(covers(rule[0], path) for path in wanted))
