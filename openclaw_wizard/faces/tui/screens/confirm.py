"""Asks before a move is put back."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Button

from openclaw_wizard.faces.tui.screens.dialog import Dialog, text
from openclaw_wizard.faces.tui.words import PUT_BACK


class PutBackDialog(Dialog[bool]):
    AUTO_FOCUS = "#keep"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,1", "keep", "Leave it", show=False),
        Binding("2", "put_back", "Put back", show=False),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._move = name

    def heading(self) -> str:
        return f"Put back the move of {self._move}?" if self._move else "Put this move back?"

    def hint(self) -> str:
        return "Escape leaves everything as it is."

    def compose_text(self) -> ComposeResult:
        yield text(PUT_BACK.will)
        yield text(PUT_BACK.never)

    def compose_buttons(self) -> ComposeResult:
        yield Button("1  Leave it as it is", id="keep", variant="primary", compact=True)
        yield Button("2  Put back", id="undo", compact=True)

    def action_keep(self) -> None:
        self.dismiss(False)

    def action_put_back(self) -> None:
        self.dismiss(True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "undo")
