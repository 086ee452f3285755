"""One tar stream of many files from OLD to NEW, relayed through the wizard.

OLD packs with the helper, which hashes what it reads; the wizard passes the bytes on; NEW unpacks into
the staging folder. Nothing is written anywhere else on NEW and nothing at all on OLD. What is to be
sent, what was sent and what came of it are manifests on the wizard's disk: memory does not grow.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from openclaw_wizard.hosts import Host
from openclaw_wizard.hosts.helper import Helper, source
from openclaw_wizard.model import HostFacts
from openclaw_wizard.transfer import compare, direct, manifest, tar
from openclaw_wizard.transfer.aside import aside
from openclaw_wizard.transfer.manifest import Entry, Manifest
from openclaw_wizard.transfer.relay import Heard, Moment, Progress, Relay, Route

PARTS: Final = ("tar.mjs", "pack.mjs", "direct.mjs", "patch.mjs")
STAGING_MARK: Final = ".incoming-"
"""What the name of every staging folder contains (`Tree.staging`); nothing else is cleared."""
REQUESTS: Final = 1 << 15
"""Bytes of names that are sent to OLD at once."""
AT_ONCE: Final = 5000
"""How many paths one call clears."""
PATCHED_FROM: Final = 1 << 20
"""Bytes from which a file that stands in staging is not sent whole, but only its blocks that differ."""
SMALLEST_BLOCK: Final = 1 << 14
MOST_BLOCKS: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Todo:
    """What is to be sent: entries as a whole, and large files of which staging holds something."""

    whole: Manifest
    patched: Manifest

    @property
    def bytes(self) -> int:
        return self.whole.bytes + self.patched.bytes

    def __len__(self) -> int:
        return len(self.whole) + len(self.patched)


def pack_helper(host: Host, facts: HostFacts) -> Helper:
    """The helper with the commands that pack."""
    parts = tuple(source("openclaw_wizard.transfer", name) for name in PARTS)
    return Helper(host, facts.path, parts)


async def make_way(route: Route, work: Iterable[compare.Work], folder: Path, name: str) -> Todo:
    """Clears what is in the way in staging, and keeps what is to be sent in `folder`, under `name`.

    Raises HelperFailed, LinkLost.
    """
    helper = Helper(route.new, route.new_facts.path)
    left = iter(work)
    with (
        manifest.Writer(folder / f"whole-{name}.jsonl") as whole,
        manifest.Writer(folder / f"patched-{name}.jsonl") as patched,
    ):
        more = True
        while more:
            clear, opened, more = await aside(_sorted_out, left, whole, patched)
            if clear or opened:
                params = {"root": route.staging, "mustContain": STAGING_MARK, "clear": clear, "open": opened}
                await helper.call("make_way", params, timeout=600)
        return Todo(await aside(whole.publish), await aside(patched.publish))


def _sorted_out(
    work: Iterator[compare.Work], whole: manifest.Writer, patched: manifest.Writer
) -> tuple[list[str], list[str], bool]:
    """What one call is to clear and to open, and whether there may be more; what is sent is written down."""
    clear: list[str] = []
    opened: list[str] = []
    for each in work:
        match each:
            case compare.Send(entry, staged):
                (patched if _is_patched(entry, staged) else whole).add(entry)
            case compare.Clear(path):
                clear.append(tar.text(path))
            case compare.Open(path):
                opened.append(tar.text(path))
        if len(clear) + len(opened) >= AT_ONCE:
            return clear, opened, True
    return clear, opened, False


def _is_patched(entry: Entry, staged: Entry | None) -> bool:
    """A file with holes or other names is sent whole: tar knows about those."""
    if staged is None or entry.kind != "f" or staged.size < PATCHED_FROM or entry.size < PATCHED_FROM:
        return False
    return entry.group is None and staged.group is None and not entry.sparse and not staged.sparse


async def send(
    route: Route, todo: Todo, to: Path, on_progress: Progress, *, live: bool = False
) -> tuple[Manifest, Manifest]:
    """Makes the entries of `todo` stand in staging; returns both parts as they were packed, with hashes.

    The manifests of what was packed are kept as `to` with a suffix. With `live`, files that change or
    vanish while they are read are no error: they are marked as changed, or are not in the answer. What
    OLD's disk cannot read is marked as lost in the answer, and nothing of it stays in staging. Safe to
    repeat after any failure. Raises StepFailed (packing or unpacking failed, NEW is full: NoRoom; with a
    field `side` that is `Role.OLD` where it was OLD's), HelperFailed, LinkLost.
    """
    # First, since afterwards tar closes folders that were opened for this.
    patched = await _patch(route, todo.patched, to.with_suffix(".patched.jsonl"), on_progress, live=live)

    def later(now: Moment) -> None:
        on_progress(Moment(now.path, patched.bytes + now.bytes, len(patched) + now.entries))

    whole = await _send_whole(route, todo.whole, to.with_suffix(".whole.jsonl"), later, live=live)
    if whole.lost or patched.lost:
        await _take_away(route, whole, patched)
    return whole, patched


async def _take_away(route: Route, whole: Manifest, patched: Manifest) -> None:
    """What was packed in the place of lost entries goes; their folders get their modes and times back."""
    helper = pack_helper(route.new, route.new_facts)
    ours = {"root": route.staging, "mustContain": STAGING_MARK}
    left = _with_folders(heapq.merge(whole, patched, key=lambda entry: manifest.order(entry.path)))
    while part := await aside(lambda: list(islice(left, AT_ONCE))):
        folders = {folder.path: folder for _, folder in part}
        opened, clear = map(tar.text, folders), (tar.text(lost.path) for lost, _ in part)
        await helper.call("make_way", {**ours, "open": list(opened), "clear": list(clear)}, timeout=600)
        ops = [{"p": tar.text(e.path), "m": e.mode, "t": str(e.mtime_ns)} for e in folders.values()]
        await helper.call("settle", {**ours, "ops": ops, "precision": route.precision}, timeout=3600)


def _with_folders(sent: Iterable[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """Every lost entry with its folder, which was sent before it."""
    above: list[Entry] = []
    for entry in sent:
        while above and not compare.is_below(entry.path, above[-1].path):
            above.pop()
        if entry.lost:
            yield entry, above[-1]
        elif entry.kind == "d":
            above.append(entry)


async def _send_whole(
    route: Route, sending: Manifest, to: Path, on_progress: Progress, *, live: bool
) -> Manifest:
    if not len(sending):
        return await aside(manifest.write, to, ())
    packed = route.packed
    unpack, first = _unpacking(route, packed)
    params = {
        "root": route.source_root,
        "dialect": tar.dialect(route.new_facts.tar),
        "live": live,
        "compress": packed.compress,
        "to": _line(route, unpack, first),
    }
    argv, begin = pack_helper(route.old, route.old_facts).request("send", params)
    names = requests((entry.path for entry in sending), begin)
    sent = await _relayed(route, argv, names, unpack, first, sending, to, on_progress)
    if route.new_facts.tar != tar.GNU:
        await _settle(route, sent)
    return sent


async def _patch(
    route: Route, patching: Manifest, to: Path, on_progress: Progress, *, live: bool
) -> Manifest:
    if not len(patching):
        return await aside(manifest.write, to, ())
    packed = route.packed
    old, new = pack_helper(route.old, route.old_facts), pack_helper(route.new, route.new_facts)
    there = {"root": route.staging, "mustContain": STAGING_MARK, "decompress": packed.decompress}
    unpack, first = new.request("patch", there)
    params = {"root": route.source_root, "live": live, "compress": packed.compress}
    argv, begin = old.request("delta", {**params, "to": _line(route, unpack, first)})
    asked = _differences(begin, new, route.staging, patching)
    return await _relayed(route, argv, asked, unpack, first, patching, to, on_progress)


async def _differences(begin: bytes, new: Helper, staging: str, patching: Manifest) -> AsyncIterator[bytes]:
    """What OLD is asked for: each file with the digests of the blocks that NEW has."""
    yield begin
    files = [{"p": tar.text(entry.path), "b": block_size(entry.size)} for entry in patching]
    params = {"root": staging, "files": files}
    async for item in new.stream("blocks", params, timeout=manifest.LONGEST_WALK):
        yield json.dumps(item).encode() + b"\n"


def block_size(size: int) -> int:
    """Bytes of the blocks into which a file is cut: small, but never so that there are very many."""
    block = SMALLEST_BLOCK
    while size > block * MOST_BLOCKS:
        block *= 2
    return block


def _line(route: Route, unpack: list[str], first: bytes) -> dict[str, object] | None:
    """Where OLD sends by itself; None where the wizard takes the stream on."""
    return None if route.direct is None else direct.line(route.direct, unpack, first, route.bwlimit)


async def _relayed(
    route: Route,
    argv: list[str],
    input: AsyncIterable[bytes],
    unpack: list[str],
    first: bytes,
    sending: Manifest,
    to: Path,
    on_progress: Progress,
) -> Manifest:
    own = None if route.direct is None else nullcontext(direct.Unused(route.old.label))
    with manifest.Writer(to) as writer:
        async with (
            own or route.new.writer(unpack) as sink,
            route.old.reader(argv, input=input) as packing,
        ):
            relay = Relay(route, packing, sink)
            await relay.run(b"" if own else first, Heard(sending, writer, on_progress))
        return await aside(writer.publish)


def _unpacking(route: Route, packed: tar.Compression) -> tuple[list[str], bytes]:
    """What unpacks on NEW, and what it is given before the stream."""
    if packed.program or packed.decompress is None:
        argv = tar.unpack_argv(route.new_facts.tar, route.staging, packed)
        return [*tar.environment(route.new_facts), *argv], b""
    argv = tar.unpack_argv(route.new_facts.tar, route.staging, None)
    params = {"tar": argv, "decompress": packed.decompress}
    return pack_helper(route.new, route.new_facts).request("unpack", params)


async def requests(paths: Iterable[bytes], begin: bytes = b"") -> AsyncIterator[bytes]:
    """The names of what is to be packed, as the helper reads them, after `begin`."""
    part = bytearray(begin)
    for path in paths:
        part += tar.text(path).encode() + b"\n"
        if len(part) >= REQUESTS:
            yield bytes(part)
            part.clear()
    yield bytes(part)


async def _settle(route: Route, sent: Manifest) -> None:
    """What other tars than GNU's leave: times and modes of folders, deepest first, and set-user-id bits."""
    helper = pack_helper(route.new, route.new_facts)
    left = await aside(_unsettled, sent)
    for start in range(0, len(left), AT_ONCE):
        ops = [
            {"p": tar.text(e.path), "m": e.mode, "t": str(e.mtime_ns)} for e in left[start : start + AT_ONCE]
        ]
        params = {"root": route.staging, "mustContain": STAGING_MARK, "ops": ops}
        await helper.call("settle", {**params, "precision": route.precision}, timeout=3600)


def _unsettled(sent: Manifest) -> list[Entry]:
    left = [entry for entry in sent if entry.kind == "d" or (entry.kind == "f" and entry.mode & 0o7000)]
    left.reverse()
    return left
