"""What a staged tree lacks: a quick difference to know what to send, and the comparison that is the proof."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from openclaw_wizard.transfer.manifest import Entry, Manifest

SECOND: Final = 1_000_000_000
DATABASE_FILES: Final = (b"-wal", b"-journal", b"-shm")
"""What may stand beside a database and is one unit with it (peers F6, F7)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Paths that differ: not on NEW, other on NEW, only on NEW."""

    missing: tuple[bytes, ...]
    different: tuple[bytes, ...]
    extra: tuple[bytes, ...]

    @property
    def equal(self) -> bool:
        return not (self.missing or self.different or self.extra)


def compare(source: Manifest, staged: Manifest) -> Comparison:
    """By kind, content hash, link target and mode; a file whose hash is not known counts as different."""
    missing = tuple(path for path in source.entries if path not in staged.entries)
    extra = tuple(path for path in staged.entries if path not in source.entries)
    both = (path for path in source.entries if path in staged.entries)
    different = tuple(path for path in both if _differs(source.entries[path], staged.entries[path]))
    return Comparison(missing, different, extra)


def _differs(source: Entry, staged: Entry) -> bool:
    if source.kind != staged.kind:
        return True
    if source.kind == "l":
        return source.link != staged.link
    if source.mode != staged.mode:
        return True
    return source.kind == "f" and (source.sha256 is None or source.sha256 != staged.sha256)


def drifted(taken: Manifest, now: Manifest) -> tuple[bytes, ...]:
    """What changed on one machine since `taken`, as far as a walk without hashes tells, by path.

    A folder's mtime does not count: what is left out of a manifest may come and go in it.
    """
    both = {path: (entry, now.entries.get(path)) for path, entry in taken.entries.items()}
    changed = {path for path, (then, found) in both.items() if then.changed or _moved_on(then, found)}
    return tuple(sorted(changed | (now.entries.keys() - taken.entries.keys())))


def _moved_on(then: Entry, found: Entry | None) -> bool:
    if found is None or then.kind != found.kind:
        return True
    if then.kind == "l":
        return then.link != found.link
    if then.mode != found.mode:
        return True
    return then.kind == "f" and (then.size, then.mtime_ns) != (found.size, found.mtime_ns)


def needed(source: Manifest, staged: Manifest) -> tuple[bytes, ...]:
    """What is to be sent so that `staged` becomes like `source`, in the order of the paths.

    Quick: kind, size, mode, link target and mtime to the second (what every tar keeps), and the hash
    where both have one. A database with its log is one unit, and so are the names of one file: where
    one differs, all are sent. Where staging holds something that `source` does not, the root is in the
    answer: sending clears such things away.
    """
    changed = {path for path, entry in source.entries.items() if _lacks(entry, staged.entries.get(path))}
    extra = [path for path in staged.entries if path not in source.entries]
    if extra:
        changed.add(b"")
    changed |= {base for path in extra if (base := _database_of(path)) in source.entries}
    units = _units(source)
    touched = {units[path] for path in changed if path in units}
    return tuple(path for path in source.entries if path in changed or units.get(path) in touched)


def _lacks(source: Entry, staged: Entry | None) -> bool:
    if staged is None or source.kind != staged.kind:
        return True
    if source.kind == "l":
        return source.link != staged.link
    if source.mode != staged.mode:
        return True
    return source.kind == "f" and _file_differs(source, staged)


def _file_differs(source: Entry, staged: Entry) -> bool:
    if source.changed or source.size != staged.size:
        return True
    if source.mtime_ns // SECOND != staged.mtime_ns // SECOND:
        return True
    return None not in (source.sha256, staged.sha256) and source.sha256 != staged.sha256


def _database_of(path: bytes) -> bytes:
    for suffix in DATABASE_FILES:
        if path.endswith(suffix):
            return path.removesuffix(suffix)
    return path


def _units(source: Manifest) -> dict[bytes, object]:
    """The unit of every path that belongs to one: the database's path, or the group of the hard links."""
    units: dict[bytes, object] = {}
    for path, entry in source.entries.items():
        if entry.group is not None:
            units[path] = entry.group
    for base, members in database_units(source.entries):
        units |= dict.fromkeys(members, base)
    return units


def database_units(paths: Iterable[bytes]) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
    """Every path that has a log beside it, with all that stand there of the unit, itself first."""
    known = set(paths)
    found: dict[bytes, list[bytes]] = defaultdict(list)
    for path in known:
        base = _database_of(path)
        if base != path and base in known:
            found[base].append(path)
    for base in sorted(found):
        yield base, (base, *sorted(found[base]))
