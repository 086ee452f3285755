"""F1: what this screen is about, and every key that works on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Button

from openclaw_wizard.faces.tui.screens.dialog import Dialog, text
from openclaw_wizard.faces.tui.widgets.pairs import Pairs
from openclaw_wizard.faces.tui.words import Words


class HelpDialog(Dialog[None]):
    AUTO_FOCUS = "#close"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q", "close", "Close", show=False),
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
    ]

    def __init__(self, words: Words, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._words, self._keys = words, keys

    def heading(self) -> str:
        return self._words.title

    def hint(self) -> str:
        return "Escape closes; the arrows scroll."

    def compose_text(self) -> ComposeResult:
        yield text(self._words.will)
        yield text(Content.styled(self._words.never, "$muted"))
        yield text(self._words.help)
        yield Pairs(id="keys", head=("Key", "What it does"))

    def on_mount(self) -> None:
        rows = tuple((Content.styled(key, "bold"), Content(does)) for key, does in self._keys)
        self.query_one("#keys", Pairs).show(rows)

    def compose_buttons(self) -> ComposeResult:
        yield Button("Close", id="close", variant="primary", compact=True)

    def on_button_pressed(self) -> None:
        self.dismiss(None)

    def action_close(self) -> None:
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        self.query_one("#dialog-text").scroll_relative(y=lines, animate=False)
