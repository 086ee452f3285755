"""The photographer of tests/screenshots.py, on a wizard that plays the story by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from openclaw_wizard.events import Event, QuestionAnswered, SurveyFailed
from openclaw_wizard.faces.tui.app import WizardApp
from openclaw_wizard.model import Wishes
from tests.screenshots import NAMES, Driver, affirmative, cleaned
from tests.tui import story
from tests.tui.fake_wizard import FakeWizard


class Player(FakeWizard):
    """Plays the survey and the move when asked to, with one failure and one question on the way."""

    def __init__(self) -> None:
        super().__init__()
        self._runs = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._answered = asyncio.Event()
        self.photographed: Callable[[], Iterable[str]] = tuple

    async def _until_photographed(self, moment: str) -> None:
        """A short copy can be over between two looks; the story waits for the photographer."""
        for _ in range(1200):
            if moment in self.photographed():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"{moment} was never photographed")

    def begin_survey(
        self, old: str, new: str, profiles: tuple[str, ...] = (), wishes: Wishes | None = None
    ) -> None:
        super().begin_survey(old, new, profiles, wishes)
        if new.endswith("-mistyped"):
            unknown = SurveyFailed(
                code="HostUnreachable", what=f"{new} cannot be reached", safe="all", next="again", exit_code=6
            )
            self._play([(0.5, unknown)])
        else:
            self._play([(0.5, event) for event in story.survey()])

    def begin_run(self) -> None:
        super().begin_run()
        self._runs += 1
        if self._runs == 1:
            first = [*story.until("copy.stream"), *story.copying(), (1.0, story.FAILED)]
            self._play(first)
        else:
            names = [name for name, *_ in story.ACTIONS]
            middle = names[names.index("copy.stream") : names.index("new.start")]
            rest = names[names.index("new.start") :]
            self._play(
                [pair for name in middle for pair in story.done(name)],
                [(0.1, QuestionAnswered(question="start-new", answer="yes"))]
                + [pair for name in rest for pair in story.done(name)]
                + story.finish(),
            )

    def answer(self, question: str, answer: str) -> None:
        super().answer(question, answer)
        self._answered.set()

    def _play(self, told: list[tuple[float, Event]], after: list[tuple[float, Event]] | None = None) -> None:
        self._tasks.append(asyncio.create_task(self._tell_slowly(told, after)))

    async def _tell_slowly(
        self, told: list[tuple[float, Event]], after: list[tuple[float, Event]] | None
    ) -> None:
        for seconds, event in told:
            if event is story.FAILED:
                await self._until_photographed("copy")
            self.tell(event, seconds=seconds)
            await asyncio.sleep(0.005)
        if after is not None:
            self.tell(story.QUESTION)
            await self._answered.wait()
            await self._tell_slowly(after, None)
            self.report_path = "/somewhere/report.html"


async def test_the_photographer_goes_the_whole_way() -> None:
    wizard = Player()
    app = WizardApp(wizard, clock=wizard.clock)
    async with app.run_test(size=(80, 24)) as pilot:
        driver = Driver(app, pilot)
        wizard.photographed = lambda: driver.kept
        await driver.move("maria@atlas", "claw@hetzner-2:2222")
    kept = set(driver.kept)
    assert {"welcome", "machines", "identify", "review", "copy", "failure", "question", "done"} <= kept
    assert kept <= set(NAMES)
    assert ("survey", "maria@atlas", "claw@hetzner-2:2222", None) in wizard.asked
    assert ("answer", "start-new", "yes") in wizard.asked
    assert wizard.asked.count(("run",)) == 2


def test_pictures_fetch_nothing() -> None:
    style = '@font-face { src: url("https://cdn/x") } t { font-family: Fira Code, monospace }'
    svg = cleaned(f"<svg class='x'><style>{style}</style></svg>")
    assert "http" not in svg
    assert 'xml:space="preserve"' in svg
    assert "DejaVu Sans Mono" in svg


def test_the_choice_that_goes_on() -> None:
    assert affirmative(("no", "yes")) == 2
    assert affirmative(("start", "stop")) == 1
