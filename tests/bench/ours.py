"""Our transfer of one folder by the very actions of the steps, measured from inside, printed as JSON.

`python -m tests.bench.ours relayed|local first|ahead|again SHELF SOURCE TARGET`: `first` is a whole copy,
every hash compared on NEW; `ahead` is the copy while OLD's gateway works, `again` what comes after its
stop: OLD listed again, what changed sent, all of it compared. With the same SHELF each goes on where the
one before it ended, or was cut. The exit status is 1 where the link was lost.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from openclaw_wizard.errors import LinkLost
from openclaw_wizard.hosts import connect
from openclaw_wizard.hosts.facts import probe
from openclaw_wizard.model import HostFacts
from openclaw_wizard.steps import trees
from openclaw_wizard.steps.action import Action
from openclaw_wizard.steps.ahead import CopyAhead
from openclaw_wizard.transfer import stream
from tests.bench.ways import LOST
from tests.lab.carry import COPYING, Box, Carry
from tests.odd_trees import PATH

TICK: Final = 0.01
Timed = Callable[..., Awaitable[Any]]


async def main(side: str, how: str, shelf: Path, source: str, target: str) -> dict[str, Any]:
    old, new = await connect("local" if side == "local" else "old"), await connect("new")
    old_facts, new_facts = await asyncio.gather(probe(old), probe(new))
    if side == "local":
        old_facts = with_our_node(old_facts)
    facts = (old_facts, new_facts)
    carry = Carry(Path(source), Path(target), hosts=(old, new), facts=facts, shelf=Box(shelf))
    parts = Parts()
    watch = Watch()
    watching = asyncio.create_task(watch.run())
    began, cpu = time.monotonic(), time.process_time()
    try:
        actions = await driven(carry, how)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await asyncio.gather(old.aclose(), new.aclose())
    return {
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - cpu,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "held": watch.longest,
        "held_by_itself": watch.own,
        "parts": {**actions, **parts.seconds},
    }


def with_our_node(facts: HostFacts) -> HostFacts:
    """This computer's own Node may be too old; the one of the tests stands in for OLD's."""
    return facts.model_copy(update={"path": PATH, "zstd": True})


async def driven(carry: Carry, how: str) -> dict[str, float]:
    """Seconds of each action, and of the check that its effect is there, as the runner asks for it."""
    found = {}
    actions: tuple[Action, ...] = (CopyAhead(),) if how == "ahead" else COPYING
    for action in actions:
        began = time.monotonic()
        # Whether the copy ahead is wanted is asked of a gateway, and there is none here.
        if how != "ahead" and await action.holds(carry.ctx):
            continue
        await action.apply(carry.ctx)
        applied = time.monotonic()
        assert how == "ahead" or await action.holds(carry.ctx), f"{action.id} has no effect"
        found[action.id] = applied - began
        found[f"{action.id} checked"] = time.monotonic() - applied
    return found


class Parts:
    """Seconds of what several actions have in common; what runs side by side counts twice."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._time(trees, "list_old", lambda _: "list")
        self._time(trees, "list_staged", lambda wanted: "verify" if wanted["hashes"] else "look")
        self._time(stream, "make_way", lambda _: "sort")
        self._time(stream, "send", lambda _: "send")

    def _time(self, module: ModuleType, name: str, part: Callable[[dict[str, Any]], str]) -> None:
        inner: Timed = getattr(module, name)

        async def timed(*args: Any, **wanted: Any) -> Any:
            began = time.monotonic()
            try:
                return await inner(*args, **wanted)
            finally:
                self.seconds[part(wanted)] += time.monotonic() - began

        setattr(module, name, timed)


class Watch:
    """How long the loop did not come round, at the longest: what a screen would hang, in seconds.

    `own` is the same without the time that its thread stood in the queue for a processor: what it
    computed itself, or waited for a file or another thread of the program.
    """

    def __init__(self) -> None:
        self.longest = self.own = 0.0

    async def run(self) -> None:
        while True:
            before, queued = time.monotonic(), in_the_queue()
            await asyncio.sleep(TICK)
            late = time.monotonic() - before - TICK
            self.longest = max(self.longest, late)
            self.own = max(self.own, late - (in_the_queue() - queued))


def in_the_queue() -> float:
    """Seconds that this thread was ready to run and did not [Linux, Documentation/scheduler/sched-stats]."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


if __name__ == "__main__":
    side, how, shelf, *roots = sys.argv[1:]
    try:
        print(json.dumps(asyncio.run(main(side, how, Path(shelf), *roots))))
    except LinkLost as lost:
        print(lost, file=sys.stderr)
        sys.exit(LOST)
