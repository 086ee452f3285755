"""The friendly page for a terminal that is too small; wizard.tcss shows it instead of all else."""

from __future__ import annotations

from textual.content import Content

from openclaw_wizard.faces.tui.widgets.fitted import Fitted, wrapped
from openclaw_wizard.faces.tui.words import TOO_SMALL


class TooSmall(Fitted):
    def lines(self, width: int) -> list[Content]:
        size = self.app.size
        text = TOO_SMALL.format(width=size.width, height=size.height)
        return [line for part in text.split("\n") for line in wrapped(Content(part), width)]
