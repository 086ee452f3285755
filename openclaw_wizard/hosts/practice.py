"""Practice hosts: SSH servers on loopback with a home of their own, for a first try without risk.

A practice host is a folder (0700). It needs no root and touches nothing outside: its server listens
on 127.0.0.1 for the folder's own client key, runs real commands with /bin/sh in the folder's home,
and the client side is the same SSHHost as for a real machine. The server outlives the wizard; it
ends by itself after 15 minutes without a connection, or when its folder is gone.

    host.json         user, hostname, home, path, environment, id
    host_key          the server's key            client_key, client_key.pub   the way in
    known_hosts       what the client trusts      server.lock   held by the running server: pid, port
    server.log        what the server says        tmp/          TMPDIR of its commands

The account database still names the home of whoever runs it, and `id -un` that user's name. Real
OpenClaw therefore sees a "non-default home" and leaves service management alone, which is what
practice wants. `OPENCLAW_WIZARD_PRACTICE_ID` in the environment tells the probe to do the same.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import asyncssh

import openclaw_wizard
from openclaw_wizard.errors import HostError, HostUnreachable, UsageError
from openclaw_wizard.hosts.shell import quote
from openclaw_wizard.hosts.ssh import SSHHost
from openclaw_wizard.hosts.ssh_login import Link, Login, open_link

PREFIX: Final = "practice:"
SYSTEM_PATH: Final = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")

_STOP_LOOKS: Final = 500


@dataclass(frozen=True, slots=True)
class Settings:
    """host.json: what its commands find."""

    user: str
    hostname: str
    home: str
    """Absolute, inside the folder."""
    path: tuple[str, ...]
    """Put before the system's folders in PATH."""
    environment: Mapping[str, str]
    id: str
    """Stands for the machine id: all practice hosts share one machine."""

    @property
    def alias(self) -> str:
        """Its name in the folder's known_hosts; the port is another one at each start."""
        return f"practice-{self.id}"

    def command_environment(self, folder: Path) -> dict[str, str]:
        """The whole environment of its commands: nothing of the server's own gets through."""
        return {
            "HOME": self.home,
            "USER": self.user,
            "LOGNAME": self.user,
            "SHELL": "/bin/sh",
            "PATH": ":".join((*self.path, *SYSTEM_PATH)),
            "TMPDIR": str(folder / "tmp"),
            "OPENCLAW_WIZARD_PRACTICE_ID": self.id,
            "OPENCLAW_WIZARD_PRACTICE_HOSTNAME": self.hostname,
            **self.environment,
        }


