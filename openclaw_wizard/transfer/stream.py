"""One tar stream of many files from OLD to NEW, relayed through the wizard.

OLD packs (its own tar, through the helper, which counts), the wizard passes the bytes on, NEW unpacks
into the staging folder. Nothing is written anywhere else on NEW and nothing at all on OLD.
"""

from __future__ import annotations

import asyncio
import json
import struct
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Final, NoReturn, TypeVar

from openclaw_wizard.errors import CommandFailed, LinkLost, StepFailed
from openclaw_wizard.hosts import ByteSink, ByteSource, Host
from openclaw_wizard.hosts.helper import Helper, raw, source
from openclaw_wizard.model import HostFacts, Role
from openclaw_wizard.transfer import tar
from openclaw_wizard.transfer.compare import database_units
from openclaw_wizard.transfer.manifest import Manifest, weights

STAGING_MARK: Final = ".incoming-"
"""What the name of every staging folder contains (`Tree.staging`); nothing else is cleared."""
PATIENCE: Final = 120.0
"""Seconds without one byte moved after which the link counts as lost."""
HEAD: Final = struct.Struct(">cI")
SAFE: Final = "OLD was only read. NEW's previous state is untouched; the copy is in a folder of its own."
RESUME: Final = "Resume; what is already there is not sent again."
NO_ROOM: Final = ("No space left", "ENOSPC", "Disk quota exceeded", "EDQUOT")

Progress = Callable[[int, int | None], None]
T = TypeVar("T")


def pack_helper(host: Host, facts: HostFacts) -> Helper:
    """The helper with the commands that pack."""
    parts = tuple(source("openclaw_wizard.transfer", name) for name in ("tar.mjs", "pack.mjs"))
    return Helper(host, facts.path, parts)


async def send(
    old: Host,
    new: Host,
    old_facts: HostFacts,
    new_facts: HostFacts,
    source_root: str,
    staging: str,
    paths: Sequence[bytes],
    manifest: Manifest,
    on_progress: Progress,
    *,
    live: bool = False,
    patience: float = PATIENCE,
) -> None:
    """Makes `paths` of `source_root` on OLD stand in the existing folder `staging` on NEW.

    What stands in `staging` and is not in `manifest` is cleared away first. `on_progress` gets the
    bytes packed so far, of `volume(manifest, paths)`, and how many entries have begun. With `live`,
    files that change or vanish while they are read are no error. Safe to repeat after any failure.
    Raises StepFailed (a tar failed, NEW is full; with a field `side` that is `Role.OLD` where it was
    OLD's), HelperFailed, LinkLost.
    """
    names = tar.in_order(with_folders(paths, manifest), manifest, new_facts.tar)
    packed = tar.compression(old_facts, new_facts)
    unpack = [*tar.environment(new_facts), *tar.unpack_argv(new_facts.tar, staging, packed)]
    pack = tar.packing(old_facts.tar, new_facts.tar, source_root, names, live=live)
    params = {**pack, "compress": list(packed.compress) or None}
    argv, input = pack_helper(old, old_facts).request("pack", params)
    helper = Helper(new, new_facts.path)
    await _make_way(helper, staging, names, manifest)
    counter = _Counter(names, manifest, paths, on_progress)
    async with new.writer(unpack) as sink, old.reader(argv, input=input) as packing:
        await _Relay(old.label, new.label, packing, sink, patience).run(counter)
    if new_facts.tar == tar.BUSYBOX:
        await _set_modes(helper, staging, names, manifest)


def with_folders(paths: Iterable[bytes], manifest: Manifest) -> tuple[bytes, ...]:
    """`paths` and every folder above them, in order: unpacking changes a folder's mtime, tar sets it."""
    wanted = set(paths) | {b""}
    for path in paths:
        parent = path.rpartition(b"/")[0]
        while parent not in wanted:
            wanted.add(parent)
            parent = parent.rpartition(b"/")[0]
    return tuple(path for path in manifest.entries if path in wanted)


def volume(manifest: Manifest, paths: Sequence[bytes]) -> int:
    """Bytes of content of `paths`, a file with several names counted once."""
    return sum(weights(manifest.entries[path] for path in paths))


async def _make_way(helper: Helper, staging: str, names: Sequence[bytes], manifest: Manifest) -> None:
    going = set(names)
    afresh = [p for base, members in database_units(manifest.entries) if base in going for p in members]
    params = {
        "root": staging,
        "mustContain": STAGING_MARK,
        "wanted": [(_text(path), entry.kind) for path, entry in manifest.entries.items()],
        "afresh": [_text(path) for path in afresh],
    }
    await helper.call("make_way", params, timeout=600)


