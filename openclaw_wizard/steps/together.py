"""Several profiles in one move: each action is done for every one of them before the next one begins.

So all gateways are stopped before anything is copied for good, and all trees are switched before one
gateway starts. An action sees one profile, as if that moved alone: its own plan, facts and side files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from openclaw_wizard.events import Advanced, Compared, Event, Relocated
from openclaw_wizard.journal import sync_folder
from openclaw_wizard.model import Facts, Relocation, Row
from openclaw_wizard.redact import redact
from openclaw_wizard.steps.action import Action, AskFirst, Context, Done, Shelf


def for_each(actions: Iterable[Action]) -> tuple[Action, ...]:
    """These actions, each of them for every profile of the plan."""
    apart = Apart()
    return tuple(Together(action, apart) for action in actions)


class Compartment:
    """The side files of one profile, in a folder of their own."""

    def __init__(self, shelf: Shelf, folder: str) -> None:
        self._shelf, self._folder = shelf, folder
        place = shelf.file(folder)
        if not place.is_dir():
            place.mkdir(mode=0o700)
            sync_folder(place.parent)

    def save(self, name: str, content: bytes) -> str:
        return self._shelf.save(f"{self._folder}/{name}", content)

    def load(self, name: str) -> bytes | None:
        return self._shelf.load(f"{self._folder}/{name}")

    def file(self, name: str) -> Path:
        return self._shelf.file(f"{self._folder}/{name}")


class Apart:
    """One move as its single profiles see it; what they find out stays known while the wizard runs."""

    def __init__(self) -> None:
        self._whole: Context | None = None
        self._each: tuple[Context, ...] = ()
        self._rows: dict[int, tuple[Row, ...]] = {}
        self._relocated: dict[int, Relocation] = {}

    def of(self, ctx: Context) -> tuple[Context, ...]:
        if self._whole is not ctx:
            self._whole, self._rows, self._relocated = ctx, {}, {}
            parts = zip(ctx.plan.each, ctx.facts.each, strict=True)
            self._each = tuple(
                replace(
                    ctx,
                    plan=plan,
                    facts=facts,
                    shelf=Compartment(ctx.shelf, plan.folder) if plan.folder else ctx.shelf,
                    tell=partial(self._tell, number),
                    learn=partial(self._learn, number),
                    fresh=set(),
                )
                for number, (plan, facts) in enumerate(parts)
            )
        return self._each

    def _learn(self, number: int, facts: Facts) -> None:
        assert self._whole is not None
        self._each[number].facts = facts
        self._whole.learn(Facts.joined([each.facts for each in self._each]))

    def _tell(self, number: int, event: Event) -> None:
        """With the name of the profile; what faces show of all is told of all that were heard so far."""
        assert self._whole is not None
        name = self._each[number].plan.name
        match event:
            case Advanced():
                label = f"{name}: {event.label}" if event.label else name
                event = event.model_copy(update={"label": label})
            case Compared():
                self._rows[number] = tuple(
                    row.model_copy(update={"subject": f"{name}: {row.subject}"}) for row in event.rows
                )
                event = Compared(rows=tuple(row for at in sorted(self._rows) for row in self._rows[at]))
            case Relocated():
                self._relocated[number] = event.relocation
                event = Relocated(relocation=Relocation.joined(self._named()))
        self._whole.tell(event)

    def _named(self) -> list[tuple[str, Relocation]]:
        return [(self._each[at].plan.name, found) for at, found in sorted(self._relocated.items())]


class Together(Action):
    """One action for every profile; it holds where it holds for all."""

    def __init__(self, action: Action, apart: Apart) -> None:
        self._action, self._apart = action, apart
        self.id, self.step, self.title = action.id, action.step, action.title
        self.ask, self.safe = action.ask, action.safe
        self.gateway, self.together, self.beyond = action.gateway, action.together, action.beyond
        self._held: list[bool] = []

    async def holds(self, ctx: Context) -> bool:
        self._held = [await self._action.holds(each) for each in self._apart.of(ctx)]
        return all(self._held)

    def asks(self, ctx: Context) -> AskFirst | None:
        """One question of what is asked of each; a yes agrees to all that it names."""
        asked = [(each.plan.name, ask) for each in self._apart.of(ctx) if (ask := self._action.asks(each))]
        if not asked:
            return None
        (_, first), *others = asked
        if all(each.prompt == first.prompt for _, each in others):
            return first
        return replace(first, prompt="\n".join(f"{name}: {each.prompt}" for name, each in asked))

    async def apply(self, ctx: Context) -> Done:
        """For those that lacked it when `holds` was asked last, and where it is `together` for all.

        What it said of those that have it is said again: nobody heard of it before a kill.
        """
        done: list[tuple[str, Done]] = []
        for one, held in zip(self._apart.of(ctx), self._held, strict=True):
            said = self._said(one) if held and not self.together else await self._apply(one)
            done.append((one.plan.name, said))
        return _joined(done)

    async def _apply(self, ctx: Context) -> Done:
        done = await self._action.apply(ctx)
        ctx.shelf.save(f"done-{self.id}.json", json.dumps([redact(done.fact), dict(done.data)]).encode())
        return done

    def _said(self, ctx: Context) -> Done:
        kept = ctx.shelf.load(f"done-{self.id}.json")
        return Done(*json.loads(kept)) if kept else Done()

    async def revert(self, ctx: Context) -> Done | None:
        found = [(each.plan.name, await self._action.revert(each)) for each in reversed(self._apart.of(ctx))]
        done = [(name, one) for name, one in reversed(found) if one is not None]
        return _joined(done) if done else None


def _joined(done: list[tuple[str, Done]]) -> Done:
    facts = {one.fact for _, one in done}
    if len(facts) == 1:
        fact = facts.pop()
    else:
        fact = "; ".join(f"{name}: {one.fact}" for name, one in done if one.fact)
    data = {f"{name}: {key}": value for name, one in done for key, value in one.data.items()}
    return Done(fact=fact, data=data)
