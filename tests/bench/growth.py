"""How our own way grows: with the number of files, and with their size. A first copy, then a second pass
that finds nothing changed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.bench import data
from tests.bench.ways import Bench, Measured
from tests.lab.lab import NEW, OLD, Lab

FILES: Final = (10_000, 100_000, 1_000_000)
SIZES: Final = (100_000_000, 1_000_000_000, 10_000_000_000)
GROWING: Final = "growing"
DISK: Final = 8 << 30
"""The most that a home may hold; only what stands in it takes memory."""


@dataclass(frozen=True, slots=True)
class Grown:
    """`amount` is a number of files of 50 to 200 bytes, or of bytes in ten sparse files."""

    kind: str
    amount: int
    first: Measured
    again: Measured

    @property
    def memory(self) -> int:
        return max(self.first.memory or 0, self.again.memory or 0)

    @property
    def held(self) -> float:
        return max(self.first.held or 0.0, self.again.held or 0.0)

    @property
    def held_by_itself(self) -> float:
        return max(self.first.held_by_itself or 0.0, self.again.held_by_itself or 0.0)


def grown(made: Lab, scale: float) -> Iterator[Grown]:
    """Both kinds, smallest first; in memory, of which a million files on two machines take 11 GB."""
    for shape in (OLD, NEW):
        made.add(replace(shape, disk_bytes=DISK))
    bench = Bench(made)
    for count in FILES:
        yield _one(bench, "files", int(count * scale), data.many)
    for size in SIZES:
        yield _one(bench, "bytes", int(size * scale), data.large)


def _one(bench: Bench, kind: str, amount: int, make: Callable[[Path, int], Path]) -> Grown:
    with _on_old(bench, make, amount):
        bench.fresh()
        first = bench.measured(lambda each: each.ours("ahead", source=GROWING))
        again = bench.measured(lambda each: each.ours("again", source=GROWING))
        bench.fresh()
    return Grown(kind, amount, first, again)


@contextmanager
def _on_old(bench: Bench, make: Callable[[Path, int], Path], amount: int) -> Iterator[None]:
    place = make(bench.old.home / GROWING, amount)
    uid = bench.old.shape.uid
    subprocess.run(["chown", "-R", f"{uid}:{uid}", str(place)], check=True)
    try:
        yield
    finally:
        shutil.rmtree(place)
