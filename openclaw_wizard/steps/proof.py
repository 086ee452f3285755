"""What the files themselves say after the start: which are OLD's, by hash, and why the others are not.

Every file was proven equal before the switch, with its inode and times. What has not been touched since
still is; only what has is read again. A reason is a fact: what was rewritten on purpose, when a file
changed by NEW's own clock, or that it begins with all that OLD had.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from humanize import intcomma

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.helper import raw
from openclaw_wizard.model import Arrived, Plan, Proof, Row, RowState, Tree
from openclaw_wizard.openclaw import layout
from openclaw_wizard.openclaw.discover import is_under
from openclaw_wizard.report.kept import CHANGES
from openclaw_wizard.steps import trees
from openclaw_wizard.steps.action import Context
from openclaw_wizard.transfer import compare, manifest
from openclaw_wizard.transfer.aside import aside
from openclaw_wizard.transfer.manifest import Entry, Manifest

STARTED: Final = "started.json"
"""When the gateway on NEW was first asked to start, by NEW's clock."""
AGENT_FOLDER: Final = "(agent folder)"
"""How the agent's name ends where not a workspace but an agent's own folder moves, see `discover`."""
NAMED: Final = 4
READ_AGAIN: Final = 5000
"""So many changed files are read; a gateway changes dozens."""


class Kind(StrEnum):
    """What became of a file, in the words of the table, the gravest last."""

    SAME = "the same by hash"
    DATABASE = layout.COUNTED_BY_ROWS
    MADE = "made on NEW since"
    ADDED_TO = "only added to since"
    REWRITTEN = "with paths that follow to the new place"
    REPAIRED = "changed by OpenClaw's doctor before the start"
    WRITTEN = "written by NEW's OpenClaw since its start"
    RENAMED = "renamed on NEW"
    PASSED = "removed by NEW's OpenClaw, as it does when it runs"
    REFRESHED = "an index that git refreshed"
    UNREAD = "changed, and too many to be read again"
    OTHER = "with other content"
    MISSING = "missing on NEW"


_STATE: Final = {
    Kind.SAME: RowState.EQUAL,
    Kind.DATABASE: RowState.EQUAL,
    Kind.REFRESHED: RowState.EQUAL,
    Kind.MADE: RowState.GREW,
    Kind.ADDED_TO: RowState.GREW,
    Kind.UNREAD: RowState.UNKNOWN,
    Kind.OTHER: RowState.DIFFERS,
    Kind.MISSING: RowState.LOST,
}
"""All others are expected."""
_WORST_FIRST: Final = (
    RowState.LOST,
    RowState.DIFFERS,
    RowState.UNKNOWN,
    RowState.EXPECTED,
    RowState.GREW,
    RowState.EQUAL,
)


@dataclass(slots=True)
class Tally:
    """The files of one region: how many became what, and the first names."""

    subject: str
    old: int = 0
    new: int = 0
    counts: dict[Kind, int] = field(default_factory=dict)
    names: dict[Kind, list[str]] = field(default_factory=dict)

    def note(self, kind: Kind, path: bytes) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        names = self.names.setdefault(kind, [])
        if len(names) < NAMED:
            names.append(manifest.shown(path))

    def row(self) -> Row:
        states = {_STATE.get(kind, RowState.EXPECTED) for kind in self.counts}
        state = next((each for each in _WORST_FIRST if each in states), RowState.EQUAL)
        return Row(
            subject=self.subject,
            old=intcomma(self.old),
            new=intcomma(self.new),
            state=state,
            detail="; ".join(self._words()),
        )

    def _words(self) -> Iterator[str]:
        for kind in reversed(Kind):
            count = self.counts.get(kind)
            if count and (kind is not Kind.SAME or len(self.counts) > 1):
                yield f"{intcomma(count)} {kind}{self._named(kind)}"

    def _named(self, kind: Kind) -> str:
        if _STATE.get(kind) not in (RowState.LOST, RowState.DIFFERS):
            return ""
        more = self.counts[kind] - len(self.names[kind])
        return f": {', '.join(self.names[kind])}" + (f" and {intcomma(more)} more" if more else "")


_Identity = tuple[str, int, int]
"""Inode, size and time: what a rename keeps. An inode alone is soon used again."""


@dataclass(slots=True)
class Open:
    """What cannot be told by going through the lists alone."""

    changed: list[tuple[Entry, Entry]] = field(default_factory=list)
    """OLD's and NEW's, where NEW's content is not known."""
    missing: list[Entry] = field(default_factory=list)
    made: set[_Identity] = field(default_factory=set)
    """Of what only NEW has."""


