"""The app on the real session and a real journal: what it asks for is what the session does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from openclaw_wizard.errors import ExitCode, HostUnreachable
from openclaw_wizard.faces.tui.app import WizardApp
from openclaw_wizard.faces.tui.screens.question import QuestionDialog
from openclaw_wizard.hosts import Host
from openclaw_wizard.model import Outcome
from openclaw_wizard.session import Wizard
from tests.moves import Ground
from tests.tui.conftest import Person


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def session(ground: Ground) -> Wizard:
    return ground.wizard(yes=False, interactive=True, answers={"confirm-plan": "yes"})


def app_on(ground: Ground, wizard: Wizard, old: str = "old", new: str = "new") -> WizardApp:
    return WizardApp(wizard, old=old, new=new, clock=lambda: ground.clock.now)


async def at_the_question(person: Person) -> None:
    """From the filled-in machines to the question before NEW starts."""
    await person.is_at("machines")
    await person.press("enter")
    await person.sees("Runs as")
    await person.press("enter")
    await person.is_at("review")
    await person.press("s")
    await person.until(lambda: isinstance(person.app.screen, QuestionDialog), "the question")


async def test_a_move_and_its_undo(ground: Ground) -> None:
    wizard = session(ground)
    app = app_on(ground, wizard)
    async with app.run_test(size=(120, 36)) as pilot:
        person = Person(app, pilot)
        await at_the_question(person)
        assert ground.effects() == ["old.stop", "new.openclaw", "copy.stream", "new.doctor"]
        await person.press("1")
        await person.is_at("done")
        await person.sees("✔ Done", "report.html", "NEW ✔ ready")
        await person.press("u")
        await person.sees("Put this move back?")
        await person.press("2")
        await person.sees("↶ Put back", "as they were before")
        await person.press("ctrl+q")
        await person.until(lambda: app.return_value is not None, "the end")
    assert app.return_value is ExitCode.DONE
    assert wizard.view.outcome is Outcome.PUT_BACK
    assert [p.name for p in ground.world.iterdir()] == ["effects"]
    await wizard.aclose()


async def test_no_is_a_failure_that_can_be_tried_again(ground: Ground) -> None:
    wizard = session(ground)
    app = app_on(ground, wizard)
    async with app.run_test(size=(120, 36)) as pilot:
        person = Person(app, pilot)
        await at_the_question(person)
        await person.press("2")
        await person.sees("✖ Failed: make new.start", "R try again from here")
        await person.press("r")
        await person.until(lambda: isinstance(app.screen, QuestionDialog), "the question again")
        await person.press("1")
        await person.is_at("done")
    assert ground.effects()[-1] == "new.start"
    await wizard.aclose()


async def test_leaving_at_the_question_and_resuming_in_another_app(ground: Ground) -> None:
    wizard = session(ground)
    app = app_on(ground, wizard)
    async with app.run_test(size=(80, 24)) as pilot:
        person = Person(app, pilot)
        await at_the_question(person)
        await person.press("ctrl+q")
        await person.sees("Something is still running")
        await person.press("2")
        await person.until(lambda: app.return_value is not None, "the end")
    assert app.return_value is ExitCode.FAILED
    await wizard.aclose()

    again = session(ground)
    app = app_on(ground, again, "", "")
    async with app.run_test(size=(80, 24)) as pilot:
        person = Person(app, pilot)
        await person.sees("Resume the move of", "(Verify)", "4 of 5 actions done")
        await person.press("down", "enter")
        await person.until(lambda: isinstance(app.screen, QuestionDialog), "the question again")
        await person.press("1")
        await person.is_at("done")
        await person.sees("✔ Done")
    assert ground.effects() == ["old.stop", "new.openclaw", "copy.stream", "new.doctor", "new.start"]
    await again.aclose()


async def test_a_machine_that_comes_back(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, connect = asyncio.Event(), ground.connect

    async def refuse_first(address: str) -> Host:
        if not reached.is_set():
            raise HostUnreachable(host=address, why="connection refused")
        return await connect(address)

    monkeypatch.setattr(ground, "connect", refuse_first)
    wizard = session(ground)
    app = app_on(ground, wizard)
    async with app.run_test(size=(80, 24)) as pilot:
        person = Person(app, pilot)
        await person.is_at("machines")
        await person.press("enter")
        await person.sees("✖ The machines could not be read", "old cannot be reached: connection refused")
        reached.set()
        await person.press("r")
        await person.sees("Runs as")
        assert "✖" not in person.text
    await wizard.aclose()
