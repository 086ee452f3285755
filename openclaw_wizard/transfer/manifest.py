"""What a tree holds: every entry with its facts, kept in a file in the order of the walk.

A manifest is never held in memory: a million entries are written as they come and read again as often
as somebody goes through them. The order (`order`) is the same on every host, so two manifests are
compared by going through both at once.
"""

from __future__ import annotations

import json
import os
import time
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.helper import Helper, raw
from openclaw_wizard.model import Excluded
from openclaw_wizard.transfer.aside import aside, unless_given_up

FORMAT: Final = 5
LONGEST_WALK: Final = 12 * 3600.0
"""Seconds; only there so that a walk cannot last for ever."""
TELL_EVERY: Final = 0.1
"""Seconds between two calls of `on_progress` (design section 1, decision 8)."""
LONGEST_END: Final = 512
"""Bytes in which the last line of the kept form is found."""

NAMED: Final = 3
"""How many of the entries that cannot be read are named."""
LONGEST_NAME: Final = 80
READ_ERROR: Final = "EIO"
WHY_CLOSED: Final = {
    "EACCES": "permission denied",
    "EPERM": "permission denied",
    "ENAMETOOLONG": "its path is too long",
    READ_ERROR: "its disk has a read error",
}

Kind = Literal["f", "d", "l", "o"]
"""File, folder, link; "o" where the disk does not even say that."""
Line = bytes
"""One line of the kept form; `Manifest` has a field of the name `bytes`."""
ENTRY: Final = b'{"p"'
LEFT_OUT: Final = b'{"x"'
"""How the line of an entry begins, and of something excluded."""
BREATH: Final = 1024
"""Entries after which a long pass looks whether it is still wanted."""

SHORT: Final = {
    "path": "p",
    "kind": "k",
    "size": "s",
    "mode": "m",
    "mtime_ns": "t",
    "uid": "u",
    "link": "n",
    "group": "g",
    "sha256": "h",
    "sparse": "z",
    "ctime_ns": "c",
    "inode": "i",
    "lost": "e",
}


class Entry(msgspec.Struct, frozen=True, rename=SHORT, omit_defaults=True):
    """One file, folder or link. `group` is shared by the names of one file (hard links).

    A line of the kept form is what the helper prints: JSON with the short names, bytes as base64.
    """

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
    lost: str = ""
    """Why it cannot come along: READ_ERROR, or in words what NEW cannot hold; empty for all others."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A kept manifest; iterating gives its entries, each folder before what is in it.

    `bytes` counts a file with several names once. `began_ns` is the clock of the walked host when the
    walk began, `linked` tells whether some file has several names, `hashed` whether every file has a hash.
    `lost` is how many entries cannot come along; no other number but `count` has them in it.
    """

    path: Path
    count: int
    files: int
    bytes: int
    linked: bool
    hashed: bool
    began_ns: int
    boot: str
    """Another one after every start of the walked host."""
    lost: int

    def __iter__(self) -> Iterator[Entry]:
        return map(_decode, self._lines(ENTRY))

    def __len__(self) -> int:
        return self.count

    @property
    def excluded(self) -> tuple[Excluded, ...]:
        """What was left out, by path."""
        found = (_excluded(json.loads(line)) for line in self.left_out())
        return tuple(sorted(found, key=lambda each: each.path))

    @property
    def losses(self) -> Iterator[Entry]:
        """What cannot come along; see `why`."""
        return (entry for entry in self if entry.lost) if self.lost else iter(())

    def left_out(self) -> Iterator[Line]:
        """What was left out, as lines of the kept form."""
        return self._lines(LEFT_OUT)

    def _lines(self, begin: Line) -> Iterator[Line]:
        with self.path.open("rb") as file:
            for number, line in enumerate(file):
                if number % BREATH == 0:
                    unless_given_up()
                if line.startswith(begin):
                    yield line


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
        self._totals = {"end": 0, "files": 0, "bytes": 0, "linked": False, "hashed": True, "lost": 0}
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

    def add(self, entry: Entry) -> None:
        """An entry; in the order of the paths."""
        self._count(entry)
        self._write(_encode(entry))

    def add_line(self, line: Line) -> None:
        """An entry or something excluded, as a line of the kept form; in the order of the paths."""
        if line.startswith(ENTRY):
            self._count(entry_from(line))
        self._write(line)

    def _count(self, entry: Entry) -> None:
        self._totals["end"] += 1
        if entry.lost:
            self._totals["lost"] += 1
            return
        if entry.kind == "f":
            self._totals["files"] += 1
            if entry.sha256 is None:
                self._totals["hashed"] = False
        if entry.group is not None:
            self._totals["linked"] = True
            if entry.group in self._groups:
                return
            self._groups.add(entry.group)
        self._totals["bytes"] += entry.size

    def publish(self, began_ns: int = 0, boot: str = "") -> Manifest:
        self._line({**self._totals, "began": began_ns, "boot": boot})
        self._file.flush()
        os.fsync(self._file.fileno())
        self._temporary.replace(self._path)
        return load(self._path)

    def _line(self, item: object) -> None:
        self._write(msgspec.json.encode(item))

    def _write(self, line: Line) -> None:
        self._file.write(line if line.endswith(b"\n") else line + b"\n")


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
    facts = (end[name] for name in ("end", "files", "bytes", "linked", "hashed", "began", "boot", "lost"))
    return Manifest(path, *facts)


