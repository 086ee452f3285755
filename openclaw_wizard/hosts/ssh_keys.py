"""Which server keys are trusted, and which keys of the person are offered.

As `ssh` does it, and stricter than asyncssh by itself, which also accepts a server key that is
known for the address only, and any key at all with `UserKnownHostsFile none`. Nothing is ever added
to known_hosts, and no passphrase is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncssh

USER_KNOWN_HOSTS: Final = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
GLOBAL_KNOWN_HOSTS: Final = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
DEFAULT_KEYS: Final = tuple(f"~/.ssh/{name}" for name in ("id_rsa", "id_ecdsa", "id_ed25519"))

# Without certificates: a server that has one shows it first, and then its own key is not seen.
_ALGORITHMS: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)

SSH_PORT: Final = 22


def paths(names: Iterable[str]) -> tuple[Path, ...]:
    """Paths of ssh_config, with `~` and `%d` for the home folder."""
    return tuple(Path(name.replace("%d", "~")).expanduser() for name in names)


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """known_hosts files, plain and hashed; a line that cannot be read is skipped, as ssh does."""

    files: tuple[Path, ...]
    _entries: asyncssh.SSHKnownHosts = field(default_factory=asyncssh.SSHKnownHosts)

    def __post_init__(self) -> None:
        for file in self.files:
            for line in _text(file).splitlines():
                try:
                    self._entries.load(line)
                except ValueError:
                    continue

    def match(
        self, host: str, port: int
    ) -> tuple[Sequence[asyncssh.SSHKey], Sequence[asyncssh.SSHKey], Sequence[asyncssh.SSHKey]]:
        """Trusted keys, certificate authorities and revoked keys for this name and port."""
        return self._entries.match(host.lower(), "", None if port == SSH_PORT else port)[:3]

    def has(self, host: str, port: int) -> bool:
        """Whether this very name and port has a key, so that another key is a changed one.

        An entry for the name without the port proves nothing about a server on another port.
        """
        return bool(self._entries.match(entry_name(host.lower(), port), "", None)[0])

    def algorithms(self, host: str, port: int) -> Sequence[str] | tuple[()]:
        """What to ask the server for: the types of the known keys first, since it may have several.

        Empty, which means asyncssh's own choice, where certificates of an authority are trusted.
        """
        keys, authorities, _ = self.match(host, port)
        if authorities:
            return ()
        known = [name.decode("ascii") for key in keys for name in key.sig_algorithms]
        return list(dict.fromkeys([*known, *_ALGORITHMS]))


def entry_name(host: str, port: int) -> str:
    """How known_hosts names a server."""
    return host if port == SSH_PORT else f"[{host}]:{port}"


@dataclass(slots=True)
class Identities:
    """The keys to offer, in the order in which ssh offers them."""

    pairs: list[asyncssh.SSHKeyPair]
    locked: tuple[str, ...]
    """Key files that need a passphrase and are not in the agent."""
    agent: asyncssh.SSHAgentClient | None

    def close(self) -> None:
        if self.agent:
            self.agent.close()


async def identities(files: Sequence[Path], agent_path: str | None, *, only_files: bool) -> Identities:
    """What the files and the agent hold; with `only_files` no other key of the agent is offered.

    As ssh does: keys of the files that the agent holds, other keys of the agent, then the rest of
    the files. Files that are missing or unreadable are passed over.
    """
    agent, held = await _agent_keys(agent_path)
    named = [data for file in files if (data := _public_data(file))]
    in_agent = {pair.public_data: pair for pair in held}
    first = [in_agent[data] for data in named if data in in_agent]
    others = [] if only_files else [pair for pair in held if pair.public_data not in named]
    from_files: list[asyncssh.SSHKeyPair] = []
    locked: list[str] = []
    for file in files:
        if _public_data(file) in in_agent:
            continue
        pairs, is_locked = _read_pairs(file)
        from_files += pairs
        locked += [str(file)] if is_locked else []
    return Identities([*first, *others, *from_files], tuple(locked), agent)


async def _agent_keys(
    agent_path: str | None,
) -> tuple[asyncssh.SSHAgentClient | None, Sequence[asyncssh.SSHKeyPair]]:
    if not agent_path:
        return None, ()
    try:
        agent = await asyncssh.connect_agent(agent_path)
    except OSError:
        # A stale SSH_AUTH_SOCK is common, and ssh goes on without the agent too.
        return None, ()
    try:
        return agent, await agent.get_keys()
    except ValueError:
        agent.close()
        return None, ()


def agent_socket(configured: object) -> str | None:
    """The agent's socket from ssh_config's IdentityAgent, else from the environment."""
    name = configured if isinstance(configured, str) else "SSH_AUTH_SOCK"
    if name.lower() == "none":
        return None
    if name == "SSH_AUTH_SOCK" or name.startswith("$"):
        name = os.environ.get(name.strip("${}"), "")
    return str(Path(name).expanduser()) if name else None


def _public_data(file: Path) -> bytes | None:
    """The public part of a key file: beside it as `.pub`, or the file itself."""
    for candidate in (file.with_name(file.name + ".pub"), file):
        try:
            return asyncssh.read_public_key(candidate).public_data
        except (OSError, asyncssh.KeyImportError):
            continue
    return None


def _read_pairs(file: Path) -> tuple[Sequence[asyncssh.SSHKeyPair], bool]:
    """The key pairs of a file, and whether a passphrase keeps them from us."""
    try:
        return asyncssh.load_keypairs(str(file)), False
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        return (), "passphrase" in str(error).lower()
    except OSError:
        return (), False


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
