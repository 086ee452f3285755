"""The whole way by keyboard, looking about while work runs, and what the app asks of the session."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from openclaw_wizard.events import (
    ActionFailed,
    SurveyFailed,
)
from openclaw_wizard.faces.tui.screens.base import WizardScreen
from openclaw_wizard.model import Outcome, Verdict
from openclaw_wizard.view import View
from tests.tui import story
from tests.tui.conftest import Open, Person
from tests.tui.fake_wizard import FakeWizard

UNREACHABLE = SurveyFailed(
    code="HostUnreachable",
    what="maria@atlas cannot be reached: connection refused",
    safe="Nothing was changed on either machine.",
    next="Check the name, the network and that its SSH server runs; then try again.",
    exit_code=6,
    retryable=True,
)


async def read_machines(person: Person) -> None:
    """From Welcome to a plan, with keys alone."""
    await person.press("enter")
    await person.is_at("machines")
    await person.press(*"maria@atlas", "tab", *"hetzner-2", "enter")
    await person.asked("survey", "maria@atlas", "hetzner-2", None)
    await person.is_at("identify")


async def test_the_whole_way_by_keyboard(opened: Open) -> None:
    async with opened() as person:
        await read_machines(person)
        person.wizard.tell(*story.survey(), seconds=0.1)
        await person.sees("Runs as profile default")
        await person.press("enter")
        await person.is_at("review")
        assert ("run",) not in person.wizard.asked
        await person.press("enter")
        assert ("run",) not in person.wizard.asked
        await person.press("s")
        await person.asked("run")
        for step, last in (("back_up", "old.stop"), ("copy", "copy.stream"), ("verify", "new.ready")):
            await person.live(story.until(last))
            await person.is_at(step)
        await person.live([*story.until(""), *story.finish()])
        await person.is_at("done")
        await person.press("ctrl+q")
        await person.until(lambda: person.app.return_value is not None, "the end")
        assert person.app.return_value == 0


async def test_the_machines_must_both_be_named(opened: Open) -> None:
    async with opened() as person:
        await person.press("enter")
        await person.is_at("machines")
        await person.press("enter")
        await person.sees("Name the OLD machine first")
        await person.press(*"local", "enter")
        await person.sees("Name the NEW machine first")
        assert isinstance(person.app.focused, Input)
        assert person.app.focused.id == "new"
        assert person.wizard.asked == []


async def test_a_profile_is_passed_on(opened: Open) -> None:
    async with opened(old="maria@atlas", new="hetzner-2") as person:
        await person.is_at("machines")
        await person.press("tab", "tab", *"work", "enter")
        await person.asked("survey", "maria@atlas", "hetzner-2", "work")


async def test_filled_in_machines_can_still_be_left_for_the_first_screen(opened: Open) -> None:
    async with opened(old="maria@atlas", new="hetzner-2") as person:
        await person.is_at("machines")
        await person.press("ctrl+b")
        await person.is_at("welcome")


async def test_a_machine_that_is_not_reached_is_a_panel_with_its_key(opened: Open) -> None:
    async with opened() as person:
        await read_machines(person)
        person.wizard.tell(UNREACHABLE)
        await person.sees("✖ The machines could not be read", "connection refused", "R try again")
        await person.press("r")
        await person.until(lambda: len(person.wizard.asked) == 2, "a second survey")
        await person.until(lambda: "✖" not in person.text, "the panel's end")
        person.wizard.tell(UNREACHABLE.model_copy(update={"code": "NothingToMove"}))
        await person.sees("M change the machines")
        await person.press("m")
        await person.is_at("machines")


async def test_blockers_hold_the_start_and_f5_reads_again(opened: Open) -> None:
    blocked = story.finding("room-on-new", "There is not enough room on NEW", Verdict.BLOCKS)
    async with opened() as person:
        await read_machines(person)
        person.wizard.tell(*story.survey(findings=(blocked,)))
        person.wizard.tell(story.judged(blocked))
        await person.settled()
        await person.press("enter")
        await person.is_at("review")
        await person.sees("What blocks the move", "There is not enough room on NEW", "1 finding blocks")
        await person.press("s")
        assert ("run",) not in person.wizard.asked
        await person.press("f5")
        await person.until(lambda: len(person.wizard.asked) == 2, "a second survey")
        await person.is_at("identify")


async def test_p_reads_again_for_another_way_with_paths(opened: Open) -> None:
    async with opened() as person:
        await read_machines(person)
        person.wizard.tell(*story.survey())
        for way in (("same",), ("link",), ()):
            person.app.action_look("review")
            await person.is_at("review")
            await person.press("p")
            # OLD has others too: what was chosen is named, so that nobody is asked for it again.
            await person.asked("survey", "maria@atlas", "hetzner-2", "default", *way)
            person.wizard.tell(*story.survey())
            await person.settled()


async def test_looking_back_changes_nothing_and_the_work_does_not_pull_away(opened: Open) -> None:
    async with opened(wizard=FakeWizard()) as person:
        person.wizard.tell(*story.survey())
        await person.live(story.until("new.node"))
        await person.is_at("install")
        await person.press("ctrl+b")
        await person.is_at("back_up")
        before = list(person.wizard.asked)
        await person.live([*story.done("new.node"), *story.done("new.openclaw"), *story.copying()])
        assert person.app.current_mode == "back_up"
        await person.press("ctrl+n")
        await person.is_at("install")
        await person.press("ctrl+n")
        await person.is_at("copy")
        await person.live(story.until("new.validate"))
        await person.is_at("doctor")
        assert person.wizard.asked == before


async def test_a_click_on_the_rail_looks_at_that_step(opened: Open) -> None:
    async with opened(wizard=FakeWizard()) as person:
        person.wizard.tell(*story.survey())
        await person.live(story.until("copy.stream"))
        await person.is_at("copy")
        await person.pilot.click("#rail-back_up")
        await person.is_at("back_up")
        await person.sees("Keep a safety copy on OLD")
        await person.pilot.click("#rail-verify")
        await person.is_at("verify")
        await person.sees("Start the gateway on NEW")


async def test_resume_is_offered_and_asked_for(opened: Open) -> None:
    now = 1_800_000_000.0
    async with opened(wizard=FakeWizard(story.summaries(now), now)) as person:
        await person.press("down", "enter")
        await person.asked("resume", story.MOVE)
        await person.sees("Opening the move")
        person.wizard.tell(*story.survey())
        await person.live(story.until("copy.compare"))
        await person.is_at("copy")


async def test_a_move_that_cannot_be_resumed_says_so_where_it_was_asked(opened: Open) -> None:
    now = 1_800_000_000.0
    async with opened(wizard=FakeWizard(story.summaries(now), now)) as person:
        await person.press("down", "enter")
        person.wizard.tell(UNREACHABLE)
        await person.sees("✖ The move could not be resumed", "R try again")
        await person.press("r")
        await person.until(lambda: person.wizard.asked == [("resume", story.MOVE)] * 2, "a second try")


async def test_put_back_from_welcome_is_confirmed_first(opened: Open) -> None:
    now = 1_800_000_000.0
    async with opened(wizard=FakeWizard(story.summaries(now), now)) as person:
        await person.press("down", "down", "enter")
        await person.sees("Put back the move of", "(Copy)?")
        await person.press("escape")
        assert person.wizard.asked == []
        await person.press("enter")
        await person.sees("2 Put back")
        await person.press("2")
        await person.asked("undo", story.MOVE)


async def test_a_broken_move_is_named_and_cannot_be_chosen(opened: Open) -> None:
    now = 1_800_000_000.0
    broken = story.summaries(now)[0].model_copy(update={"problem": "line 3 is damaged", "actions_done": 0})
    async with opened(wizard=FakeWizard([broken], now)) as person:
        await person.sees("cannot be opened", "line 3 is damaged")
        await person.press("down", "enter")
        await person.is_at("machines")


async def test_trying_again_after_a_failure_goes_on_with_the_move(opened: Open) -> None:
    async with opened() as person:
        await read_machines(person)
        person.wizard.tell(*story.survey())
        await person.settled()
        await person.press("enter", "s")
        await person.asked("run")
        await person.live([*story.until("copy.stream"), *story.copying(), (1.0, story.FAILED)])
        await person.is_at("copy")
        await person.sees("R try again from here")
        await person.press("r")
        await person.until(lambda: person.wizard.asked.count(("run",)) == 2, "going on")
        await person.until(lambda: "Failed:" not in person.text, "the panel's end")
        await person.live(story.done("copy.stream"))
        await person.sees("2.1 GB sent")


async def test_a_failed_undo_goes_on_undoing(opened: Open) -> None:
    wizard = FakeWizard()
    wizard.tell(*story.survey())
    for _, event in [*story.until(""), *story.finish()]:
        wizard.tell(event)
    async with opened(wizard=wizard) as person:
        await person.is_at("done")
        await person.press("u")
        await person.sees("Put this move back?")
        await person.press("2")
        await person.live(story.undoing())
        fields = story.FAILED.model_dump(exclude={"type", "action"})
        person.wizard.tell(ActionFailed(action="new.start", **fields))
        await person.sees("✖ Could not be put back: Start the gateway on NEW", "R go on putting back")
        await person.press("r")
        await person.until(lambda: person.wizard.asked.count(("undo", story.MOVE)) == 2, "a second undo")
        await person.live(story.finish(Outcome.PUT_BACK))
        await person.is_at("done")
        await person.sees("↶ Put back", "as they were before the move")
        assert "Put back" not in person.text.splitlines()[-1]


async def test_opening_a_move_changes_the_view_without_an_event(opened: Open) -> None:
    async with opened() as person:
        view = View()
        source = FakeWizard()
        source.tell(*story.survey())
        for _, event in story.until("copy.stream"):
            source.tell(event)
        person.wizard.view = source.view
        assert view is not source.view
        await person.is_at("copy")


@pytest.mark.parametrize("key", ["l", "ctrl+l"])
async def test_the_log_opens_and_closes(opened: Open, key: str) -> None:
    async with opened(wizard=FakeWizard()) as person:
        person.wizard.tell(*story.survey())
        await person.live([*story.until("copy.stream"), *story.copying()])
        await person.is_at("copy")
        assert "tar: chunk 35" not in person.text
        await person.press(key)
        await person.sees("Log", "OLD tar: chunk 35")
        await person.press(key)
        await person.until(lambda: "tar: chunk 35" not in person.text, "the drawer's end")


async def test_help_shows_the_keys_that_work_here(opened: Open) -> None:
    async with opened((120, 36)) as person:
        await read_machines(person)
        person.wizard.tell(*story.survey())
        await person.sees("Runs as")
        await person.press("f1")
        await person.sees("state directory", "Go on to the plan", "Open or close the log")
        await person.press("escape")
        await person.until(lambda: isinstance(person.app.screen, WizardScreen), "the end of help")


async def test_the_palette_holds_only_our_commands(opened: Open) -> None:
    async with opened((120, 36)) as person:
        commands = {c.title for c in person.app.get_system_commands(person.app.screen)}
        assert commands == {"Show or hide the log", "Dark or light", "Help", "Leave"}
        await read_machines(person)
        person.wizard.tell(*story.survey())
        await person.settled()
        commands = {c.title for c in person.app.get_system_commands(person.app.screen)}
        assert "Read both machines again" in commands
        await person.press("ctrl+p")
        await person.sees("Dark or light")


async def test_dark_and_light(opened: Open) -> None:
    async with opened() as person:
        assert person.app.theme == "wizard-dark"
        person.app.action_colours()
        await person.settled()
        assert person.app.theme == "wizard-light"
        await person.sees("Start a move")
