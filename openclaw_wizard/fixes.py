"""The word for what a move can mend on NEW by itself, if the person wants it."""

from __future__ import annotations

from typing import Literal

from openclaw_wizard.word import Word


class Fix(Word):
    """One change on NEW against one pitfall; it is undone when the move is put back."""

    pitfall: str
    kind: Literal["close", "aside"]
    """`close` takes the right to write away from group and others, `aside` renames."""
    path: str

    @property
    def says(self) -> str:
        """What it does, as a person would type it."""
        if self.kind == "close":
            return f"on NEW: chmod go-w {self.path}"
        return f"on NEW: {self.path} is renamed to {self.path}.before-…, beside it"

    def aside(self, move: str) -> str:
        """The name that what stood at `path` gets."""
        return f"{self.path}.before-{move}"
