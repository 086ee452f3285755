"""Where commands run: the Host protocol and the way from an address to a host.

Commands are argv lists, run with `LC_ALL=C NO_COLOR=1` in the user's home; only this package
quotes for a shell. A command that is cancelled or times out is killed with its whole process group.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from openclaw_wizard.errors import CommandFailed


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended. `status` is its exit status, negative for the signal that killed it."""

    host: str
    argv: tuple[str, ...]
    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace")

    def check(self) -> Completed:
        """Itself, or CommandFailed with the last lines of what it printed."""
        if self.status == 0:
            return self
        said = (self.stderr or self.stdout).decode(errors="replace").strip().splitlines()
        raise CommandFailed(
            host=self.host,
            command=command_name(self.argv),
            status=self.status,
            output=" / ".join(said[-4:])[-600:],
        )


def command_name(argv: Sequence[str]) -> str:
    """What a person would call the command: without `env -u NAME NAME=value` and without script text."""
    words = list(argv)
    if words and words[0] == "env":
        words = words[1:]
        while words and ("=" in words[0] or words[0] == "-u"):
            words = words[2:] if words[0] == "-u" else words[1:]
    return " ".join(w if len(w) < 80 and "\n" not in w else "…" for w in words)


class ByteSource(Protocol):
    """The standard output of a running command."""

    async def read(self, limit: int = 1 << 18) -> bytes:
        """Up to `limit` bytes, or empty at the end. Raises LinkLost."""
        ...

    async def finish(self) -> Completed:
        """After the end of the output: the exit status, with empty stdout. Raises LinkLost."""
        ...


class ByteSink(Protocol):
    """The standard input of a running command."""

    async def write(self, data: bytes) -> None:
        """Writes all, waiting where the other end is slow. Raises LinkLost."""
        ...

    async def finish(self) -> Completed:
        """Closes the input and waits for the command to end."""
        ...


class Host(Protocol):
    """A machine on which commands run as one user."""

    label: str
    """The address as the person gave it."""
    host_key: str
    """SHA256 fingerprint of its SSH host key; empty for this machine."""
    place: str
    """`user@host:port` as the wizard reached it; empty for this machine."""

    async def run(
        self, argv: Sequence[str], *, input: bytes = b"", timeout: float = 60.0, pty: bool = False
    ) -> Completed:
        """Runs to the end. With `pty`, stdout and stderr arrive together.

        Raises CommandTimedOut, LinkLost, HostUnreachable; a bad exit status is not an error here.
        """
        ...

    def lines(
        self,
        argv: Sequence[str],
        *,
        input: bytes | AsyncIterable[bytes] = b"",
        timeout: float = 60.0,
        inflate: bool = False,
    ) -> AsyncIterator[bytes]:
        """The lines of its stdout as they come, without the newline. Raises CommandFailed at the end.

        With `inflate` the command prints them as one raw deflate stream.
        """
        ...

    def reader(
        self, argv: Sequence[str], *, input: bytes | AsyncIterable[bytes] = b""
    ) -> AbstractAsyncContextManager[ByteSource]:
        """Runs a command that produces a stream; leaving the block early kills it.

        An input that comes in parts is asked for as fast as the command reads.
        """
        ...

    def writer(self, argv: Sequence[str]) -> AbstractAsyncContextManager[ByteSink]:
        """Runs a command that eats a stream; leaving the block early kills it."""
        ...

    async def forward(self, port: int) -> int:
        """A port on this machine's loopback that leads to `port` on that machine's, until `aclose`.

        The same number where it is free here. Raises HostError.
        """
        ...

    async def reconnect(self) -> None:
        """Opens the connections again after LinkLost. Raises HostError."""
        ...

    async def aclose(self) -> None:
        """Ends the connections; commands that still run are killed."""
        ...


async def connect(address: str) -> Host:
    """The host behind `local`, an ssh_config alias, `[user@]host[:port]` or `practice:FOLDER`.

    `USER/` before it is for a login that becomes another user there (`as_user`). Raises HostError
    (unreachable, host key, login) and UsageError for an address that is none.
    """
    from openclaw_wizard.hosts.as_user import as_user, split

    if other := split(address):
        user, login = other
        inner = await connect(login)
        try:
            return await as_user(inner, user, address)
        except BaseException:
            await inner.aclose()
            raise
    if address == "local":
        from openclaw_wizard.hosts.local import LocalHost

        return LocalHost()
    if address.startswith("practice:"):
        from openclaw_wizard.hosts.practice import connect_practice

        return await connect_practice(address)
    from openclaw_wizard.hosts.ssh import connect_ssh

    return await connect_ssh(address)
