"""A place on the way to a machine's sshd where the link can be cut at a byte, go silent, or be slow.

It is a thread of the tests that works inside the operator's network namespace; the operator's ssh
alias is pointed at it (`relayed`), so that the wizard meets it as it would a bad line.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from tests.lab.lab import Lab

Way = Literal["up", "down"]
"""`up` is to the machine, `down` is from it."""
How = Literal["reset", "silence"]
CLONE_NEWNET: Final = 0x40000000
CHUNK: Final = 1 << 14
WAITING: Final = 64
"""Chunks that may be on their way at once, in each direction of a connection."""
RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Relay:
    """Between `port` on the operator's loopback and a machine's sshd. Every method returns when it is so."""

    def __init__(self, namespace: str, address: str) -> None:
        self.address = address
        self.port = 0
        self.passed: dict[Way, int] = {"up": 0, "down": 0}
        """Bytes that went through in each direction, of all connections together."""
        self.connections = 0
        """How many were accepted, the ones that a cut ended too."""
        self.fell = threading.Event()
        """Set once an armed cut has happened."""
        self.delay = 0.0
        """Seconds that each byte to the machine takes."""
        self.rate: float | None = None
        """Bytes a second in each direction of each connection; None for as fast as it goes."""
        self._armed: tuple[Way, int, How, bool] | None = None
        self._silent = False
        self._open: set[_Line] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        begun: Future[None] = Future()
        self._thread = threading.Thread(target=self._work, args=(Path("/run/netns") / namespace, begun))
        self._thread.start()
        begun.result(20)
        self._do(self._listen)

    # ---------------------------------------------------------------- the faults

    def cut_after(self, count: int, *, way: Way, how: How = "reset", again: bool = True) -> None:
        """Once `count` more bytes went through, every connection is cut; `again`: new ones are accepted.

        `reset` is a RST to both ends; `silence` passes nothing on and says nothing.
        """
        self.fell.clear()
        self._do_now(lambda: self._arm((way, self.passed[way] + count, how, again)))

    def cut_now(self, *, how: How = "reset", again: bool = True) -> None:
        self._do_now(lambda: self._fall(how, again=again))

    def heal(self) -> None:
        """Connections that went silent are reset, as by a box on the way that forgot them; new ones work."""

        def mend() -> None:
            self._armed, self._silent = None, False
            self._reset_all()

        self._do_now(mend)
        self._do(self._listen)

    @property
    def words(self) -> dict[str, str]:
        """What the machine's ssh alias has to say to lead through here, its key checked as ever."""
        return {"HostName": "127.0.0.1", "Port": str(self.port), "HostKeyAlias": self.address}

    def close(self) -> None:
        self._do(self._hang_up)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    # -------------------------------------------------------------- in the thread

    def _work(self, namespace: Path, begun: Future[None]) -> None:
        try:
            enter(namespace)
        except OSError as problem:
            begun.set_exception(problem)
            return
        begun.set_result(None)
        self._loop.run_forever()
        self._loop.close()

    def _do(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        asyncio.run_coroutine_threadsafe(work(), self._loop).result(20)

    def _do_now(self, work: Callable[[], None]) -> None:
        async def now() -> None:
            work()

        self._do(now)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port, limit=CHUNK)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _hang_up(self) -> None:
        self._refuse()
        self._reset_all()
        await asyncio.gather(*(line.gone.wait() for line in self._open))

    def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _reset_all(self) -> None:
        for line in self._open:
            line.reset()

    def _arm(self, armed: tuple[Way, int, How, bool]) -> None:
        self._armed = armed

    def _fall(self, how: How, *, again: bool) -> None:
        self._armed = None
        if how == "silence":
            self._silent = True
        else:
            self._reset_all()
        if not again:
            self._refuse()
        self.fell.set()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        line = _Line(self, reader, writer)
        self._open.add(line)
        try:
            await line.carry()
        finally:
            self._open.discard(line)
            line.reset()
            line.gone.set()

    def room(self, way: Way) -> int | None:
        """How many more bytes go this way before the link is cut; None where nothing cuts it."""
        if self._silent:
            return 0
        if self._armed is None or self._armed[0] != way:
            return None
        return self._armed[1] - self.passed[way]

    def full(self, way: Way) -> None:
        """Called when the last byte before the cut went through."""
        if self._armed is not None and self._armed[0] == way:
            _, _, how, again = self._armed
            self._fall(how, again=again)


class _Line:
    """One connection through the relay."""

    def __init__(self, relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._relay = relay
        self._near = (reader, writer)
        self._writers = [writer]
        self._over = asyncio.Event()
        self.gone = asyncio.Event()
        """Set when nothing of it is left."""

    def reset(self) -> None:
        """Both ends see a RST, what was not yet delivered is lost."""
        self._over.set()
        for writer in self._writers:
            made = writer.get_extra_info("socket")
            with suppress(OSError):
                made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    async def carry(self) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(self._relay.address, 22, limit=CHUNK)
        except OSError:
            return  # what a machine refuses, its caller sees as an end
        self._writers.append(far_writer)
        near_reader, near_writer = self._near
        moving = [
            asyncio.create_task(self._move("up", near_reader, far_writer)),
            asyncio.create_task(self._move("down", far_reader, near_writer)),
        ]
        both = asyncio.create_task(_ended(moving))
        over = asyncio.create_task(_until(self._over))
        await asyncio.wait([over, both], return_when=asyncio.FIRST_COMPLETED)
        for task in (*moving, over, both):
            task.cancel()
        await asyncio.gather(*moving, over, both, return_exceptions=True)

    async def _move(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING)
        writer.transport.set_write_buffer_limits(0)
        emptying = asyncio.create_task(self._deliver(way, queue, writer))
        try:
            chunk = b"something"
            while chunk:
                chunk = await reader.read(CHUNK)
                late = self._relay.delay if way == "up" else 0.0
                await queue.put((asyncio.get_running_loop().time() + late, chunk))
            await emptying
        finally:
            emptying.cancel()

    async def _deliver(
        self, way: Way, queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        while True:
            due, chunk = await queue.get()
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            if not chunk:
                writer.write_eof()
                return
            room = self._relay.room(way)
            going = chunk if room is None else chunk[: max(room, 0)]
            writer.write(going)
            self._relay.passed[way] += len(going)
            await writer.drain()
            if room is not None and len(going) == room:
                self._relay.full(way)
                await self._over.wait()
                return
            if self._relay.rate is not None:
                await asyncio.sleep(len(going) / self._relay.rate)


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    # What broke in one direction would leave the other open for ever, and a server that waits.
    await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)


async def _until(event: asyncio.Event) -> None:
    await event.wait()


def enter(namespace: Path) -> None:
    """Moves this thread alone into a network namespace. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    with namespace.open() as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            problem = ctypes.get_errno()
            raise OSError(problem, os.strerror(problem), str(namespace))


@contextmanager
def relayed(lab: Lab, name: str) -> Iterator[Relay]:
    """The operator's way to one machine leads through a relay until the block ends."""
    relay = Relay(lab.network.operator, lab.machines[name].shape.address)
    lab.write_ssh_config(**{name: relay.words})
    try:
        yield relay
    finally:
        lab.write_ssh_config()
        relay.close()
