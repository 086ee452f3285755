"""The direct route: OLD's helper gives the packed stream to its own `ssh`, and only says what it packed."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Final

from openclaw_wizard.errors import HostError
from openclaw_wizard.hosts import Completed
from openclaw_wizard.hosts.onward import onward

LINK: Final = "ELINK"
"""direct.mjs's word for a link between OLD and NEW that is not there (any more)."""
UNPACKING: Final = "EUNPACK"
"""Its word for a command on NEW that failed; the message is `STATUS: what it said`."""


def line(place: str, argv: Sequence[str], first: bytes, limit: int | None) -> dict[str, object]:
    """Where OLD's helper is to send: `argv` at `place`, given `first` before the stream; see direct.mjs."""
    return {"argv": onward(place, argv), "first": b64encode(first).decode("ascii"), "limit": limit}


class Unused:
    """The wizard's own end of a direct route; what NEW says comes through OLD."""

    def __init__(self, host: str) -> None:
        self._host = host

    async def write(self, data: bytes) -> None:
        """Raises HostError: nothing but records may come this way."""
        raise HostError(host=self._host, what="it sent data to the wizard instead of NEW")

    async def finish(self) -> Completed:
        """OLD told of the end only after NEW's command had ended well."""
        return Completed(self._host, (), 0, b"", b"")