async def prove(ctx: Context) -> Proof:
    """Raises StepFailed where a side file is gone or a file cannot be read; HelperFailed, LinkLost."""
    tallies = {True: Tally("workspace files"), False: Tally("state files")}
    behind = _Behind()
    arrived: list[Arrived] = []
    for tree in ctx.plan.trees:
        source, staged = trees.source_manifest(ctx, tree), _staged(ctx, tree)
        arrived.append(await aside(_arrived, tree, source, staged))
        region = _Region(ctx.plan, tree, _started(ctx), _rewritten(ctx, tree), tallies)
        left = await aside(region.judge, compare.moving(source), await _now(ctx, tree, staged))
        await aside(region.judge_missing, left, staged)
        await _read_again(ctx, tree, left.changed, region)
        behind.add(source)
    rows = (*(tally.row() for tally in tallies.values()), *behind.rows())
    return Proof(trees=tuple(arrived), rows=rows)


class _Behind:
    """What stays behind: the row that says so, with the reasons that were planned."""

    def __init__(self) -> None:
        self._by_reason: dict[str, int] = {}

    def add(self, source: Manifest) -> None:
        for each in source.excluded:
            why = each.reason.partition(";")[0]
            self._by_reason[why] = self._by_reason.get(why, 0) + 1

    def rows(self) -> Iterator[Row]:
        if self._by_reason:
            count = sum(self._by_reason.values())
            words = "; ".join(f"{n} × {why}" for why, n in sorted(self._by_reason.items()))
            yield Row(
                subject="stays behind", old=intcomma(count), new="0", state=RowState.EXPECTED, detail=words
            )


def _staged(ctx: Context, tree: Tree) -> Manifest:
    found = trees.kept(ctx, trees.staged_name(tree))
    if found is None or not found.hashed:
        raise StepFailed(what=f"What arrived of {tree.old} is missing from the move's folder.")
    return found


def _started(ctx: Context) -> int:
    kept = ctx.shelf.load(STARTED)
    return int(json.loads(kept)["seconds"] * 1e9) if kept else 0


def _rewritten(ctx: Context, tree: Tree) -> frozenset[bytes]:
    """Files of this tree that were rewritten on purpose; the record names those outside the state whole."""
    kept = ctx.shelf.load(CHANGES)
    named = [str(each["file"]) for each in json.loads(kept)["changes"]] if kept else []
    begin = f"{tree.old}/"
    inside = [n.removeprefix(begin) for n in named if n.startswith(begin) or tree.name == "state"]
    return frozenset(name.encode() for name in inside)


async def _now(ctx: Context, tree: Tree, staged: Manifest) -> Manifest:
    """What stands on NEW now; what has not changed since the proof has its hash without being read."""
    listed = await manifest.take(
        ctx.new_helper,
        tree.root_on_new,
        trees.rules(ctx.plan, tree),
        to=ctx.shelf.file(f"running-{tree.name}.jsonl"),
        hashes=False,
        only=tree.only,
    )
    return await aside(compare.carried, listed, staged, ctx.shelf.file(f"known-{tree.name}.jsonl"))


def _arrived(tree: Tree, source: Manifest, staged: Manifest) -> Arrived:
    return Arrived(
        name=tree.name,
        files=source.files,
        bytes=source.bytes,
        old_sha256=digest(compare.moving(source)),
        new_sha256=digest(staged),
    )


def digest(entries: Iterable[Entry]) -> str:
    """The hash of a whole tree: path, kind and content of every entry, in the order of the walk."""
    whole = hashlib.sha256()
    for entry in entries:
        content = entry.link if entry.kind == "l" else (entry.sha256 or "").encode()
        whole.update(b"\0".join((entry.path, entry.kind.encode(), content or b"")) + b"\n")
    return whole.hexdigest()


# ------------------------------------------------------------------ judging


