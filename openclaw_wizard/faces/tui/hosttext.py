"""Text that came from a machine, made fit for a screen: no escape sequences, no control characters."""

from __future__ import annotations

import re
from typing import Final

_SEQUENCES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # OSC, DCS and the like: titles, clipboard
    r"|\x1b.?",
    re.DOTALL,
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""C0 and C1 controls and the marks that reverse the direction of reading; tab and newline are kept."""


def literal(text: str) -> str:
    """`text` with nothing left in it that a terminal would act on; newlines stay, tabs become spaces."""
    return _CONTROL.sub("", _SEQUENCES.sub("", text)).replace("\t", "    ")


def one_line(text: str) -> str:
    """`literal`, on a single line."""
    return " ".join(literal(text).split())


def shortened(text: str, width: int) -> str:
    """At most `width` characters, with the middle left out: both ends of an address tell the most."""
    text = one_line(text)
    if len(text) <= width or width < 5:
        return text[:width]
    head = (width - 1) // 2
    return f"{text[:head]}…{text[head + 1 - width :]}"
