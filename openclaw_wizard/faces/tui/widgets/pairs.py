"""Facts in columns: a label, and what it is on one machine or on both."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.reactive import reactive

from openclaw_wizard.faces.tui.widgets.fitted import Column, Fitted, table

Rows = tuple[tuple[Content, ...], ...]


class Pairs(Fitted):
    """Rows of a label and one or two values; the values share what the label leaves."""

    rows: reactive[Rows] = reactive((), layout=True)

    def __init__(self, *, id: str | None = None, head: Sequence[str] = ()) -> None:
        super().__init__(id=id)
        self._head = tuple(Content.styled(text, "bold $primary") for text in head)

    def show(self, rows: Rows) -> None:
        if rows != self.rows:
            self.rows = rows
        self.display = bool(rows)

    def lines(self, width: int) -> list[Content]:
        if not self.rows:
            return []
        shown = [self._head, *self.rows] if self._head else list(self.rows)
        return table(shown, (Column(cap=14, least=10), *(Column(flex=1) for _ in self.rows[0][1:])), width)


def label(text: str) -> Content:
    return Content.styled(text, "$muted")
