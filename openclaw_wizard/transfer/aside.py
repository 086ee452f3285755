"""Long passes over manifests beside the event loop, so that the screen, the keys and the links live on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")

_unwanted: ContextVar[threading.Event | None] = ContextVar("_unwanted", default=None)


class GivenUp(Exception):
    """Nobody waits any more for the pass that runs in this thread."""


async def aside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` gives; it runs in a thread. Raises what it raises.

    Where the caller is cancelled, `work` is asked to end (`unless_given_up`) and waited for: it may
    hold files that whoever comes next writes too.
    """
    unwanted = threading.Event()
    token = _unwanted.set(unwanted)
    try:
        working = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    finally:
        _unwanted.reset(token)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        unwanted.set()
        await asyncio.wait([working])
        if not working.cancelled():
            # Whatever it ended with, the cancellation is what is told.
            working.exception()
        raise


async def both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """What both give, run side by side. Raises what the first to fail raises; the other is then ended."""
    one, other = asyncio.create_task(first), asyncio.create_task(second)
    try:
        return await asyncio.gather(one, other)
    finally:
        for task in (one, other):
            task.cancel()
        await asyncio.gather(one, other, return_exceptions=True)


def unless_given_up() -> None:
    """Called within a pass now and then. Raises GivenUp where it is no longer wanted."""
    unwanted = _unwanted.get()
    if unwanted is not None and unwanted.is_set():
        raise GivenUp
