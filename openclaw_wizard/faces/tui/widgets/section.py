"""A titled list: each entry a glyph and a text that hangs under itself."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive

from openclaw_wizard.faces.tui.widgets.fitted import Fitted, hanging


class Section(Fitted):
    entries: reactive[tuple[tuple[Content, Content], ...]] = reactive((), layout=True)

    def __init__(self, name: str, title: str) -> None:
        super().__init__(id=name)
        self._title = title

    def show(self, entries: tuple[tuple[Content, Content], ...]) -> None:
        self.display = bool(entries)
        if entries != self.entries:
            self.entries = entries

    def lines(self, width: int) -> list[Content]:
        lines = [Content.styled(self._title, "bold $primary")]
        for head, text in self.entries:
            for i, part in enumerate(text.split("\n")):
                lines += hanging(
                    Content.assemble(head if i == 0 else " " * head.cell_length, " "), part, width
                )
        return lines
