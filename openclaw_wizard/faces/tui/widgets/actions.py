"""The actions of a step: glyph, title, word, fact and time, one under the other."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive

from openclaw_wizard.faces import figures
from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.faces.tui.scene import Mark
from openclaw_wizard.faces.tui.signs import PHASES, SPINNER, Phase
from openclaw_wizard.faces.tui.widgets.fitted import Fitted, hanging


class Actions(Fitted):
    """A fact stands on the line of its action where it fits, else under it."""

    marks: reactive[tuple[Mark, ...]] = reactive((), layout=True)
    beat: reactive[int] = reactive(0)

    def show(self, marks: tuple[Mark, ...], beat: int) -> None:
        self.marks = marks
        self.beat = beat if any(m.phase is Phase.RUNNING for m in marks) else 0

    def lines(self, width: int) -> list[Content]:
        return [line for group in self._groups(width) for line in group]

    def line_of_work(self) -> int:
        """The first line of the action that runs or failed, for scrolling to it."""
        groups = self._groups(max(20, self.content_size.width))
        for i, mark in enumerate(self.marks):
            if mark.phase in (Phase.RUNNING, Phase.FAILED):
                return sum(len(group) for group in groups[:i])
        return 0

    def _groups(self, width: int) -> list[list[Content]]:
        word = max((len(PHASES[m.phase].word) for m in self.marks), default=0)
        time = max((len(_time(m)) for m in self.marks), default=0)
        return [self._group(mark, width, word, time) for mark in self.marks]

    def _group(self, mark: Mark, width: int, word: int, time: int) -> list[Content]:
        room = width - word - time - 4
        title = hanging(Content.assemble(self._glyph(mark), " "), _title(mark), room)
        fact = Content.styled(one_line(mark.fact), "$muted")
        beside = (
            fact if title[0].cell_length + fact.cell_length + 3 <= room and len(title) == 1 else Content()
        )
        gap = room - title[0].cell_length - beside.cell_length
        said = PHASES[mark.phase]
        end = Content.assemble(
            "  ", (said.word.rjust(word), said.colour), "  ", (_time(mark).rjust(time), "$muted")
        )
        first = Content.assemble(title[0], " " * gap, beside, end)
        under = hanging(Content("  "), fact, width) if fact and not beside else []
        return [first, *title[1:], *under]

    def _glyph(self, mark: Mark) -> Content:
        sign = PHASES[mark.phase]
        turning = mark.phase is Phase.RUNNING
        return Content.styled(SPINNER[self.beat % len(SPINNER)] if turning else sign.glyph, sign.colour)


def _title(mark: Mark) -> Content:
    style = {Phase.RUNNING: "bold $foreground", Phase.WAITING: "$muted"}.get(mark.phase, "$foreground")
    return Content.styled(one_line(mark.title), style)


def _time(mark: Mark) -> str:
    return "" if mark.seconds is None else figures.clock(mark.seconds)
