"""One running command, and the four ways of using it that every host has.

A kind of host only says how a command is started (`CommandHost._start`); what happens on a
timeout, a cancellation or an early end is the same for all and stands here.
"""

from __future__ import annotations

import asyncio
import zlib
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Sequence,
)
from contextlib import asynccontextmanager, suppress
from typing import Final, Protocol, TypeVar

from openclaw_wizard.errors import CommandFailed, CommandTimedOut, LinkLost, WizardError
from openclaw_wizard.hosts import Completed, command_name
from openclaw_wizard.hosts.shell import typed

CHUNK: Final = 1 << 18
PACKED_CHUNK: Final = 1 << 14
"""Bytes of a deflated list that are read at once: about a thousand entries, a few ms of work."""
RAW_DEFLATE: Final = -15
"""zlib's word for a stream without a header."""
STDERR_KEPT: Final = 1 << 20
"""Bytes of a command's standard error that are kept: the last ones."""

PATIENCE: Final = 5.0
"""Seconds that anybody waits for the end of a command that was given up; it goes on by itself."""

Result = TypeVar("Result")


class Running(Protocol):
    """A command that was started. Every method raises LinkLost where there is a link to lose."""

    async def read(self, limit: int) -> bytes:
        """Up to `limit` bytes of its standard output, or empty at the end."""
        ...

    async def read_stderr(self, limit: int) -> bytes: ...

    async def write(self, data: bytes) -> None:
        """Writes all to its standard input. Raises BrokenPipeError where it reads no more."""
        ...

    async def end_input(self) -> None: ...

    async def wait(self) -> int:
        """Its status (negative for a signal), after both outputs ended."""
        ...

    async def kill(self) -> None:
        """Ends its process group (TERM, then KILL) and lets go of its streams; never raises."""
        ...


class Command:
    """A running command with its input fed and its standard error drained in the background."""

    def __init__(
        self, host: str, argv: Sequence[str], running: Running, data: bytes | AsyncIterable[bytes] | None
    ) -> None:
        self._host = host
        self._argv = tuple(argv)
        self.running = running
        self.ended = False
        self._unfed: WizardError | None = None
        self._stderr = asyncio.create_task(_last_bytes(running.read_stderr))
        self._tasks: list[asyncio.Task[bytes] | asyncio.Task[None]] = [self._stderr]
        if data is not None:
            self._tasks.append(asyncio.create_task(self._feed(data)))

    async def read(self, limit: int = CHUNK) -> bytes:
        """See Running. Raises what its input failed with, where that is why it ended."""
        try:
            part = await self.running.read(limit)
        except LinkLost:
            # Its channel was dropped with it, which looks like a lost link.
            self._tell_unfed()
            raise
        if not part:
            self._tell_unfed()
        return part

    def _tell_unfed(self) -> None:
        if self._unfed is not None:
            raise self._unfed

    async def read_all(self) -> bytes:
        parts = []
        while part := await self.read():
            parts.append(part)
        return b"".join(parts)

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), CHUNK):
            await self.running.write(data[start : start + CHUNK])

    async def end_input(self) -> None:
        # A command may end without having read everything; its status says whether that was right.
        with suppress(BrokenPipeError):
            await self.running.end_input()

    async def wait(self, stdout: bytes = b"") -> Completed:
        """What came of it, once its standard output was read to the end."""
        stderr = await asyncio.shield(self._stderr)
        status = await self.running.wait()
        self.ended = True
        return Completed(self._host, self._argv, status, stdout, stderr)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _feed(self, data: bytes | AsyncIterable[bytes]) -> None:
        try:
            await self._give(data)
        except WizardError as problem:
            # Half of an input must not pass for all of it, and nobody may wait for the rest.
            self._unfed = problem
            await self.running.kill()

    async def _give(self, data: bytes | AsyncIterable[bytes]) -> None:
        # A lost link is told by whoever reads; the rest of an unwanted input is nobody's loss.
        with suppress(BrokenPipeError, LinkLost):
            if isinstance(data, bytes):
                await self.write(data)
            else:
                async for part in data:
                    await self.write(part)
                    await breathe()
        with suppress(LinkLost):
            await self.end_input()


class Source:
    """A ByteSource over a running command."""

    def __init__(self, command: Command) -> None:
        self._command = command

    async def read(self, limit: int = CHUNK) -> bytes:
        return await self._command.read(limit)

    async def finish(self) -> Completed:
        while await self._command.read():
            pass
        return await self._command.wait()


class Sink:
    """A ByteSink over a running command; `finish` gives what the command printed, kept in memory."""

    def __init__(self, command: Command, stdout: asyncio.Task[bytes]) -> None:
        self._command = command
        self._stdout = stdout

    async def write(self, data: bytes) -> None:
        """Writes all. Raises LinkLost, and CommandFailed where the command ended before it read all."""
        try:
            await self._command.write(data)
        except BrokenPipeError:
            completed = (await self.finish()).check()
            raise CommandFailed(
                host=completed.host,
                command=command_name(completed.argv),
                status=completed.status,
                output="it ended before it had read everything",
            ) from None

    async def finish(self) -> Completed:
        await self._command.end_input()
        return await self._command.wait(await asyncio.shield(self._stdout))


