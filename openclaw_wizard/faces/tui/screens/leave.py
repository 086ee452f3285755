"""Leaving while something runs: stop at a safe point and leave, or stay."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Button

from openclaw_wizard.faces.tui.screens.dialog import Dialog, text


class LeaveDialog(Dialog[bool]):
    AUTO_FOCUS = "#stay"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stay", "Stay", show=False),
        Binding("1", "stay", "Stay", show=False),
        Binding("2", "leave", "Stop and leave", show=False),
    ]

    def heading(self) -> str:
        return "Something is still running"

    def hint(self) -> str:
        return "Escape stays."

    def compose_text(self) -> ComposeResult:
        yield text(
            "The wizard can stop at a safe point and leave. What is done stays done and is written down; "
            "start the wizard again to resume. A gateway that is stopped now stays stopped until then."
        )

    def compose_buttons(self) -> ComposeResult:
        yield Button("1  Stay", id="stay", variant="primary", compact=True)
        yield Button("2  Stop at a safe point and leave", id="leave", compact=True)

    def action_stay(self) -> None:
        self.dismiss(False)

    def action_leave(self) -> None:
        self.dismiss(True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "leave")
