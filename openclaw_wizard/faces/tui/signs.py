"""Every state as a glyph, a word and a colour; the first two are enough without the third."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from textual.content import Content

from openclaw_wizard.model import GatewayState, Outcome, Role, RowState, Verdict


@dataclass(frozen=True, slots=True)
class Sign:
    glyph: str
    word: str
    colour: str
    """A variable of the theme."""

    @property
    def mark(self) -> Content:
        return Content.styled(self.glyph, self.colour)

    @property
    def both(self) -> Content:
        return Content.styled(f"{self.glyph} {self.word}", self.colour)


class Phase(StrEnum):
    """Where an action or a whole step stands, for the eye."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FOUND = "found"
    FAILED = "failed"
    PAUSED = "paused"
    PUT_BACK = "put back"


SPINNER: Final = "◐◓◑◒"

PHASES: Final[Mapping[Phase, Sign]] = {
    Phase.WAITING: Sign("○", "waiting", "$faint"),
    Phase.RUNNING: Sign("◐", "running", "$primary"),
    Phase.DONE: Sign("✔", "done", "$success"),
    Phase.FOUND: Sign("✔", "already so", "$success"),
    Phase.FAILED: Sign("✖", "failed", "$error"),
    Phase.PAUSED: Sign("■", "paused", "$warning"),
    Phase.PUT_BACK: Sign("↶", "put back", "$secondary"),
}

VERDICTS: Final[Mapping[Verdict, Sign]] = {
    Verdict.BLOCKS: Sign("✖", "blocks", "$error"),
    Verdict.LOOK: Sign("●", "look", "$warning"),
    Verdict.UNKNOWN: Sign("…", "not yet known", "$muted"),
    Verdict.CLEAR: Sign("✔", "clear", "$success"),
}
"""In the order in which they are listed."""

ACCEPTED: Final = Sign("●", "accepted", "$muted")
FIXING: Final = Sign("◆", "to be mended", "$primary")

GATEWAYS: Final[Mapping[GatewayState, Sign]] = {
    GatewayState.UNKNOWN: Sign("…", "not yet known", "$muted"),
    GatewayState.ABSENT: Sign("○", "absent", "$muted"),
    GatewayState.RUNNING: Sign("●", "running", "$success"),
    GatewayState.STOPPING: Sign("◑", "stopping", "$warning"),
    GatewayState.STOPPED: Sign("■", "stopped", "$warning"),
    GatewayState.STARTING: Sign("◐", "starting", "$primary"),
    GatewayState.READY: Sign("✔", "ready", "$success"),
    GatewayState.DISABLED: Sign("⊘", "disabled", "$muted"),
}

ROWS: Final[Mapping[RowState, Sign]] = {
    RowState.EQUAL: Sign("✔", "equal", "$success"),
    RowState.GREW: Sign("▲", "grew", "$secondary"),
    RowState.EXPECTED: Sign("≈", "expected", "$secondary"),
    RowState.LOST: Sign("✖", "lost", "$error"),
    RowState.DIFFERS: Sign("✖", "differs", "$error"),
    RowState.UNKNOWN: Sign("…", "not known", "$warning"),
}

OUTCOMES: Final[Mapping[Outcome, Sign]] = {
    Outcome.DONE: Sign("✔", "Done", "$success"),
    Outcome.PROBLEMS: Sign("▲", "Done with problems", "$warning"),
    Outcome.PUT_BACK: Sign("↶", "Put back", "$secondary"),
    Outcome.FAILED: Sign("✖", "Failed, can be resumed", "$error"),
    Outcome.STOPPED: Sign("■", "Stopped, can be resumed", "$warning"),
}


def gateways_line(states: Mapping[Role, GatewayState], *, joint: str = "  ·  ") -> Content:
    """`OLD ■ stopped  ·  NEW ◐ starting`."""
    parts = [
        Content.assemble((role.upper(), "bold $foreground"), " ", GATEWAYS[state].both)
        for role, state in states.items()
    ]
    return Content.styled(joint, "$faint").join(parts)