class _Region:
    """Judges the files of one tree: those of a workspace, which are a person's, more strictly."""

    def __init__(
        self,
        plan: Plan,
        tree: Tree,
        started_ns: int,
        rewritten: frozenset[bytes],
        tallies: dict[bool, Tally],
    ) -> None:
        self._started_ns, self._rewritten, self._tallies = started_ns, rewritten, tallies
        # An agent's own folder is listed beside the workspaces; what is in it is OpenClaw's.
        all_spaces = (*plan.installation.workspaces, *plan.guests)
        spaces = [w.path for w in all_spaces if not w.agent.endswith(AGENT_FOLDER)]
        self._whole = tree.name != "state" and any(is_under(tree.old, path) for path in spaces)
        inside = [path for path in spaces if is_under(path, tree.old) and path != tree.old]
        self._inside = tuple(f"{path.removeprefix(f'{tree.old}/')}/".encode() for path in inside)

    def in_workspace(self, path: bytes) -> bool:
        return self._whole or path.startswith(self._inside)

    def note(self, kind: Kind, path: bytes) -> None:
        self._tallies[self.in_workspace(path)].note(kind, path)

    def judge(self, source: Iterable[Entry], now: Manifest) -> Open:
        """Notes all that can be told by going through both."""
        left = Open()
        for old, new in compare.paired(source, now):
            one = old or new
            assert one is not None
            if one.kind == "d":
                continue
            tally = self._tallies[self.in_workspace(one.path)]
            tally.old += old is not None
            tally.new += new is not None
            self._judge(old, new, left)
        return left

    def _judge(self, old: Entry | None, new: Entry | None, left: Open) -> None:
        if old is None:
            assert new is not None
            left.made.add(_identity(new))
            self.note(Kind.MADE, new.path)
        elif new is None:
            self._wait(left.missing, old, Kind.MISSING, old.path)
        elif old.kind == new.kind and _content(old) == _content(new) is not None:
            self.note(Kind.SAME, old.path)
        elif old.path in self._rewritten:
            self.note(Kind.REWRITTEN, old.path)
        elif self._is_database(old.path):
            self.note(Kind.DATABASE, old.path)
        elif old.kind == new.kind == "f":
            self._wait(left.changed, (old, new), Kind.UNREAD, old.path)
        else:
            self.note(Kind.OTHER, old.path)

    def _wait(self, waiting: list[Any], one: object, otherwise: Kind, path: bytes) -> None:
        if len(waiting) < READ_AGAIN:
            waiting.append(one)
        else:
            self.note(otherwise, path)

    def _is_database(self, path: bytes) -> bool:
        return not self.in_workspace(path) and layout.is_database(path.decode(errors="replace"))

    def judge_missing(self, left: Open, staged: Manifest) -> None:
        """A rename is told by what it keeps; a log ends with its database; some files pass by themselves."""
        wanted = {entry.path for entry in left.missing}
        arrived = {e.path: _identity(e) for e in staged if e.path in wanted} if wanted else {}
        for path in sorted(wanted):
            renamed = arrived.get(path) in left.made
            self.note(Kind.RENAMED if renamed else self._why_missing(path), path)

    def _why_missing(self, path: bytes) -> Kind:
        if self.in_workspace(path):
            return Kind.MISSING
        name = path.decode(errors="replace")
        if layout.is_database(name) and not name.endswith(layout.DATABASES):
            return Kind.DATABASE
        return Kind.PASSED if layout.passing(name) is not None else Kind.MISSING

    def judge_read(self, old: Entry, new: Entry, found: dict[str, Any] | None) -> Kind:
        """`found` is what its first bytes say, as many as OLD had; None where it is gone by now."""
        if found is None:
            return self._why_missing(old.path)
        if found["sha256"] == old.sha256:
            return Kind.ADDED_TO if found["longer"] else Kind.SAME
        if self.in_workspace(old.path):
            return Kind.REFRESHED if old.path.endswith(b".git/index") else Kind.OTHER
        if layout.only_grows(old.path.decode(errors="replace")):
            return Kind.OTHER
        return Kind.WRITTEN if new.ctime_ns > self._started_ns else Kind.REPAIRED


def _identity(entry: Entry) -> _Identity:
    return entry.inode, entry.size, entry.mtime_ns


def _content(entry: Entry) -> object:
    return entry.link if entry.kind == "l" else entry.sha256


async def _read_again(
    ctx: Context, tree: Tree, changed: Sequence[tuple[Entry, Entry]], region: _Region
) -> None:
    if not changed:
        return
    files = [{"path": raw(old.path), "size": old.size} for old, _ in changed]
    asked = {"root": tree.new, "files": files}
    answers = await ctx.new_helper.call("beginnings", asked, timeout=manifest.LONGEST_WALK)
    for (old, new), found in zip(changed, answers, strict=True):
        region.note(region.judge_read(old, new, found), old.path)
