"""NEW's dashboard on the last screen: one key, an address, and no token anywhere."""

from __future__ import annotations

import pytest

from openclaw_wizard.events import DashboardOpened
from openclaw_wizard.faces.tui.app import has_browser
from openclaw_wizard.model import Outcome
from tests.tui import story
from tests.tui.conftest import Open, Person

pytestmark = pytest.mark.screen
URL = "http://127.0.0.1:40123/"


async def finished(person: Person, outcome: Outcome = Outcome.DONE) -> None:
    await person.live([(0.1, each) for each in story.survey()])
    await person.live([*story.until("end"), *story.finish(outcome)])
    await person.is_at("done")


async def test_one_key_leads_it_here_and_the_address_is_shown(opened: Open) -> None:
    async with opened((120, 40)) as person:
        await finished(person)
        await person.sees("D opens it here", "ssh -N -L 18789:127.0.0.1:18789 -p 2222")
        browsed: list[str] = []
        person.app.open_url = lambda url, *, new_tab=True: browsed.append(url)  # type: ignore[method-assign]
        person.app.action_dashboard()
        person.app._browse = True
        await person.asked("dashboard")
        await person.live([(0.1, DashboardOpened(url=URL))])
        await person.sees(f"{URL} leads to NEW")
        assert browsed == [URL]


async def test_a_port_that_cannot_be_opened_is_told_beside_the_other_way(opened: Open) -> None:
    async with opened((120, 40)) as person:
        await finished(person)
        await person.press("d")
        await person.asked("dashboard")
        await person.live([(0.1, DashboardOpened(url=None, why="new: the connection was lost"))])
        await person.sees("It could not be opened here: new: the", "ssh -N -L")


async def test_a_move_that_was_put_back_offers_none(opened: Open) -> None:
    async with opened((120, 40)) as person:
        await finished(person, Outcome.PUT_BACK)
        await person.press("d")
        assert "dashboard" not in person.text and ("dashboard",) not in person.wizard.asked


def test_only_a_browser_with_a_window_is_opened() -> None:
    assert has_browser({"DISPLAY": ":0"}, "linux") and has_browser({}, "darwin")
    assert not has_browser({"BROWSER": "w3m"}, "linux")
