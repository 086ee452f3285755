"""The middle of a copy: frames from the packing helper on OLD go on to what unpacks on NEW.

What OLD says of every entry is kept as it comes, and which end failed is told. Where OLD streams to NEW
by itself only what it says comes through here.
"""

from __future__ import annotations

import asyncio
import json
import struct
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

from openclaw_wizard.errors import CommandFailed, LinkLost, NoRoom, StepFailed
from openclaw_wizard.hosts import ByteSink, ByteSource, Host
from openclaw_wizard.hosts.helper import ITEM
from openclaw_wizard.hosts.running import RAW_DEFLATE, breathe
from openclaw_wizard.model import HostFacts, Role
from openclaw_wizard.transfer import direct, manifest, tar
from openclaw_wizard.transfer.manifest import Manifest

PATIENCE: Final = 120.0
"""Seconds without one byte moved after which the link counts as lost."""
HEAD: Final = struct.Struct(">cI")
SAFE: Final = "OLD was only read. NEW's previous state is untouched; the copy is in a folder of its own."
RESUME: Final = "Resume; what is already there is not sent again."
WITHIN: Final = b'{"within"'
NO_ROOM: Final = ("No space left", "ENOSPC", "Disk quota exceeded", "EDQUOT")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Moment:
    """How far a copy is: what is packed now, and the bytes of content and the entries packed before."""

    path: bytes
    bytes: int
    entries: int


Progress = Callable[[Moment], None]


@dataclass(frozen=True, slots=True)
class Route:
    """Both ends of a copy of one tree; `staging` exists on NEW."""

    old: Host
    new: Host
    old_facts: HostFacts
    new_facts: HostFacts
    source_root: str
    staging: str
    patience: float = PATIENCE
    bwlimit: int | None = None
    """Bytes a second to NEW, as they are on the line; None for no limit."""
    direct: str | None = None
    """Where OLD's own ssh reaches NEW; None for through the wizard."""
    rate: float | None = None
    """Bytes a second that the link was found to carry, None where that is not known."""

    @property
    def packed(self) -> tar.Compression:
        """What both ends have, as strong as the link needs."""
        limits = [limit for limit in (self.rate, self.bwlimit) if limit is not None]
        return tar.compression(self.old_facts, self.new_facts, min(limits, default=None))

    @property
    def precision(self) -> int:
        """The nanoseconds to which NEW can set times."""
        return tar.precision(self.new_facts.tar)


class Heard:
    """What OLD says while it packs: each entry that is packed, and how far it is within one."""

    def __init__(self, sending: Manifest, writer: manifest.Writer, tell: Progress) -> None:
        self._writer, self._tell = writer, tell
        self._coming = iter(sending)
        self._now = next(self._coming, None)

    def item(self, line: bytes) -> None:
        if line.startswith(WITHIN):
            size = self._now.size if self._now else 0
            self._say(min(json.loads(line)["within"], size))
            return
        # What went away while it was packed is not in the answer.
        if line.startswith(manifest.ENTRY):
            self._writer.add_line(line)
        self._now = next(self._coming, None)

    def complete(self) -> None:
        self._say(0)

    def _say(self, within: int) -> None:
        path = self._now.path if self._now else b""
        self._tell(Moment(path, self._writer.bytes + within, self._writer.count))


class Pace:
    """How long to wait after each piece so that no more than `limit` bytes a second pass, from `began` on."""

    def __init__(self, limit: int | None, began: float) -> None:
        self._limit, self._began, self._passed = limit, began, 0

    def pause(self, size: int, now: float) -> float:
        """Seconds to wait after a piece of `size` bytes that has passed."""
        self._passed += size
        if self._limit is None:
            return 0.0
        return max(0.0, self._began + self._passed / self._limit - now)


