"""Where events go: into the journal first, then into the view, and only then to the listeners.

A listener must not raise or wait. Text that other programs wrote is redacted before any of it.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from openclaw_wizard.errors import ExitCode, StepFailed, WizardError
from openclaw_wizard.events import (
    ActionDone,
    Event,
    Failure,
    HostLost,
    Said,
)
from openclaw_wizard.journal import Journal
from openclaw_wizard.redact import redact
from openclaw_wizard.steps.action import Clock
from openclaw_wizard.view import View, reduce

_SAFE = "The journal is whole, and the move can be resumed."
_NEXT = "Resume once; if it fails again, report it with log.txt from the move's folder."


class Board:
    """The one place through which everything that happens is told."""

    def __init__(self, clock: Clock) -> None:
        self.view = View()
        self.journal: Journal | None = None
        self.clock = clock
        self._listeners: list[Callable[[Event], None]] = []

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Calls `listener` with every event from now on; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self, event: Event) -> None:
        """Raises OSError where the journal cannot be written; then nobody has heard of the event."""
        event = _clean(event).model_copy(update={"time": self.clock.time()})
        if self.journal is not None:
            if type(event).durable:
                self.journal.append(event)
            elif isinstance(event, Said):
                self.log(event.text)
        self.view = reduce(self.view, event)
        for listener in list(self._listeners):
            listener(event)

    def log(self, text: str) -> None:
        """Appends to the move's log.txt; not synced, never needed for a resume."""
        if self.journal is None:
            return
        path = self.journal.folder / "log.txt"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as file:
            file.write(f"{time.strftime('%H:%M:%S')} {text}\n")

    def bug(self, bug: Exception) -> WizardError:
        """Our own mistake as an error that a person can act on; its traceback (no locals) goes to the log."""
        self.log("".join(redact(line) for line in traceback.format_exception(bug)))
        frames = traceback.extract_tb(bug.__traceback__)
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        problem = StepFailed(
            what=f"The wizard itself failed ({type(bug).__name__} in {place}: {redact(str(bug))[:200]})",
            safe=_SAFE if self.journal else WizardError.safe,
            next=_NEXT if self.journal else "Report it with what you did before.",
        )
        problem.exit_code = ExitCode.BUG
        return problem

    def close(self) -> None:
        if self.journal is not None:
            self.journal.close()
            self.journal = None


def _clean(event: Event) -> Event:
    match event:
        case Failure():
            return event.model_copy(update={"what": redact(event.what), "safe": redact(event.safe)})
        case Said():
            return event.model_copy(update={"text": redact(event.text)})
        case ActionDone():
            return event.model_copy(update={"fact": redact(event.fact)})
        case HostLost():
            return event.model_copy(update={"why": redact(event.why)})
    return event
