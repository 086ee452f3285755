"""One finding in full: what was seen, why it matters, what to do; a `look` can be accepted here."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Button

from openclaw_wizard.faces.tui.hosttext import literal, one_line
from openclaw_wizard.faces.tui.screens.dialog import Dialog, text
from openclaw_wizard.faces.tui.widgets.checklist import sign_of
from openclaw_wizard.model import Finding, Verdict


class PitfallDialog(Dialog[bool]):
    """Closes with True where the person accepts the finding."""

    AUTO_FOCUS = "#close"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", show=False),
        Binding("a", "accept", "Accept", show=False),
    ]

    def __init__(self, finding: Finding) -> None:
        super().__init__()
        self.finding = finding

    @property
    def can_accept(self) -> bool:
        return self.finding.verdict is Verdict.LOOK and not self.finding.accepted

    def heading(self) -> str:
        return one_line(self.finding.title)

    def hint(self) -> str:
        return (
            "A accepts it; it then stands in the report. Escape closes."
            if self.can_accept
            else ("Escape closes.")
        )

    def compose_text(self) -> ComposeResult:
        yield text(sign_of(self.finding).both)
        parts = (
            ("What was seen", self.finding.evidence or "Nothing is known about it yet."),
            ("Why it matters", self.finding.why),
            ("What to do", self.finding.remedy),
        )
        for title, said in parts:
            if said:
                yield text(Content.assemble((title, "bold $primary"), "\n", literal(said)))

    def compose_buttons(self) -> ComposeResult:
        yield Button("Close", id="close", variant="primary", compact=True)
        if self.can_accept:
            yield Button("Accept", id="accept", compact=True)

    def action_close(self) -> None:
        self.dismiss(False)

    def action_accept(self) -> None:
        if self.can_accept:
            self.dismiss(True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "accept")
