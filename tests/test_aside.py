"""Long passes beside the event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest

from openclaw_wizard.transfer.aside import GivenUp, aside, both, unless_given_up


async def test_the_loop_goes_on_meanwhile() -> None:
    # Each waits for the other: with both in one thread neither would ever get on.
    begun, told = threading.Event(), threading.Event()

    def work(number: int) -> int:
        begun.set()
        assert told.wait(60)
        return number + 1

    working = asyncio.create_task(aside(work, 1))
    assert await asyncio.to_thread(begun.wait, 60)
    told.set()
    assert await working == 2


async def test_what_fails_there_fails_here() -> None:
    def work() -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        await aside(work)


async def test_what_nobody_waits_for_ends_and_is_waited_for() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        try:
            while True:
                unless_given_up()
        except GivenUp:
            ended.set()
            raise

    working = asyncio.create_task(aside(work))
    assert await asyncio.to_thread(begun.wait, 60)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert ended.is_set()


async def test_where_one_of_both_fails_the_other_is_ended_first() -> None:
    ended = False

    async def endless() -> None:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    async def failing() -> None:
        await asyncio.sleep(0)
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        await both(endless(), failing())
    assert ended


def test_outside_of_a_pass_nothing_is_given_up() -> None:
    unless_given_up()
