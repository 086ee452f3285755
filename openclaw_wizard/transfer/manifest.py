"""What a tree holds: every entry with its facts, in the form in which it is kept beside the journal."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.helper import Helper, raw
from openclaw_wizard.model import Excluded

FORMAT: Final = 1
LONGEST_WALK: Final = 12 * 3600.0
"""Seconds; only there so that a walk cannot last for ever."""
TELL_EVERY: Final = 0.1
"""Seconds between two calls of `on_progress` (design section 1, decision 8)."""
DATABASE_NAMES: Final = (b".sqlite", b".sqlite3", b".db")
SHARED_MEMORY: Final = b"-shm"
SHARED_MEMORY_PAGE: Final = 32768
"""The `-shm` file grows in units of this (SQLite's WAL-index format)."""

NAMED: Final = 3
"""How many of the entries that cannot be read are named."""
LONGEST_NAME: Final = 80
WHY_CLOSED: Final = {
    "EACCES": "permission denied",
    "EPERM": "permission denied",
    "ENAMETOOLONG": "its path is too long",
}

Kind = Literal["f", "d", "l"]
KINDS: Final[dict[str, Kind]] = {"f": "f", "d": "d", "l": "l"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or link. `group` is shared by the names of one file (hard links)."""

    path: bytes
    kind: Kind
    size: int
    mode: int
    mtime_ns: int
    uid: int
    link: bytes | None = None
    group: str | None = None
    sha256: str | None = None
    """Hex; None where no hash was taken, and for folders and links."""
    changed: bool = False
    """It changed while it was read, so the hash is of something in between."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`entries` in the order of their paths, so that a folder comes before what is in it.

    `bytes` counts a file with several names once.
    """

    entries: dict[bytes, Entry]
    excluded: tuple[Excluded, ...]
    files: int
    bytes: int


async def take(
    helper: Helper,
    root: str | bytes,
    rules: Iterable[tuple[str, str]] = (),
    *,
    hashes: bool,
    on_progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Walks `root` on the helper's host. `rules` are (pattern, reason), see `helper.mjs`.

    `on_progress` gets files and bytes so far. Shared-memory files of databases are left out: SQLite
    makes them anew, and one that is joined with another database corrupts it (peers F6).
    Raises StepFailed, with names, where something in it cannot be read; HelperFailed (`error_code`
    ENOENT where there is no such folder), LinkLost.
    """
    where = raw(root) if isinstance(root, bytes) else root
    params = {"root": where, "hash": hashes, "rules": [{"pattern": p, "reason": r} for p, r in rules]}
    entries: list[Entry] = []
    excluded: list[Excluded] = []
    closed: list[tuple[bytes, str]] = []
    progress = _Progress(on_progress)
    async for item in helper.stream("tree", params, timeout=LONGEST_WALK):
        if "x" in item:
            excluded.append(_excluded(item["x"], item["r"]))
        elif "c" in item:
            closed.append((b64decode(item["c"]), str(item["e"])))
        elif "p" in item:
            entries.append(entry_from(item))
            progress.count(entries[-1])
    if closed:
        raise _refused(helper.host.label, root, closed)
    progress.tell()
    return _without_shared_memory(_made(entries, excluded))


def _refused(host: str, root: str | bytes, closed: Sequence[tuple[bytes, str]]) -> StepFailed:
    where = root.decode(errors="replace") if isinstance(root, bytes) else root
    names = [f"{shown(path)} ({WHY_CLOSED.get(code, code)})" for path, code in sorted(closed)[:NAMED]]
    more = f", and {len(closed) - NAMED} more" if len(closed) > NAMED else ""
    count = "1 entry" if len(closed) == 1 else f"{len(closed)} entries"
    return StepFailed(
        what=f"{host}: {count} in {where} cannot be read by this user: {', '.join(names)}{more}",
        next=(
            "Open them there to the user of this login (`chmod -R u+rX`; `sudo chown -R` where they are "
            "another's), shorten a path that is too long, or take away what is not needed; then resume."
        ),
    )


def shown(path: bytes) -> str:
    """A path for a person: as text, on one line, the middle of a very long one left out."""
    text = path.decode(errors="replace").replace("\n", "\\n") or "."
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME // 2]}…{text[-LONGEST_NAME // 4 :]}"


class _Progress:
    def __init__(self, on_progress: Callable[[int, int], None] | None) -> None:
        self._on_progress = on_progress
        self._told = 0.0
        self._files = self._bytes = 0

    def count(self, entry: Entry) -> None:
        self._files += entry.kind == "f"
        self._bytes += entry.size
        if time.monotonic() - self._told >= TELL_EVERY:
            self.tell()

    def tell(self) -> None:
        self._told = time.monotonic()
        if self._on_progress is not None:
            self._on_progress(self._files, self._bytes)


def _excluded(path: str, reason: str) -> Excluded:
    return Excluded(path=b64decode(path).decode(errors="replace"), reason=reason)


def _made(entries: Iterable[Entry], excluded: Sequence[Excluded]) -> Manifest:
    ordered = {entry.path: entry for entry in sorted(entries, key=lambda entry: entry.path)}
    sizes = weights(ordered.values())
    files = sum(entry.kind == "f" for entry in ordered.values())
    return Manifest(ordered, tuple(sorted(excluded, key=lambda e: e.path)), files, sum(sizes))


def weights(entries: Iterable[Entry]) -> list[int]:
    """The bytes that each entry adds; the second name of a file adds none."""
    seen: set[str] = set()
    found: list[int] = []
    for entry in entries:
        again = entry.group is not None and entry.group in seen
        found.append(0 if again else entry.size)
        if entry.group is not None:
            seen.add(entry.group)
    return found


def _without_shared_memory(taken: Manifest) -> Manifest:
    gone = [path for path in taken.entries if is_shared_memory(taken.entries, path)]
    if not gone:
        return taken
    kept = (entry for path, entry in taken.entries.items() if path not in set(gone))
    reason = "shared memory of a database, made anew"
    more = [Excluded(path=path.decode(errors="replace"), reason=reason) for path in gone]
    return _made(kept, [*taken.excluded, *more])


def is_shared_memory(entries: dict[bytes, Entry], path: bytes) -> bool:
    """Whether this is the `-shm` file of a database that stands beside it."""
    if not path.endswith(SHARED_MEMORY):
        return False
    base, entry = path.removesuffix(SHARED_MEMORY), entries[path]
    return (
        base in entries
        and base.endswith(DATABASE_NAMES)
        and entry.kind == "f"
        and entry.size % SHARED_MEMORY_PAGE == 0
    )


# ------------------------------------------------------------------ the kept form


def entry_from(item: dict[str, Any]) -> Entry:
    """An entry from the helper's item, which is also a line of the kept form. Raises ValueError."""
    try:
        return Entry(
            path=b64decode(item["p"], validate=True),
            kind=KINDS[item["k"]],
            size=int(item["s"]),
            mode=int(item["m"]),
            mtime_ns=int(item["t"]),
            uid=int(item["u"]),
            link=b64decode(item["n"], validate=True) if "n" in item else None,
            group=item.get("g"),
            sha256=item.get("h"),
            changed=bool(item.get("changed", False)),
        )
    except (KeyError, TypeError) as problem:
        raise ValueError(f"not an entry: {problem!r}") from problem


def _item(entry: Entry) -> dict[str, object]:
    item: dict[str, object] = {
        "p": b64encode(entry.path).decode("ascii"),
        "k": entry.kind,
        "s": entry.size,
        "m": entry.mode,
        "t": str(entry.mtime_ns),
        "u": entry.uid,
    }
    if entry.link is not None:
        item["n"] = b64encode(entry.link).decode("ascii")
    if entry.group is not None:
        item["g"] = entry.group
    if entry.sha256 is not None:
        item["h"] = entry.sha256
    if entry.changed:
        item["changed"] = True
    return item


def dumps(manifest: Manifest) -> bytes:
    """One JSON object a line: a head, entries, what was excluded, and an end that proves it whole."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in _lines(manifest))


def _lines(manifest: Manifest) -> Iterator[dict[str, object]]:
    yield {"manifest": FORMAT}
    yield from (_item(entry) for entry in manifest.entries.values())
    for each in manifest.excluded:
        yield {"x": each.path, "r": each.reason}
    yield {"end": len(manifest.entries)}


def loads(data: bytes) -> Manifest:
    """The manifest from its kept form. Raises ValueError where it is torn or another format."""
    try:
        lines = [json.loads(line) for line in data.splitlines()]
    except json.JSONDecodeError as problem:
        raise ValueError(f"not a manifest: {problem}") from problem
    if len(lines) < 2 or not all(isinstance(line, dict) for line in lines):
        raise ValueError("not a manifest: it has no head and end")
    head, *body, end = lines
    if head.get("manifest") != FORMAT:
        raise ValueError(f"not a manifest of format {FORMAT}")
    entries = [entry_from(line) for line in body if "x" not in line]
    if end.get("end") != len(entries):
        raise ValueError("the manifest is torn")
    return _made(entries, [Excluded(path=line["x"], reason=line["r"]) for line in body if "x" in line])
