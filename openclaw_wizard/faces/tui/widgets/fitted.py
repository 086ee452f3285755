"""A widget whose lines are laid out for its width, and the columns that such lines are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

GAP = 2
"""Cells between two columns."""


class Fitted(Widget):
    """Base of what fits itself to the room it gets; a subclass gives the lines for a width."""

    def lines(self, width: int) -> list[Content]:
        """The lines, none wider than `width` cells."""
        raise NotImplementedError

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.lines(width)) if width else 0

    def render(self) -> Content:
        return (
            Content("\n").join(self.lines(self.content_size.width)) if self.content_size.width else Content()
        )


@dataclass(frozen=True, slots=True)
class Column:
    """Natural width with a cap, or a share of what is left (`flex`)."""

    flex: int = 0
    cap: int = 60
    least: int = 0
    right: bool = False


def wrapped(text: Content, width: int) -> list[Content]:
    """The lines of `text`, each at most `width` cells; at least one."""
    lines = [line.rstrip().truncate(width) for line in text.wrap(max(width, 2))]
    return lines or [Content()]


def table(rows: Sequence[Sequence[Content]], columns: Sequence[Column], width: int) -> list[Content]:
    """Rows laid out in columns; a cell that does not fit is wrapped inside its column."""
    return [line for row in rows_of(rows, columns, width) for line in row]


def rows_of(rows: Sequence[Sequence[Content]], columns: Sequence[Column], width: int) -> list[list[Content]]:
    """As `table`; the lines of each row by themselves."""
    if not rows:
        return []
    widths = _widths(rows, columns, width)
    return [_row(row, columns, widths) for row in rows]


def _widths(rows: Sequence[Sequence[Content]], columns: Sequence[Column], width: int) -> list[int]:
    natural = [max(row[i].cell_length for row in rows) for i in range(len(columns))]
    widths = [0 if c.flex else max(c.least, min(n, c.cap)) for c, n in zip(columns, natural, strict=True)]
    room = width - sum(widths) - GAP * (len(columns) - 1)
    shares = sum(c.flex for c in columns)
    for i, column in enumerate(columns):
        if column.flex:
            widths[i] = max(4, room * column.flex // shares)
    return widths


def _row(row: Sequence[Content], columns: Sequence[Column], widths: Sequence[int]) -> list[Content]:
    cells = [wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    return [
        Content(" " * GAP).join(
            _placed(cell[y] if y < len(cell) else Content(), width, column.right)
            for cell, width, column in zip(cells, widths, columns, strict=True)
        )
        for y in range(max(len(cell) for cell in cells))
    ]


def _placed(text: Content, width: int, right: bool) -> Content:
    room = max(0, width - text.cell_length)
    return text.pad_left(room) if right else text.pad_right(room)


def hanging(head: Content, text: Content, width: int) -> list[Content]:
    """`text` behind `head`, its further lines indented to stand under its first."""
    indent = head.cell_length
    body = wrapped(text, width - indent)
    return [Content.assemble(head if i == 0 else " " * indent, line) for i, line in enumerate(body)]
