"""The progress of the running action: a bar and the rate as a line of bars, then what is known in words."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Sparkline

from openclaw_wizard.faces.tui.hosttext import one_line, shortened
from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.widgets.fitted import Fitted

PERCENT = 6
"""Cells for ` 100 %`."""
TELLING = 12
"""Cells below which what is left of a path tells nothing."""


class Bar(Fitted):
    share: reactive[float | None] = reactive(None)

    def lines(self, width: int) -> list[Content]:
        if self.share is None:
            return [Content.styled("╌" * width, "$line")]
        room = width - PERCENT
        full = int(self.share * room)
        return [
            Content.assemble(
                ("━" * full, "bold $primary"),
                ("─" * (room - full), "$line"),
                (f"{int(self.share * 100):4} %", "$foreground"),
            )
        ]


class Figures(Fitted):
    """Amount, pace and range, why it is slow and what was there; under it counts, and what is at work."""

    text: reactive[str] = reactive("")
    reason: reactive[str] = reactive("")
    already: reactive[str] = reactive("")
    counts: reactive[str] = reactive("")
    path: reactive[str] = reactive("")

    def lines(self, width: int) -> list[Content]:
        first, below = Content.styled(self.text, "$foreground"), [self.counts]
        for at, said, style in ((0, self.reason, "$warning"), (2, self.already, "$muted")):
            if first.cell_length + 3 + len(said) > width:
                below.insert(at, said)
            elif said:
                first = Content.assemble(first, (f" · {said}", style))
        counts = " · ".join(part for part in below if part)
        return [first.truncate(width), *self._below(counts, width)]

    def _below(self, counts: str, width: int) -> list[Content]:
        """Counts and path share a line where there is room for no more."""
        if self.content_size.height > 2:
            lines = ((counts, "$muted"), (shortened(self.path, width), "$faint"))
            return [Content.styled(line, style).truncate(width, ellipsis=True) for line, style in lines]
        room = width - len(counts) - 3
        path = shortened(self.path, room) if self.path and room >= TELLING else ""
        joint = " · " if path and counts else ""
        line = Content.assemble((counts, "$muted"), (f"{joint}{path}", "$faint"))
        return [line.truncate(width, ellipsis=True)]


class ProgressLine(Vertical):
    """Not displayed while nothing reports progress.

    The room of the sparkline is kept while bytes are counted, so that nothing jumps when it appears.
    """

    def compose(self) -> ComposeResult:
        with Horizontal(id="pace"):
            yield Bar()
            yield Sparkline()
        yield Figures()

    def show(self, scene: Scene) -> None:
        progress = scene.view.progress
        self.display = progress is not None and scene.working
        if progress is None:
            return
        self.query_one(Bar).share = scene.share
        rates = self.query_one(Sparkline)
        rates.display, rates.visible = progress.unit == "bytes", bool(scene.history)
        rates.data = scene.history
        said = self.query_one(Figures)
        said.text, said.reason, said.already = scene.progress_line, scene.slow_because, scene.already
        said.counts, said.path = scene.progress_counts, one_line(progress.path)
