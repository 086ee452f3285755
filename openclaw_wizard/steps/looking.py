"""What a person would look at: does the gateway answer, are its channels connected, does the dashboard open.

Asked of OLD before its stop and of NEW after its start, in the same words. A command of OpenClaw costs
seconds, so they run beside each other, and each is asked once; only channels may take their time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from openclaw_wizard.errors import CommandTimedOut
from openclaw_wizard.events import Advanced
from openclaw_wizard.model import GatewayState, Inventory, Role, Seen, StepId
from openclaw_wizard.openclaw import answers, command, discover
from openclaw_wizard.openclaw import config as configs
from openclaw_wizard.steps import gateway, trees
from openclaw_wizard.steps.action import Action, Context, Done

SEEN_OLD, SEEN_NEW = "seen-old.json", "seen-new.json"
ANSWER_TIMEOUT: Final = 120.0
CHANNELS_BUDGET: Final = 150.0
"""Seconds: OpenClaw gives a channel 120 before it says that it is not ready [doc gateway/health.md]."""
PAUSE: Final = 3.0
NOT_RUNNING: Final = "OLD's gateway did not run"
NOT_ASKED: Final = (
    "its channels and sessions were not asked for: to this version the question would come from a new device"
)


async def look(ctx: Context, role: Role, counted: Inventory) -> Seen:
    """What its gateway shows now. Raises HostError."""
    found = await gateway.look(ctx, role)
    if found.state not in (GatewayState.RUNNING, GatewayState.READY):
        why = NOT_RUNNING if role is Role.OLD else "its gateway does not run"
        return Seen(gateway=found.state.value, answers=False, why_not=why)
    if not counted.asks_quietly:
        ready = await gateway.is_ready(ctx, role)
        return Seen(
            gateway="ready" if ready else "not ready",
            answers=ready,
            dashboard=await _dashboard(ctx, role),
            asked=False,
            why_not=NOT_ASKED,
        )
    status, channels, sessions, dashboard = await asyncio.gather(
        _asked(ctx, role, command.gateway_status(ctx.plan.version)),
        _asked(ctx, role, command.CHANNELS_STATUS),
        _asked(ctx, role, command.SESSIONS_LIST),
        _dashboard(ctx, role),
    )
    (works, said), (words, troubles) = answers.gateway(status), answers.channels(channels)
    return Seen(
        gateway=said,
        answers=works,
        channels=words,
        troubles=troubles,
        sessions=answers.sessions(sessions),
        dashboard=dashboard,
        why_not="" if works else "OpenClaw gave no answer to the question",
    )


async def _asked(ctx: Context, role: Role, words: tuple[str, ...]) -> Mapping[str, Any] | None:
    """What that command answers, None where it does not.

    It is asked again: a busy gateway may close the connection ("gateway closed (1000 normal closure)" of
    2026.3.13) [measured].
    """
    for pause in (PAUSE, 0.0):
        try:
            ran = await ctx.host(role).run(gateway.openclaw(ctx, role, *words), timeout=ANSWER_TIMEOUT)
        except CommandTimedOut:
            return None
        if (found := answers.parsed(ran.text)) is not None:
            return found
        await ctx.clock.sleep(pause)
    return None


async def _dashboard(ctx: Context, role: Role) -> bool | None:
    try:
        config = await discover.read_config(ctx.helper(role), gateway.installation(ctx, role))
    except configs.ConfigUnreadable:
        return None
    place = configs.dashboard(config)
    if place.tls or not place.enabled:
        return None if place.tls else False
    asked = {"port": ctx.plan.installation.port, "path": place.path, "timeoutMs": 10000}
    answer = await ctx.helper(role).call("http", asked)
    return answer["status"] == 200 and answers.TITLE in answer["body"]


class Look(Action):
    """Waits for the channels that were connected on OLD; no others are expected to be."""

    id = "new.look"
    step = StepId.VERIFY
    title = "See that NEW's gateway, channels and dashboard work"
    safe = "OLD is stopped and its data untouched; NEW runs."

    async def holds(self, ctx: Context) -> bool:
        return bool(ctx.shelf.load(SEEN_NEW))

    async def apply(self, ctx: Context) -> Done:
        old, counted = old_seen(ctx), trees.counted(ctx, trees.BEFORE)
        label = "asking the gateway, its channels and its dashboard"
        ctx.tell(Advanced(action=self.id, done=0, total=None, unit="steps", label=label))
        seen = await look(ctx, Role.NEW, counted)
        seen = await self._with_channels(ctx, old, seen)
        ctx.shelf.save(SEEN_NEW, seen.model_dump_json().encode())
        connected = sum(word == answers.CONNECTED for word in (seen.channels or {}).values())
        channels = f"{connected} channels connected" if seen.asked else "channels not asked for"
        return Done(fact=f"{seen.gateway or 'gateway not asked'}; {channels}")

    async def _with_channels(self, ctx: Context, old: Seen, seen: Seen) -> Seen:
        wanted = {name for name, word in (old.channels or {}).items() if word == answers.CONNECTED}
        began = ctx.clock.time()
        while seen.channels is not None and wanted - _connected(seen):
            waited = ctx.clock.time() - began
            if waited > CHANNELS_BUDGET:
                break
            label = f"waiting for {', '.join(sorted(wanted - _connected(seen)))}"
            total = int(CHANNELS_BUDGET)
            ctx.tell(Advanced(action=self.id, done=int(waited), total=total, unit="seconds", label=label))
            await ctx.clock.sleep(PAUSE)
            words, troubles = answers.channels(await _asked(ctx, Role.NEW, command.CHANNELS_STATUS))
            if words is not None:
                seen = seen.model_copy(update={"channels": words, "troubles": troubles})
        return seen


def _connected(seen: Seen) -> set[str]:
    return {name for name, word in (seen.channels or {}).items() if word == answers.CONNECTED}


def old_seen(ctx: Context) -> Seen:
    """What OLD showed before its stop."""
    kept = ctx.shelf.load(SEEN_OLD)
    return Seen.model_validate_json(kept) if kept else Seen(why_not="OLD was not asked before its stop")


def new_seen(ctx: Context) -> Seen:
    kept = ctx.shelf.load(SEEN_NEW)
    return Seen.model_validate_json(kept) if kept else Seen(why_not="NEW was not asked")
