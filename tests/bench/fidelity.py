"""What arrives of hostile trees by each way, read back without the code under test. Local, as root."""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, Phase, given, settings

from tests.lab import trees
from tests.lab.carry import Carry
from tests.lab.trees import EVERYTHING, Tree

DRAWN: Final = 100
"""How many trees are drawn."""
KEPT: Final = 12
"""The largest of them are tried, besides the one with everything; the same ones each time."""
HOLES: Final = trees.HOLE // 2
"""Bytes more on disk from which a file counts as having lost its holes."""


@dataclass(slots=True)
class Fared:
    """Of all trees together: entries that arrived as they were, not at all, or otherwise, and how."""

    equal: int = 0
    lost: int = 0
    changed: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    """What the ways said that did not end well, the last line of each."""

    def note(self, kinds: set[str]) -> None:
        self.lost += "lost" in kinds
        self.changed += bool(kinds) and "lost" not in kinds
        self.equal += not kinds
        self.kinds.update(kinds - {"lost"})


def ours(old: Path, new: Path) -> None:
    """Raises WizardError."""
    carry = Carry(old, new)
    asyncio.run(carry.run())


def typed(line: str) -> Callable[[Path, Path], None]:
    """A shell line in which OLD and NEW stand for the folders. Raises CalledProcessError."""

    def run(old: Path, new: Path) -> None:
        words = line.replace("OLD", shlex.quote(str(old))).replace("NEW", shlex.quote(str(new)))
        subprocess.run(["sh", "-ec", words], check=True, capture_output=True)

    return run


WAYS: Final[dict[str, Callable[[Path, Path], None]]] = {
    "ours": ours,
    "`rsync -a`": typed("rsync -a OLD/ NEW/"),
    "`rsync -aHSX`": typed("rsync -aHSX OLD/ NEW/"),
    "guide: `tar -czf`, untar": typed("mkdir NEW; tar -C OLD -czf NEW.tar.gz .; tar -C NEW -xzf NEW.tar.gz"),
}


def table() -> dict[str, Fared]:
    """Every way with every tree."""
    found = {name: Fared() for name in WAYS}
    for tree in (EVERYTHING, *drawn()):
        for name, way in WAYS.items():
            with tempfile.TemporaryDirectory(prefix="fidelity-") as place:
                _judge(tree, way, Path(place), found[name])
    return found


def drawn() -> list[Tree]:
    found: list[Tree] = []

    @given(trees.trees(size=60))
    @settings(
        max_examples=DRAWN,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    def keep(tree: Tree) -> None:
        found.append(tree)

    keep()
    return sorted(found, key=len)[-KEPT:]


def _judge(tree: Tree, way: Callable[[Path, Path], None], place: Path, fared: Fared) -> None:
    old, new = trees.make(tree, place / "old"), place / "new"
    before = Seen(old)
    try:
        way(old, new)
    except subprocess.CalledProcessError as failed:
        fared.failed.append(failed.stderr.decode(errors="replace").strip().splitlines()[-1])
    after = Seen(new)
    for path in before.facts:
        fared.note(before.lacking(path, after))
    for path in after.facts.keys() - before.facts.keys():
        fared.note({f"extra: {path!r}"})


class Seen:
    """A tree as it stands: its facts, which names are one file, and how much room each file takes."""

    def __init__(self, root: Path) -> None:
        self.facts, groups = trees.read_back(root)
        self._others = {path: group for group in groups for path in group}
        top = os.fsencode(root)
        self._room = {path: _room(top + b"/" + path) for path in self.facts}

    def lacking(self, path: bytes, after: Seen) -> set[str]:
        """What is otherwise there; empty where nothing is."""
        was, now = self.facts[path], after.facts.get(path)
        if now is None:
            return {"lost"}
        if was[0] != now[0]:
            return {"kind"}
        names = ("kind", "target") if was[0] == "l" else ("kind", "mode", "time", "content")
        kinds = {name for name, one, other in zip(names, was, now, strict=False) if one != other}
        if self._others.get(path) != after._others.get(path):
            kinds.add("one file became several")
        if after._room[path] > self._room[path] + HOLES:
            kinds.add("holes filled")
        return kinds


def _room(full: bytes) -> int:
    facts = os.lstat(full)
    return facts.st_blocks * 512 if stat.S_ISREG(facts.st_mode) else 0