async def _set_modes(helper: Helper, staging: str, names: Sequence[bytes], manifest: Manifest) -> None:
    """What busybox leaves: modes of folders that were there, and set-user-id bits."""
    entries = [manifest.entries[name] for name in names]
    ops = [{"path": raw(e.path), "mode": e.mode} for e in entries if e.kind != "l"]
    await helper.call("chmod", {"root": staging, "ops": ops}, timeout=600)


def _text(path: bytes) -> str:
    return b64encode(path).decode("ascii")


class _Counter:
    """Bytes done, from how many entries tar has begun and how much it has read since the last one began."""

    def __init__(
        self, names: Sequence[bytes], manifest: Manifest, paths: Sequence[bytes], tell: Progress
    ) -> None:
        asked = set(paths)
        sizes = weights(manifest.entries[name] for name in names)
        self._until = [0, *accumulate(sizes)]
        self._asked = [0, *accumulate(int(name in asked) for name in names)]
        self._tell = tell
        self._done = 0

    def update(self, item: dict[str, int]) -> None:
        begun = min(item["entries"], len(self._until) - 1)
        before, after = self._until[max(begun - 1, 0)], self._until[begun]
        self._done = max(self._done, min(after, before + item["raw"] - item["begun"]))
        self._tell(self._done, self._asked[begun])

    def complete(self) -> None:
        self._tell(self._until[-1], self._asked[-1])


class _Relay:
    """Passes frames from the packing helper on to the unpacking tar, and explains which end failed."""

    def __init__(self, old: str, new: str, packing: ByteSource, sink: ByteSink, patience: float) -> None:
        self._old, self._new = old, new
        self._packing, self._sink = packing, sink
        self._patience = patience

    async def run(self, progress: _Counter) -> None:
        async for record in self._records():
            if "item" in record:
                progress.update(record["item"])
            elif "error" in record:
                self._packing_failed(str(record["error"]["message"]))
            else:
                await self._unpacked()
                progress.complete()
                return
        await self._packing_died()

    async def _records(self) -> AsyncIterator[dict[str, Any]]:
        """The records between the chunks; the chunks go to the sink."""
        buffer = bytearray()
        while chunk := await self._patiently(self._packing.read(), self._old):
            buffer += chunk
            while len(buffer) >= HEAD.size:
                kind, length = HEAD.unpack_from(buffer)
                if len(buffer) < HEAD.size + length:
                    break
                content = bytes(memoryview(buffer)[HEAD.size : HEAD.size + length])
                del buffer[: HEAD.size + length]
                if kind == b"D":
                    await self._pass_on(content)
                else:
                    yield json.loads(content)

    async def _pass_on(self, content: bytes) -> None:
        try:
            await self._patiently(self._sink.write(content), self._new)
        except CommandFailed as failed:
            self._unpacking_failed(failed.fields.get("status"), str(failed.fields.get("output", "")))

    async def _unpacked(self) -> None:
        completed = await self._patiently(self._sink.finish(), self._new)
        if completed.status != 0:
            self._unpacking_failed(completed.status, completed.stderr.decode(errors="replace"))

    def _unpacking_failed(self, status: object, said: str) -> NoReturn:
        if any(word in said for word in NO_ROOM):
            what, next = f"The disk of NEW ({self._new}) is full.", f"Make room there. {RESUME}"
        else:
            what, next = f"Unpacking on NEW ({self._new}) ended with {status}: {_tail(said)}", RESUME
        raise StepFailed(what=what, safe=SAFE, next=next)

    def _packing_failed(self, said: str) -> NoReturn:
        what = f"Packing on OLD ({self._old}) failed: {_tail(said)}"
        raise StepFailed(what=what, safe=SAFE, next=RESUME, side=Role.OLD)

    async def _packing_died(self) -> NoReturn:
        completed = await self._patiently(self._packing.finish(), self._old)
        said = completed.stderr.decode(errors="replace").strip()
        self._packing_failed(said or f"it ended with {completed.status} before it was done")

    async def _patiently(self, moving: Awaitable[T], host: str) -> T:
        try:
            return await asyncio.wait_for(moving, self._patience)
        except TimeoutError as late:
            raise LinkLost(host=host, doing=f"copying (not a byte in {self._patience:.0f} s)") from late


def _tail(said: str) -> str:
    return " / ".join(said.strip().splitlines()[-4:])[-600:]
