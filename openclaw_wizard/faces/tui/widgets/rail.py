"""The step rail: six steps with glyph, word, one fact and time. Wide it stands, narrow it lies on top."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.reactive import reactive

from openclaw_wizard.faces import figures
from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.faces.tui.messages import Look
from openclaw_wizard.faces.tui.scene import Mark, Scene
from openclaw_wizard.faces.tui.signs import PHASES, SPINNER, Phase
from openclaw_wizard.faces.tui.widgets.fitted import Fitted, hanging
from openclaw_wizard.model import StepId

LINES = 3
"""Lines of a standing step while it runs."""
INDENTED = 12
"""Cells from which on a lying step has room for a margin."""


class RailStep(Fitted):
    """One step; a click looks at it."""

    mark: reactive[Mark] = reactive(Mark("", "", Phase.WAITING))
    beat: reactive[int] = reactive(0)

    def lines(self, width: int) -> list[Content]:
        return self._lying(width) if self.screen.has_class("-narrow") else self._standing(width)

    def _head(self) -> Content:
        sign = PHASES[self.mark.phase]
        turning = self.mark.phase is Phase.RUNNING
        glyph = SPINNER[self.beat % len(SPINNER)] if turning else sign.glyph
        weight = "bold $foreground" if self.has_class("-here") or turning else "$foreground"
        weight = "$muted" if self.mark.phase is Phase.WAITING and not self.has_class("-here") else weight
        return Content.assemble((glyph, sign.colour), " ", (self.mark.title, weight))

    def _time(self) -> str:
        return "" if self.mark.seconds is None else figures.clock(self.mark.seconds)

    def _lying(self, width: int) -> list[Content]:
        colour = "$faint" if self.mark.phase is Phase.WAITING else "$muted"
        indent = " " if width >= INDENTED else ""
        head = Content.assemble(indent, self._head()).truncate(width)
        brief = f"{indent}  {self._brief(width - 2 - len(indent))}"
        return [head, Content.styled(brief, colour)]

    def _brief(self, room: int) -> str:
        """Fact and time where both fit, else the time, else the word."""
        fact, time = one_line(self.mark.brief or self.mark.fact), self._time()
        both = f"{fact} {time}".strip()
        return (both if len(both) <= room else time or fact)[:room] or PHASES[self.mark.phase].word

    def _standing(self, width: int) -> list[Content]:
        head, time = self._head(), self._time()
        room = max(1, width - head.cell_length - len(time))
        first = Content.assemble(head, " " * room, (time, "$muted")) if time else head
        colour = "$faint" if self.mark.phase is Phase.WAITING else "$muted"
        facts = packed(one_line(self.mark.fact).split(" · "), width - 2)
        said = [fact for fact in facts if fact] or [PHASES[self.mark.phase].word]
        lines = [first, *(line for fact in said for line in _under(Content.styled(fact, colour), width))]
        # The rate and the time left come later, and must not move what stands below.
        room = LINES if self.mark.phase is Phase.RUNNING else 0
        return [*lines, *[Content()] * (room - len(lines))]

    def on_click(self) -> None:
        self.post_message(Look(self.mark.name))


def _under(fact: Content, width: int) -> list[Content]:
    """The fact on two lines at most; what is left out is marked."""
    lines = hanging(Content("  "), fact, width)
    if len(lines) > 2:
        lines[1] = Content.assemble(lines[1].truncate(width - 1), ("…", "$muted"))
    return lines[:2]


def packed(parts: list[str], width: int) -> list[str]:
    """The parts on as few lines as they fit, none broken."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 3 + len(part) <= width:
            lines[-1] = f"{lines[-1]} · {part}"
        else:
            lines.append(part)
    return lines


class Rail(Container):
    """All six; the one that the person looks at is marked."""

    def compose(self) -> ComposeResult:
        for step in StepId:
            yield RailStep(id=f"rail-{step.value}")

    def show(self, scene: Scene) -> None:
        here = {"review": "identify", "done": "", "put_back": ""}.get(scene.place, scene.place)
        for mark, step in zip(scene.steps(), self.query(RailStep), strict=True):
            turning = mark.phase is Phase.RUNNING
            step.set_class(mark.name == here, "-here")
            step.beat = scene.beat if turning else 0
            if step.mark != mark:
                step.mark = mark
                step.refresh(layout=True)