def create_practice(
    folder: Path,
    *,
    user: str,
    hostname: str,
    home: str,
    path: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> str:
    """Makes a practice host and gives its address; where there is one, its settings are renewed.

    `home` is relative to the folder, such as `home/alice`. Its keys, its id and what stands in its
    home stay. A running server uses the new settings from the next command on.

    Raises UsageError for a home outside the folder, OSError where the folder cannot be written.
    """
    folder = folder.absolute()
    place = (folder / home).resolve()
    if not place.is_relative_to(folder.resolve()) or place == folder.resolve():
        raise UsageError(what=f"The home {home!r} of a practice host must be inside its folder.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for each in (folder / "tmp", folder / home):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = read_settings(folder) if (folder / "host.json").exists() else None
    identity = known.id if known else secrets.token_hex(16)
    settings = Settings(user, hostname, str(folder / home), tuple(path), dict(environment or {}), identity)
    if known is None:
        _write_keys(folder, settings)
    _furnish(settings)
    _write_private(folder / "host.json", json.dumps(asdict(settings), indent=2).encode())
    return PREFIX + str(folder)


def read_settings(folder: Path) -> Settings:
    """Raises OSError and ValueError where the folder is no practice host."""
    raw = json.loads((folder / "host.json").read_bytes())
    return Settings(
        user=raw["user"],
        hostname=raw["hostname"],
        home=raw["home"],
        path=tuple(raw["path"]),
        environment=raw["environment"],
        id=raw["id"],
    )


async def connect_practice(address: str) -> SSHHost:
    """The practice host at `practice:/abs/folder`, its server started where it does not run.

    Only the folder's own key and known_hosts are used, never the person's.

    Raises UsageError for another form of address, HostUnreachable where there is no such host or
    its server does not start.
    """
    folder = Path(address.removeprefix(PREFIX))
    if not address.startswith(PREFIX) or not folder.is_absolute():
        raise UsageError(what=f"{address!r} is no practice host: write practice:/absolute/folder.")

    async def dial() -> Link:
        return await open_link(await _login(address, folder))

    return SSHHost(address, dial, await dial())


async def stop_practice(folder: Path) -> bool:
    """Ends the server of a practice host, not what it started; tells whether one was running.

    Raises HostError where it does not end.
    """
    server = running_server(folder)
    if server is None:
        return False
    # The pid stands in the file whose lock that very process holds.
    os.kill(server["pid"], signal.SIGTERM)
    for _ in range(_STOP_LOOKS):
        if running_server(folder) is None:
            return True
        await asyncio.sleep(0.02)
    raise HostError(host=PREFIX + str(folder), what="its server does not end")


def running_server(folder: Path) -> dict[str, int] | None:
    """The `pid` and `port` of the folder's server, once it listens."""
    try:
        with (folder / "server.lock").open("rb") as lock:
            # Shared, so that only a server's own lock is in the way, never another look.
            if try_lock(lock.fileno(), fcntl.LOCK_SH):
                return None
            said = lock.read()
    except FileNotFoundError:
        return None
    server: dict[str, int] = json.loads(said) if said else {}
    return server or None


def try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Takes the lock of an open file, unless another process is in the way."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _login(address: str, folder: Path) -> Login:
    """How to get in; starts the server where it does not run."""
    try:
        settings = read_settings(folder)
    except (OSError, ValueError, KeyError) as error:
        raise HostUnreachable(host=address, why="there is no practice host in that folder") from error
    server = running_server(folder) or await _start_server(address, folder)
    return Login(
        label=address,
        host="127.0.0.1",
        port=server["port"],
        user=settings.user,
        own_settings=False,
        known_hosts=(folder / "known_hosts",),
        client_keys=(folder / "client_key",),
        host_key_alias=settings.alias,
        agent=False,
    )


async def _start_server(address: str, folder: Path) -> dict[str, int]:
    """Starts the server; of several at once one stays, and all return when it listens."""
    package = str(Path(openclaw_wizard.__file__).parent.parent)
    with (folder / "server.log").open("ab") as log:
        starter = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "openclaw_wizard.hosts.practice_server",
            str(folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([package, *sys.path])},
            start_new_session=True,
        )
        await starter.wait()
    server = running_server(folder)
    if server is None:
        raise HostUnreachable(host=address, why=f"its server does not start, see {folder}/server.log")
    return server


def _write_keys(folder: Path, settings: Settings) -> None:
    for name in ("host_key", "client_key"):
        key = asyncssh.generate_private_key("ssh-ed25519", comment=settings.alias)
        _write_private(folder / name, key.export_private_key())
        _write_private(folder / f"{name}.pub", key.export_public_key())
    public = (folder / "host_key.pub").read_text().strip()
    _write_private(folder / "known_hosts", f"{settings.alias} {public}\n".encode())


def _furnish(settings: Settings) -> None:
    """What a careful user's home holds: PATH for login shells, and npm's global folder in the home.

    Without the one /etc/profile would drop the folders of PATH; without the other `npm install -g`
    would leave the practice host.
    """
    profile = Path(settings.home) / ".profile"
    if settings.path and not profile.exists():
        front = quote([":".join(settings.path).encode()]).decode()
        profile.write_text(f'PATH={front}:"$PATH"\nexport PATH\n')
    npmrc = Path(settings.home) / ".npmrc"
    if not npmrc.exists():
        npmrc.write_text(f"prefix={settings.home}/.npm-global\n")


def _write_private(file: Path, data: bytes) -> None:
    new = file.with_name(file.name + ".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(data)
    new.replace(file)
