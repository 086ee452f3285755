"""From an address to a verified SSH connection, and from SSH's errors to ours."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import asyncssh

from openclaw_wizard.errors import (
    HostError,
    HostKeyChanged,
    HostKeyUnknown,
    HostUnreachable,
    LinkLost,
    LoginRefused,
    UsageError,
)
from openclaw_wizard.hosts import ssh_keys
from openclaw_wizard.hosts.ssh_keys import SSH_PORT, Identities, KnownHosts

CONNECT_TIMEOUT: Final = 20.0
"""Seconds for one connection, from the look-up of the name to the end of the login."""


@dataclass(frozen=True, slots=True)
class Login:
    """Where to connect, as whom and with what; the defaults are the person's own settings."""

    label: str
    """How the person calls the host."""
    host: str
    """A name or address, or an alias of ssh_config."""
    user: str | None = None
    port: int | None = None
    own_settings: bool = True
    """Whether ~/.ssh/config is read, where `config` names no other file."""
    config: Path | None = None
    known_hosts: tuple[Path, ...] | None = None
    """Files to look in, instead of those that ssh_config and ssh name."""
    client_keys: tuple[Path, ...] | None = None
    """Private keys to offer, instead of the person's own."""
    host_key_alias: str | None = None
    """The name to look up in known_hosts instead of the host's own."""
    agent: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    """An open connection, with the jump hosts on the way to it."""

    connection: asyncssh.SSHClientConnection
    hops: tuple[asyncssh.SSHClientConnection, ...] = ()
    place: str = ""
    """`user@host:port`, after ssh_config had its say."""

    @property
    def host_key(self) -> str:
        key = self.connection.get_server_host_key()
        return key.get_fingerprint() if key else ""

    async def close(self) -> None:
        for connection in (self.connection, *reversed(self.hops)):
            connection.close()
            try:
                await asyncio.wait_for(connection.wait_closed(), 3)
            except TimeoutError:
                # The other side answers no more, so nothing is left to say to it.
                connection.abort()


def parse_address(address: str) -> Login:
    """The login for `[user@]host[:port]`, `[user@][v6]:port`, a bare IPv6 address or an alias.

    Raises UsageError where it is none of these.
    """
    user, at, place = address.rpartition("@")
    found = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?|([^:\[\]]+)(?::(\d{1,5}))?", place)
    host, port = (found[1] or found[3], found[2] or found[4]) if found else ("", None)
    if not found and place.count(":") > 1 and "[" not in place:
        host = place
    odd = host.startswith("-") or re.search(r"[\s/\0]", address) or (at and not user)
    if not host or odd or (port and not 0 < int(port) < 65536):
        raise UsageError(what=f"{address!r} is no host: write an ssh_config alias or [user@]host[:port].")
    return Login(label=address, host=host, user=user or None, port=int(port) if port else None)


async def open_link(login: Login) -> Link:
    """A new connection to a server whose key is in known_hosts.

    Raises HostUnreachable, HostKeyUnknown, HostKeyChanged, LoginRefused, and UsageError for
    SSH settings that cannot be read.
    """
    settings = await _settings(login)
    hops = await _open_hops(login, settings)
    attempt = await _Attempt.prepare(login, settings)
    try:
        with attempt.translated():
            connection = await attempt.connect(hops[-1] if hops else None)
            return Link(connection, hops, _place(settings))
    except HostError:
        for hop in reversed(hops):
            hop.close()
        raise
    finally:
        attempt.identities.close()


def _place(settings: asyncssh.SSHClientConnectionOptions) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{settings.username}@{host}:{settings.port}"


async def _settings(login: Login) -> asyncssh.SSHClientConnectionOptions:
    """What ssh_config says about this host; the keys are left to `ssh_keys`."""
    config = None if login.config is None else [str(login.config)]
    try:
        settings: asyncssh.SSHClientConnectionOptions = await asyncssh.SSHClientConnectionOptions.construct(
            None,
            config=() if config is None and login.own_settings else config,
            host=login.host,
            port=login.port or (),
            username=login.user or (),
            client_keys=None,
            compression_algs=["none"],
            agent_forwarding=False,
            x11_forwarding=False,
            password_auth=False,
            kbdint_auth=False,
            keepalive_interval=15,
            keepalive_count_max=3,
            connect_timeout=CONNECT_TIMEOUT,
            login_timeout=CONNECT_TIMEOUT,
        )
        return settings
    except (asyncssh.ConfigParseError, OSError, ValueError) as error:
        raise UsageError(what=f"{login.label}: the SSH settings cannot be used: {error}") from error


async def _open_hops(
    login: Login, settings: asyncssh.SSHClientConnectionOptions
) -> tuple[asyncssh.SSHClientConnection, ...]:
    """The jump hosts of ssh_config's ProxyJump, each verified as strictly as the host itself."""
    jumps = settings.tunnel if isinstance(settings.tunnel, str) else "none"
    if jumps.lower() == "none":
        return ()
    *before, last = [parse_address(jump.strip()) for jump in jumps.split(",")]
    if (last.host, last.port or SSH_PORT) == (login.host, settings.port):
        # `ProxyJump` under `Host *` names the jump host for itself too; ssh ignores that as well.
        return ()
    if before:
        raise UsageError(what=f"{login.label}: a ProxyJump over several hosts is not supported: {jumps}")
    hop = replace(
        last,
        label=f"{last.label} (on the way to {login.label})",
        config=login.config,
        own_settings=login.own_settings,
        known_hosts=login.known_hosts,
    )
    link = await open_link(hop)
    return (*link.hops, link.connection)


