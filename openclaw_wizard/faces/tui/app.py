"""The terminal app: listens to the session, shows the screen where the work is, and passes on what is asked.

It owns no work. Events only set a flag; a timer paints at most ten times a second. The screen follows
the work unless the person has gone to look at another one.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Final

from textual import on
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen, Screen

from openclaw_wizard.errors import ExitCode
from openclaw_wizard.events import QuestionAsked
from openclaw_wizard.faces.tui.ear import Ear
from openclaw_wizard.faces.tui.messages import FindingChosen, Look, PutBack, Resume, Survey
from openclaw_wizard.faces.tui.scene import Doing, LogSaid, Scene
from openclaw_wizard.faces.tui.screens.back_up import BackUpScreen
from openclaw_wizard.faces.tui.screens.base import WizardScreen
from openclaw_wizard.faces.tui.screens.confirm import PutBackDialog
from openclaw_wizard.faces.tui.screens.copy import CopyScreen
from openclaw_wizard.faces.tui.screens.doctor import DoctorScreen
from openclaw_wizard.faces.tui.screens.done import DoneScreen
from openclaw_wizard.faces.tui.screens.help import HelpDialog
from openclaw_wizard.faces.tui.screens.identify import IdentifyScreen
from openclaw_wizard.faces.tui.screens.install import InstallScreen
from openclaw_wizard.faces.tui.screens.leave import LeaveDialog
from openclaw_wizard.faces.tui.screens.machines import MachinesScreen
from openclaw_wizard.faces.tui.screens.pitfall import Choice, PitfallDialog
from openclaw_wizard.faces.tui.screens.put_back import PutBackScreen
from openclaw_wizard.faces.tui.screens.question import QuestionDialog
from openclaw_wizard.faces.tui.screens.review import ReviewScreen
from openclaw_wizard.faces.tui.screens.verify import VerifyScreen
from openclaw_wizard.faces.tui.screens.welcome import WelcomeScreen
from openclaw_wizard.faces.tui.theme import DARK, EXTRA, LIGHT
from openclaw_wizard.faces.tui.words import SCREENS
from openclaw_wizard.faces.wizard import Wizard
from openclaw_wizard.model import Finding, MoveSummary, Outcome, Paths, StepId, Wishes

REPAINTS: Final = 10
"""At most so many screen updates a second."""
TURN: Final = 3
"""Ticks between two positions of the spinner."""

WAYS: Final = (Paths.REWRITE, Paths.SAME, Paths.LINK)
"""What P goes through; the fourth, KEEP, is on the command line only."""


class WizardApp(App[ExitCode]):
    TITLE = "OpenClaw wizard"
    CSS_PATH = "wizard.tcss"
    MODES = {
        "welcome": WelcomeScreen,
        "machines": MachinesScreen,
        "identify": IdentifyScreen,
        "review": ReviewScreen,
        "back_up": BackUpScreen,
        "install": InstallScreen,
        "copy": CopyScreen,
        "doctor": DoctorScreen,
        "verify": VerifyScreen,
        "put_back": PutBackScreen,
        "done": DoneScreen,
    }
    DEFAULT_MODE = "welcome"
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (60, "-narrow"), (90, "-middle"), (116, "-wide"), (150, "-vast")]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (20, "-short"), (30, "-tall")]
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Leave", show=False, priority=True),
        Binding("ctrl+p", "command_palette", "Commands", show=False, priority=True, tooltip="The commands"),
    ]

    def __init__(
        self, wizard: Wizard, *, old: str = "", new: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self._wizard = wizard
        self.ear = Ear(wizard, clock, old, new)
        self.following = True
        """False while the person looks at another screen than the one where the work is."""
        self.repaints = 0
        self._beat = self.ticks = 0
        self._log_open = False
        self._wishes = Wishes()
        self._offered: tuple[object, ...] = ()
        self._asking: QuestionDialog | None = None
        self._answered: QuestionAsked | None = None
        self._on_top: Screen[object] | None = None
        self._browse = False
        """Whether a browser is to be opened once the dashboard can be reached."""
        self._unsubscribe: Callable[[], None] = lambda: None

    # ------------------------------------------------------- life and repaint

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(EXTRA)

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        if not os.environ.get("TEXTUAL_THEME"):
            self.theme = DARK.name
        self._unsubscribe = self._wizard.subscribe(self.ear.hear)
        self.set_interval(1 / REPAINTS, self._tick)
        if self.ear.old and self.ear.new and not self._wizard.view.actions:
            self.switch_mode("machines")

    def on_unmount(self) -> None:
        self._unsubscribe()

    def scene(self) -> Scene:
        return self.ear.scene(self.current_mode, self._beat)

    def log_said(self) -> LogSaid:
        return LogSaid(tuple(self.ear.log), self.ear.said, self._log_open)

    def moves(self) -> tuple[MoveSummary, ...]:
        return tuple(self._wizard.moves())

    def _tick(self) -> None:
        if not self.screen_stack:  # the app is on its way out
            return
        self.ticks += 1
        turned = self.ear.working and self.ticks % TURN == 0
        self._beat += turned
        on_top, self._on_top = self._on_top, self.screen
        if self.ear.take_change() or turned or on_top is not self.screen:
            self.repaint()

    def repaint(self) -> None:
        """Shows the scene on the screen below any dialog, having followed the work first."""
        self.repaints += 1
        self._follow(self.scene())
        self._ask()
        scene = self.scene()
        if self._browse and scene.view.dashboard_url:
            self._browse = False
            self.open_url(scene.view.dashboard_url)
        for screen in self.screen_stack:
            if isinstance(screen, WizardScreen):
                screen.show(scene)
                screen.show_log(self.log_said())
        offered = tuple(self.check_action(name, ()) for name in GUARDED)
        if offered != self._offered:
            self._offered = offered
            self.screen.refresh_bindings()

    def _follow(self, scene: Scene) -> None:
        away = scene.target is not None and scene.target != self.current_mode
        if away and self.following and not isinstance(self.screen, ModalScreen):
            self._go(scene.target or "")

    def _go(self, place: str) -> None:
        self.switch_mode(place)
        self._offered = ()

    # --------------------------------------------------------------- dialogs

    def _ask(self) -> None:
        """Opens the dialog of the question that waits; takes it away when somebody else answered."""
        asked = self._wizard.view.question if self.ear.working else None
        if self._asking and asked is not self._asking.asked and self.screen is self._asking:
            self._asking.dismiss(None)
        if (
            asked
            and asked is not self._answered
            and not self._asking
            and not isinstance(self.screen, LeaveDialog)
        ):
            self._asking = QuestionDialog(asked)
            self.push_screen(self._asking, self._reply)

    def _reply(self, answer: str | None) -> None:
        dialog, self._asking = self._asking, None
        if dialog and answer is not None:
            self._answered = dialog.asked
            self._wizard.answer(dialog.asked.question, answer)

    @on(FindingChosen)
    def _open_finding(self, event: FindingChosen) -> None:
        finding = next((f for f in self.scene().findings if f.pitfall == event.pitfall), None)
        if finding:
            early = not (self.scene().view.actions or self.ear.working)
            dialog = PitfallDialog(finding, before_the_move=early)
            self.push_screen(dialog, lambda choice: self._chosen(finding, choice))

    def _chosen(self, finding: Finding, choice: Choice | None) -> None:
        match choice:
            case "accept":
                self._wizard.accept(finding.pitfall)
            case "fix":
                self._wizard.fix(finding.pitfall)
            case "instead":
                self.ear.old = finding.instead
                self.action_survey()

    async def action_quit(self) -> None:
        """Leaves at once where nothing runs, else asks."""
        if isinstance(self.screen, LeaveDialog) or self.ear.stopping:
            return
        if self.ear.working:
            self.push_screen(LeaveDialog(), self._leave)
        else:
            self.request_exit()

    def _leave(self, leave: bool | None) -> None:
        if leave:
            self.ear.stopping = self.ear.changed = True
            self.run_worker(self._stop_and_exit(), name="stop")

    async def _stop_and_exit(self) -> None:
        await self._wizard.stop("left by the person")
        self.request_exit()

    def request_exit(self) -> None:
        """Ends the app now; whoever calls `run_tui` stops what still runs."""
        self.exit(self.leaving_code())

    def leaving_code(self) -> ExitCode:
        """What the process ends with as things stand now."""
        view = self._wizard.view
        if view.outcome is not None and view.exit_code is not None:
            return ExitCode(view.exit_code)
        if not view.actions and self.ear.doing in (Doing.NOTHING, Doing.SURVEY):
            return ExitCode.DONE
        return ExitCode(view.failure.exit_code) if view.failure else ExitCode.FAILED

    async def action_help(self) -> None:
        if isinstance(self.screen, ModalScreen):
            return
        active = [b.binding for b in self.screen.active_bindings.values() if b.enabled]
        shown = {b.action: b for b in reversed(active) if b.tooltip or b.show}
        keys = [(self.get_key_display(b), b.tooltip or b.description) for b in reversed(shown.values())]
        self.push_screen(HelpDialog(SCREENS[self.current_mode], keys))

    # --------------------------------------------------------- what is asked

    @on(Survey)
    def _survey(self, event: Survey) -> None:
        self.ear.old, self.ear.new, self.ear.profile = event.old, event.new, event.profile or ""
        self._wishes = Wishes()
        self.action_survey()

    def action_survey(self) -> None:
        self._begin(Doing.SURVEY)

    def action_paths(self) -> None:
        """Reads again for the next of the ways to have paths found on NEW."""
        self._wishes = Wishes(paths=WAYS[(WAYS.index(self._wishes.paths) + 1) % len(WAYS)])
        self.ear.keep_profiles()
        self.action_survey()

    def action_start(self) -> None:
        self._begin(Doing.RUN)

    @on(Resume)
    def _resume(self, event: Resume) -> None:
        self.ear.move = event.move
        self._begin(Doing.RESUME)

    @on(PutBack)
    def _put_back(self, event: PutBack) -> None:
        self.push_screen(PutBackDialog(event.name), lambda yes: self._undo(event.move, bool(yes)))

    def action_put_back(self) -> None:
        self._put_back(PutBack(self._wizard.view.move, ""))

    def _undo(self, move: str | None, confirmed: bool) -> None:
        if confirmed:
            self.ear.move = move
            self._begin(Doing.UNDO)

    def action_dashboard(self) -> None:
        self._browse = has_browser(os.environ, sys.platform)
        self._wizard.begin_dashboard()

    def action_again(self) -> None:
        """The same again: what failed is tried once more."""
        self._begin(self.ear.doing if self.ear.doing is not Doing.NOTHING else Doing.RUN)

    def _begin(self, doing: Doing) -> None:
        if self.ear.working:
            return
        self.ear.begin(doing)
        self.following = True
        match doing:
            case Doing.SURVEY:
                self._wizard.begin_survey(self.ear.old, self.ear.new, self.ear.profiles, self._wishes)
            case Doing.RESUME:
                self._wizard.begin_resume(self.ear.move)
            case Doing.UNDO:
                self._wizard.begin_undo(self.ear.move)
            case _:
                self._wizard.begin_run()
        self.repaint()

    # -------------------------------------------------------------- going about

    @on(Look)
    def _look(self, event: Look) -> None:
        self.action_look(event.place)

    def action_look(self, place: str) -> None:
        """Shows another screen; it changes nothing, and only there can it be left alone by the work."""
        scene = self.scene()
        a_step = bool(scene.view.actions) and place in {step.value for step in StepId}
        if place in scene.reachable or a_step:
            self.following = place == scene.target
            self._go(place)

    def action_look_back(self) -> None:
        if place := self.scene().beside(-1):
            self.action_look(place)

    def action_look_ahead(self) -> None:
        if place := self.scene().beside(1):
            self.action_look(place)

    def action_log(self) -> None:
        self._log_open = not self._log_open
        self.repaint()

    def action_colours(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """False hides a key, None shows it dimmed."""
        guard = GUARDED.get(action)
        return guard(self.scene()) if guard else True

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The few commands of the palette."""
        offers = (
            ("Show or hide the log", "What ran on which machine, and what it printed", "log"),
            ("Read both machines again", "Makes the plan anew; writes nothing", "survey"),
            ("Open NEW's dashboard", "Leads it to this machine, until the wizard ends", "dashboard"),
            ("Put this move back", "Undoes the move in reverse; asks first", "put_back"),
            ("Dark or light", "Changes the colours", "colours"),
            ("Help", "This screen and its keys", "help"),
            ("Leave", "Asks first where something runs", "quit"),
        )
        for title, text, action in offers:
            if self.check_action(action, ()):
                yield SystemCommand(
                    title, text, lambda action=action: self.call_later(self.run_action, action)
                )


