"""The last line of the log, for a terminal that is too narrow for more."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive

from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.faces.tui.widgets.fitted import Fitted


class Tail(Fitted):
    text: reactive[str] = reactive("")

    def lines(self, width: int) -> list[Content]:
        return [Content.styled(one_line(self.text), "$faint").truncate(width, ellipsis=True)]
