"""Killed (SIGKILL, in a process of its own) at every journal write and after every effect; one resume each.

The points are counted first in a run that is not killed, so the matrix grows with the code.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from openclaw_wizard.model import ActionState, Outcome
from openclaw_wizard.session import Wizard
from tests.moves import Ground, folders

Drive = Callable[[Wizard], Coroutine[None, None, None]]
KINDS = ("before", "torn", "written", "synced", "effect", "saving", "saved")


class Reaper:
    """Counts the points of one kind and kills this process at the one that was chosen."""

    def __init__(self, kind: str, at: int | None) -> None:
        self.kind, self.at, self.seen = kind, at, 0

    def point(self, kind: str) -> bool:
        if kind != self.kind:
            return False
        self.seen += 1
        return self.seen == self.at

    def kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def effect(self) -> None:
        if self.point("effect"):
            self.kill()

    def install(self, patch: pytest.MonkeyPatch) -> None:
        write, sync, replace = os.write, os.fdatasync, Path.replace

        def killing_write(handle: int, data: bytes) -> int:
            if self.point("before"):
                self.kill()
            if self.point("torn"):
                write(handle, data[: len(data) // 2])
                self.kill()
            written = write(handle, data)
            if self.point("written"):
                self.kill()
            return written

        def killing_sync(handle: int) -> None:
            sync(handle)
            if self.point("synced"):
                self.kill()

        def killing_replace(path: Path, target: Path) -> Path:
            if self.point("saving"):
                self.kill()
            done = replace(path, target)
            if self.point("saved"):
                self.kill()
            return done

        patch.setattr(os, "write", killing_write)
        patch.setattr(os, "fdatasync", killing_sync)
        patch.setattr(Path, "replace", killing_replace)


async def forwards(wizard: Wizard) -> None:
    await wizard.survey("old", "new")
    await wizard.run()
    await wizard.aclose()


async def backwards(wizard: Wizard) -> None:
    await wizard.undo()
    await wizard.aclose()


def in_a_process(work: Callable[[], None]) -> int:
    """The wait status of a forked process that does `work`."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(1 if os.environ.get("CRASHED") else 0)
    return os.waitpid(pid, 0)[1]


def killed_at(ground: Ground, kind: str, at: int, drive: Drive) -> None:
    def work() -> None:
        reaper = Reaper(kind, at)
        ground.actions = folders(ground.world, reaper.effect)
        reaper.install(pytest.MonkeyPatch())
        asyncio.run(drive(ground.wizard()))

    status = in_a_process(work)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def points(tmp_path: Path, kind: str, drive: Drive, prepare: bool) -> int:
    """How many points of this kind an undisturbed run passes."""
    ground = Ground(tmp_path / "counting")
    if prepare:
        asyncio.run(forwards(ground.wizard()))
    reaper = Reaper(kind, None)
    ground.actions = folders(ground.world, reaper.effect)
    with pytest.MonkeyPatch.context() as patch:
        reaper.install(patch)
        asyncio.run(drive(ground.wizard()))
    return reaper.seen


@pytest.mark.parametrize("kind", KINDS)
def test_one_resume_finishes_the_move_and_nothing_happens_twice(tmp_path: Path, kind: str) -> None:
    count = points(tmp_path, kind, forwards, prepare=False)
    assert count >= 5
    for at in range(1, count + 1):
        ground = Ground(tmp_path / f"{at}")
        killed_at(ground, kind, at, forwards)
        finish(ground)
        names = [action.id for action in ground.actions]
        assert ground.effects() == names, f"{kind} {at}"
        view = ground.wizard().view
        assert view.move is None


def finish(ground: Ground) -> None:
    """One resume; where the very first record was not whole yet there is no move, and a new one begins."""
    wizard = ground.wizard()
    begun = [move for move in wizard.moves() if not move.problem]
    if begun:
        assert len(begun) == 1
        outcome = asyncio.run(wizard.resume())
    else:
        asyncio.run(wizard.survey("old", "new"))
        outcome = asyncio.run(wizard.run())
    assert outcome is Outcome.DONE
    assert all(action.state is ActionState.DONE for action in wizard.view.actions)
    assert wizard.report_path is not None
    asyncio.run(wizard.aclose())


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_undo_is_resumed_backwards(tmp_path: Path, kind: str) -> None:
    count = points(tmp_path, kind, backwards, prepare=True)
    assert count >= 2
    for at in range(1, count + 1):
        ground = Ground(tmp_path / f"{at}")
        asyncio.run(forwards(ground.wizard()))
        killed_at(ground, kind, at, backwards)
        wizard = ground.wizard()
        outcome = asyncio.run(wizard.undo())
        asyncio.run(wizard.aclose())
        assert outcome is Outcome.PUT_BACK, f"{kind} {at}"
        names = [action.id for action in ground.actions]
        assert ground.effects() == names + [f"-{name}" for name in reversed(names)], f"{kind} {at}"


def test_a_world_changed_behind_its_back_is_made_true_again(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    killed_at(ground, "effect", 4, forwards)
    (ground.world / "old.stop").rmdir()
    wizard = ground.wizard()
    assert asyncio.run(wizard.resume()) is Outcome.DONE
    asyncio.run(wizard.aclose())
    assert ground.effects().count("old.stop") == 2
    assert ground.effects().count("copy.stream") == 1
