"""One line that says what is going on right now: reading, reconnecting, opening a move."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive

from openclaw_wizard.faces import figures
from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.faces.tui.scene import Doing, Scene
from openclaw_wizard.faces.tui.signs import SPINNER
from openclaw_wizard.faces.tui.widgets.fitted import Fitted, hanging
from openclaw_wizard.model import ActionState


class Notice(Fitted):
    """Not displayed while there is nothing to say beyond the actions themselves."""

    text: reactive[str] = reactive("", layout=True)
    lost: reactive[bool] = reactive(False)
    beat: reactive[int] = reactive(0)

    def show(self, scene: Scene) -> None:
        self.lost, self.text = scene.view.lost is not None, what_now(scene)
        self.beat = scene.beat
        self.display = bool(self.text)

    def lines(self, width: int) -> list[Content]:
        colour = "$warning" if self.lost else "$primary"
        head = Content.styled(f"{SPINNER[self.beat % len(SPINNER)]} ", colour)
        return hanging(head, Content.styled(self.text, "$foreground"), width)


def what_now(scene: Scene) -> str:
    """The sentence, or nothing."""
    if not scene.working:
        return ""
    if scene.stopping:
        return "Stopping at a safe point; then the wizard leaves."
    if lost := scene.view.lost:
        wait = figures.until_retry(lost, scene.now).capitalize()
        return f"The link to {lost.role.upper()} is lost ({one_line(lost.why)}). {wait}."
    if any(a.state is ActionState.RUNNING for a in scene.view.actions):
        return ""
    if scene.reading:
        return f"{one_line(scene.reading)}…"
    opening = {
        Doing.RESUME: "Opening the move…",
        Doing.UNDO: "Preparing to put back…",
        Doing.RUN: "Beginning…",
    }
    begun = scene.view.undoing if scene.doing is Doing.UNDO else bool(scene.view.actions)
    return "" if begun else opening.get(scene.doing, "")
