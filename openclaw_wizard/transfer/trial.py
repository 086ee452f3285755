"""How much the way from OLD to NEW carries: short lots that cannot be compressed, over that very way."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from openclaw_wizard.errors import LinkLost
from openclaw_wizard.hosts.helper import HelperFailed
from openclaw_wizard.transfer import direct
from openclaw_wizard.transfer.relay import Pace, Route
from openclaw_wizard.transfer.stream import pack_helper

LOTS: Final = (1 << 16, 1 << 19, 1 << 22)
ENOUGH: Final = 0.25
"""Seconds of a lot after which no larger one is tried; the next one would take eight times as long."""
LONGEST: Final = 10.0
"""Seconds for one lot; a link that is slower than that is as slow as it gets."""
SWALLOW: Final = ("sh", "-c", "exec cat >/dev/null")


async def rate(route: Route) -> float:
    """Bytes a second; within the route's limit. Raises LinkLost, HelperFailed, CommandFailed."""
    found = 0.0
    for size in LOTS:
        try:
            async with asyncio.timeout(LONGEST):
                seconds = await (_directly(route, size) if route.direct else _relayed(route, size))
        except TimeoutError:
            return found or size / LONGEST
        found = size / max(seconds, 1e-6)
        if seconds > ENOUGH:
            break
    return found


async def _relayed(route: Route, size: int) -> float:
    """Seconds until NEW has read a lot of OLD's."""
    argv = ["head", "-c", f"{size}", "/dev/urandom"]
    async with route.new.writer(SWALLOW) as sink, route.old.reader(argv) as source:
        began = time.monotonic()
        pace = Pace(route.bwlimit, began)
        while part := await source.read():
            await sink.write(part)
            await asyncio.sleep(pace.pause(len(part), time.monotonic()))
        (await sink.finish()).check()
    return time.monotonic() - began


async def _directly(route: Route, size: int) -> float:
    assert route.direct is not None
    to = direct.line(route.direct, SWALLOW, b"", route.bwlimit)
    try:
        answer = await pack_helper(route.old, route.old_facts).call("trial", {"to": to, "bytes": size})
    except HelperFailed as failed:
        if failed.error_code != direct.LINK:
            raise
        doing = f"{route.old.label} tried it directly ({failed.fields.get('output')})"
        raise LinkLost(host=route.new.label, doing=doing, direct=True) from failed
    return float(answer["seconds"])
