"""What every screen of the wizard has: title, rail, work area, failure panel, checklist, log, footer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.css.query import NoMatches
from textual.geometry import Region
from textual.screen import Screen
from textual.widgets import Footer

from openclaw_wizard.faces.tui.messages import Look
from openclaw_wizard.faces.tui.scene import LogSaid, Mark, Scene, Stage
from openclaw_wizard.faces.tui.signs import Phase
from openclaw_wizard.faces.tui.widgets.actions import Actions
from openclaw_wizard.faces.tui.widgets.checklist import Checklist
from openclaw_wizard.faces.tui.widgets.failure import FailurePanel
from openclaw_wizard.faces.tui.widgets.intro import Intro
from openclaw_wizard.faces.tui.widgets.logview import LogView
from openclaw_wizard.faces.tui.widgets.notice import Notice
from openclaw_wizard.faces.tui.widgets.rail import Rail
from openclaw_wizard.faces.tui.widgets.title import Title
from openclaw_wizard.faces.tui.widgets.too_small import TooSmall
from openclaw_wizard.faces.tui.words import SCREENS

HELP = Binding("f1", "app.help", "Help")
LEAVE = Binding(
    "ctrl+q", "app.quit", "Leave", priority=True, tooltip="Leave; asks first where something runs"
)
LOG = Binding("l,ctrl+l", "app.log", "Log", tooltip="Open or close the log")
QUIET_LOG = Binding("l,ctrl+l", "app.log", "Log", show=False, tooltip="Open or close the log")
BACK = Binding("ctrl+b", "app.look_back", "Back", tooltip="The screen before; looking changes nothing")
AHEAD = Binding("ctrl+n", "app.look_ahead", "Ahead", tooltip="The next screen; looking changes nothing")
AGAIN = Binding("r", "app.again", "Try again", tooltip="Try again what failed; nothing is done twice")


class WizardScreen(Screen[None]):
    """Paints a `Scene`. Subclasses add their work area (`compose_work`) and paint it (`show_work`)."""

    AUTO_FOCUS = ""
    _in_sight: tuple[str, Phase] | None = None
    _room: object = None
    _scrolled: tuple[object, ...] | None = None
    PLACE: ClassVar[str]
    HAS_CHECKLIST: ClassVar[bool] = True
    HAS_LOG_TAIL: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "c",
            "checklist",
            "Checklist",
            show=False,
            tooltip="Go to the checklist: enter opens one, f filters, / searches",
        ),
        Binding("escape", "release", "Leave the list", show=False, tooltip="Leave the checklist"),
        Binding("up", "scroll_work(-1)", "Up", show=False),
        Binding("down", "scroll_work(1)", "Down", show=False),
        Binding("pageup", "scroll_work(-10)", "Page up", show=False),
        Binding("pagedown", "scroll_work(10)", "Page down", show=False),
    ]

    def compose(self) -> ComposeResult:
        yield Title()
        with Container(id="body"):
            yield Rail()
            with Container(id="stage"):
                with Vertical(id="main"):
                    with VerticalScroll(id="work", can_focus=False):
                        yield from self.compose_head()
                        yield FailurePanel()
                        yield Notice()
                        yield from self.compose_work()
                    yield from self.compose_below()
                    yield LogView()
                if self.HAS_CHECKLIST:
                    yield Checklist()
        yield TooSmall()
        yield Footer(show_command_palette=False)

    @property
    def counted(self) -> str:
        """What stands beside the title, such as `step 4 of 6`."""
        return ""

    def compose_head(self) -> ComposeResult:
        yield Intro(SCREENS[self.PLACE], self.counted)

    def compose_work(self) -> ComposeResult:
        yield from ()

    def compose_below(self) -> ComposeResult:
        """What stays under the scrolling part."""
        yield from ()

    def on_mount(self) -> None:
        self.set_class(self.HAS_LOG_TAIL, "-tail")
        # What is above the work may get its room only in a later layout.
        self.screen_layout_refresh_signal.subscribe(self, lambda _: self._scroll_to_work())
        self.paint()

    def on_screen_resume(self) -> None:
        self.paint()

    def paint(self) -> None:
        """Shows everything as it is now."""
        self.show(self.scene)
        self.show_log(self.stage.log_said())

    @property
    def stage(self) -> Stage:
        assert isinstance(self.app, Stage)
        return self.app

    @property
    def scene(self) -> Scene:
        return self.stage.scene()

    def show(self, scene: Scene) -> None:
        """Paints what changed; does nothing before the widgets are there or while they go."""
        if not self.is_mounted:
            return
        with suppress(NoMatches):  # a switch of screens may overtake a repaint
            self.set_class(scene.failure is not None and scene.at_work, "-failed")
            self.query_one(Title).show(scene)
            self.query_one(Rail).show(scene)
            self.query_one(FailurePanel).show(scene)
            self.query_one(Notice).show(scene)
            for checklist in self.query(Checklist):
                checklist.show(scene)
            self.show_work(scene)

    def show_work(self, scene: Scene) -> None:
        """Paints the work area."""

    def show_log(self, said: LogSaid) -> None:
        """Writes new lines of the log, and opens or closes the drawer."""
        self.set_class(said.opened, "-log")
        if self.is_mounted:
            for log in self.query(LogView):
                log.show(said.lines, said.total)

    def look(self, place: str) -> None:
        self.post_message(Look(place))

    def keep_in_sight(self, marks: Sequence[Mark], room: object = None) -> None:
        """Scrolls to the action at work when it or its `room` changes, and to the top when one failed."""
        at = next(((m.name, m.phase) for m in marks if m.phase in (Phase.RUNNING, Phase.FAILED)), None)
        if (at, room) != (self._in_sight, self._room):
            self._in_sight, self._room = at, room
            self.call_after_refresh(self._scroll_to_work)

    def _scroll_to_work(self) -> None:
        with suppress(NoMatches):
            work, actions = self.query_one("#work"), self.query_one(Actions)
            failed = self._in_sight is not None and self._in_sight[1] is Phase.FAILED
            line = 0 if failed else actions.virtual_region.y + actions.line_of_work()
            now = self._in_sight, self._room, line, work.virtual_size, work.size
            if self._in_sight is None or self._scrolled == now:
                return
            self._scrolled = now
            work.scroll_to_region(Region(0, line, 1, 2), animate=False, force=True)

    def action_checklist(self) -> None:
        for each in self.query("#checklist-list"):
            each.focus()

    def action_release(self) -> None:
        self.set_focus(None)

    def action_scroll_work(self, lines: int) -> None:
        self.query_one("#work").scroll_relative(y=lines, animate=False)
