"""The server of one practice host: `python -m openclaw_wizard.hosts.practice_server FOLDER`.

It detaches and the command returns 0 as soon as a server of that folder listens. Like sshd it runs
each command in a session of its own and does not end it when the client goes away.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import asyncssh

from openclaw_wizard.hosts import local
from openclaw_wizard.hosts.practice import read_settings, running_server, try_lock
from openclaw_wizard.hosts.running import CHUNK

IDLE_SECONDS: Final = 900.0
_LOOK_SECONDS: Final = 2.0
_START_SECONDS: Final = 20.0


class Server:
    """The server of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._place = folder.stat().st_ino
        self._clients: set[object] = set()
        self._last_client = time.monotonic()
        self._left_alone: set[asyncio.Task[int]] = set()

    async def listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            config=None,
            server_factory=lambda: _Client(self, self._folder),
            server_host_keys=[str(self._folder / "host_key")],
            process_factory=self._serve,
            encoding=None,
            line_editor=False,
            agent_forwarding=False,
            allow_scp=False,
            password_auth=False,
            kbdint_auth=False,
            gss_host=None,
        )

    def joined(self, client: object) -> None:
        self._clients.add(client)

    def left(self, client: object) -> None:
        self._clients.discard(client)
        self._last_client = time.monotonic()

    async def needed(self) -> None:
        """Returns when nobody came for a long time, or the folder is gone."""
        while self._is_in_place():
            if not self._clients and time.monotonic() - self._last_client > IDLE_SECONDS:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    def _is_in_place(self) -> bool:
        try:
            return self._folder.stat().st_ino == self._place
        except FileNotFoundError:
            return False

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Runs one command, from the client's request to its exit status."""
        try:
            command = await self._start(process)
        except (OSError, ValueError, KeyError) as error:
            process.stderr.write(f"practice host: {error}\n".encode())
            process.exit(255)
            return
        typing = asyncio.create_task(_pump_in(process, command))
        gone = asyncio.create_task(process.wait_closed())
        printing = asyncio.create_task(_print(process, command))
        await asyncio.wait([gone, printing], return_when=asyncio.FIRST_COMPLETED)
        if printing.done() and printing.exception() is None:
            _report(process, await command.wait())
        else:
            self._leave_alone(command)
        for task in (typing, gone, printing):
            task.cancel()

    def _leave_alone(self, command: local.LocalCommand) -> None:
        """The client is gone. As with sshd the command goes on, without its streams."""
        command.let_go()
        waiting = asyncio.create_task(command.wait())
        self._left_alone.add(waiting)
        waiting.add_done_callback(self._left_alone.discard)

    async def _start(self, process: asyncssh.SSHServerProcess[bytes]) -> local.LocalCommand:
        settings = read_settings(self._folder)
        argv = [b"/bin/sh", b"-c", process.command.encode()] if process.command else [b"/bin/sh", b"-l"]
        terminal = None
        environment = settings.command_environment(self._folder)
        if process.term_type is not None:
            modes = process.term_modes
            terminal = await local.open_terminal(
                echo=bool(modes.get(asyncssh.PTY_ECHO, 1)), onlcr=bool(modes.get(asyncssh.PTY_ONLCR, 1))
            )
            environment = {**environment, "TERM": process.term_type}
        return await local.start(argv, home=Path(settings.home), environment=environment, terminal=terminal)


class _Client(asyncssh.SSHServer):
    """One connection: only the folder's user gets in, with the folder's key."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.joined(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.left(self)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        """A port of its own loopback, as sshd gives it."""
        return dest_host == "127.0.0.1"

    def begin_auth(self, username: str) -> bool:
        if self._connection and username == read_settings(self._folder).user:
            self._connection.set_authorized_keys(str(self._folder / "client_key.pub"))
        return True


async def _pump_in(process: asyncssh.SSHServerProcess[bytes], command: local.LocalCommand) -> None:
    """The client's input and signals, until one of the two takes or gives no more."""
    with suppress(BrokenPipeError, ConnectionError, asyncssh.DisconnectError):
        while True:
            try:
                data = await process.stdin.read(CHUNK)
            except asyncssh.SignalReceived as received:
                command.signal(getattr(signal, f"SIG{received.signal}", signal.SIGTERM))
                continue
            except (asyncssh.TerminalSizeChanged, asyncssh.BreakReceived):
                continue
            if not data:
                break
            await command.write(data)
        await command.end_input()


async def _print(process: asyncssh.SSHServerProcess[bytes], command: local.LocalCommand) -> None:
    await asyncio.gather(
        _pump_out(command.read, process.stdout), _pump_out(command.read_stderr, process.stderr)
    )


async def _pump_out(read: Callable[[int], Awaitable[bytes]], stream: asyncssh.SSHWriter[bytes]) -> None:
    while data := await read(CHUNK):
        stream.write(data)
        await stream.drain()


def _report(process: asyncssh.SSHServerProcess[bytes], status: int) -> None:
    if status < 0:
        process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
    else:
        process.exit(status)


async def run(folder: Path, listening: int) -> None:
    """Serves until it is no longer needed; writes a byte to `listening` once it can be reached."""
    lock = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    if not await _is_ours(folder, lock):
        os.write(listening, b"1")
        return
    os.ftruncate(lock, 0)
    server = Server(folder)
    acceptor = await server.listen()
    os.pwrite(lock, json.dumps({"pid": os.getpid(), "port": acceptor.get_port()}).encode(), 0)
    os.write(listening, b"1")
    os.close(listening)
    await _until_stopped(server)
    with suppress(OSError):
        # The folder may be gone; the lock itself ends with this process.
        os.ftruncate(lock, 0)
    # At once: the event loop's own clean-up would kill the commands that were left alone.
    os._exit(0)


async def _is_ours(folder: Path, lock: int) -> bool:
    """Whether this process is the folder's server; if not, another one listens now."""
    async with asyncio.timeout(_START_SECONDS):
        while not try_lock(lock):
            if running_server(folder):
                return False
            await asyncio.sleep(0.02)
    return True


async def _until_stopped(server: Server) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    waiting = [asyncio.create_task(stopped.wait()), asyncio.create_task(server.needed())]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)


def main(arguments: list[str]) -> int:
    """Detaches: the parent returns when the child can be reached, or 1 when it gave up."""
    folder = Path(arguments[0]).absolute()
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        return 0 if os.read(reading, 1) else 1
    os.close(reading)
    os.setsid()
    os.chdir("/")
    asyncio.run(run(folder, writing))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
