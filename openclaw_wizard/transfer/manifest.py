"""What a tree holds: every entry with its facts, kept in a file in the order of the walk.

A manifest is never held in memory: a million entries are written as they come and read again as often
as somebody goes through them. The order (`order`) is the same on every host, so two manifests are
compared by going through both at once.
"""

from __future__ import annotations

import json
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.helper import Helper, raw
from openclaw_wizard.model import Excluded

FORMAT: Final = 2
LONGEST_WALK: Final = 12 * 3600.0
"""Seconds; only there so that a walk cannot last for ever."""
TELL_EVERY: Final = 0.1
"""Seconds between two calls of `on_progress` (design section 1, decision 8)."""
LONGEST_END: Final = 512
"""Bytes in which the last line of the kept form is found."""

NAMED: Final = 3
"""How many of the entries that cannot be read are named."""
LONGEST_NAME: Final = 80
WHY_CLOSED: Final = {
    "EACCES": "permission denied",
    "EPERM": "permission denied",
    "ENAMETOOLONG": "its path is too long",
    "EIO": "its disk has a read error",
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
    sparse: bool = False
    ctime_ns: int = 0
    """When it last changed in any way, by its host's clock; with `inode` it tells that it did not since."""
    inode: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A kept manifest; iterating gives its entries, each folder before what is in it.

    `bytes` counts a file with several names once. `began_ns` is the clock of the walked host when the
    walk began, `linked` tells whether some file has several names, `hashed` whether every file has a hash.
    """

    path: Path
    count: int
    files: int
    bytes: int
    linked: bool
    hashed: bool
    began_ns: int

    def __iter__(self) -> Iterator[Entry]:
        for item in self._items():
            if "p" in item:
                yield entry_from(item)

    def __len__(self) -> int:
        return self.count

    @property
    def excluded(self) -> tuple[Excluded, ...]:
        """What was left out, by path."""
        return tuple(sorted(map(_excluded, self.left_out()), key=lambda each: each.path))

    def left_out(self) -> Iterator[dict[str, Any]]:
        """What was left out, in the kept form."""
        return (item for item in self._items() if "x" in item)

    def _items(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as file:
            for line in file:
                yield json.loads(line)


def order(path: bytes) -> bytes:
    """The key by which entries are ordered: a folder's content straight after it, names by their bytes."""
    return path.replace(b"/", b"\0")


class Writer:
    """Writes a manifest entry by entry; `publish` gives it its name, whole and synced.

    What is not published is removed when the block ends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._groups: set[str] = set()
        self._totals = {"end": 0, "files": 0, "bytes": 0, "linked": False, "hashed": True, "began": 0}
        self._file: BinaryIO

    def __enter__(self) -> Writer:
        handle = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(handle, "wb")
        self._line({"manifest": FORMAT})
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    @property
    def count(self) -> int:
        return int(self._totals["end"])

    @property
    def files(self) -> int:
        return int(self._totals["files"])

    @property
    def bytes(self) -> int:
        return int(self._totals["bytes"])

    def add(self, item: dict[str, Any]) -> None:
        """An entry or something excluded, in the helper's form; in the order of the paths."""
        self._line(item)
        if "p" not in item:
            return
        self._totals["end"] += 1
        self._totals["files"] += item["k"] == "f"
        if item["k"] == "f" and "h" not in item:
            self._totals["hashed"] = False
        group = item.get("g")
        if group is not None:
            self._totals["linked"] = True
        if group is None or group not in self._groups:
            self._totals["bytes"] += item["s"]
        if group is not None:
            self._groups.add(group)

    def publish(self, began_ns: int = 0) -> Manifest:
        self._totals["began"] = began_ns
        self._line(self._totals)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._temporary.replace(self._path)
        return load(self._path)

    def _line(self, item: object) -> None:
        self._file.write(json.dumps(item, separators=(",", ":")).encode() + b"\n")


def load(path: Path) -> Manifest:
    """The kept manifest. Raises ValueError where it is absent, torn or of another format."""
    try:
        with path.open("rb") as file:
            head = json.loads(file.readline())
            file.seek(max(0, file.seek(0, os.SEEK_END) - LONGEST_END))
            end = json.loads(file.read().splitlines()[-1])
    except (OSError, json.JSONDecodeError, IndexError) as problem:
        raise ValueError(f"not a manifest: {problem}") from problem
    if not isinstance(head, dict) or head.get("manifest") != FORMAT:
        raise ValueError(f"not a manifest of format {FORMAT}")
    if not isinstance(end, dict) or "end" not in end:
        raise ValueError("the manifest is torn")
    return Manifest(path, end["end"], end["files"], end["bytes"], end["linked"], end["hashed"], end["began"])


def write(path: Path, entries: Iterable[Entry]) -> Manifest:
    """A manifest of these entries, which come in order."""
    with Writer(path) as writer:
        for entry in entries:
            writer.add(item_of(entry))
        return writer.publish()


async def take(
    helper: Helper,
    root: str | bytes,
    rules: Iterable[tuple[str, str]] = (),
    *,
    to: Path,
    hashes: bool,
    everything: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Walks `root` on the helper's host and keeps the manifest as `to`.

    `rules` are (pattern, reason), see `helper.mjs`. `on_progress` gets files and bytes so far.
    Shared-memory files of databases are left out unless `everything` is asked for: SQLite makes them
    anew, and one that is joined with another database corrupts it (peers F6).
    Raises StepFailed, with names, where something in it cannot be read; HelperFailed (`error_code`
    ENOENT where there is no such folder), LinkLost.
    """
    where = raw(root) if isinstance(root, bytes) else root
    patterns = [{"pattern": pattern, "reason": reason} for pattern, reason in rules]
    params = {"root": where, "hash": hashes, "rules": patterns, "everything": everything}
    closed: list[tuple[bytes, str]] = []
    began = told = 0.0
    with Writer(to) as writer:
        async for item in helper.stream("tree", params, timeout=LONGEST_WALK):
            if "e" in item:
                closed.append((b64decode(item["c"]), str(item["e"])))
            elif "end" in item:
                began = int(item["now"])
            else:
                writer.add(item)
            if on_progress is not None and time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                on_progress(writer.files, writer.bytes)
        if closed:
            raise _refused(helper.host.label, root, closed)
        if on_progress is not None:
            on_progress(writer.files, writer.bytes)
        return writer.publish(int(began))


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


def _excluded(item: dict[str, Any]) -> Excluded:
    return Excluded(path=b64decode(item["x"]).decode(errors="replace"), reason=item["r"])


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
            sparse=bool(item.get("z", False)),
            ctime_ns=int(item.get("c", 0)),
            inode=str(item.get("i", "")),
        )
    except (KeyError, TypeError) as problem:
        raise ValueError(f"not an entry: {problem!r}") from problem


def item_of(entry: Entry) -> dict[str, Any]:
    """The entry as the helper gives it, and as it is kept."""
    item: dict[str, Any] = {
        "p": b64encode(entry.path).decode("ascii"),
        "k": entry.kind,
        "s": entry.size,
        "m": entry.mode,
        "t": str(entry.mtime_ns),
        "c": str(entry.ctime_ns),
        "i": entry.inode,
        "u": entry.uid,
    }
    if entry.link is not None:
        item["n"] = b64encode(entry.link).decode("ascii")
    optional = {"g": entry.group, "h": entry.sha256, "changed": entry.changed, "z": entry.sparse}
    return item | {key: value for key, value in optional.items() if value}
