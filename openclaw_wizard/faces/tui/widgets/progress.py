"""The progress of the running action: a bar, and under it what is known of amount, pace and time left."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive

from openclaw_wizard.faces.tui.hosttext import one_line, shortened
from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.widgets.fitted import Fitted

PERCENT = 6
"""Cells for ` 100 %`."""


class ProgressLine(Fitted):
    """Not displayed while nothing reports progress."""

    share: reactive[float | None] = reactive(None)
    text: reactive[str] = reactive("")
    label: reactive[str] = reactive("")

    def show(self, scene: Scene) -> None:
        progress = scene.view.progress
        self.display = progress is not None and scene.working
        if progress is None:
            return
        self.share, self.text = scene.share, scene.progress_line
        self.label = one_line(progress.label)

    def lines(self, width: int) -> list[Content]:
        text = Content.styled(self.text, "$foreground").truncate(width)
        if not self.label or self.label == self.text:
            return [self._bar(width), text, Content()]
        room = width - text.cell_length - 3
        if len(self.label) <= room:
            return [self._bar(width), Content.assemble(text, "   ", (self.label, "$faint")), Content()]
        return [self._bar(width), text, Content.styled(shortened(self.label, width), "$faint")]

    def _bar(self, width: int) -> Content:
        if self.share is None:
            return Content.styled("╌" * width, "$line")
        room = width - PERCENT
        full = int(self.share * room)
        return Content.assemble(
            ("━" * full, "bold $primary"),
            ("─" * (room - full), "$line"),
            (f"{int(self.share * 100):4} %", "$foreground"),
        )
