"""Two manifests side by side: the comparison that is the proof, and what a staged tree lacks.

Everything goes through both manifests once, in their common order, and holds nothing but what differs.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from openclaw_wizard.transfer import manifest
from openclaw_wizard.transfer.manifest import Entry, Manifest, order

SECOND: Final = 1_000_000_000
CLOCK_LAG: Final = SECOND // 20
"""Nanoseconds that the clock for files may be behind: a few ticks of 4 or 10 ms."""
COARSE_CLOCK: Final = 2 * SECOND
"""The same where a file system keeps whole seconds, or every second one."""
NAMED: Final = 20
"""How many paths of each kind a comparison keeps."""

Pair = tuple[Entry | None, Entry | None]


def paired(first: Iterable[Entry], second: Iterable[Entry]) -> Iterator[Pair]:
    """The entries of both by path, in order; None where one side has none."""
    left, right = iter(first), iter(second)
    one, other = next(left, None), next(right, None)
    while one is not None or other is not None:
        # Nearly always, and much cheaper to tell than which comes first.
        if one is not None and other is not None and one.path == other.path:
            yield one, other
            one, other = next(left, None), next(right, None)
        elif other is None or (one is not None and order(one.path) < order(other.path)):
            yield one, None
            one = next(left, None)
        else:
            yield None, other
            other = next(right, None)


def moving(source: Iterable[Entry]) -> Iterator[Entry]:
    """Without what cannot come along."""
    return (entry for entry in source if not entry.lost)


@dataclass(slots=True)
class Comparison:
    """How many paths are not on NEW, other on NEW, only on NEW; and the first of their names."""

    missing: int = 0
    different: int = 0
    extra: int = 0
    names: list[bytes] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        return not (self.missing or self.different or self.extra)

    def note(self, path: bytes, kind: str) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.names) < NAMED:
            self.names.append(path)


def compare(
    source: Iterable[Entry],
    staged: Iterable[Entry],
    *,
    precision: int = 1,
    on_staged: Callable[[Entry | None, Entry], None] = lambda _old, _new: None,
) -> Comparison:
    """By kind, content hash, link target, mode, time and which names are one file.

    A file whose hash is not known counts as different; what cannot come along must not be there.
    `precision` is in nanoseconds: what the tar that unpacked can set. `on_staged` sees every staged
    entry beside its source.
    """
    found, names = Comparison(), Names()
    for old, new in paired(moving(source), staged):
        if new is not None:
            on_staged(old, new)
        if new is None:
            assert old is not None
            found.note(old.path, "missing")
        elif old is None:
            found.note(new.path, "extra")
        elif differs(old, new, precision) or not names.agree(old, new):
            found.note(old.path, "different")
    return found


def differs(source: Entry, staged: Entry, precision: int = 1, *, hashed: bool = True) -> bool:
    """Without `hashed`, as far as a walk without hashes tells."""
    if source.kind != staged.kind:
        return True
    if source.kind == "l":
        return source.link != staged.link
    if source.mode != staged.mode:
        return True
    # bsdtar does not set the time of the folder that it unpacks into (measured).
    if source.path and source.mtime_ns // precision != staged.mtime_ns // precision:
        return True
    if source.kind != "f":
        return False
    unproven = hashed and (source.sha256 is None or source.sha256 != staged.sha256)
    return unproven or source.size != staged.size


def looks_alike(source: Manifest, staged: Iterable[Entry], precision: int = 1) -> bool:
    """Whether nothing that a walk without hashes tells is different; the hash is another's work."""
    for old, new in paired(moving(source), staged):
        if old is None or new is None or differs(old, new, precision, hashed=False):
            return False
    return True


class Names:
    """Whether the names that are one file on one side are one file on the other too."""

    def __init__(self) -> None:
        self._there: dict[str, str | None] = {}
        self._here: dict[str, str] = {}

    def agree(self, source: Entry, staged: Entry) -> bool:
        """False for a name by which the two sides are seen to disagree."""
        if source.group is None:
            return staged.group is None
        if source.group not in self._there:
            self._there[source.group] = staged.group
            # A name whose others are left out may well stand alone on NEW.
            return staged.group is None or self._here.setdefault(staged.group, source.group) == source.group
        return staged.group is not None and self._there[source.group] == staged.group


def drifted(taken: Iterable[Entry], now: Iterable[Entry]) -> Iterator[bytes]:
    """What changed on one machine since `taken`, as far as a walk without hashes tells, by path.

    A folder's mtime does not count: what is left out of a manifest may come and go in it.
    """
    for then, found in paired(taken, now):
        if then is None:
            assert found is not None
            yield found.path
        elif then.changed or _moved_on(then, found):
            yield then.path


def _moved_on(then: Entry, found: Entry | None) -> bool:
    if found is None or then.kind != found.kind:
        return True
    if then.kind == "l":
        return then.link != found.link
    if then.mode != found.mode:
        return True
    return then.kind == "f" and _facts(then) != _facts(found)


def carried(now: Manifest, before: Manifest, to: Path) -> Manifest:
    """`now` with the hashes of `before` (the same host and tree) for every file that has not changed since.

    Told by inode, size, times and above all ctime, which nobody can set: it must be older than the walk
    that hashed the file, by what the host's clock for files may lag. After another start of the host none
    is known: a crash may take the content of a file and leave its facts.
    """
    same = now.boot == before.boot
    with manifest.Writer(to) as writer:
        for entry, then in paired(now, before):
            if entry is not None:
                known = entry.sha256 or (_known(entry, then, before) if same and not entry.lost else None)
                writer.add(entry if known == entry.sha256 else replace(entry, sha256=known))
        for line in now.left_out():
            writer.add_line(line)
        return writer.publish(now.began_ns, now.boot)


