"""What the session is handed: how to survey, to judge and to act. It knows no particular step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from openclaw_wizard.events import Event
from openclaw_wizard.hosts import Host
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import Facts, Finding, Plan, Wishes
from openclaw_wizard.steps.action import Action, Ask

Tell = Callable[[Event], None]
Learn = Callable[[Facts], None]


@dataclass(frozen=True, slots=True)
class Survey:
    """What the session is handed, so that it knows no particular step."""

    read: Callable[[Host, Host, tuple[str, ...], Tell, Learn, Wishes, Ask], Awaitable[Plan]]
    """The plan for the profiles that are named; where none is, it may ask."""
    again: Callable[[Host, Host, Plan], Awaitable[Facts]]
    """The facts of a resumed move: both machines probed anew, the rest from the plan."""
    judge: Callable[[Facts, frozenset[str]], Mapping[str, Finding]]
    actions: Callable[[Plan], tuple[Action, ...]]
    helper: Callable[[Host, str], Helper]
    """A helper for a host and its PATH."""
