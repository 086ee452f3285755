"""Takes what looks like a secret out of text before it is shown, logged or journaled.

The wizard never reads secrets on purpose; this is the net under the output of other programs
(doctor, npm, a gateway's log), which may print them.
"""

from __future__ import annotations

import re
from typing import Final

_SHAPES: Final = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S),
    re.compile(r"\b\d{6,12}:[A-Za-z0-9_-]{30,}"),  # Telegram bot token
    re.compile(r"\b(?:sk|pk|rk|xox[abps]|gh[pousr]|npm|glpat)[-_][A-Za-z0-9_-]{10,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),  # JSON web token
    re.compile(r"(?<![0-9A-Fa-f])[0-9a-f]{48}(?![0-9A-Fa-f])"),  # the gateway's own token: 24 bytes in hex
)
_NAMED: Final = re.compile(
    r"(?i)((?:token|secret|password|passphrase|api[-_]?key|authorization)[\"']?\s*[:=]\s*[\"']?(?:bearer\s+)?)"
    r"([^\s\"',}]{6,})"
)
_IN_URL: Final = re.compile(r"(?i)(\w+://[^\s/:@]+:)([^\s/@]+)(@)|([?#&](?:token|key|auth)=)([^\s&#]+)")
MASK: Final = "[secret]"


def redact(text: str) -> str:
    """`text` with secrets replaced by `[secret]`; hashes of 64 digits (sha256) are left alone."""
    for shape in _SHAPES:
        text = shape.sub(MASK, text)
    text = _NAMED.sub(lambda m: m[1] + MASK, text)
    return _IN_URL.sub(lambda m: (m[1] or m[4]) + MASK + (m[3] or ""), text)