class Relay:
    """Passes frames from the packing helper on to the unpacking tar, and explains which end failed."""

    def __init__(self, route: Route, packing: ByteSource, sink: ByteSink) -> None:
        self._old, self._new = route.old.label, route.new.label
        self._direct = route.direct is not None
        self._patience = route.patience
        self._packing, self._sink = packing, sink
        self._pace = Pace(route.bwlimit, time.monotonic())
        self._waiting_for = route.old.label
        self._cap: asyncio.Timeout

    async def run(self, first: bytes, heard: Heard) -> None:
        """`first` is what NEW gets before the stream. Raises StepFailed, LinkLost."""
        try:
            async with asyncio.timeout(self._patience) as self._cap:
                await self._run(first, heard)
        except TimeoutError as late:
            doing = f"copying (not a byte in {self._patience:.0f} s)"
            raise LinkLost(host=self._waiting_for, doing=doing, direct=self._direct) from late

    async def _run(self, first: bytes, heard: Heard) -> None:
        if first:
            await self._pass_on(first)
        async for line in self._records():
            if line.startswith(ITEM):
                heard.item(line[len(ITEM) : -1])
            elif "error" in (record := json.loads(line)):
                self._failed(str(record["error"]["code"]), str(record["error"]["message"]))
            else:
                await self._unpacked()
                heard.complete()
                return
        await self._packing_died()

    async def _records(self) -> AsyncIterator[bytes]:
        """The lines of the records between the chunks; the chunks go to the sink."""
        buffer = bytearray()
        unpacker = zlib.decompressobj(RAW_DEFLATE)
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
                    for line in unpacker.decompress(content).splitlines():
                        yield line
                    await breathe()

    async def _pass_on(self, content: bytes) -> None:
        try:
            await self._patiently(self._sink.write(content), self._new)
        except CommandFailed as failed:
            self._unpacking_failed(failed.fields.get("status"), str(failed.fields.get("output", "")))
        pause = self._pace.pause(len(content), time.monotonic())
        # A pause that is meant is nobody's silence.
        self._cap.reschedule(asyncio.get_running_loop().time() + pause + self._patience)
        await asyncio.sleep(pause)

    async def _unpacked(self) -> None:
        completed = await self._patiently(self._sink.finish(), self._new)
        if completed.status != 0:
            self._unpacking_failed(completed.status, completed.stderr.decode(errors="replace"))

    def _failed(self, code: str, said: str) -> NoReturn:
        """What OLD's helper said at its end, of itself or of the line that it sent to."""
        if code == direct.LINK:
            doing = f"{self._old} sent to it directly ({_tail(said)})"
            raise LinkLost(host=self._new, doing=doing, direct=True)
        if code == direct.UNPACKING:
            self._unpacking_failed(*said.split(": ", 1))
        self._packing_failed(said)

    def _unpacking_failed(self, status: object, said: str) -> NoReturn:
        if any(word in said for word in NO_ROOM):
            what = f"The disk of NEW ({self._new}) is full."
            raise NoRoom(what=what, safe=SAFE, next=f"Make room there. {RESUME}")
        what = f"Unpacking on NEW ({self._new}) ended with {status}: {_tail(said)}"
        raise StepFailed(what=what, safe=SAFE, next=RESUME)

    def _packing_failed(self, said: str) -> NoReturn:
        what = f"Packing on OLD ({self._old}) failed: {_tail(said)}"
        raise StepFailed(what=what, safe=SAFE, next=RESUME, side=Role.OLD)

    async def _packing_died(self) -> NoReturn:
        completed = await self._patiently(self._packing.finish(), self._old)
        said = completed.stderr.decode(errors="replace").strip()
        self._packing_failed(said or f"it ended with {completed.status} before it was done")

    async def _patiently(self, moving: Awaitable[T], host: str) -> T:
        """What is awaited; each time the patience begins anew, and the host that is waited for is known."""
        self._waiting_for = host
        self._cap.reschedule(asyncio.get_running_loop().time() + self._patience)
        return await moving


def _tail(said: str) -> str:
    return " / ".join(said.strip().splitlines()[-4:])[-600:]
