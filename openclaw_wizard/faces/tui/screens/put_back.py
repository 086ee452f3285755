"""A move being put back: its actions in reverse."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.screens.base import AGAIN, BACK, HELP, LEAVE, LOG, WizardScreen
from openclaw_wizard.faces.tui.widgets.actions import Actions
from openclaw_wizard.faces.tui.widgets.tail import Tail


class PutBackScreen(WizardScreen):
    PLACE = "put_back"
    HAS_CHECKLIST = False
    HAS_LOG_TAIL = True
    BINDINGS: ClassVar[list[BindingType]] = [
        AGAIN,
        BACK,
        LOG,
        HELP,
        LEAVE,
    ]

    def compose_work(self) -> ComposeResult:
        yield Actions()

    def compose_below(self) -> ComposeResult:
        yield Tail()

    def show_work(self, scene: Scene) -> None:
        marks = scene.reversed_marks()
        self.query_one(Actions).show(marks, scene.beat)
        self.keep_in_sight(marks)
        self.query_one(Tail).text = scene.log_tail
