"""A question that the session asks; only one of its choices closes it."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.events import Key
from textual.widgets import Button

from openclaw_wizard.events import QuestionAsked
from openclaw_wizard.faces.tui.hosttext import literal, one_line
from openclaw_wizard.faces.tui.screens.dialog import Dialog, text


class QuestionDialog(Dialog[str]):
    """Nothing is focused when it opens, so that a key meant for the screen below answers nothing."""

    def __init__(self, asked: QuestionAsked) -> None:
        super().__init__()
        self.asked = asked

    def heading(self) -> str:
        return "One question before the work goes on"

    def hint(self) -> str:
        keys = " or ".join(str(i) for i, _ in enumerate(self.asked.choices, 1))
        return f"Press {keys}; or Tab to a button, then Enter."

    def compose_text(self) -> ComposeResult:
        yield text(literal(self.asked.prompt))
        if self.asked.irreversible:
            yield text(Content.styled("▲ This is the point of no return.", "bold $warning"), id="no-return")

    def compose_buttons(self) -> ComposeResult:
        for number, choice in enumerate(self.asked.choices, 1):
            label = one_line(choice)
            yield Button(
                Content(f"{number}  {label[:1].upper()}{label[1:]}"), id=f"choice-{number}", compact=True
            )

    def on_key(self, event: Key) -> None:
        if event.key.isdigit() and 1 <= int(event.key) <= len(self.asked.choices):
            event.stop()
            self.dismiss(self.asked.choices[int(event.key) - 1])

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        number = int((event.button.id or "choice-1").removeprefix("choice-"))
        self.dismiss(self.asked.choices[number - 1])
