from __future__ import annotations

import pytest

from openclaw_wizard.events import QuestionAnswered, QuestionAsked
from openclaw_wizard.faces.tui.screens.leave import LeaveDialog
from openclaw_wizard.faces.tui.screens.pitfall import PitfallDialog
from openclaw_wizard.faces.tui.screens.question import QuestionDialog
from openclaw_wizard.model import Finding, Fix, Verdict
from tests.tui import story
from tests.tui.conftest import Open, Person
from tests.tui.fake_wizard import FakeWizard
from tests.tui.test_keys import read_machines


def told(until: str) -> FakeWizard:
    wizard = FakeWizard()
    wizard.tell(*story.survey())
    for _, event in story.until(until):
        wizard.tell(event)
    return wizard


async def asked(person: Person) -> None:
    await person.is_at("verify")
    person.wizard.tell(story.QUESTION)
    await person.until(lambda: isinstance(person.app.screen, QuestionDialog), "the question")
    await person.sees("Start the gateway on NEW?", "This is the point of no return", "1 Yes", "2 No")


@pytest.mark.parametrize(("key", "answer"), [("1", "yes"), ("2", "no")])
async def test_a_question_is_answered_with_its_key(opened: Open, key: str, answer: str) -> None:
    async with opened(wizard=told("new.start")) as person:
        await asked(person)
        await person.press(key)
        await person.asked("answer", "start-new", answer)
        await person.settled()
        assert not isinstance(person.app.screen, QuestionDialog)


async def test_which_profiles_move_is_asked_while_the_machines_are_read(opened: Open) -> None:
    async with opened(old="maria@atlas", new="hetzner-2") as person:
        await person.is_at("machines")
        await person.press("ctrl+n")
        await person.asked("survey", "maria@atlas", "hetzner-2", None)
        person.wizard.tell(*story.survey(finish=False), seconds=0.1)
        which = QuestionAsked(
            question="which-profiles",
            prompt="OLD has 2 profiles: default, work. Which move?",
            choices=("all", "default", "work"),
            answered_by="--profile",
        )
        person.wizard.tell(which)
        await person.until(lambda: isinstance(person.app.screen, QuestionDialog), "the question")
        await person.sees("OLD has 2 profiles", "1 All", "2 Default", "3 Work")
        await person.press("1")
        await person.asked("answer", "which-profiles", "all")


async def test_a_question_does_not_go_away_by_accident(opened: Open) -> None:
    async with opened(wizard=told("new.start")) as person:
        await asked(person)
        await person.press("escape", "enter", "space", "q", "s", "r", "9", "ctrl+b", "y")
        await person.pilot.click(offset=(1, 1))
        await person.settled()
        assert isinstance(person.app.screen, QuestionDialog)
        assert person.wizard.asked == []


async def test_a_question_can_be_answered_with_its_buttons(opened: Open) -> None:
    async with opened(wizard=told("new.start")) as person:
        await asked(person)
        await person.press("tab", "tab", "enter")
        await person.asked("answer", "start-new", "no")


async def test_a_question_that_was_answered_elsewhere_goes_away(opened: Open) -> None:
    async with opened(wizard=told("new.start")) as person:
        await asked(person)
        person.wizard.tell(QuestionAnswered(question="start-new", answer="yes"))
        await person.until(lambda: not isinstance(person.app.screen, QuestionDialog), "its end")
        assert person.wizard.asked == []


async def test_the_same_question_asked_again_is_shown_again(opened: Open) -> None:
    async with opened(wizard=told("new.start")) as person:
        await asked(person)
        await person.press("2")
        await person.asked("answer", "start-new", "no")
        person.wizard.tell(QuestionAnswered(question="start-new", answer="no"))
        await asked(person)


async def test_a_question_waits_until_the_person_has_decided_to_stay(opened: Open) -> None:
    async with opened(wizard=told("new.start")) as person:
        await person.is_at("verify")
        await person.live(story.done("new.node"))
        await person.press("ctrl+q")
        await person.until(lambda: isinstance(person.app.screen, LeaveDialog), "the dialog")
        person.wizard.tell(story.QUESTION)
        await person.settled()
        assert isinstance(person.app.screen, LeaveDialog)
        await person.press("escape")
        await person.until(lambda: isinstance(person.app.screen, QuestionDialog), "the question")


async def test_the_screen_does_not_change_under_a_dialog(opened: Open) -> None:
    async with opened(wizard=told("new.start")) as person:
        await asked(person)
        for _, event in [*story.until(""), *story.finish()]:
            person.wizard.tell(event)
        await person.is_at("done")
        assert not isinstance(person.app.screen, QuestionDialog)