class CommandHost(ABC):
    """The Host protocol over one abstract act: starting a command."""

    label: str
    host_key: str = ""
    place: str = ""

    def __init__(self, label: str) -> None:
        self.label = label
        self._commands: set[Running] = set()
        self._endings: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def _start(self, argv: Sequence[str], *, pty: bool, bulk: bool) -> Running:
        """Starts a command in a process group of its own; `bulk` tells that much data will flow."""

    @abstractmethod
    async def reconnect(self) -> None: ...

    async def run(
        self, argv: Sequence[str], *, input: bytes = b"", timeout: float = 60.0, pty: bool = False
    ) -> Completed:
        """See Host. It ends when the command has ended and nobody holds its output open any more.

        With `pty` the input is typed: lines under 4096 bytes, control characters act.
        """

        async def to_the_end() -> Completed:
            async with self._command(argv, typed(input) if pty else input, pty=pty) as command:
                return await command.wait(await command.read_all())

        return await self._within(timeout, to_the_end(), argv)

    async def lines(
        self,
        argv: Sequence[str],
        *,
        input: bytes | AsyncIterable[bytes] = b"",
        timeout: float = 60.0,
        inflate: bool = False,
    ) -> AsyncGenerator[bytes, None]:
        """See Host. Whoever stops early closes the generator (`contextlib.aclosing`), which kills."""
        deadline = asyncio.get_running_loop().time() + timeout
        parts: list[bytes] = []
        unpacker = zlib.decompressobj(RAW_DEFLATE)
        async with self._command(argv, input) as command:
            limit = PACKED_CHUNK if inflate else CHUNK
            while chunk := await self._within(timeout, command.read(limit), argv, deadline):
                first, *others = (unpacker.decompress(chunk) if inflate else chunk).split(b"\n")
                parts.append(first)
                for other in others:
                    yield b"".join(parts)
                    parts = [other]
                await breathe()
            if last := b"".join(parts):
                yield last
            (await self._within(timeout, command.wait(), argv, deadline)).check()

    @asynccontextmanager
    async def reader(
        self, argv: Sequence[str], *, input: bytes | AsyncIterable[bytes] = b""
    ) -> AsyncIterator[Source]:
        async with self._command(argv, input, bulk=True) as command:
            yield Source(command)

    @asynccontextmanager
    async def writer(self, argv: Sequence[str]) -> AsyncIterator[Sink]:
        async with self._command(argv, None, bulk=True) as command:
            stdout = asyncio.create_task(command.read_all())
            try:
                yield Sink(command, stdout)
            finally:
                stdout.cancel()
                await asyncio.gather(stdout, return_exceptions=True)

    async def aclose(self) -> None:
        _ = [self._own(running.kill()) for running in self._commands]
        await self._settled()

    @asynccontextmanager
    async def _command(
        self,
        argv: Sequence[str],
        data: bytes | AsyncIterable[bytes] | None,
        *,
        pty: bool = False,
        bulk: bool = False,
    ) -> AsyncIterator[Command]:
        running = await self._begin(argv, pty=pty, bulk=bulk)
        self._commands.add(running)
        command = Command(self.label, argv, running, data)
        try:
            yield command
        finally:
            self._commands.discard(running)
            await asyncio.wait([self._own(_put_away(command))], timeout=PATIENCE)

    async def _begin(self, argv: Sequence[str], *, pty: bool, bulk: bool) -> Running:
        """Starts the command; where that is cancelled halfway, sees the start through and kills it."""
        starting = asyncio.create_task(self._start(argv, pty=pty, bulk=bulk))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait([self._own(_undo_start(starting))], timeout=PATIENCE)
            raise

    def _own(self, ending: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Lets an ending go on by itself; `aclose` waits for it."""
        task = asyncio.create_task(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        return task

    async def _settled(self) -> None:
        if self._endings:
            await asyncio.wait(self._endings, timeout=PATIENCE)

    async def _within(
        self,
        seconds: float,
        result: Awaitable[Result],
        argv: Sequence[str],
        deadline: float | None = None,
    ) -> Result:
        when = asyncio.get_running_loop().time() + seconds if deadline is None else deadline
        cap = asyncio.timeout_at(when)
        try:
            async with cap:
                return await result
        except TimeoutError as error:
            if not cap.expired():
                raise
            raise CommandTimedOut(
                host=self.label, command=command_name(argv), seconds=f"{seconds:g}"
            ) from error


async def breathe() -> None:
    """Lets the loop come round: what is there already is read and written without waiting, so without it."""
    await asyncio.sleep(0)


async def _put_away(command: Command) -> None:
    if not command.ended:
        await command.running.kill()
    await command.stop()


async def _undo_start(starting: asyncio.Task[Running]) -> None:
    await asyncio.wait([starting])
    if not starting.cancelled() and starting.exception() is None:
        await starting.result().kill()


async def _last_bytes(read: Callable[[int], Awaitable[bytes]]) -> bytes:
    """The last STDERR_KEPT bytes of a stream that is read to its end."""
    kept = bytearray()
    while part := await read(CHUNK):
        kept += part
        del kept[:-STDERR_KEPT]
    return bytes(kept)