def write(path: Path, entries: Iterable[Entry]) -> Manifest:
    """A manifest of these entries, which come in order."""
    with Writer(path) as writer:
        for entry in entries:
            writer.add(entry)
        return writer.publish()


async def take(
    helper: Helper,
    root: str | bytes,
    rules: Iterable[tuple[str, str]] = (),
    *,
    to: Path,
    hashes: bool,
    since: Mapping[str, str] | None = None,
    everything: bool = False,
    only: Sequence[str] = (),
    losses: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Walks `root` on the helper's host and keeps the manifest as `to`.

    `rules` are (pattern, reason), see `helper.mjs`. With `since` (`compare.since`) only what changed
    after that is hashed. `on_progress` gets files and bytes so far.
    Shared-memory files of databases are left out unless `everything` is asked for: SQLite makes them
    anew, and one that is joined with another database corrupts it (peers F6). With `only`, the root and
    what in it has one of these names. With `losses`, what the disk cannot read is marked as lost.
    Raises StepFailed, with names, where something else in it cannot be read; HelperFailed (`error_code`
    ENOENT where there is no such folder), LinkLost.
    """
    where = raw(root) if isinstance(root, bytes) else root
    patterns = [{"pattern": pattern, "reason": reason} for pattern, reason in rules]
    params = {"root": where, "hash": hashes, "rules": patterns, "everything": everything, "only": list(only)}
    if since is not None:
        params["since"] = dict(since)
    closed: list[tuple[bytes, str]] = []
    began, boot, told = 0, "", 0.0
    with Writer(to) as writer:
        async for line in helper.items("tree", params, timeout=LONGEST_WALK):
            if line.startswith((ENTRY, LEFT_OUT)):
                writer.add_line(line)
            elif "end" in (item := json.loads(line)):
                began, boot = int(item["now"]), str(item["boot"])
            else:
                closed.append((b64decode(item["c"]), str(item["e"])))
            if on_progress is not None and time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                on_progress(writer.files, writer.bytes)
        if closed:
            raise _refused(helper.host.label, root, closed)
        if on_progress is not None:
            on_progress(writer.files, writer.bytes)
        made = await aside(writer.publish, began, boot)
    if lost := await aside(_refused_losses, made, losses):
        made.path.unlink()
        raise _refused(helper.host.label, root, lost)
    return made


def _refused_losses(made: Manifest, losses: bool) -> list[tuple[bytes, str]]:
    """What may not be lost: nothing, or with `losses` the whole tree, whose entry comes first."""
    if losses:
        return [(entry.path, entry.lost) for entry in islice(made, 1) if entry.lost]
    return [(entry.path, entry.lost) for entry in made.losses]


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


def why(entry: Entry) -> str:
    """Why an entry cannot come along, in words."""
    return WHY_CLOSED.get(entry.lost, entry.lost)


def shown(path: bytes) -> str:
    """A path for a person: as text on one line, no terminal acts on it, the middle of a long one left out."""
    text = path.decode(errors="replace") or "."
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME // 2]}…{text[-LONGEST_NAME // 4 :]}"


def _excluded(item: dict[str, str]) -> Excluded:
    return Excluded(path=b64decode(item["x"]).decode(errors="replace"), reason=item["r"])


# ------------------------------------------------------------------ the kept form

# Not strict: the helper's times are text, since a JavaScript number does not hold a nanosecond of today.
_decode: Final = msgspec.json.Decoder(Entry, strict=False).decode
_encode: Final = msgspec.json.Encoder().encode


def line(entry: Entry) -> Line:
    """An entry as a line of the kept form."""
    return _encode(entry) + b"\n"


def entry_from(line: Line) -> Entry:
    """An entry from a line of the kept form, as the helper prints it too. Raises ValueError."""
    try:
        return _decode(line)
    except msgspec.MsgspecError as problem:
        raise ValueError(f"not an entry: {problem}") from problem
