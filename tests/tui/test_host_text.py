"""What a machine sends is shown as it is: never markup, never a link, never an escape sequence."""

from __future__ import annotations

import pytest

from openclaw_wizard.events import (
    ActionDone,
    ActionFailed,
    ActionStarted,
    Advanced,
    Compared,
    QuestionAsked,
    Said,
    Surveyed,
)
from openclaw_wizard.model import Row, RowState, Verdict
from openclaw_wizard.transfer.manifest import shown
from tests.tui import story
from tests.tui.conftest import Open
from tests.tui.fake_wizard import FakeWizard

NASTY = ["[/foo]", "[@click=app.quit]x[/]", "[red]not red[/red]", "a[b"]


def told(until: str) -> FakeWizard:
    wizard = FakeWizard()
    wizard.tell(*story.survey())
    for _, event in story.until(until):
        wizard.tell(event)
    return wizard


@pytest.mark.parametrize("nasty", NASTY)
async def test_in_the_log_and_in_facts(opened: Open, nasty: str) -> None:
    async with opened((120, 36), told("copy.stream")) as person:
        await person.live(
            [
                (0.1, ActionStarted(action="copy.stream")),
                (0.1, Said(text=f"log {nasty}")),
                (0.1, ActionDone(action="copy.stream", fact=f"fact {nasty}")),
            ]
        )
        await person.is_at("copy")
        await person.sees(f"log {nasty}", f"fact {nasty}")


async def test_in_the_failure_panel(opened: Open) -> None:
    async with opened((200, 60), told("copy.stream")) as person:
        fields = story.FAILED.model_dump(exclude={"type", "what", "safe", "next"})
        failed = ActionFailed(what=NASTY[0], safe=NASTY[1], next=NASTY[2], **fields)
        await person.live([(0.1, ActionStarted(action="copy.stream")), (0.1, failed)])
        await person.sees(*NASTY[:3])
        await person.pilot.click(offset=(60, 12))
        assert person.app.return_value is None


async def test_in_a_question_and_its_choices(opened: Open) -> None:
    async with opened(wizard=told("new.start")) as person:
        asked = QuestionAsked(question="q", prompt=NASTY[1], choices=(NASTY[0], "no"), answered_by="--yes")
        await person.is_at("verify")
        person.wizard.tell(asked)
        await person.sees(NASTY[1], f"1 {NASTY[0]}")
        await person.press("1")
        await person.asked("answer", "q", NASTY[0])


async def test_in_a_finding(opened: Open) -> None:
    wizard = told("copy.stream")
    finding = story.finding("target-not-empty", NASTY[3], Verdict.BLOCKS, evidence=NASTY[1], why=NASTY[0])
    wizard.tell(story.judged(finding))
    async with opened((120, 36), wizard) as person:
        await person.sees(NASTY[3], NASTY[1])
        await person.press("c", "enter")
        await person.sees("What was seen", NASTY[0])


async def test_in_the_plan(opened: Open) -> None:
    wizard = FakeWizard()
    plan = story.the_plan()
    tree = plan.trees[0].model_copy(update={"old": f"/home/{NASTY[3]}", "new": f"/srv/{NASTY[2]}"})
    old = plan.old.model_copy(update={"hostname": NASTY[0]})
    wizard.tell(Surveyed(plan=plan.model_copy(update={"trees": (tree,), "old": old})))
    async with opened((200, 60), wizard) as person:
        person.app.action_look("review")
        await person.sees(f"/home/{NASTY[3]}", f"/srv/{NASTY[2]}", NASTY[0])
        person.app.action_look("identify")
        await person.sees("OpenClaw", NASTY[0])


async def test_in_the_comparison(opened: Open) -> None:
    wizard = told("")
    rows = (Row(subject=NASTY[0], old=NASTY[3], new="2", state=RowState.LOST, detail=NASTY[1]),)
    wizard.tell(Compared(rows=rows), *[event for _, event in story.finish()[1:]])
    async with opened((120, 36), wizard) as person:
        await person.is_at("done")
        await person.sees(NASTY[0], NASTY[1], NASTY[3], "✖ lost")


async def test_on_the_first_screen(opened: Open) -> None:
    summary = story.summaries(1_800_000_000.0)[0].model_copy(update={"old": "[/foo]", "new": "[b]x"})
    async with opened(wizard=FakeWizard([summary])) as person:
        await person.sees("[/foo] → [b]x")


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_in_the_path_of_what_is_sent(opened: Open, size: tuple[int, int]) -> None:
    async with opened(size, told("copy.stream")) as person:
        path = f"{NASTY[2]}/a\nb\x1b[2J\u202ec"
        sent = Advanced(
            action="copy.stream", done=1, total=9, entries=1, of_entries=2, path=shown(path.encode())
        )
        await person.live([(0.1, ActionStarted(action="copy.stream")), (0.1, sent)])
        await person.sees(f"{NASTY[2]}/a\\nb\\x1b[2J\\u202ec")
        await person.live([(0.1, sent.model_copy(update={"path": path}))])
        await person.sees(f"{NASTY[2]}/a bc")


async def test_escape_sequences_never_reach_the_terminal(opened: Open) -> None:
    evil = "\x1b[2J\x1b]52;c;cHduZWQ=\x07\x9b31mred"
    async with opened((120, 36), told("copy.stream")) as person:
        fields = story.FAILED.model_dump(exclude={"type", "what"})
        told_all = [
            (0.1, ActionStarted(action="copy.stream")),
            (0.1, Said(text=f"log {evil}")),
            (0.1, ActionFailed(what=f"why {evil}", **fields)),
        ]
        await person.live(told_all)
        await person.sees("log ", "why ")
        picture = person.app.export_screenshot()
        assert "\x1b" not in picture and "\x9b" not in picture and "cHduZWQ" not in picture
