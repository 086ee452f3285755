"""What a program drew on a terminal, as lines that can be kept."""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_]|\r")


def plain(text: str) -> str:
    """What a program drew on a terminal, without escape codes, empty lines and the frame around it."""
    lines = (line.strip(" │◇├╮╯└─") for line in _ESCAPES.sub("", text).splitlines())
    return "\n".join(line for line in lines if line)
