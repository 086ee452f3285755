"""Our transfer of one folder, measured from inside: seconds, CPU, memory, and how long the loop was held.

`python -m tests.bench.ours relayed|local|again FOLDER OLD-HOME OLD-HOME-HERE NEW-HOME`, printed as JSON.
`relayed` and `local` are a first copy with every hash compared on NEW; `again` is what comes after the
stop: OLD listed again, what changed sent, and all of it compared once more.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from itertools import pairwise
from pathlib import Path

from openclaw_wizard.hosts import connect
from openclaw_wizard.hosts.facts import probe
from openclaw_wizard.model import HostFacts
from openclaw_wizard.transfer import compare, manifest, stream
from tests.bench.ways import SOURCE, TARGET
from tests.odd_trees import PATH


async def main(how: str, folder: Path, old_home: str, here: str, new_home: str) -> dict[str, float]:
    old, new = await connect("local" if how == "local" else "old"), await connect("new")
    old_facts, new_facts = await asyncio.gather(probe(old), probe(new))
    if how == "local":
        old_facts = with_our_node(old_facts)
    root = f"{here if how == 'local' else old_home}/{SOURCE}"
    route = stream.Route(old, new, old_facts, new_facts, root, f"{new_home}/{TARGET}.incoming-bench")
    watch = Watch()
    watching = asyncio.create_task(watch.run())
    began, cpu = time.monotonic(), time.process_time()
    steps = await (again if how == "again" else first)(route, folder)
    seconds = time.monotonic() - began
    used = time.process_time() - cpu
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await asyncio.gather(old.aclose(), new.aclose())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "cpu": used, "memory": memory, "stuck": watch.longest, **steps}


def with_our_node(facts: HostFacts) -> HostFacts:
    """This computer's own Node may be too old; the one of the tests stands in for OLD's."""
    return facts.model_copy(update={"path": PATH, "zstd": True})


class Watch:
    """How long the loop did not come round, at the longest: what a screen would hang."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def run(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            self.longest = max(self.longest, time.monotonic() - before - 0.01)


async def first(route: stream.Route, folder: Path) -> dict[str, float]:
    old, new = stream.pack_helper(route.old, route.old_facts), stream.pack_helper(route.new, route.new_facts)
    marks = [time.monotonic()]
    listed = await manifest.take(old, route.source_root, to=folder / "listed.jsonl", hashes=False)
    marks.append(time.monotonic())
    await new.call("mkdir", {"path": route.staging, "mode": 0o700})
    todo = await stream.make_way(route, compare.work(listed, None), folder, "bench")
    whole, patched = await stream.send(route, todo, folder / "packed", lambda _: None)
    marks.append(time.monotonic())
    source = compare.merged(listed, (whole, patched), folder / "ahead.jsonl")
    arrived = await manifest.take(
        new, route.staging, to=folder / "arrived.jsonl", hashes=True, everything=True
    )
    assert compare.compare(source, arrived).equal
    marks.append(time.monotonic())
    return dict(zip(("list", "send", "verify"), (b - a for a, b in pairwise(marks)), strict=True))


async def again(route: stream.Route, folder: Path) -> dict[str, float]:
    old, new = stream.pack_helper(route.old, route.old_facts), stream.pack_helper(route.new, route.new_facts)
    began = time.monotonic()
    now, there = await asyncio.gather(
        manifest.take(old, route.source_root, to=folder / "now.jsonl", hashes=False),
        manifest.take(new, route.staging, to=folder / "there.jsonl", hashes=False, everything=True),
    )
    source = compare.carried(now, manifest.load(folder / "ahead.jsonl"), folder / "source.jsonl")
    staged = compare.carried(there, manifest.load(folder / "arrived.jsonl"), folder / "staged.jsonl")
    todo = await stream.make_way(route, compare.work(source, staged), folder, "bench")
    whole, patched = await stream.send(route, todo, folder / "packed", lambda _: None)
    sent = time.monotonic()
    final = compare.merged(source, (whole, patched), folder / "final.jsonl")
    arrived = await manifest.take(
        new, route.staging, to=folder / "arrived2.jsonl", hashes=True, everything=True
    )
    assert final.hashed and compare.compare(final, arrived).equal
    return {"delta": sent - began, "verify": time.monotonic() - sent}


if __name__ == "__main__":
    how, folder, *homes = sys.argv[1:]
    print(json.dumps(asyncio.run(main(how, Path(folder), *homes))))
