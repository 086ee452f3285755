"""The base of the five steps in which work is done."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.screens.base import AGAIN, AHEAD, BACK, HELP, LEAVE, LOG, WizardScreen
from openclaw_wizard.faces.tui.widgets.actions import Actions
from openclaw_wizard.faces.tui.widgets.progress import ProgressLine
from openclaw_wizard.faces.tui.widgets.tail import Tail
from openclaw_wizard.model import StepId


class StepScreen(WizardScreen):
    """The actions of one step, its progress, the checklist and the log; a subclass names the step."""

    STEP: ClassVar[StepId]
    HAS_LOG_TAIL = True
    BINDINGS: ClassVar[list[BindingType]] = [
        AGAIN,
        BACK,
        AHEAD,
        LOG,
        HELP,
        LEAVE,
    ]

    @property
    def counted(self) -> str:
        return f"step {list(StepId).index(self.STEP) + 1} of {len(StepId)}"

    def compose_work(self) -> ComposeResult:
        yield Actions()

    def compose_below(self) -> ComposeResult:
        yield ProgressLine()
        yield Tail()

    def show_work(self, scene: Scene) -> None:
        marks = scene.marks(self.STEP)
        self.query_one(Actions).show(marks, scene.beat)
        progress = self.query_one(ProgressLine)
        progress.show(scene)
        progress.display = progress.display and scene.target == self.STEP.value
        self.query_one(Tail).text = scene.log_tail
        self.keep_in_sight(marks, room=progress.display)
