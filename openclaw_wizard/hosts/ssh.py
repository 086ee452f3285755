"""A machine reached by SSH, over two connections: one for commands, one for streams of data.

Bulk data on the connection of the commands would starve them. Cancelling asyncssh leaves the
remote command running, so every command says its pid first and is ended by its process group.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import asyncssh

from openclaw_wizard.errors import HostError, HostKeyChanged, LinkLost
from openclaw_wizard.hosts import command_name, shell
from openclaw_wizard.hosts.running import CHUNK, CommandHost
from openclaw_wizard.hosts.shell import find_mark, group_kill, wrapped
from openclaw_wizard.hosts.ssh_login import Link, Login, link_errors, open_link, parse_address

START_TIMEOUT: Final = 30.0
"""Seconds that the account's start-up files may take before the command itself begins."""

LOOPBACK: Final = "127.0.0.1"

NOISE_LIMIT: Final = 1 << 20
"""Bytes that they may print."""

_TERMINAL: Final = {asyncssh.PTY_ECHO: 0, asyncssh.PTY_ONLCR: 0}


class SSHCommand:
    """A Running behind an SSH channel."""

    def __init__(self, host: SSHHost, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self._host = host
        self._process = process
        self._pid: int | None = None
        self._ahead, self._at = b"", 0
        self._window = process.channel.get_recv_window()

    async def find_pid(self, mark: str) -> None:
        """Reads on to the line with the pid, past whatever the start-up files print.

        Raises HostError where the command was not run (an account without a shell, say).
        """
        noise = b""
        while len(noise) < NOISE_LIMIT and (part := await self.read(CHUNK)):
            noise += part
            if found := find_mark(noise, mark):
                self._pid, self._ahead = found
                self._at = 0
                return
        said = (noise + await self.read_stderr(CHUNK)).decode(errors="replace").strip()
        what = f"the account's shell runs no commands ({said[-300:] or 'it says nothing'})"
        raise HostError(host=self._host.label, what=what)

    async def read(self, limit: int) -> bytes:
        if self._at >= len(self._ahead):
            # All that is there: asyncssh grants a window anew for whatever is taken, so taking a little at a
            # time from a fast sender lets what waits here grow without end (measured, asyncssh 2.24).
            with link_errors(self._host.label, "reading a command's output"):
                self._ahead = await self._process.stdout.read(max(limit, self._window))
            self._at = 0
        part = self._ahead[self._at : self._at + limit]
        self._at += len(part)
        return part

    async def read_stderr(self, limit: int) -> bytes:
        with link_errors(self._host.label, "reading a command's output"):
            return await self._process.stderr.read(limit)

    async def write(self, data: bytes) -> None:
        with link_errors(self._host.label, "sending data"), suppress(BrokenPipeError):
            self._process.stdin.write(data)
            await self._process.stdin.drain()
            return
        raise BrokenPipeError

    async def end_input(self) -> None:
        with link_errors(self._host.label, "sending data"), suppress(BrokenPipeError):
            self._process.stdin.write_eof()

    async def wait(self) -> int:
        with link_errors(self._host.label, "waiting for a command"):
            await self._process.wait_closed()
        if self._process.returncode is None:
            raise LinkLost(host=self._host.label, doing="waiting for a command")
        return self._process.returncode

    async def kill(self) -> None:
        if self._pid is not None:
            await self._host.kill_group(self._pid)
        self.drop()

    def drop(self) -> None:
        """Closes the channel; what runs behind it goes on."""
        self._process.channel.abort()


class SSHHost(CommandHost):
    """A machine reached by SSH."""

    def __init__(self, label: str, dial: Callable[[], Awaitable[Link]], control: Link) -> None:
        """`dial` opens one more verified connection to the same machine."""
        super().__init__(label)
        self._dial = dial
        self._control = control
        self._data: Link | None = None
        self._dialling = asyncio.Lock()
        self._reconnects = 0
        self._ports: dict[int, tuple[Link, asyncssh.SSHListener]] = {}
        self.host_key = control.host_key
        self.place = control.place

    async def forward(self, port: int) -> int:
        """See Host. Only this machine's own programs reach it, and it closes with the connection."""
        link, listener = self._ports.get(port, (None, None))
        if listener is None or link is not self._control:
            link = self._control
            with link_errors(self.label, "opening a port to it"):
                listener = await _listen(link.connection, port)
            self._ports[port] = (link, listener)
        return listener.get_port()

    async def reconnect(self) -> None:
        """See Host. Of several callers at once only the first opens new connections."""
        seen = self._reconnects
        async with self._dialling:
            if self._reconnects != seen:
                return
            await self._close_links()
            self._control = await self._dial_same()
            self._reconnects += 1

    async def aclose(self) -> None:
        await super().aclose()
        await self._close_links()
        await self._settled()

    async def kill_group(self, pid: int) -> None:
        """Ends a remote process group; where the link is gone too, nothing more can be done."""
        with suppress(asyncssh.Error, OSError):
            async with asyncio.timeout(shell.GRACE + START_TIMEOUT):
                await self._control.connection.run(group_kill(pid), encoding=None, stdin=asyncssh.DEVNULL)

    async def _start(self, argv: Sequence[str], *, pty: bool, bulk: bool) -> SSHCommand:
        mark = f"mark-{secrets.token_hex(8)}"
        line = wrapped(argv, mark)
        link = await self._data_link() if bulk else self._control
        with link_errors(self.label, f"starting {command_name(argv[:1])}"):
            process = await link.connection.create_process(
                line,
                encoding=None,
                request_pty="force" if pty else False,
                term_type="dumb" if pty else None,
                term_modes=_TERMINAL if pty else None,
            )
        command = SSHCommand(self, process)
        with ExitStack() as failed:
            failed.callback(command.drop)
            await self._began(command, mark)
            failed.pop_all()
        return command

    async def _began(self, command: SSHCommand, mark: str) -> None:
        try:
            async with asyncio.timeout(START_TIMEOUT):
                await command.find_pid(mark)
        except TimeoutError as error:
            what = f"its start-up files did not end within {START_TIMEOUT:g} s"
            raise HostError(host=self.label, what=what) from error

    async def _data_link(self) -> Link:
        async with self._dialling:
            if self._data is None:
                self._data = await self._dial_same()
            return self._data

    async def _dial_same(self) -> Link:
        """One more connection, to a machine with the key that this host had from the beginning."""
        link = await self._dial()
        if link.host_key != self.host_key:
            await link.close()
            raise HostKeyChanged(host=self.label, fingerprint=link.host_key)
        return link

    async def _close_links(self) -> None:
        links, self._data = [self._data, self._control], None
        await asyncio.gather(*(link.close() for link in links if link))


async def _listen(connection: asyncssh.SSHClientConnection, port: int) -> asyncssh.SSHListener:
    """The same number here where nobody has it, else any."""
    try:
        return await connection.forward_local_port(LOOPBACK, port, LOOPBACK, port)
    except OSError:
        return await connection.forward_local_port(LOOPBACK, 0, LOOPBACK, port)


async def connect_ssh(
    address: str,
    *,
    config: Path | None = None,
    own_settings: bool = True,
    known_hosts: Sequence[Path] | None = None,
    client_keys: Sequence[Path] | None = None,
    host_key_alias: str | None = None,
    agent: bool = True,
) -> SSHHost:
    """The host behind an ssh_config alias or `[user@]host[:port]`.

    By default everything comes from the person's own settings: ~/.ssh/config, known_hosts, keys and
    agent. `own_settings=False` reads no ssh_config.

    Raises HostUnreachable, HostKeyUnknown, HostKeyChanged, LoginRefused, UsageError.
    """
    login = replace(
        parse_address(address),
        config=config,
        own_settings=own_settings,
        known_hosts=None if known_hosts is None else tuple(known_hosts),
        client_keys=None if client_keys is None else tuple(client_keys),
        host_key_alias=host_key_alias,
        agent=agent,
    )
    return await host_behind(login)


async def host_behind(login: Login) -> SSHHost:
    """The host that a login leads to."""
    return SSHHost(login.label, lambda: open_link(login), await open_link(login))
