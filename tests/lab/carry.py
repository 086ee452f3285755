"""The wizard's own transfer of one folder, action by action: manifest, stream, compare, switch.

The actions are those of the Copy step, with a context of their own and both machines on this computer,
so that a tree is on its way within a second and a test may stand anywhere in between.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from openclaw_wizard.errors import NeedsAnswer
from openclaw_wizard.events import Event
from openclaw_wizard.hosts import Host
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.model import Facts, HostFacts, Tree, Wishes
from openclaw_wizard.steps import trees as moving
from openclaw_wizard.steps.action import Action, Context, Shelf
from openclaw_wizard.steps.copy import CompareHashes, Stream, TakeManifest
from openclaw_wizard.steps.losses import Accept
from openclaw_wizard.transfer import switch
from openclaw_wizard.transfer.manifest import Manifest
from tests.builders import plan, tree
from tests.odd_trees import PATH, local_facts, put

MOVE = "m1"
COPYING: Final[tuple[Action, ...]] = (TakeManifest(), Stream(), CompareHashes())


@dataclass
class Box:
    """A shelf in a folder of its own."""

    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="shelf-")))

    def save(self, name: str, content: bytes) -> str:
        self.file(name).write_bytes(content)
        return ""

    def load(self, name: str) -> bytes | None:
        file = self.file(name)
        return file.read_bytes() if file.exists() else None

    def file(self, name: str) -> Path:
        return self.folder / name


class Still:
    """A clock for what never waits."""

    def time(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits")


class Carry:
    """One move of `old` to `new`; `run` again is the resume of it."""

    def __init__(
        self,
        old: Path,
        new: Path,
        *,
        hosts: tuple[Host, Host] | None = None,
        facts: tuple[HostFacts, HostFacts] | None = None,
        shelf: Shelf | None = None,
        wishes: Wishes | None = None,
    ) -> None:
        """With a `shelf` that is kept, the next process goes on where this one ends."""
        self.old, self.new = old, new
        self.events: list[Event] = []
        first, second = hosts or (LocalHost(), LocalHost())
        old_facts, new_facts = facts or (local_facts(), local_facts())
        one = tree(name="workspace-1", old=str(old), new=str(new), occupied=new.exists())
        self.ctx = Context(
            move=MOVE,
            plan=plan(old=old_facts, new=new_facts, trees=(one,), path_changes=(), wishes=wishes or Wishes()),
            old=first,
            new=second,
            old_helper=Helper(first, old_facts.path),
            new_helper=Helper(second, new_facts.path),
            shelf=shelf or Box(),
            clock=Still(),
            tell=self.events.append,
            learn=self._learn,
            facts=Facts(),
        )

    def _learn(self, facts: Facts) -> None:
        self.ctx.facts = facts

    @property
    def tree(self) -> Tree:
        return self.ctx.plan.trees[0]

    @property
    def staging(self) -> Path:
        return Path(self.tree.staging(MOVE))

    @property
    def aside(self) -> Path:
        return Path(self.tree.aside(MOVE))

    @property
    def manifest(self) -> Manifest:
        return moving.source_manifest(self.ctx, self.tree)

    async def does(self, action: Action) -> None:
        """As the runner does one: asks, applies, asks again. Raises WizardError."""
        if not await action.holds(self.ctx):
            await action.apply(self.ctx)
            assert await action.holds(self.ctx), f"{action.id} ran, but its effect is not there"

    async def run(self, *, agreed: bool = False) -> None:
        """All of it, as one run of the wizard. `agreed`: the person agrees to whatever cannot come along.

        Raises WizardError where the wizard refuses to go on; then nothing was switched.
        """
        self.ctx.fresh.clear()
        for action in COPYING:
            await self.does(action)
        asked = Accept()
        if not await asked.holds(self.ctx) and not agreed:
            ask = asked.asks(self.ctx)
            assert ask is not None
            raise NeedsAnswer(question=ask.question, prompt=ask.prompt)
        await self.does(asked)
        await switch.switch(self.ctx.new_helper, self.ctx.plan.trees, MOVE)

    def put_away(self) -> None:
        """Deletes what arrived, so that the next tree finds the place empty."""
        for place in (self.new, self.staging, self.aside):
            shutil.rmtree(place, ignore_errors=True)


# ------------------------------------------------------------------ other tars


def facts_with(flavour: str, folder: Path, debian: Path | None = None) -> HostFacts:
    """The facts of a machine whose `tar` is of that kind: gnu, or that of `debian` (bsd, busybox).

    It is made in `folder`.
    """
    if flavour == "gnu":
        return local_facts()
    assert debian is not None
    put(folder, b"tar", f"#!/bin/sh\n{_words(flavour, debian)}\n".encode(), 0o755)
    return local_facts(tar=flavour, path=f"{folder}:{PATH}")


def _words(flavour: str, debian: Path) -> str:
    if flavour == "busybox":
        return f'exec {debian}/bin/busybox tar "$@"'
    # Its own loader finds its libraries without a chroot.
    libraries = f"{debian}/lib/x86_64-linux-gnu:{debian}/usr/lib/x86_64-linux-gnu"
    return f'exec {debian}/lib64/ld-linux-x86-64.so.2 --library-path {libraries} {debian}/usr/bin/bsdtar "$@"'
