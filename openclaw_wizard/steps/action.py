"""What an action is, and what it may use.

`holds` only reads, and says whether the effect is there; it is the dry run, the resume test and the
post-check. `apply` makes it true and is safe to repeat after being killed anywhere in it. `revert`
puts back what `apply` changed. An action whose `holds` is false after `apply` has failed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from openclaw_wizard.events import Event, QuestionAsked
from openclaw_wizard.hosts import Host
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import Facts, GatewayState, Plan, Role, StepId

Ask = Callable[[QuestionAsked], Awaitable[str | None]]
"""Gives the answer; None where nobody is there and none was given beforehand."""


class Shelf(Protocol):
    """Where side files of the move are kept (the journal's folder)."""

    def save(self, name: str, content: bytes) -> str: ...

    def load(self, name: str) -> bytes | None: ...

    def file(self, name: str) -> Path:
        """Where a side file is kept, for those that are written and read piece by piece."""
        ...


class Clock(Protocol):
    def time(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass(slots=True)
class Link:
    """What this run found out about the way from OLD to NEW."""

    rate: float | None = None
    """Bytes a second that it carries; None where that is not known."""
    measured: bool = False
    broke: int = 0
    """How often the direct link broke."""


@dataclass(slots=True)
class Context:
    """Everything that an action may touch."""

    move: str
    plan: Plan
    old: Host
    new: Host
    old_helper: Helper
    new_helper: Helper
    shelf: Shelf
    clock: Clock
    tell: Callable[[Event], None]
    """Publishes; durable events are journaled first."""
    learn: Callable[[Facts], None]
    """Stores new facts; all pitfalls are judged again. Raises Blocked where one holds the move."""
    facts: Facts
    done: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What finished actions left in `ActionDone.data`."""
    fresh: set[str] = field(default_factory=set)
    """The actions that were carried out since this run began."""
    link: Link = field(default_factory=Link)

    def helper(self, role: Role) -> Helper:
        return self.old_helper if role is Role.OLD else self.new_helper

    def host(self, role: Role) -> Host:
        return self.old if role is Role.OLD else self.new


@dataclass(frozen=True, slots=True)
class Done:
    """What `apply` and `revert` report: one line for the rail, small facts for later actions."""

    fact: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AskFirst:
    """A question that must be answered before the action runs."""

    question: str
    prompt: str
    answered_by: str
    accepts: str = ""
    """The pitfall to which a yes agrees; such a question is not answered by --yes, and always asked anew."""


class Action:
    """Base of all actions; a subclass overrides what it needs."""

    id: str
    step: StepId
    title: str
    ask: AskFirst | None = None
    safe: str = "OLD is as it was. NEW's previous state is untouched."
    """What is safe when this action fails."""
    gateway: tuple[Role, GatewayState, GatewayState] | None = None
    """Which gateway it changes: role, state while it runs, state when done."""
    together: bool = False
    """Whether it is done for all profiles that move where one of them lacks it."""
    beyond: frozenset[GatewayState] = frozenset()
    """States that later actions bring; they are not taken back where this action's effect is found."""

    async def holds(self, ctx: Context) -> bool:
        """Reads only. Raises HostError."""
        raise NotImplementedError

    def asks(self, ctx: Context) -> AskFirst | None:
        """What must be answered before `apply`, from what is known now."""
        return self.ask

    async def apply(self, ctx: Context) -> Done:
        """Makes it true. Raises WizardError."""
        raise NotImplementedError

    async def revert(self, ctx: Context) -> Done | None:
        """Puts back; None where there is nothing to put back. Safe to repeat."""
        return None
