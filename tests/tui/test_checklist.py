"""The checklist with the whole catalogue in it: grouped, filtered, searched, at 80x24."""

from __future__ import annotations

from openclaw_wizard.model import Facts, Finding, Verdict
from openclaw_wizard.pitfalls import judge_all
from tests.tui import story
from tests.tui.conftest import Open, Person


def whole() -> tuple[Finding, ...]:
    """Every pitfall: two that block, two to look at, the rest not yet known."""
    found = judge_all(Facts())
    said = {
        "newer-config": (Verdict.BLOCKS, "2026.9.6 wrote it, 2026.7.1 runs"),
        "remote-mode": (Verdict.BLOCKS, "the gateway is gw.lan"),
        "webhook": (Verdict.LOOK, "telegram (bot.example.org)"),
        "worktrees": (Verdict.LOOK, "worktrees/ is there"),
    }
    changes = {name: {"verdict": verdict, "evidence": words} for name, (verdict, words) in said.items()}
    return tuple(each.model_copy(update=changes.get(name, {})) for name, each in found.items())


def rows(person: Person) -> str:
    """The checklist's part of the screen, which stands under the work when narrow."""
    text = person.text
    return text[text.index("Checklist") :]


async def with_the_catalogue(person: Person) -> None:
    found = whole()
    person.wizard.tell(*story.survey(findings=found))
    person.wizard.tell(story.judged(*found))
    person.app.action_look("review")
    await person.is_at("review")
    await person.press("c")
    await person.sees("What runs")


async def test_the_whole_catalogue_is_grouped_and_what_blocks_stands_first(opened: Open) -> None:
    async with opened() as person:
        await with_the_catalogue(person)
        shown = rows(person)
        assert "✖ 2 blocks  ● 2 look" in shown
        order = ["What runs", "OLD only points at a remote", "The program and its", "A config of a newer"]
        assert sorted(order, key=shown.index) == order
        assert shown.index("A config of a newer") < shown.index("● look")
        assert shown.count("\n") > 12, "there is room to read it"


async def test_one_key_goes_through_what_is_shown(opened: Open) -> None:
    async with opened() as person:
        await with_the_catalogue(person)
        await person.press("f")
        await person.sees("2 shown")
        assert "A config of a newer" in rows(person)
        assert "A channel that calls" not in rows(person)
        await person.press("f")
        await person.sees("A channel that calls")
        assert "A config of a newer" not in rows(person)
        await person.press("f")
        await person.sees("A gateway that still runs")
        assert "A channel that calls" not in rows(person)
        await person.press("f")
        await person.sees("A config of a newer")
        assert "shown" not in rows(person)


async def test_words_narrow_it_and_escape_takes_them_away(opened: Open) -> None:
    async with opened() as person:
        await with_the_catalogue(person)
        await person.press("slash", *"bot example")
        await person.sees("1 shown", "A channel that calls an address")
        await person.press("enter", "enter")
        await person.sees("What was seen", "telegram (bot.example.org)", "What to do")
        await person.press("escape", "slash", "escape")
        await person.sees("A config of a newer")
        assert "shown" not in rows(person)


async def test_a_wide_screen_says_what_was_seen_beside_the_work(opened: Open) -> None:
    async with opened(size=(120, 36)) as person:
        await with_the_catalogue(person)
        await person.sees("2026.9.6 wrote it", "What runs")
