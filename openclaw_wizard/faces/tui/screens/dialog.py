"""The base of the dialogs: a box in the middle that only an answer closes."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """Title, text and buttons. Escape and a click outside do nothing unless a subclass says so."""

    AUTO_FOCUS = ""
    TITLE_STYLE: ClassVar[str] = "bold $primary"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "app.focus_previous", "Previous", show=False),
        Binding("right,down", "app.focus_next", "Next", show=False),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            yield Static(Content.styled(self.heading(), self.TITLE_STYLE), id="dialog-title", markup=False)
            with VerticalScroll(id="dialog-text", can_focus=False):
                yield from self.compose_text()
            with Horizontal(id="dialog-buttons"):
                yield from self.compose_buttons()
            yield Static(Content.styled(self.hint(), "$faint"), id="dialog-hint", markup=False)

    def heading(self) -> str:
        raise NotImplementedError

    def hint(self) -> str:
        """How to answer, on the last line."""
        return ""

    def compose_text(self) -> ComposeResult:
        yield from ()

    def compose_buttons(self) -> ComposeResult:
        yield from ()


def text(said: str | Content, *, id: str | None = None) -> Static:
    """A paragraph that is never markup."""
    return Static(said if isinstance(said, Content) else Content(said), id=id, markup=False)
