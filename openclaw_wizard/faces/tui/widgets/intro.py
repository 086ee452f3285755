"""The head of a screen: its name, and the two sentences that say what will happen and what will not."""

from __future__ import annotations

from textual.content import Content

from openclaw_wizard.faces.tui.widgets.fitted import Fitted, wrapped
from openclaw_wizard.faces.tui.words import Words


class Intro(Fitted):
    """Fixed text; `place` is what stands before the name, such as `Step 4 of 6`."""

    def __init__(self, words: Words, place: str = "", *, heading: bool = True) -> None:
        super().__init__()
        self.words, self.place, self.heading = words, place, heading

    def lines(self, width: int) -> list[Content]:
        name = Content.styled(self.words.title, "bold $primary")
        head = Content.assemble(name, (f"   {self.place}", "$faint")) if self.place else name
        will = wrapped(Content.styled(self.words.will, "$foreground"), width)
        never = wrapped(Content.styled(self.words.never, "$muted"), width)
        return [*([head] if self.heading else []), *will, *never]
