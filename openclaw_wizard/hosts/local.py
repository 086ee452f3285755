"""This machine as a host: processes of its own session, ended by their process group."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
from asyncio.subprocess import Process, SubprocessStreamProtocol
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from openclaw_wizard.errors import HostUnreachable
from openclaw_wizard.hosts import shell
from openclaw_wizard.hosts.running import CHUNK, CommandHost
from openclaw_wizard.hosts.shell import ENVIRONMENT, encode_argv

# A shell says "not found" with status 127 and "not executable" with 126, as a remote host does.
_EXEC: Final = (b"/bin/sh", b"-c", b'exec "$@"', b"sh")

# The leader of a session gets the first terminal that it opens as its controlling terminal.
_EXEC_ON_TERMINAL: Final = (b"/bin/sh", b"-c", b'exec <"$0" >"$0" 2>&1; exec "$@"')


class LocalCommand:
    """A Running on this machine."""

    def __init__(
        self, transport: asyncio.SubprocessTransport, process: Process, terminal: Terminal | None
    ) -> None:
        self._transport = transport
        self._process = process
        self._terminal = terminal
        self.pid = process.pid
        """Its process id, which is that of its process group too."""

    async def read(self, limit: int) -> bytes:
        stream = self._terminal.output if self._terminal else self._process.stdout
        return await stream.read(limit) if stream else b""

    async def read_stderr(self, limit: int) -> bytes:
        return await self._process.stderr.read(limit) if self._process.stderr else b""

    async def write(self, data: bytes) -> None:
        stream = self._terminal.input if self._terminal else self._process.stdin
        if stream is None:
            raise BrokenPipeError
        try:
            stream.write(data)
            await stream.drain()
        except OSError as error:
            raise BrokenPipeError from error

    async def end_input(self) -> None:
        # A terminal has no end of input of its own: it is typed (`shell.typed`).
        if self._process.stdin:
            self._process.stdin.close()

    async def wait(self) -> int:
        status = await self._process.wait()
        self.let_go()
        return status

    async def kill(self) -> None:
        self.signal(signal.SIGTERM)
        if not await self._gone(shell.GRACE):
            self.signal(signal.SIGKILL)
        self.let_go()
        self._transport.close()
        await self._process.wait()

    def signal(self, number: int) -> None:
        """Signals the whole process group, as far as it still lives."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            # Ended, or (on BSD) nothing but a zombie left.
            return

    def let_go(self) -> None:
        """Closes our ends of its streams and lets it run."""
        for number in (0, 1, 2):
            if pipe := self._transport.get_pipe_transport(number):
                pipe.close()
        if self._terminal:
            self._terminal.close()

    async def _gone(self, seconds: float) -> bool:
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            try:
                os.killpg(self.pid, 0)
            except (ProcessLookupError, PermissionError):
                return True
            await asyncio.sleep(0.02)
        return False


class Terminal:
    """Our side of a pseudo-terminal."""

    def __init__(
        self,
        output: asyncio.StreamReader,
        reading: asyncio.ReadTransport,
        input: asyncio.StreamWriter,
    ) -> None:
        self.output = output
        self.input = input
        self._reading = reading

    def close(self) -> None:
        self._reading.close()
        self.input.close()


class _TerminalProtocol(asyncio.StreamReaderProtocol):
    """Linux ends a terminal with EIO, which would hide what was read and not yet taken."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(None)


async def open_terminal(*, echo: bool, onlcr: bool) -> tuple[int, Terminal]:
    """A new pseudo-terminal: the command's side as a file descriptor, and ours."""
    ours, theirs = os.openpty()
    modes = termios.tcgetattr(theirs)
    if not echo:
        modes[3] &= ~(termios.ECHO | termios.ECHONL)
    if not onlcr:
        modes[1] &= ~termios.ONLCR
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    loop = asyncio.get_running_loop()
    output = asyncio.StreamReader()
    reading, _ = await loop.connect_read_pipe(
        lambda: _TerminalProtocol(output), os.fdopen(ours, "rb", buffering=0)
    )
    writing, flow = await loop.connect_write_pipe(
        lambda: _TerminalProtocol(asyncio.StreamReader()), os.fdopen(os.dup(ours), "wb", buffering=0)
    )
    return theirs, Terminal(output, reading, asyncio.StreamWriter(writing, flow, None, loop))


async def start(
    argv: Sequence[bytes],
    *,
    home: Path,
    environment: Mapping[str, str],
    terminal: tuple[int, Terminal] | None = None,
) -> LocalCommand:
    """Starts a program in a session of its own, with pipes or on a terminal.

    Raises OSError where the home folder cannot be entered.
    """
    loop = asyncio.get_running_loop()
    stream = asyncio.subprocess.PIPE if terminal is None else terminal[0]
    words = [*_EXEC, *argv]
    if terminal:
        words = [*_EXEC_ON_TERMINAL, os.ttyname(terminal[0]).encode(), *argv]
    try:
        transport, protocol = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(CHUNK, loop),
            *words,
            stdin=stream,
            stdout=stream,
            stderr=stream,
            cwd=home,
            env=dict(environment),
            start_new_session=True,
        )
    except OSError:
        if terminal:
            terminal[1].close()
        raise
    finally:
        if terminal:
            os.close(terminal[0])
    return LocalCommand(transport, Process(transport, protocol, loop), terminal[1] if terminal else None)


class LocalHost(CommandHost):
    """This machine, as the user who runs the wizard."""

    def __init__(self, home: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        """`home` is where commands start; `environment` overrides single variables."""
        super().__init__("local")
        self._home = home or Path.home()
        own = {} if home is None else {"HOME": str(home)}
        self._environment = {**os.environ, **own, **(environment or {}), **ENVIRONMENT}

    async def _start(self, argv: Sequence[str], *, pty: bool, bulk: bool) -> LocalCommand:
        words = encode_argv(argv)
        try:
            terminal = await open_terminal(echo=False, onlcr=False) if pty else None
            return await start(words, home=self._home, environment=self._environment, terminal=terminal)
        except OSError as error:
            raise HostUnreachable(
                host=self.label, why=f"no command can be started there ({error})"
            ) from error

    async def forward(self, port: int) -> int:
        """It is this machine's own port."""
        return port

    async def reconnect(self) -> None:
        """There is no connection to lose."""
