"""The JSON face: one event a line on standard output, a little narration on standard error.

The lines are the journal's own form (`events.encode`); their names are part of the interface.
"""

from __future__ import annotations

from typing import BinaryIO, TextIO

from openclaw_wizard.events import (
    Advanced,
    Event,
    Failure,
    Said,
    encode,
)


class JsonFace:
    def __init__(self, out: BinaryIO, narration: TextIO) -> None:
        self._out = out
        self._narration = narration
        self._last_advance = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Advanced):
            if event.time - self._last_advance < 0.2:
                return
            self._last_advance = event.time
        self._out.write(encode(event) + b"\n")
        self._out.flush()
        if isinstance(event, Failure):
            self.narrate(f"{event.what}\n  safe: {event.safe}\n  next: {event.next}")
        elif isinstance(event, Said) and event.role is None:
            self.narrate(event.text)

    def narrate(self, text: str) -> None:
        self._narration.write(f"{text}\n")
        self._narration.flush()