def since(before: Manifest) -> dict[str, str]:
    """For `manifest.take`: of what has an older ctime `carried` knows the hash from `before`."""
    return {"fine": str(before.began_ns - CLOCK_LAG), "coarse": str(before.began_ns - COARSE_CLOCK)}


def _known(entry: Entry, then: Entry | None, before: Manifest) -> str | None:
    if then is None or then.changed or _facts(entry) != _facts(then):
        return None
    lag = CLOCK_LAG if entry.ctime_ns % SECOND else COARSE_CLOCK
    return then.sha256 if entry.ctime_ns < before.began_ns - lag else None


def _facts(entry: Entry) -> tuple[object, ...]:
    return entry.kind, entry.inode, entry.size, entry.mtime_ns, entry.ctime_ns


def changed(listed: Iterable[Entry], packed: Iterable[Entry]) -> Iterator[bytes]:
    """What was packed as something else than it was listed as."""
    for then, found in paired(listed, packed):
        if then is not None and found is not None and not found.lost and _moved_on(then, found):
            yield then.path


def merged(listed: Manifest, parts: Sequence[Manifest], to: Path) -> Manifest:
    """`listed` with what was packed in its place; what went away before that stays as it was listed.

    Each entry was packed in at most one of `parts`.
    """
    packed = heapq.merge(*parts, key=lambda entry: order(entry.path))
    with manifest.Writer(to) as writer:
        for entry, sent in paired(listed, packed):
            one = sent or entry
            assert one is not None
            if entry is not None and one.lost:
                # Its facts stay as they were listed, so that it is seen where they change.
                one = replace(entry, lost=one.lost, sha256=None)
            writer.add(one)
        for line in listed.left_out():
            writer.add_line(line)
        return writer.publish(listed.began_ns, listed.boot)


# ------------------------------------------------------------------ what is to be done


@dataclass(frozen=True, slots=True)
class Send:
    """An entry of OLD that NEW lacks or has otherwise; `staged` is what stands there now."""

    entry: Entry
    staged: Entry | None
    asked: bool
    """False for a folder that is only sent to get its time back."""


@dataclass(frozen=True, slots=True)
class Clear:
    """A path of staging with all below it that OLD does not have, or has as something else."""

    path: bytes


@dataclass(frozen=True, slots=True)
class Open:
    """A folder of staging that its owner may not change now, and something in it is to change."""

    path: bytes


Work = Send | Clear | Open


def work(source: Manifest, staged: Iterable[Entry] | None, *, precision: int = 1) -> Iterator[Work]:
    """What makes `staged` (a manifest with hashes, None where there is nothing yet) like `source`.

    In order; every folder above something that changes is sent too, before it, for its time. The names
    of one file are sent together. An entry without a hash is never taken for equal.
    """
    there = () if staged is None else staged
    torn = _torn_groups(source, there, precision) if source.linked else frozenset()
    above: list[_Folder] = []
    cleared: bytes | None = None
    for old, new in paired(moving(source), there):
        path = old.path if old is not None else new.path if new is not None else b""
        while above and not is_below(path, above[-1].entry.path):
            above.pop()
        if old is None:
            if cleared is None or not is_below(path, cleared):
                yield from _announce(above)
                yield Clear(path)
                cleared = path
            continue
        if new is not None and new.kind != old.kind:
            yield from _announce(above)
            yield Clear(path)
            cleared, new = path, None
        elif cleared is not None and is_below(path, cleared):
            new = None
        lacks = new is None or differs(old, new, precision) or _is_torn(old, new, torn)
        if lacks:
            yield from _announce(above)
            if new is not None and old.kind == "d" and new.mode & 0o700 != 0o700:
                yield Open(path)
            yield Send(old, new, asked=True)
        if old.kind == "d":
            above.append(_Folder(old, new, announced=lacks))


def _is_torn(old: Entry, new: Entry, torn: frozenset[str]) -> bool:
    return new.group is not None if old.group is None else old.group in torn


@dataclass(slots=True)
class _Folder:
    entry: Entry
    staged: Entry | None
    announced: bool


def _announce(above: list[_Folder]) -> Iterator[Work]:
    for folder in above:
        if folder.announced:
            continue
        folder.announced = True
        if folder.staged is not None and folder.staged.mode & 0o700 != 0o700:
            yield Open(folder.entry.path)
        yield Send(folder.entry, folder.staged, asked=False)


def is_below(path: bytes, folder: bytes) -> bool:
    """Whether `path` is in `folder`, at any depth; both relative to the root, which is empty."""
    return folder == b"" or path.startswith(folder + b"/")


def _torn_groups(source: Manifest, staged: Iterable[Entry], precision: int) -> frozenset[str]:
    """The groups of which some name is not as it should be on NEW."""
    names = Names()
    torn: set[str] = set()
    for old, new in paired(moving(source), staged):
        if old is None or old.group is None:
            continue
        if new is None or differs(old, new, precision) or not names.agree(old, new):
            torn.add(old.group)
    return frozenset(torn)
