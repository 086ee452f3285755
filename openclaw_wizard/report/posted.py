"""The form in which a report can be posted in a public issue: no secrets, and nobody's name or address.

Both homes, host names, user names and addresses get a placeholder; network addresses, numbers as long as
a phone's, and what looks like a secret are masked. What a person needs for the rest is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Final

from openclaw_wizard.model import HostFacts, Plan
from openclaw_wizard.redact import redact

SHORTEST: Final = 3
"""A user of one or two letters is left: replacing it would spoil other words."""
NOBODY: Final = frozenset({"root", "admin", "node", "openclaw", "ubuntu", "debian", "pi"})
"""Names of users that name nobody."""

_ADDRESS: Final = re.compile(
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])|(?<![\w.:])[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F.]+(?![\w.:])"
)
"""What may be one; whether it is, the library says."""
_PERSON: Final = re.compile(r"(?<![\w.,+-])\+?\d{7,15}(?![\w.,-])")
_MAIL: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+\w")


def posted(plan: Plan) -> Callable[[str], str]:
    """What a text becomes in that form."""
    changes = [*_placeholders(plan.old, "OLD"), *_placeholders(plan.new, "NEW")]
    if plan.old.home == plan.new.home:
        changes = [(name, "~" if text.endswith(":~") else text) for name, text in changes]
    rules = [(_word(name), text) for name, text in sorted(set(changes), key=lambda pair: -len(pair[0]))]

    def apply(text: str) -> str:
        text = redact(text)
        for pattern, placeholder in rules:
            text = pattern.sub(placeholder, text)
        text = _ADDRESS.sub(lambda found: _masked(found[0]), text)
        return _PERSON.sub("[number]", _MAIL.sub("[mail]", text))

    return apply


def _masked(text: str) -> str:
    try:
        return text if ip_address(text).is_loopback else "[address]"
    except ValueError:
        return text


def _placeholders(host: HostFacts, role: str) -> Iterator[tuple[str, str]]:
    yield host.address, role
    yield host.home, f"{role}:~"
    yield host.hostname, role
    yield f"{host.user}@{host.hostname}", role
    name = host.address.rpartition("@")[2].rpartition(":")[0] or host.address.rpartition("@")[2]
    if len(name) >= SHORTEST and name not in ("local", "localhost", "practice"):
        yield name, role
    if len(host.user) >= SHORTEST and host.user not in NOBODY:
        yield host.user, f"{role.lower()}-user"


def _word(name: str) -> re.Pattern[str]:
    """As a word of its own: `al` is not in `alice`, and a home not in a longer path of that name."""
    return re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w-])")
