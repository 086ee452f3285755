"""The whole plan before anything is written: what will happen, what never does, and the key that begins."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static

from openclaw_wizard.faces.tui import plan_lines
from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.screens.base import BACK, HELP, LEAVE, QUIET_LOG, WizardScreen
from openclaw_wizard.faces.tui.widgets.section import Section


class ReviewScreen(WizardScreen):
    PLACE = "review"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "app.start", "Start the move", tooltip="Start the move as it is planned"),
        Binding("r", "app.again", "Try again", show=False, tooltip="Try again what failed"),
        BACK,
        Binding("p", "app.paths", "Paths", show=False, tooltip="Another way with paths: rewrite, same, link"),
        Binding("ctrl+n", "app.look_ahead", "Ahead", show=False),
        Binding("f5", "app.survey", "Read again", show=False, tooltip="Read both machines again"),
        QUIET_LOG,
        HELP,
        LEAVE,
    ]

    def compose_work(self) -> ComposeResult:
        yield Section("blockers", "What blocks the move")
        with Container(id="sections"):
            with Vertical(classes="column"):
                yield Section("trees", "What moves, and where it goes")
                yield Section("will", "What will happen")
                yield Section("return", "The point of no return")
            with Vertical(classes="column"):
                yield Section("never", "What never happens")
                yield Section("paths", "Paths that change on NEW")
                yield Section("look", "Left as it is: look at it")
                yield Section("stays", plan_lines.STAYS)
                yield Section("noticed", plan_lines.NOTICED)
                yield Section("left", "What is left out, and why")

    def compose_below(self) -> ComposeResult:
        with Horizontal(id="confirm"):
            yield Button("S   Start the move", id="start", variant="primary", compact=True)
            yield Static(id="confirm-note", markup=False)

    def show_work(self, scene: Scene) -> None:
        sections = plan_lines.sections(scene)
        for name, lines in sections.items():
            self.query_one(f"#{name}", Section).show(lines)
        started = bool(scene.view.actions)
        self.query_one("#start").disabled = bool(scene.blockers) or started or scene.working
        self.query_one("#confirm").display = not started
        self.query_one("#confirm-note", Static).update(confirm_note(scene))

    @on(Button.Pressed, "#start")
    async def _pressed(self) -> None:
        await self.run_action("app.start")


def confirm_note(scene: Scene) -> Content:
    """What stands beside the button."""
    if blockers := len(scene.blockers):
        what = "1 finding blocks" if blockers == 1 else f"{blockers} findings block"
        return Content.styled(f"✖ {what} the move: fix it, then press F5.", "$error")
    return Content.styled("Nothing is written yet.", "$muted")