class _Attempt(asyncssh.SSHClient):
    """One try to connect: it hands out our keys and keeps the server's key that nothing matched."""

    def __init__(
        self,
        login: Login,
        settings: asyncssh.SSHClientConnectionOptions,
        known: KnownHosts,
        identities: Identities,
    ) -> None:
        self._login = login
        self._settings = settings
        self._known = known
        self.identities = identities
        self._alias = login.host_key_alias or settings.host_key_alias
        self._name = self._alias or settings.host
        self._port = SSH_PORT if self._alias else settings.port
        self._shown: asyncssh.SSHKey | None = None
        self._offered = 0

    @classmethod
    async def prepare(cls, login: Login, settings: asyncssh.SSHClientConnectionOptions) -> _Attempt:
        config = settings.config
        known = await asyncio.to_thread(KnownHosts, _known_hosts_files(login, config))
        named = _strings(config.get("IdentityFile"))
        files = login.client_keys
        if files is None:
            files = ssh_keys.paths(named or ssh_keys.DEFAULT_KEYS)
        agent = ssh_keys.agent_socket(config.get("IdentityAgent")) if login.agent else None
        only = bool(config.get("IdentitiesOnly"))
        return cls(login, settings, known, await ssh_keys.identities(files, agent, only_files=only))

    async def connect(self, tunnel: asyncssh.SSHClientConnection | None) -> asyncssh.SSHClientConnection:
        config = self._settings.config
        own_order = self._known.algorithms(self._name, self._port)
        return await asyncssh.connect(
            self._login.host,
            self._settings.port,
            config=None,
            options=self._settings,
            tunnel=tunnel,
            client_factory=lambda: self,
            known_hosts=self._trusted,
            host_key_alias=self._alias,
            server_host_key_algs=() if config.get("HostKeyAlgorithms") else own_order,
            encryption_algs=() if config.get("Ciphers") else "^aes128-gcm@openssh.com",
        )

    def _trusted(self, host: str, addr: str, port: int | None) -> tuple[object, ...]:
        """Asked by asyncssh, with the name that ssh_config made of the host in the end."""
        self._name = host
        self._port = SSH_PORT if self._alias else port or SSH_PORT
        return self._known.match(self._name, self._port)

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Asked by asyncssh about a server key that no known_hosts entry matches."""
        self._shown = key
        return False

    def public_key_auth_requested(self) -> asyncssh.SSHKeyPair | None:
        if self._offered >= len(self.identities.pairs):
            return None
        self._offered += 1
        return self.identities.pairs[self._offered - 1]

    @contextmanager
    def translated(self) -> Iterator[None]:
        """The only place where an error of connecting becomes one of ours."""
        try:
            yield
        except asyncssh.HostKeyNotVerifiable as error:
            raise self._key_error(error.reason) from error
        except asyncssh.PermissionDenied as error:
            raise self._refused() from error
        except asyncssh.DisconnectError as error:
            if "authentication failures" in error.reason:
                raise self._refused() from error
            raise self._unreachable(f"the SSH connection ended: {error.reason}") from error
        except (asyncssh.Error, OSError, ValueError) as error:
            raise self._unreachable(self._reason(error)) from error

    def _unreachable(self, why: str) -> HostUnreachable:
        return HostUnreachable(host=self._login.label, why=why)

    def _reason(self, error: Exception) -> str:
        match error:
            case socket.gaierror():
                return f"the name {self._settings.host} does not resolve"
            case ConnectionRefusedError():
                return f"nothing listens on port {self._settings.port}"
            case TimeoutError():
                return f"no answer within {CONNECT_TIMEOUT:g} s"
            case OSError(strerror=str(said)):
                return said
            case _:
                return str(error) or type(error).__name__

    def _key_error(self, reason: str) -> HostError:
        label = self._login.label
        if self._shown is None:
            return HostError(host=label, what=f"its host key cannot be verified: {reason}")
        fingerprint = self._shown.get_fingerprint()
        if not self._known.has(self._name, self._port):
            return HostKeyUnknown(host=label, fingerprint=fingerprint)
        entry = f"'{ssh_keys.entry_name(self._name, self._port)}'"
        return HostKeyChanged(
            host=label, fingerprint=fingerprint, next=HostKeyChanged.next.format(host=entry)
        )

    def _refused(self) -> LoginRefused:
        why = f"it accepted none of the {self._offered} keys offered" if self._offered else "no key to offer"
        if self.identities.locked:
            files = ", ".join(self.identities.locked)
            why += f"; {files} needs a passphrase, so add it to your agent first (ssh-add)"
        return LoginRefused(host=self._login.label, user=self._settings.username, why=why)


def _known_hosts_files(login: Login, config: asyncssh.config.SSHConfig) -> tuple[Path, ...]:
    if login.known_hosts is not None:
        return login.known_hosts
    user = config.get("UserKnownHostsFile", list(ssh_keys.USER_KNOWN_HOSTS))
    everybody = config.get("GlobalKnownHostsFile", list(ssh_keys.GLOBAL_KNOWN_HOSTS))
    return ssh_keys.paths([*_strings(user), *_strings(everybody)])


def _strings(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


@contextmanager
def link_errors(label: str, doing: str) -> Iterator[None]:
    """The only place where an error of an open connection becomes LinkLost.

    A channel that cannot be opened is how a lost link shows on the next call (measured).
    """
    try:
        yield
    except (asyncssh.Error, OSError) as error:
        raise LinkLost(host=label, doing=doing) from error
