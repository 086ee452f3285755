"""From one machine on to another, by the first one's own `ssh`, keys, agent and known_hosts.

Nothing is asked, no host key is accepted and nothing is remembered: that machine is only read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openclaw_wizard.errors import HostError
from openclaw_wizard.hosts import Completed, Host
from openclaw_wizard.hosts.facts import WHO, pairs
from openclaw_wizard.hosts.shell import find_mark, wrapped

MARK: Final = "onward-mark"
"""What the far end says on its standard output, with its pid, before the command begins."""
LONGEST: Final = 60.0
"""Seconds for one login and a short answer."""
NO_SUCH_PROGRAM: Final = 127
_OPTIONS: Final = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    # Else it would write the server's other keys into known_hosts, and keys into the agent.
    "UpdateHostKeys=no",
    "AddKeysToAgent=no",
    "Compression=no",
    "ControlMaster=no",
    "ControlPath=none",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "EscapeChar=none",
    "ConnectTimeout=20",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=3",
    "LogLevel=ERROR",
)
_SAID: Final = (
    ("IDENTIFICATION HAS CHANGED", "another host key is known there for {place} than it shows"),
    ("Host key verification failed", "the host key of {place} is not in known_hosts there"),
    ("Permission denied", "{place} accepts none of the keys that are there without a question"),
    ("Too many authentication failures", "{place} accepts none of the keys that are there"),
)
"""What OpenSSH's client says, and what it means."""


class NoWay(HostError):
    """There is no way on from {host}: {why}."""


def onward(place: str, argv: Sequence[str]) -> list[str]:
    """The `ssh` that runs `argv` at `place` (`[user@]host[:port]`) as a host's own commands are run.

    Raises UsageError for a place that is none.
    """
    # Heavy, and a face that only shows a plan does not need it.
    from openclaw_wizard.hosts.ssh_login import parse_address

    login = parse_address(place)
    options = [word for option in _OPTIONS for word in ("-o", option)]
    user = ["-l", login.user] if login.user else []
    port = ["-p", str(login.port)] if login.port else []
    return ["ssh", "-T", *options, *user, *port, "--", login.host, wrapped(argv, MARK)]


async def who_is_at(host: Host, path: str, place: str) -> tuple[str, str | None]:
    """User and machine id (see HostFacts) that `host` finds at `place`; `path` has `ssh` on it.

    Raises NoWay with the reason, LinkLost, CommandTimedOut.
    """
    argv = ["env", f"PATH={path}", *onward(place, ["sh", "-c", WHO])]
    completed = await host.run(argv, timeout=LONGEST)
    found = find_mark(completed.stdout, MARK)
    if completed.status != 0 or found is None:
        raise NoWay(host=host.label, why=_why(completed, place))
    said = pairs(found[1])
    return said.get("user", ""), said.get("machine_id") or None


def _why(completed: Completed, place: str) -> str:
    said = completed.stderr.decode(errors="replace").strip()
    if completed.status == NO_SUCH_PROGRAM:
        return "there is no ssh on its PATH"
    for words, meaning in _SAID:
        if words in said:
            return meaning.format(place=place)
    last = said.splitlines()[-1][-300:] if said else f"ssh ended with {completed.status}"
    return f"{place} cannot be reached ({last})"
