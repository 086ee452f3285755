"""`python -m tests.bench.identify [--lab | OLD NEW]`: how long identify takes, and what of it.

Without names two practice hosts are made, with `--lab` two machines of the lab: OLD with a state
directory of 20,000 files beside a database of 100 MB. It judges nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from openclaw_wizard.demo import runtime
from openclaw_wizard.hosts import Completed, Host, connect
from openclaw_wizard.hosts.practice import create_practice, stop_practice
from openclaw_wizard.steps import survey
from tests.bench import data
from tests.lab import programs as releases
from tests.lab.lab import NEW, OLD, ROOT, lab
from tests.openclaw_states import today
from tests.two_hosts import programs

FILES = 20_000
DATABASE_MB = 100


class Timed:
    """A host that says how long each command took, and when it began."""

    def __init__(self, host: Host, name: str, began: float) -> None:
        self._host, self._name, self._began = host, name, began

    def __getattr__(self, name: str) -> Any:
        return getattr(self._host, name)

    async def run(self, argv: list[str], **how: Any) -> Completed:
        start = time.monotonic()
        done = await self._host.run(argv, **how)
        what = "probe" if argv[0] == "sh" else _command(how.get("input", b""))
        took, at = time.monotonic() - start, start - self._began
        print(f"  {at:6.2f} s  {self._name}  {what:12}  {took:6.2f} s  {len(done.stdout):>9,} bytes back")
        return done


def _command(input: bytes) -> str:
    return input[:96].decode().partition('"command": "')[2].partition('"')[0] or "?"


def furnish(home: Path, called: Path | None = None) -> None:
    """An installation of `FILES` files and a database of `DATABASE_MB`."""
    state, chance = today(home, called=called), random.Random(5)
    for number in range(FILES):
        folder = state / "agents/main/sessions" if number % 2 else state / f"workspace/notes/{number % 97}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jsonl").write_text("x" * chance.randint(1, 2000))
    (state / "memory").mkdir()
    data.database(state / "memory/large.sqlite", chance, DATABASE_MB << 20)


async def measure(old: str, new: str, rounds: int) -> None:
    for number in range(rounds):
        hosts = await asyncio.gather(connect(old), connect(new))
        began = time.monotonic()
        print(f"round {number + 1}")
        timed: list[Any] = [Timed(h, n, began) for h, n in zip(hosts, ("OLD", "NEW"), strict=True)]
        plan = await survey.survey(timed[0], timed[1], (), lambda event: None, lambda facts: None)
        files = sum(tree.files for tree in plan.trees)
        print(f"identify: {time.monotonic() - began:.2f} s for {files:,} files")
        await asyncio.gather(*(host.aclose() for host in hosts))


async def made(folder: Path, rounds: int) -> None:
    path = [str(programs(folder / "bin"))]
    openclaw = runtime.cache_folder() / "openclaw" / runtime.VERSION / "bin"
    path += [str(openclaw)] if openclaw.is_dir() else []
    old = create_practice(folder / "old", user="alice", hostname="old-box", home="home/alice", path=path)
    new = create_practice(folder / "new", user="bob", hostname="new-box", home="srv/bob", path=path[:1])
    furnish(folder / "old/home/alice")
    try:
        await measure(old, new, rounds)
    finally:
        for name in ("old", "new"):
            await stop_practice(folder / name)


def in_lab(rounds: int) -> None:
    with lab() as made:
        old = made.add(replace(OLD, openclaw=releases.openclaw(releases.NEWEST)))
        made.add(NEW)
        furnish(old.home, Path(OLD.home))
        subprocess.run(["chown", "-R", f"{OLD.uid}:{OLD.uid}", str(old.home)], check=True)
        operator = made.wizard
        argv = [sys.executable, "-m", "tests.bench.identify", "old", "new", "--rounds", str(rounds)]
        subprocess.run([*operator.before, *argv], cwd=ROOT, env=operator.environment, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hosts", nargs="*", metavar="HOST", help="OLD and NEW")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--lab", action="store_true", help="two machines of the lab")
    options = parser.parse_args()
    if options.lab:
        in_lab(options.rounds)
        return
    if options.hosts:
        old, new = options.hosts
        asyncio.run(measure(old, new, options.rounds))
        return
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(made(Path(folder), options.rounds))


if __name__ == "__main__":
    main()