def _can_survey(scene: Scene) -> bool:
    return bool(scene.old and scene.new) and not scene.working and not scene.view.actions


def _can_start(scene: Scene) -> bool | None:
    if scene.view.plan is None or scene.view.actions or scene.working:
        return False
    return None if scene.blockers else True


def _can_put_back(scene: Scene) -> bool:
    return bool(scene.view.actions) and not scene.working and scene.outcome is not Outcome.PUT_BACK


def has_browser(environment: Mapping[str, str], system: str) -> bool:
    """Whether a browser would open in a window: one of the terminal would take the wizard's own screen."""
    return system in ("darwin", "win32") or any(environment.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY"))


def _can_look(scene: Scene) -> bool:
    return bool(scene.view.dashboard) and not scene.working and scene.outcome is not Outcome.PUT_BACK


GUARDED: Final[dict[str, Callable[[Scene], bool | None]]] = {
    "again": lambda scene: scene.failure is not None and not scene.working and scene.at_work,
    "survey": _can_survey,
    "paths": _can_survey,
    "start": _can_start,
    "put_back": _can_put_back,
    "dashboard": _can_look,
    "look_back": lambda scene: scene.beside(-1) is not None,
    "look_ahead": lambda scene: scene.beside(1) is not None,
    "look": lambda scene: not scene.view.actions and not scene.working,
}
"""Whether an action can be asked for as things stand."""


async def run_tui(wizard: Wizard, *, old: str = "", new: str = "", headless: bool = False) -> ExitCode:
    """Shows `wizard` until the person leaves or `request_exit` is called; the caller owns the session."""
    app = WizardApp(wizard, old=old, new=new)
    shown = asyncio.ensure_future(app.run_async(headless=headless))
    try:
        code = await asyncio.shield(shown)
    except asyncio.CancelledError:
        # A signal: the app leaves by its own door, so that the terminal is as it was before.
        app.request_exit()
        await shown
        raise
    if code is not None:
        return code
    return ExitCode.BUG if app.return_code else app.leaving_code()
