"""What moves as a tree, with sizes: each folder, and the largest of what is in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from textual.content import Content
from textual.reactive import reactive

from openclaw_wizard.faces import figures
from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.faces.tui.widgets.fitted import Column, Fitted, table
from openclaw_wizard.model import Part, Plan, Tree

FOLDERS: Final = 7
"""So many folders of a state directory have a line of their own."""
BELOW: Final = 3
"""So many of what is in one of them."""
SHARE: Final = 0.1
"""What is in one of them has a line where it is so much of the whole."""
WIDEST: Final = 72
"""Beyond that the eye loses the line between a name and its size."""


@dataclass(frozen=True, slots=True)
class Line:
    guide: str
    name: str
    bytes: int
    files: int
    strong: bool = False


class Sizes(Fitted):
    rows: reactive[tuple[Line, ...]] = reactive((), layout=True)

    def show(self, rows: tuple[Line, ...]) -> None:
        self.display = bool(rows)
        if rows != self.rows:
            self.rows = rows

    def lines(self, width: int) -> list[Content]:
        columns = (Column(flex=1), Column(right=True), Column(right=True))
        title = Content.styled("What moves", "bold $primary")
        return [title, *table([_cells(row) for row in self.rows], columns, min(width, WIDEST))]


def _cells(line: Line) -> tuple[Content, Content, Content]:
    name = Content.styled(one_line(line.name), "bold" if line.strong else "")
    return (
        Content.assemble((line.guide, "$muted"), name),
        Content(figures.size(line.bytes)),
        Content.styled(figures.files(line.files), "$muted"),
    )


def size_lines(plan: Plan) -> tuple[Line, ...]:
    """Of each profile the state directory with what is in it, then everything else that moves."""
    return tuple(line for each in plan.each for line in _lines_of(each))


def _lines_of(plan: Plan) -> Iterator[Line]:
    state, *others = plan.trees
    yield _whole(state, plan.old.home)
    yield from _below([part for part in plan.installation.parts if not part.stays], state.bytes)
    yield from (_whole(tree, plan.old.home) for tree in others)


def _whole(tree: Tree, home: str) -> Line:
    return Line("", from_home(tree.old, home), tree.bytes, tree.files, strong=True)


def _below(parts: Sequence[Part], total: int) -> list[Line]:
    top = sorted((part for part in parts if "/" not in part.path), key=lambda part: -part.bytes)
    shown, rest = top[:FOLDERS], top[FOLDERS:]
    if len(rest) == 1:
        shown, rest = top, []
    lines: list[Line] = []
    for part in shown:
        last = part is shown[-1] and not rest
        name = "files beside the folders" if part.path == "." else part.path
        lines.append(Line("└─ " if last else "├─ ", name, part.bytes, part.files))
        lines += _inside(part, parts, total, "   " if last else "│  ")
    if rest:
        size, files = sum(p.bytes for p in rest), sum(p.files for p in rest)
        lines.append(Line("└─ ", f"{len(rest)} smaller folders", size, files))
    return lines


def _inside(folder: Part, parts: Sequence[Part], total: int, guide: str) -> list[Line]:
    inside = [p for p in parts if p.path.startswith(f"{folder.path}/") and p.bytes >= SHARE * total > 0]
    largest = sorted(inside, key=lambda part: -part.bytes)[:BELOW]
    return [
        Line(
            f"{guide}{'└─ ' if part is largest[-1] else '├─ '}",
            part.path.rpartition("/")[2],
            part.bytes,
            part.files,
        )
        for part in largest
    ]


def from_home(path: str, home: str) -> str:
    """`~/.openclaw` for what lies in the home."""
    return f"~{path.removeprefix(home)}" if path.startswith(f"{home}/") else path
