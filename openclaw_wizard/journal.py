"""The durable truth of a move: append, sync, lock, replay, and side files that are whole or absent.

A move's folder is 0700, its files 0600. One `os.write` a line, then `fdatasync`, then the caller
publishes. A torn last line is dropped when the journal is opened; an unreadable line before it is
corruption, and nothing is guessed from it. Secrets never get here: events do not carry any.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import platformdirs

from openclaw_wizard.errors import FormatUnknown, JournalCorrupt, MoveInUse, NoSuchMove
from openclaw_wizard.events import (
    Event,
    MoveCreated,
    decode,
    encode,
)
from openclaw_wizard.model import FORMAT

JOURNAL: Final = "journal.jsonl"
_ID: Final = re.compile(r"^\d{8}-\d{6}-[0-9a-f]{4}$")


def wizard_home() -> Path:
    """`OPENCLAW_WIZARD_HOME`, else the platform's state directory."""
    named = os.environ.get("OPENCLAW_WIZARD_HOME")
    return Path(named) if named else Path(platformdirs.user_state_path("openclaw-wizard"))


def new_move_id(now: float) -> str:
    """Sortable, and different for two moves that begin in the same second."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class Moves:
    """The folder of all moves that this machine knows."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "migrations"

    def ids(self) -> list[str]:
        """Newest first."""
        if not self.folder.is_dir():
            return []
        return sorted((p.name for p in self.folder.iterdir() if _ID.match(p.name)), reverse=True)

    def folder_of(self, move: str) -> Path:
        """Raises NoSuchMove."""
        folder = self.folder / move
        if not _ID.match(move) or not (folder / JOURNAL).exists():
            raise NoSuchMove(move=move)
        return folder

    def create(self, move: str) -> Path:
        folder = self.folder / move
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(mode=0o700)
        sync_folder(self.folder)
        return folder


def sync_folder(folder: Path) -> None:
    """Makes a rename or a new name in `folder` durable; only EINVAL (some network disks) is let pass."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as problem:
        if problem.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def save(path: Path, content: bytes) -> str:
    """Replaces `path` as a whole (temp, sync, rename, sync the folder); returns its sha256 in hex."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return hashlib.sha256(content).hexdigest()


def replay(path: Path) -> tuple[list[Event], int]:
    """All whole events and the length in bytes that they take; reads only.

    Raises JournalCorrupt for an unreadable line that is not the torn last one, FormatUnknown for a
    journal of another format.
    """
    content = path.read_bytes()
    events: list[Event] = []
    whole = 0
    for number, (line, end) in enumerate(_lines(content), 1):
        torn = end is None
        try:
            event = decode(line)
        except ValueError as problem:
            if torn:
                break
            _refuse_other_format(path, line, number)
            raise JournalCorrupt(path=path, line=number, why=type(problem).__name__) from problem
        if torn:
            break
        if isinstance(event, MoveCreated) and event.format != FORMAT:
            raise FormatUnknown(path=path, found=event.format, known=FORMAT)
        events.append(event)
        whole = end or 0
    return events, whole


def _refuse_other_format(path: Path, line: bytes, number: int) -> None:
    """A journal of a newer wizard may not even decode; its first line still tells its format."""
    found = re.search(rb'"format":(\d+)', line) if number == 1 else None
    if found and int(found[1]) != FORMAT:
        raise FormatUnknown(path=path, found=int(found[1]), known=FORMAT)


def _lines(content: bytes) -> Iterator[tuple[bytes, int | None]]:
    """Each line with the offset after its newline, or None where the newline is missing."""
    at = 0
    while at < len(content):
        end = content.find(b"\n", at)
        if end < 0:
            yield content[at:], None
            return
        yield content[at:end], end + 1
        at = end + 1


class Journal:
    """One move's journal, open and locked for this process alone."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        """Raises MoveInUse, JournalCorrupt, FormatUnknown."""
        self.folder = folder
        self.path = folder / JOURNAL
        flags = os.O_RDWR | os.O_APPEND | (os.O_CREAT | os.O_EXCL if create else 0)
        self._handle = os.open(self.path, flags, 0o600)
        try:
            self._lock()
            self.events, whole = replay(self.path)
            if whole != os.fstat(self._handle).st_size:
                os.ftruncate(self._handle, whole)
                os.fdatasync(self._handle)
        except BaseException:
            os.close(self._handle)
            raise
        if create:
            sync_folder(folder)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            owner = self.folder / "owner"
            pid = owner.read_text().strip() if owner.exists() else "unknown"
            raise MoveInUse(move=self.folder.name, pid=pid) from problem
        save(self.folder / "owner", f"{os.getpid()}\n".encode())

    def append(self, event: Event) -> None:
        """Durable before it returns. A full disk raises OSError and leaves at most a torn last line."""
        line = encode(event) + b"\n"
        before = os.fstat(self._handle).st_size
        written = os.write(self._handle, line)
        if written != len(line):
            os.ftruncate(self._handle, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        _sync(self._handle)
        self.events.append(event)

    def save(self, name: str, content: bytes) -> str:
        """A side file of this move; see `save`."""
        return save(self.folder / name, content)

    def load(self, name: str) -> bytes | None:
        """A side file's content, or None where it was never saved."""
        path = self.folder / name
        return path.read_bytes() if path.exists() else None

    def file(self, name: str) -> Path:
        """Where a side file is kept, for those that are written and read piece by piece."""
        return self.folder / name

    def close(self) -> None:
        os.close(self._handle)


def _sync(handle: int) -> None:
    if sys.platform == "darwin":
        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
    else:
        os.fdatasync(handle)
