"""Leaving: the dialog while something runs, what the process ends with, and the doors for signals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from openclaw_wizard.errors import ExitCode
from openclaw_wizard.events import (
    Event,
    MoveFinished,
)
from openclaw_wizard.faces.tui.app import run_tui
from openclaw_wizard.faces.tui.screens.leave import LeaveDialog
from openclaw_wizard.model import Outcome
from tests.tui import story
from tests.tui.conftest import Open, Person
from tests.tui.fake_wizard import FakeWizard


def told(*chapters: list[tuple[float, Event]]) -> FakeWizard:
    wizard = FakeWizard()
    wizard.tell(*story.survey())
    for _, event in (pair for chapter in chapters for pair in chapter):
        wizard.tell(event)
    return wizard


async def left(person: Person) -> ExitCode | None:
    await person.until(lambda: person.app.return_value is not None, "the end")
    return person.app.return_value


async def test_nothing_begun_leaves_at_once_with_0(opened: Open) -> None:
    async with opened() as person:
        await person.press("ctrl+q")
        assert await left(person) is ExitCode.DONE
        assert person.wizard.asked == []


async def test_while_work_runs_leaving_asks_and_staying_is_the_default(opened: Open) -> None:
    async with opened(wizard=told(story.until("copy.stream"))) as person:
        await person.live(story.copying())
        await person.press("ctrl+q")
        await person.until(lambda: isinstance(person.app.screen, LeaveDialog), "the dialog")
        await person.press("ctrl+q", "enter")
        await person.until(lambda: not isinstance(person.app.screen, LeaveDialog), "its end")
        assert person.wizard.asked == []
        assert person.app.return_value is None


async def test_stopping_waits_for_the_safe_point_and_leaves_resumable(opened: Open) -> None:
    class Slow(FakeWizard):
        safe = asyncio.Event()

        async def stop(self, reason: str) -> None:
            await self.safe.wait()
            await super().stop(reason)

    wizard = Slow()
    wizard.tell(*story.survey())
    async with opened(wizard=wizard) as person:
        await person.live([*story.until("copy.stream"), *story.copying()])
        await person.is_at("copy")
        await person.press("ctrl+q")
        await person.until(lambda: isinstance(person.app.screen, LeaveDialog), "the dialog")
        await person.press("2")
        await person.sees("Stopping at a safe point")
        assert person.app.return_value is None
        wizard.safe.set()
        assert await left(person) is ExitCode.FAILED
        assert wizard.asked == [("stop", "left by the person")]


@pytest.mark.parametrize(
    ("chapters", "code"),
    [
        ([story.until("copy.stream")], ExitCode.FAILED),
        ([story.until("copy.stream"), story.copying(), [(0.1, story.FAILED)]], ExitCode.UNREACHABLE),
        ([story.until(""), story.finish()], ExitCode.DONE),
        (
            [story.until(""), [(0.1, MoveFinished(outcome=Outcome.PROBLEMS, exit_code=3))]],
            ExitCode.PROBLEMS,
        ),
    ],
    ids=["begun", "failed", "done", "problems"],
)
async def test_what_the_process_ends_with(
    opened: Open, chapters: list[list[tuple[float, Event]]], code: ExitCode
) -> None:
    async with opened(wizard=told(*chapters)) as person:
        person.app.request_exit()
        assert await left(person) is code


async def test_a_survey_alone_ends_with_0(opened: Open) -> None:
    async with opened(old="a", new="b") as person:
        person.app.action_survey()
        person.wizard.tell(*story.survey())
        await person.settled()
        await person.press("ctrl+q")
        assert await left(person) is ExitCode.DONE


async def test_the_face_stops_listening_when_it_is_gone(opened: Open) -> None:
    async with opened() as person:
        assert len(person.wizard.listeners) == 1
        wizard = person.wizard
    assert wizard.listeners == []


async def test_a_cancelled_face_leaves_by_its_own_door() -> None:
    shown = asyncio.Event()

    class Watched(FakeWizard):
        def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
            shown.set()
            return super().subscribe(listener)

    wizard = Watched()
    face = asyncio.ensure_future(run_tui(wizard, headless=True))
    await asyncio.wait_for(shown.wait(), 20)
    face.cancel()
    with pytest.raises(asyncio.CancelledError):
        await face
    assert wizard.listeners == []
