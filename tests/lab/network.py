"""The lab's network: a switch in a namespace of its own, a cable to each machine, and no way out."""

from __future__ import annotations

import subprocess

from tests.lab import guard

NET = "198.51.100"
"""TEST-NET-2 (RFC 5737): no real machine has such an address."""
OPERATOR = f"{NET}.1"
PORT_OF_MACHINE = "host0"


def ip(*words: str, namespace: str | None = None) -> None:
    """Raises CalledProcessError, with what ip said on standard error."""
    subprocess.run(["ip", *(["-n", namespace] if namespace else []), *words], check=True)


class Network:
    """`operator` is the namespace of the switch, from which the wizard reaches every machine."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.operator = f"{token}-op"
        self._add(self.operator)
        ip("link", "add", "br0", "address", "02:00:5e:00:53:01", "type", "bridge", namespace=self.operator)
        ip("addr", "add", f"{OPERATOR}/24", "dev", "br0", namespace=self.operator)
        ip("link", "set", "br0", "up", namespace=self.operator)

    def namespace_of(self, name: str) -> str:
        return f"{self.token}-{name}"

    def cable(self, name: str) -> str:
        """The end of a machine's cable that is in the switch: set it down to pull the cable."""
        return f"v-{name}"

    def plug_in(self, name: str, number: int) -> str:
        """Gives a machine its namespace, cable and address; the address."""
        own, address = self.namespace_of(name), f"{NET}.{number}"
        if own in guard.namespaces_of(self.token):
            return address
        self._add(own)
        # A fixed address of the card: a new one would leave the others with a stale one for 30 s (measured).
        peer = ("peer", "name", PORT_OF_MACHINE, "address", f"02:00:5e:00:53:{number:02x}", "netns", own)
        ip("link", "add", self.cable(name), "type", "veth", *peer, namespace=self.operator)
        ip("link", "set", self.cable(name), "master", "br0", "up", namespace=self.operator)
        ip("addr", "add", f"{address}/24", "dev", PORT_OF_MACHINE, namespace=own)
        ip("link", "set", PORT_OF_MACHINE, "up", namespace=own)
        return address

    def link(self, name: str, *, up: bool) -> None:
        """Pulls a machine's cable, or plugs it in again; connections are not told."""
        ip("link", "set", self.cable(name), "up" if up else "down", namespace=self.operator)

    def inside(self, *argv: str) -> list[str]:
        """The same command, run in the operator's namespace."""
        return ["nsenter", f"--net=/run/netns/{self.operator}", *argv]

    def _add(self, namespace: str) -> None:
        ip("netns", "add", namespace)
        ip("link", "set", "lo", "up", namespace=namespace)
