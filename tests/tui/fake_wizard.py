"""A wizard without machines: it plays events that a test hands it, through the real `reduce`."""

from __future__ import annotations

from collections.abc import Callable

from openclaw_wizard.events import Event
from openclaw_wizard.model import MoveSummary, Paths, Wishes
from openclaw_wizard.view import View, reduce


class FakeWizard:
    """Records what a face asks for in `asked`, in the order in which it was asked."""

    def __init__(self, moves: list[MoveSummary] | None = None, now: float = 1_800_000_000.0) -> None:
        self.view = View()
        self.report_path: str | None = None
        self.asked: list[tuple[object, ...]] = []
        self.now = now
        self.listeners: list[Callable[[Event], None]] = []
        self._moves = moves or []

    def clock(self) -> float:
        return self.now

    def tell(self, *events: Event, seconds: float = 0.0) -> None:
        """Folds and publishes, each event `seconds` after the one before."""
        for event in events:
            self.now += seconds
            stamped = event.model_copy(update={"time": self.now})
            self.view = reduce(self.view, stamped)
            for listener in list(self.listeners):
                listener(stamped)

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def moves(self) -> list[MoveSummary]:
        return self._moves

    def begin_survey(
        self, old: str, new: str, profiles: tuple[str, ...] = (), wishes: Wishes | None = None
    ) -> None:
        paths = () if wishes is None or wishes.paths is Paths.REWRITE else (wishes.paths.value,)
        self.asked.append(("survey", old, new, ",".join(profiles) or None, *paths))

    def begin_run(self) -> None:
        self.asked.append(("run",))

    def begin_resume(self, move: str | None) -> None:
        self.asked.append(("resume", move))

    def begin_undo(self, move: str | None) -> None:
        self.asked.append(("undo", move))

    def begin_dashboard(self) -> None:
        self.asked.append(("dashboard",))

    def answer(self, question: str, answer: str) -> None:
        self.asked.append(("answer", question, answer))

    def fix(self, pitfall: str) -> None:
        self.asked.append(("fix", pitfall))

    def accept(self, pitfall: str) -> None:
        self.asked.append(("accept", pitfall))

    async def stop(self, reason: str) -> None:
        self.asked.append(("stop", reason))
