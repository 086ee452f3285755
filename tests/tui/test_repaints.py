"""Speed is kept by counting: events only raise a flag, and a timer paints."""

from __future__ import annotations

import asyncio

import pytest
from textual.app import RenderResult
from textual.widgets import Sparkline

from openclaw_wizard.events import (
    ActionStarted,
    Advanced,
    Said,
)
from tests.tui import story
from tests.tui.conftest import Open
from tests.tui.fake_wizard import FakeWizard


def told() -> FakeWizard:
    wizard = FakeWizard()
    wizard.tell(*story.survey())
    for _, event in story.until("copy.stream"):
        wizard.tell(event)
    wizard.tell(ActionStarted(action="copy.stream"))
    return wizard


async def test_a_thousand_events_cost_a_few_repaints(opened: Open) -> None:
    async with opened(wizard=told()) as person:
        await person.is_at("copy")
        before, ticks = person.app.repaints, person.app.ticks
        for done in range(1000):
            person.wizard.tell(
                Advanced(action="copy.stream", done=done, total=1000, unit="files"), seconds=0.01
            )
            if done % 50 == 0:
                await asyncio.sleep(0)
        await person.sees("999 of 1,000 files")
        assert person.app.repaints - before <= person.app.ticks - ticks + 1
        assert person.app.repaints - before < 100


async def test_the_sparkline_is_painted_once_a_stretch(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[tuple[float, ...]] = []
    render = Sparkline.render

    def counted(rates: Sparkline) -> RenderResult:
        painted.append(tuple(rates.data or ()))
        return render(rates)

    monkeypatch.setattr(Sparkline, "render", counted)
    async with opened((120, 36), told()) as person:
        await person.live(story.copying())
        await person.sees("MB/s")
        before = len(painted)
        for tick in range(20):
            done = 1_400_000_000 + tick
            person.wizard.tell(
                Advanced(action="copy.stream", done=done, total=2_100_000_000, of_entries=4302), seconds=0.05
            )
            await person.settled()
        assert len(painted) - before <= 2
        assert painted[-1][0] == 0.0 and max(painted[-1]) > 0.0


async def test_nothing_told_and_nothing_running_paints_nothing(opened: Open) -> None:
    async with opened() as person:
        await person.settled()
        before, ticks = person.app.repaints, person.app.ticks
        await person.until(lambda: person.app.ticks >= ticks + 5, "five ticks")
        assert person.app.repaints == before


async def test_a_flood_of_log_lines_is_kept_short(opened: Open) -> None:
    async with opened((120, 36), told()) as person:
        await person.is_at("copy")
        for line in range(5000):
            person.wizard.tell(Said(text=f"line {line}"))
        await person.sees("line 4999")
        assert len(person.app.ear.log) == 400
        assert person.app.ear.said == 5000


async def test_a_screen_visited_later_has_the_log_as_well(opened: Open) -> None:
    async with opened((120, 36), told()) as person:
        await person.is_at("copy")
        person.wizard.tell(Said(text="said while copying"))
        await person.sees("said while copying")
        await person.press("ctrl+b")
        await person.is_at("install")
        await person.sees("said while copying")
