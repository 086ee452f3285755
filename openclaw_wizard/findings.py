"""The words of a judgement: how grave, what was found, and what a move can mend on NEW by itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from openclaw_wizard.word import Word


class Fix(Word):
    """One change on NEW against one pitfall; it is undone when the move is put back."""

    pitfall: str
    kind: Literal["close", "aside"]
    """`close` takes the right to write away from group and others, `aside` renames."""
    path: str

    def says(self, move: str = "…") -> str:
        """What it does, for a person; before there is a move its id is not known."""
        if self.kind == "close":
            return f"on NEW: chmod go-w {self.path}"
        return f"on NEW: {self.path} is renamed to {self.aside(move)}, beside it"

    def aside(self, move: str) -> str:
        """The name that what stood at `path` gets."""
        return f"{self.path}.before-{move}"


class Severity(StrEnum):
    LOOK = "look"
    BLOCKS = "blocks"


class Verdict(StrEnum):
    """Judgement of one pitfall."""

    CLEAR = "clear"
    LOOK = "look"
    BLOCKS = "blocks"
    UNKNOWN = "unknown"


class Finding(Word):
    pitfall: str
    subject: str = ""
    title: str
    verdict: Verdict
    evidence: str = ""
    why: str = ""
    remedy: str = ""
    accepted: bool = False
    fixes: tuple[Fix, ...] = ()
    """What the move can mend on NEW by itself."""
    fixing: bool = False
    """Whether the person wants that; then it blocks no longer."""
    instead: str = ""
    """The machine that is to be OLD instead, where that is the remedy."""
