"""Fixtures for the terminal face: an app at a given size, and a person who looks at its text."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from html import unescape
from pathlib import Path
from typing import Final

import pytest
from textual.pilot import Pilot

from openclaw_wizard.errors import ExitCode
from openclaw_wizard.events import Event
from openclaw_wizard.faces.tui.app import WizardApp
from tests.tui.fake_wizard import FakeWizard

CELL: Final = 12.2
"""Pixels between two columns in Textual's picture."""
_TEXT: Final = re.compile(r'<text[^>]* x="([\d.]+)"[^>]*-line-(\d+)\)">(.*?)</text>', re.DOTALL)
_ROWS: Final = re.compile(r'<clipPath id="[^"]*-line-(\d+)"')


def grid(app: WizardApp) -> list[str]:
    """The rows of text on the screen, read from the exported picture: public API only."""
    picture = app.export_screenshot()
    rows: dict[int, dict[int, str]] = {}
    for x, line, text in _TEXT.findall(picture):
        rows.setdefault(int(line), {})[round(float(x) / CELL)] = unescape(text).replace("\xa0", " ")
    return [_row(rows.get(i, {})) for i in range(app.size.height)]


def _row(parts: dict[int, str]) -> str:
    row = ""
    for column, text in sorted(parts.items()):
        row = row.ljust(column) + text.strip("\n")
    return row.rstrip()


class Person:
    """Looks at the screen and presses keys; waits for what is to come, never for a time."""

    def __init__(self, app: WizardApp, pilot: Pilot[ExitCode], wizard: FakeWizard | None = None) -> None:
        self.app, self.pilot = app, pilot
        self.wizard = wizard or FakeWizard()

    @property
    def text(self) -> str:
        return "\n".join(grid(self.app))

    @property
    def words(self) -> str:
        """The text with all blanks folded, so that a wrapped sentence can be found in one column."""
        return " ".join(self.text.split())

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        for _ in range(250):
            if holds():
                return
            await self.pilot.pause(0.06)
        raise AssertionError(f"{what} did not come; the screen is\n{self.text}")

    async def sees(self, *phrases: str) -> None:
        for phrase in phrases:
            await self.until(lambda phrase=phrase: phrase in self.words, repr(phrase))  # type: ignore[misc]

    async def is_at(self, place: str) -> None:
        await self.until(lambda: self.app.current_mode == place, f"the screen {place!r}")
        await self.settled()

    async def settled(self) -> None:
        """Until everything told is painted."""
        await self.until(lambda: not self.app.ear.changed, "a repaint")
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def asked(self, *call: object) -> None:
        await self.until(lambda: call in self.wizard.asked, f"{call!r} among {self.wizard.asked!r}")

    async def live(self, told: list[tuple[float, Event]]) -> None:
        """Plays a chapter of the story and sees it painted."""
        for seconds, event in told:
            self.wizard.tell(event, seconds=seconds)
        await self.settled()


Open = Callable[..., AbstractAsyncContextManager[Person]]


@pytest.fixture
def opened() -> Open:
    """Opens the app at a size (columns, rows) on a wizard without machines."""

    @asynccontextmanager
    async def open_app(
        size: tuple[int, int] = (80, 24), wizard: FakeWizard | None = None, old: str = "", new: str = ""
    ) -> AsyncIterator[Person]:
        wizard = wizard or FakeWizard()
        app = WizardApp(wizard, old=old, new=new, clock=wizard.clock)
        async with app.run_test(size=size) as pilot:
            person = Person(app, pilot, wizard)
            await person.settled()
            yield person

    return open_app


PURE = ("test_scene", "test_host_text", "test_ear")
"""Modules that paint nothing."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.stem not in PURE:
            item.add_marker(pytest.mark.screen)
