"""Every screen at the sizes that are promised: what it says, and that nothing is cut at its right edge."""

from __future__ import annotations

import re

import pytest
from textual.geometry import Region
from textual.scrollbar import ScrollBar
from textual.widget import Widget
from textual.widgets import Sparkline
from textual.widgets._footer import FooterKey

from openclaw_wizard.events import (
    Event,
    HostBack,
    HostLost,
)
from openclaw_wizard.faces.tui.widgets.fitted import Fitted
from openclaw_wizard.faces.tui.words import SCREENS, Words
from openclaw_wizard.model import GatewayState, Outcome, Role
from tests.tui import story
from tests.tui.conftest import Open, Person
from tests.tui.fake_wizard import FakeWizard


def sizes(*chosen: tuple[int, int]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("size", chosen, ids=lambda size: f"{size[0]}x{size[1]}")


promised = sizes((80, 24), (120, 36))
extremes = sizes((60, 20), (80, 24), (120, 36), (200, 60))


def assert_nothing_is_cut(person: Person) -> None:
    """No widget beyond the right edge, no line wider than its widget, every key of the footer whole."""
    width = person.app.size.width
    for widget in person.app.screen.walk_children(Widget):
        if not (widget.is_on_screen and widget.region.width):
            continue
        assert widget.region.right <= width, widget
        if isinstance(widget, Fitted):
            room = widget.content_size.width
            wide = [line.plain for line in widget.lines(room) if line.cell_length > room]
            assert not wide, (widget, room, wide)
    keys = [key for key in person.app.screen.query(FooterKey) if key.region.width]
    assert len(keys) <= 5


def told(until: str | None = None, *more: tuple[float, Event]) -> FakeWizard:
    """A wizard whose machines were read, and whose move came to just before the action `until`."""
    wizard = FakeWizard()
    wizard.tell(*story.survey(), seconds=0.5)
    for seconds, event in [*(story.until(until) if until is not None else []), *more]:
        wizard.tell(event, seconds=seconds)
    return wizard


@promised
async def test_welcome(opened: Open, size: tuple[int, int]) -> None:
    now = 1_800_000_000.0
    async with opened(size, FakeWizard(story.summaries(now), now)) as person:
        await person.sees("Start a move", "Resume the move of", "(Copy)", "7 of 19 actions done")
        await person.sees("maria@atlas → claw@hetzner-2:2222", "Choose", "Help", "Leave")
        assert_nothing_is_cut(person)


@promised
async def test_machines(opened: Open, size: tuple[int, int]) -> None:
    async with opened(size, old="maria@atlas", new="practice:/home/somebody/.local/state/demo/new") as person:
        await person.is_at("machines")
        await person.sees("OLD where OpenClaw runs now", "maria@atlas", "Profile", "Read both")
        assert_nothing_is_cut(person)


@promised
async def test_identify_while_reading(opened: Open, size: tuple[int, int]) -> None:
    async with opened(size, old="maria@atlas", new="claw@hetzner-2") as person:
        person.app.action_survey()
        person.wizard.tell(*story.survey(finish=False), seconds=0.5)
        await person.sees("OLD: looking for OpenClaw and measuring it", "✔ OLD: connecting to maria@atlas")
        await person.sees("Checklist", "OLD ● running")
        assert_nothing_is_cut(person)


@extremes
async def test_identify_with_what_was_found(opened: Open, size: tuple[int, int]) -> None:
    async with opened(size, told()) as person:
        person.app.action_look("identify")
        await person.is_at("identify")
        await person.sees("atlas", "hetzner-2", "2026.9.6, on")
        assert_nothing_is_cut(person)
        if size[0] in (80, 200):
            await person.sees(
                "2026.9.6, on Node 24.16.0", "main, ops", "whatsapp, telegram", "ops in ~/ops-notes"
            )


async def read_down(person: Person) -> str:
    """All that a screen says, by going down in it."""
    read = person.words
    for _ in range(8):
        await person.press("pagedown")
        read += " " + person.words
    return read


@promised
async def test_identify_shows_sizes_as_a_tree_and_what_does_not_move(
    opened: Open, size: tuple[int, int]
) -> None:
    async with opened(size, told()) as person:
        person.app.action_look("identify")
        await person.is_at("identify")
        assert_nothing_is_cut(person)
        read = await read_down(person)
        for phrase in (
            "openclaw-gateway.service; process 4711",
            "rescue in ~/.openclaw-rescue (2.0 MB)",
            "├─ agents 1.2 GB 2,107 files",
            "└─ main 1.1 GB 1,890 files",
            "└─ 4 smaller folders 1.2 MB 53 files",
            "~/.config/openclaw 1.3 kB 2 files",
            "OPENAI_API_KEY, BRAVE_TOKEN (set in",
            "units and shells do not move",
            "names /mnt/far, which is not there",
        ):
            assert phrase in read
        assert "ops 140" not in read, "small parts of a folder have no line"


@extremes
async def test_review(opened: Open, size: tuple[int, int]) -> None:
    async with opened(size, told()) as person:
        person.app.action_look("review")
        await person.is_at("review")
        await person.sees("Start the move", "/home/maria/.openclaw")
        assert_nothing_is_cut(person)
        if size == (200, 60):
            await person.sees("point of no return", "What never happens", "npm/ tools/ extensions/*/node")


async def test_all_of_the_review_can_be_read_at_80_by_24(opened: Open) -> None:
    async with opened((80, 24), told()) as person:
        person.app.action_look("review")
        await person.is_at("review")
        read = await read_down(person)
        for phrase in (
            "/home/claw/.openclaw",
            "What stands there now is moved aside",
            "The point of no return",
            "What never happens",
            "Paths that change on NEW",
            "cron_jobs.store_key (9 of them, the first:)",
            "- /home/maria/.openclaw/cron/jobs.json",
            "+ /home/claw/.openclaw/cron/jobs.json",
            "Left as it is: look at it",
            "plugins.load.paths.0",
            "name old places (3 times) and are never changed",
            "the locks of running processes",
            "the models of ollama (127.0.0.1:11434)",
        ):
            assert phrase in read


@promised
@pytest.mark.parametrize("step", ["back_up", "install", "doctor", "verify"])
async def test_steps(opened: Open, size: tuple[int, int], step: str) -> None:
    names = [name for name, *_ in story.ACTIONS]
    first = next(name for name, of, *_ in story.ACTIONS if of == step)
    async with opened(size, told(names[names.index(first) + 1])) as person:
        await person.is_at(step)
        await person.sees(SCREENS[step].title, "waiting", "Checklist")
        assert_nothing_is_cut(person)
        if size == (80, 24):
            await person.sees(SCREENS[step].will, SCREENS[step].never)


@sizes((60, 20), (80, 24), (100, 30), (120, 36), (200, 60))
async def test_copy_with_its_progress(opened: Open, size: tuple[int, int]) -> None:
    async with opened(size, told("copy.stream")) as person:
        await person.live(story.copying())
        await person.is_at("copy")
        await person.sees("62 %", "1.3 of 2.1 GB", "MB/s", "s left", "Copy into a staging folder on NEW")
        await person.sees("2,667 of 4,302 entries", "-0040.jsonl", "▁▂▄▃▆▅█")
        await person.sees("OLD ■ stopped", "NEW ○ absent", "running")
        assert_nothing_is_cut(person)


@promised
async def test_nothing_jumps_when_the_rate_is_known(opened: Open, size: tuple[int, int]) -> None:
    async with opened(size, told("copy.stream")) as person:
        await person.live(story.copying(share=0.01, seconds=1.0))
        await person.is_at("copy")
        assert "▂" not in person.text and "MB/s" not in person.text
        before = places(person)
        await person.live(story.copying()[1:])
        await person.sees("MB/s", "▂")
        assert places(person) == before


async def test_the_work_stays_in_sight_when_its_progress_takes_room(opened: Open) -> None:
    async with opened((60, 20), told("copy.stream")) as person:
        told_first, *told_later = story.copying()
        await person.live([told_first])
        await person.is_at("copy")
        await person.sees("Copy into a staging folder on NEW")
        assert "62 %" not in person.text
        await person.live(told_later)
        await person.sees("62 %", "Copy into a staging folder on NEW")


def places(person: Person) -> list[Region]:
    """Where everything stands, but for the sparkline, which has no place while it is not visible."""
    shown = person.app.screen.walk_children(Widget)
    return [widget.region for widget in shown if not isinstance(widget, Sparkline | ScrollBar)]


@extremes
async def test_the_failure_panel(opened: Open, size: tuple[int, int]) -> None:
    async with opened(size, told("copy.stream")) as person:
        await person.live([*story.copying(), (1.0, story.FAILED)])
        await person.is_at("copy")
        await person.sees("✖ Failed: Copy into a staging folder on NEW", "OLD ■ stopped", "Try again")
        assert_nothing_is_cut(person)
        if size[0] in (80, 200):
            await person.sees(
                "refused for 5 minutes", "OLD is stopped and its data is", "try again from here"
            )


@extremes
async def test_done(opened: Open, size: tuple[int, int]) -> None:
    wizard = told("", *story.finish())
    wizard.report_path = "/home/maria/.local/state/openclaw-wizard/migrations/20261123-140205/report.html"
    async with opened(size, wizard) as person:
        await person.is_at("done")
        await person.sees("✔ Done", "nothing was lost", "3 min 7 s", "Counted", "✔ equal", "▲ grew")
        await person.sees("OLD ⊘ disabled", "NEW ✔ ready", "Put back")
        assert_nothing_is_cut(person)
        if size[1] >= 36:
            await person.sees("report.html", "What is left")


@promised
async def test_why_a_count_differs_can_be_read(opened: Open, size: tuple[int, int]) -> None:
    async with opened(size, told("", *story.finish())) as person:
        await person.is_at("done")
        await person.sees("Counted")
        assert any("2 new in main/telegram" in line for line in person.text.splitlines())


@promised
async def test_done_with_problems(opened: Open, size: tuple[int, int]) -> None:
    async with opened(size, told("", *story.finish(Outcome.PROBLEMS))) as person:
        await person.is_at("done")
        await person.sees("▲ Done with problems", "want your eye")
        assert_nothing_is_cut(person)


@promised
async def test_put_back(opened: Open, size: tuple[int, int]) -> None:
    async with opened(size, told("", *story.finish())) as person:
        await person.is_at("done")
        await person.press("u")
        await person.sees("Put this move back?")
        assert_nothing_is_cut(person)
        await person.press("2")
        await person.asked("undo", story.MOVE)
        await person.live(story.undoing())
        await person.is_at("put_back")
        await person.sees("↶ Keep OLD from coming back", "put back", "running", "Start the gateway on NEW")
        assert_nothing_is_cut(person)


@promised
async def test_a_lost_link_says_which_and_when_it_tries_again(opened: Open, size: tuple[int, int]) -> None:
    async with opened(size, told("copy.stream")) as person:
        await person.live(story.copying(share=0.1))
        await person.is_at("copy")
        person.wizard.tell(HostLost(role=Role.NEW, why="the connection was refused", retry_in=8.0, attempt=2))
        await person.sees("The link to NEW is lost (the connection was", "Try 2 in 8 s.")
        await person.sees("no link to NEW, try 2 in 8 s")
        assert "MB/s" not in person.text
        person.wizard.tell(HostBack(role=Role.NEW))
        await person.live(story.copying(already=300_000_000))
        await person.sees("300 MB was there already")
        assert_nothing_is_cut(person)


async def test_the_gateways_are_always_said(opened: Open) -> None:
    async with opened() as person:
        for state in GatewayState:
            person.wizard.tell(*story.gateways(state))
            word = "not yet known" if state is GatewayState.UNKNOWN else state.value
            await person.until(lambda word=word: person.words.count(word) >= 2, word)  # type: ignore[misc]
            assert_nothing_is_cut(person)


@pytest.mark.parametrize("words", SCREENS.values(), ids=SCREENS)
def test_every_screen_says_in_two_short_sentences_what_happens_and_what_does_not(words: Words) -> None:
    will, never = words.will, words.never
    assert will.endswith(".") and never.endswith(".")
    assert len(will) <= 75 and len(never) <= 75


@sizes((50, 15), (59, 40), (200, 19))
async def test_too_small_a_terminal_is_told_so(opened: Open, size: tuple[int, int]) -> None:
    async with opened(size) as person:
        await person.sees("There is too little room here", f"{size[0]} by {size[1]}", "60 by 20")
        assert "Start a move" not in person.text
        await person.pilot.resize_terminal(80, 24)
        await person.sees("Start a move")
        assert "too little room" not in person.text


async def test_without_colour_every_status_still_has_its_word(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened((80, 24), told("copy.stream")) as person:
        await person.live(story.copying())
        await person.sees("▁▂▄▃▆▅█")
        assert_grey(person)
        await person.live([(1.0, story.FAILED)])
        await person.is_at("copy")
        await person.sees("✖ Failed", "done", "failed", "waiting", "OLD ■ stopped")
        assert_grey(person)


def assert_grey(person: Person) -> None:
    picture = person.app.export_screenshot()
    colours = {c.lower() for c in re.findall(r'fill[:=]"? ?(#[0-9a-fA-F]{6})', picture)}
    terminal = colours - {"#ff5f57", "#febc2e", "#28c840", "#292929", "#c5c8c6"}
    assert all(c[1:3] == c[3:5] == c[5:7] for c in terminal), terminal
