"""Plugins: those that a person installed work on NEW too, or are named with the command that is left.

Before OpenClaw judges the moved config: with a plugin that does not load it refuses its channel, and some
versions every command (facts in `openclaw.plugins`).
"""

from __future__ import annotations

import json
import shlex
from typing import Final

from pydantic import TypeAdapter

from openclaw_wizard.errors import CommandTimedOut
from openclaw_wizard.events import Advanced, Said
from openclaw_wizard.model import LeftToDo, Role, Row, RowState, StepId
from openclaw_wizard.openclaw import plugins
from openclaw_wizard.openclaw.plugins import Plugin
from openclaw_wizard.steps import gateway
from openclaw_wizard.steps.action import Action, Context, Done
from openclaw_wizard.steps.terminal import plain

LEFT: Final = "plugins-left.json"
FETCH_TIMEOUT: Final = 900.0
"""Seconds; one of 60 MB took 57 on an idle machine and 170 on a busy one."""
_LEFT = TypeAdapter(tuple[LeftToDo, ...])


def left_to_do(kept: bytes | None) -> tuple[LeftToDo, ...]:
    """What the side file says is left for the person; none where it was not written."""
    return _LEFT.validate_json(kept) if kept else ()


def rows(ctx: Context) -> tuple[Row, ...]:
    """The line of the comparison that names plugins which lack something; none where none does."""
    left = left_to_do(ctx.shelf.load(LEFT))
    if not left:
        return ()
    detail = "; ".join(f"{each.subject}: {each.why}; on NEW: {each.command}" for each in left)
    return (Row(subject="plugins that work", old="?", new="?", state=RowState.LOST, detail=detail),)


class Plugins(Action):
    id = "new.plugins"
    step = StepId.DOCTOR
    title = "Let the plugins work on NEW"
    safe = "OLD is stopped and its data untouched; NEW's gateway was not started."

    async def holds(self, ctx: Context) -> bool:
        return ctx.shelf.load(LEFT) is not None

    async def apply(self, ctx: Context) -> Done:
        found = await self._installed(ctx)
        linked = sum(len(each.lost_peers) for each in found)
        if linked:
            await self._relink(ctx, found)
        lacking = [each for each in found if not each.is_whole]
        for number, each in enumerate(lacking):
            ctx.tell(Advanced(action=self.id, done=number, total=len(lacking), unit="steps", label=each.id))
            if each.can_be_fetched:
                await self._fetch(ctx, each)
        left = tuple(_left(ctx, each) for each in await self._installed(ctx) if not each.is_whole)
        ctx.shelf.save(LEFT, _LEFT.dump_json(left))
        return Done(
            fact=_fact(len(found), len(lacking) - len(left), linked, [each.subject for each in left]),
            data={"left": json.dumps([each.subject for each in left])} if left else {},
        )

    async def _installed(self, ctx: Context) -> tuple[Plugin, ...]:
        there = gateway.installation(ctx, Role.NEW)
        return await plugins.installed(ctx.new_helper, there, ctx.plan.path_changes)

    async def _relink(self, ctx: Context, found: tuple[Plugin, ...]) -> None:
        target = await plugins.relink(ctx.new_helper, gateway.facts_on(ctx, Role.NEW), found)
        ctx.tell(Said(role=Role.NEW, text=f"links of plugins to OpenClaw lead to {target or 'nowhere'}"))

    async def _fetch(self, ctx: Context, plugin: Plugin) -> None:
        """What comes of it is seen afterwards by what is there, not by an exit status."""
        words = plugins.install_words(plugin, ctx.plan.version)
        ctx.tell(Said(role=Role.NEW, text=" ".join(("openclaw", *words))))
        argv = gateway.openclaw(ctx, Role.NEW, *words)
        try:
            ran = await ctx.new.run(argv, timeout=FETCH_TIMEOUT, pty=True)
        except CommandTimedOut as late:
            ctx.tell(Said(role=Role.NEW, text=late.what))
            return
        ctx.tell(Said(role=Role.NEW, text=plain(ran.text)))


def _left(ctx: Context, plugin: Plugin) -> LeftToDo:
    lacks = (
        f"its packages {', '.join(plugin.missing[:3])} are not there" if plugin.code else "it is not there"
    )
    why = "it could not be fetched" if plugin.can_be_fetched else f"it came from a {plugin.source} on OLD"
    return LeftToDo(
        subject=f"plugin {plugin.id}",
        why=f"{lacks}; {why}",
        command=shlex.join(("openclaw", *plugins.install_words(plugin, ctx.plan.version))),
    )


def _fact(found: int, fetched: int, linked: int, left: list[str]) -> str:
    parts = [f"{found} installed" if found else "none were installed"]
    parts += [f"{fetched} fetched for this machine"] if fetched else []
    parts += [f"{linked} links to OpenClaw mended"] if linked else []
    parts += [f"left for you: {', '.join(left)}"] if left else []
    return "; ".join(parts)