async def test_a_finding_is_read_and_accepted(opened: Open) -> None:
    async with opened(wizard=told("copy.stream")) as person:
        await person.is_at("copy")
        await person.press("c", "enter")
        await person.until(lambda: isinstance(person.app.screen, PitfallDialog), "the finding")
        await person.sees("What was seen", "holds 41 files", "Why it matters", "What to do", "Accept")
        await person.press("a")
        await person.asked("accept", "target-not-empty")


async def test_a_finding_that_is_not_a_look_cannot_be_accepted(opened: Open) -> None:
    wizard = told("copy.stream")
    wizard.tell(story.judged(story.finding("room-on-new", "Not enough room on NEW", Verdict.BLOCKS)))
    async with opened(wizard=wizard) as person:
        await person.is_at("copy")
        await person.press("c", "enter")
        await person.sees("✖ blocks", "What was seen")
        assert "Accept" not in person.words.split("What to do")[1].split("Close")[1]
        await person.press("a", "escape")
        assert person.wizard.asked == []


async def test_an_accepted_finding_says_so(opened: Open) -> None:
    wizard = told("copy.stream")
    wizard.tell(story.accepted("target-not-empty"))
    async with opened((80, 24), wizard) as person:
        await person.is_at("copy")
        await person.sees("● 1 accepted", "● accepted Something stands already")


async def test_the_list_keeps_its_place_when_judgements_change(opened: Open) -> None:
    async with opened(wizard=told("copy.stream")) as person:
        await person.is_at("copy")
        await person.press("c", "down", "down", "down")
        chosen = person.app.screen.query_one("#checklist-list").highlighted_option.id  # type: ignore[attr-defined]
        cleared = story.finding("target-not-empty", "Something stands already", Verdict.CLEAR)
        person.wizard.tell(story.judged(cleared))
        await person.settled()
        assert person.app.screen.query_one("#checklist-list").highlighted_option.id == chosen  # type: ignore[attr-defined]


async def test_the_gravest_finding_is_on_top_as_long_as_nobody_reads_the_list(opened: Open) -> None:
    async with opened(wizard=told("copy.stream")) as person:
        await person.is_at("copy")
        grave = story.finding("room-on-new", "Not enough room on NEW", Verdict.BLOCKS)
        person.wizard.tell(story.judged(grave))
        await person.sees("✖ blocks Not enough room on NEW")
        person.wizard.tell(story.judged(grave.model_copy(update={"verdict": Verdict.CLEAR})))
        await person.sees("● look Something stands already")


FIX = Fix(pitfall="legacy-folder-on-new", kind="aside", path="/srv/bob/.clawdbot")


def found(**changes: object) -> Finding:
    made = story.finding("legacy-folder-on-new", "A folder of the old name on NEW", Verdict.BLOCKS)
    return made.model_copy(update=changes)


async def surveyed(person: Person, finding: Finding) -> None:
    """Both machines are read, that was found, and it is opened."""
    await read_machines(person)
    person.wizard.tell(*story.survey(findings=(finding,)))
    person.wizard.tell(story.judged(finding))
    await person.sees(finding.title[:20])
    await person.press("c", "enter")
    await person.until(lambda: isinstance(person.app.screen, PitfallDialog), "the finding")


async def test_what_the_move_can_mend_is_wanted_with_one_key(opened: Open) -> None:
    async with opened((120, 40)) as person:
        await surveyed(person, found(fixes=(FIX,)))
        await person.sees(
            "What the move can do", "/srv/bob/.clawdbot is renamed", "Mend", "X has the move mend it"
        )
        await person.press("x")
        await person.asked("fix", "legacy-folder-on-new")
        person.wizard.tell(story.judged(found(fixes=(FIX,), fixing=True, verdict=Verdict.LOOK)))
        await person.sees("to be mended", "◆ A folder of the old name")
        await person.press("enter")
        await person.sees("Do not mend", "X leaves it as it is.")
        await person.press("escape", "ctrl+n")
        await person.is_at("review")
        await person.sees("◆ Mended before Install, on NEW:", "/srv/bob/.clawdbot is renamed to")


async def test_nothing_more_is_mended_once_the_move_runs(opened: Open) -> None:
    wizard = told("copy.stream")
    wizard.tell(story.judged(found(fixes=(FIX,))))
    async with opened((120, 40), wizard) as person:
        await person.is_at("copy")
        await person.press("c", "enter")
        await person.sees("✖ blocks", "What the move can do")
        await person.press("x", "escape")
        assert person.wizard.asked == []


async def test_the_machine_that_has_the_state_is_made_old_with_one_key(opened: Open) -> None:
    async with opened() as person:
        await surveyed(
            person, story.finding("remote-mode", "OLD points elsewhere", Verdict.BLOCKS, instead="al@gw")
        )
        await person.sees("O makes al@gw the OLD machine.", "Other OLD")
        await person.press("o")
        await person.asked("survey", "al@gw", person.wizard.asked[0][2], None)
