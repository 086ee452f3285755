"""The first screen: start a move, resume one, or put one back."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from openclaw_wizard.faces import figures
from openclaw_wizard.faces.tui.hosttext import one_line, shortened
from openclaw_wizard.faces.tui.messages import PutBack, Resume
from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.screens.base import AGAIN, HELP, LEAVE, QUIET_LOG, WizardScreen
from openclaw_wizard.faces.tui.widgets.intro import Intro
from openclaw_wizard.faces.tui.widgets.logo import Logo
from openclaw_wizard.faces.tui.words import STEPS, WELCOME
from openclaw_wizard.model import MoveSummary, Outcome

ENDED = frozenset({Outcome.DONE, Outcome.PROBLEMS, Outcome.PUT_BACK})


class Choices(OptionList):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", "Choose", tooltip="Choose this")]


class WelcomeScreen(WizardScreen):
    PLACE = "welcome"
    HAS_CHECKLIST = False
    AUTO_FOCUS = "#choices"
    BINDINGS: ClassVar[list[BindingType]] = [
        AGAIN,
        Binding("ctrl+n", "app.look('machines')", "Start a move", show=False, tooltip="Start a move"),
        QUIET_LOG,
        HELP,
        LEAVE,
    ]

    def compose_head(self) -> ComposeResult:
        yield Logo()
        yield Intro(WELCOME, heading=False)

    def compose_work(self) -> ComposeResult:
        self._moves, self._now = self.stage.moves(), self.scene.now
        yield Choices(*choices(self._moves, self._now), id="choices", markup=False)

    def show_work(self, scene: Scene) -> None:
        self.query_one("#choices").disabled = scene.working

    @on(OptionList.OptionSelected, "#choices")
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        does, _, move = (event.option_id or "start").partition(":")
        if does == "resume":
            self.post_message(Resume(move))
        elif does == "undo":
            chosen = next(m for m in self._moves if m.id == move)
            self.post_message(PutBack(move, name_of(chosen, self._now)))
        else:
            self.look("machines")


def choices(moves: tuple[MoveSummary, ...], now: float) -> list[Option]:
    """Start a move; what can be resumed, newest first; what can be put back; a blank line after each."""
    start = _prompt("Start a move", "Name two machines; both are only read until you confirm the plan.")
    options = [Option(start, id="start")]
    options += [option for move in moves if (option := _resume(move, now))]
    options += [option for move in moves if (option := _undo(move, now))]
    return [each for option in options for each in (option, Option("", disabled=True))]


def _resume(move: MoveSummary, now: float) -> Option | None:
    if move.problem:
        text = f"The move {one_line(move.id)} cannot be opened"
        return Option(_prompt(text, one_line(move.problem)), id=f"broken:{move.id}", disabled=True)
    if move.outcome in ENDED:
        return None
    return Option(_prompt(f"Resume the move of {name_of(move, now)}", detail(move)), id=f"resume:{move.id}")


def _undo(move: MoveSummary, now: float) -> Option | None:
    if move.problem or not move.actions_done or move.outcome is Outcome.PUT_BACK:
        return None
    name = f"Put back the move of {figures.moment(move.started, now)}"
    return Option(_prompt(name, detail(move)), id=f"undo:{move.id}")


def _prompt(title: str, text: str) -> Content:
    return Content.assemble((title, "bold"), "\n", (text, "$muted"))


def name_of(move: MoveSummary, now: float) -> str:
    """`14:02 (Copy)`."""
    time = figures.moment(move.started, now)
    ended = move.outcome in ENDED or move.step is None
    return time if ended or move.step is None else f"{time} ({STEPS[move.step].title})"


def detail(move: MoveSummary) -> str:
    """From where to where, and how far it came."""
    ends = f"{shortened(move.old, 24)} → {shortened(move.new, 24)}"
    if move.outcome in (Outcome.DONE, Outcome.PROBLEMS):
        return f"{ends} · {move.outcome}"
    return f"{ends} · {move.actions_done} of {move.actions} actions done"
