"""The failure panel: what failed, what is safe, the state of both gateways, and the one next key."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive

from openclaw_wizard.events import (
    ActionFailed,
    Failure,
)
from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.faces.tui.scene import Doing, Scene
from openclaw_wizard.faces.tui.signs import gateways_line
from openclaw_wizard.faces.tui.widgets.fitted import Column, Fitted, table

WRONG_MACHINE = frozenset({"NothingToMove", "UsageError", "LoginRefused"})
"""Failures of reading that trying again alone does not cure."""


class FailurePanel(Fitted):
    """Stands inside the step, and stays until the same is tried again."""

    failure: reactive[Failure | None] = reactive(None, layout=True)
    gateways: reactive[Content] = reactive(Content(), layout=True)
    heading: reactive[str] = reactive("", layout=True)
    key: reactive[tuple[str, str]] = reactive(("r", ""), layout=True)

    def show(self, scene: Scene) -> None:
        self.display = scene.failure is not None and scene.at_work
        self.failure = scene.failure
        if scene.failure is None:
            return
        line = gateways_line(scene.view.gateways)
        if not line.is_same(self.gateways):
            self.gateways = line
        self.heading, self.key = heading(scene), next_key(scene)

    def lines(self, width: int) -> list[Content]:
        failure = self.failure
        if failure is None:
            return []
        key, does = self.key
        what = Content.assemble((f" {key.upper()} ", "bold reverse $primary"), f"  {does}")
        rows = [
            (_label("Why"), Content(one_line(failure.what))),
            (_label("Safe"), Content.styled(one_line(failure.safe), "$success")),
            (_label("Gateways"), self.gateways),
            (_label("Next"), Content(one_line(failure.next))),
            (Content(), what),
        ]
        title = Content.styled(f"✖ {self.heading}", "bold $error")
        return [title, *table(rows, (Column(), Column(flex=1)), width)]


def _label(text: str) -> Content:
    return Content.styled(text, "$muted")


def heading(scene: Scene) -> str:
    """What failed, by the name that the person saw it under."""
    failure = scene.failure
    if isinstance(failure, ActionFailed):
        known = {a.id: a.title for a in scene.view.actions}
        title = one_line(known.get(failure.action, failure.action))
        return f"Could not be put back: {title}" if scene.undoing else f"Failed: {title}"
    begun = {
        Doing.SURVEY: "The machines could not be read",
        Doing.RUN: "The move did not begin",
        Doing.RESUME: "The move could not be resumed",
        Doing.UNDO: "The move could not be put back",
    }
    return begun.get(scene.doing, "This failed")


def next_key(scene: Scene) -> tuple[str, str]:
    """The one key to press, and what it does."""
    failure = scene.failure
    if isinstance(failure, ActionFailed):
        return ("r", "go on putting back" if scene.undoing else "try again from here; nothing is done twice")
    if scene.doing is Doing.SURVEY and failure is not None and failure.code in WRONG_MACHINE:
        return ("m", "change the machines")
    if scene.doing is Doing.RUN and failure is not None and failure.code == "Blocked":
        return ("f5", "read both machines again")
    return ("r", "try again")
