"""The top line: what this is, which move, and the state of both gateways."""

from __future__ import annotations

from textual.content import Content
from textual.reactive import reactive

from openclaw_wizard.faces.tui.hosttext import shortened
from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.signs import gateways_line
from openclaw_wizard.faces.tui.widgets.fitted import Fitted
from openclaw_wizard.faces.tui.words import PRODUCT


class Title(Fitted):
    """Always visible, on every screen."""

    gateways: reactive[Content] = reactive(Content(), always_update=False)
    machines: reactive[tuple[str, str]] = reactive(("", ""))

    def show(self, scene: Scene) -> None:
        self.machines = machines_of(scene)
        line = gateways_line(scene.view.gateways, joint=" · ")
        if not line.is_same(self.gateways):
            self.gateways = line

    def lines(self, width: int) -> list[Content]:
        name = Content.assemble(("◆ ", "$claw"), (PRODUCT, "bold $foreground"))
        state = Content.assemble(("gateways  ", "$faint"), self.gateways) if width >= 90 else self.gateways
        room = width - name.cell_length - state.cell_length - 6
        middle = self._middle(room)
        left = Content.assemble(name, "   ", middle) if middle else name
        gap = max(1, width - left.cell_length - state.cell_length)
        return [Content.assemble(left, " " * gap, state).truncate(width)]

    def _middle(self, room: int) -> Content:
        old, new = self.machines
        if not old or room < 17:
            return Content()
        each = min(32, (room - 3) // 2)
        ends = [Content.styled(shortened(end, each), "$muted") for end in (old, new)]
        return Content.styled(" → ", "$faint").join(ends)


def machines_of(scene: Scene) -> tuple[str, str]:
    """Both machines by the name that is shortest to read."""
    plan, view = scene.view.plan, scene.view
    if plan:
        return plan.old.hostname or plan.old.address, plan.new.hostname or plan.new.address
    return view.old or scene.old, view.new or scene.new
