"""The switch by rename: nothing deleted, right at every point it can be killed at, and put back again."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from openclaw_wizard.errors import LinkLost, StepFailed
from openclaw_wizard.hosts import Completed
from openclaw_wizard.hosts.helper import HEAD
from openclaw_wizard.model import Tree
from openclaw_wizard.transfer import switch
from tests.odd_trees import Wrapped, local_helper, names_in, put

pytestmark = pytest.mark.node


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder; the test's own HOME lies beside it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


MOVE = "m1"


def trees(root: Path) -> tuple[Tree, ...]:
    """A state directory whose place is taken, a workspace whose place is free."""
    state = Tree(name="state", old="/old", new=f"{root}/state", bytes=1, files=1, occupied=True)
    workspace = Tree(name="workspace-1", old="/ws", new=f"{root}/ws", bytes=1, files=1, occupied=False)
    return state, workspace


def staged(root: Path) -> tuple[Tree, ...]:
    put(root, b"state/file", b"previous")
    put(root, b"state.incoming-m1/file", b"moved")
    put(root, b"ws.incoming-m1/file", b"moved workspace")
    return trees(root)


def contents(root: Path) -> dict[str, str]:
    return {str(path.parent.relative_to(root)): path.read_text() for path in root.rglob("file")}


SWITCHED = {"state": "moved", "state.before-m1": "previous", "ws": "moved workspace"}
PUT_BACK = {"state": "previous", "state.undone-m1": "moved", "ws.undone-m1": "moved workspace"}


class DiesAt(Wrapped):
    """Dies before or after the n-th rename has happened on the machine."""

    def __init__(self, rename: int, *, after: bool) -> None:
        super().__init__()
        self.left, self.after = rename, after

    async def run(
        self, argv: Sequence[str], *, input: bytes = b"", timeout: float = 60.0, pty: bool = False
    ) -> Completed:
        renames = json.loads(input[:HEAD])["command"] == "rename"
        self.left -= renames
        dies = renames and self.left == 0
        if dies and not self.after:
            raise LinkLost(host="new", doing="renaming")
        completed = await self.host.run(argv, input=input, timeout=timeout, pty=pty)
        if dies:
            raise LinkLost(host="new", doing="renaming")
        return completed


async def test_the_staged_trees_take_their_places(place: Path) -> None:
    both = staged(place)
    assert not await switch.switched(local_helper(), both, MOVE)
    assert await switch.switch(local_helper(), both, MOVE) == {"state": f"{place}/state.before-m1"}
    assert contents(place) == SWITCHED
    assert await switch.switched(local_helper(), both, MOVE)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("rename", [1, 2, 3])
async def test_a_switch_killed_anywhere_is_finished_by_the_next(
    place: Path, rename: int, after: bool
) -> None:
    both = staged(place)
    with pytest.raises(LinkLost):
        await switch.switch(local_helper(DiesAt(rename, after=after)), both, MOVE)
    assert sorted(contents(place).values()) == sorted(SWITCHED.values())
    assert await switch.switched(local_helper(), both, MOVE) is (rename == 3 and after)
    assert await switch.switch(local_helper(), both, MOVE) == {"state": f"{place}/state.before-m1"}
    assert contents(place) == SWITCHED


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("rename", [1, 2, 3])
async def test_a_put_back_killed_anywhere_is_finished_by_the_next(
    place: Path, rename: int, after: bool
) -> None:
    both = staged(place)
    await switch.switch(local_helper(), both, MOVE)
    with pytest.raises(LinkLost):
        await switch.unswitch(local_helper(DiesAt(rename, after=after)), both, MOVE)
    assert sorted(contents(place).values()) == sorted(PUT_BACK.values())
    for _ in range(2):
        await switch.unswitch(local_helper(), both, MOVE)
        assert contents(place) == PUT_BACK
    assert not await switch.switched(local_helper(), both, MOVE)


@pytest.mark.parametrize("rename", [1, 2, 3])
async def test_a_switch_killed_anywhere_can_be_put_back_instead(place: Path, rename: int) -> None:
    both = staged(place)
    with pytest.raises(LinkLost):
        await switch.switch(local_helper(DiesAt(rename, after=True)), both, MOVE)
    await switch.unswitch(local_helper(), both, MOVE)
    assert (place / "state" / "file").read_text() == "previous"
    assert not (place / "ws").exists()
    assert sorted(contents(place).values()) == sorted(SWITCHED.values())


async def test_putting_back_what_was_never_switched_changes_nothing(place: Path) -> None:
    both = staged(place)
    before = contents(place)
    await switch.unswitch(local_helper(), both, MOVE)
    assert contents(place) == before


async def test_switched_put_back_and_switched_again(place: Path) -> None:
    both = staged(place)
    await switch.switch(local_helper(), both, MOVE)
    await switch.unswitch(local_helper(), both, MOVE)
    put(place, b"state.incoming-m1/file", b"second try")
    put(place, b"ws.incoming-m1/file", b"second workspace")
    await switch.switch(local_helper(), both, MOVE)
    await switch.unswitch(local_helper(), both, MOVE)
    assert contents(place) == PUT_BACK | {
        "state.undone-m1-2": "second try",
        "ws.undone-m1-2": "second workspace",
    }


async def test_what_appears_at_the_target_in_between_is_kept_too(place: Path) -> None:
    both = staged(place)
    with pytest.raises(LinkLost):
        await switch.switch(local_helper(DiesAt(1, after=True)), both, MOVE)
    put(place, b"state/file", b"made by a fresh start")
    await switch.switch(local_helper(), both, MOVE)
    assert contents(place) == SWITCHED | {"state.before-m1-2": "made by a fresh start"}
    await switch.unswitch(local_helper(), both, MOVE)
    assert (place / "state" / "file").read_text() == "previous"


async def test_a_link_at_the_target_is_moved_aside_as_a_link(place: Path) -> None:
    (state, _) = trees(place)
    put(place, b"disk/real/file", b"previous")
    (place / "state").symlink_to("disk/real")
    put(place, b"state.incoming-m1/file", b"moved")
    await switch.switch(local_helper(), [state], MOVE)
    assert os.fspath((place / "state.before-m1").readlink()) == "disk/real"
    assert (place / "disk" / "real" / "file").read_text() == "previous"
    await switch.unswitch(local_helper(), [state], MOVE)
    assert (place / "state" / "file").read_text() == "previous"


async def test_a_dangling_link_counts_as_something(place: Path) -> None:
    (state, _) = trees(place)
    (place / "state").symlink_to("nowhere")
    put(place, b"state.incoming-m1/file", b"moved")
    assert await switch.switch(local_helper(), [state], MOVE) == {"state": f"{place}/state.before-m1"}
    assert names_in(place) == ["state", "state.before-m1"]


async def test_without_a_staged_tree_nothing_is_replaced(place: Path) -> None:
    (state, workspace) = trees(place)
    put(place, b"state/file", b"previous")
    with pytest.raises(StepFailed, match="Nothing is staged"):
        await switch.switch(local_helper(), [workspace], MOVE)
    assert not await switch.switched(local_helper(), [state], MOVE)
    assert contents(place) == {"state": "previous"}


@pytest.mark.root
async def test_a_target_that_is_a_mount_point_is_told_and_left(place: Path) -> None:
    both = staged(place)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place / "state")], check=True)
    try:
        with pytest.raises(StepFailed, match=r"mount point.*EBUSY"):
            await switch.switch(local_helper(), both, MOVE)
    finally:
        subprocess.run(["umount", str(place / "state")], check=True)
    assert contents(place) == {
        "state": "previous",
        "state.incoming-m1": "moved",
        "ws.incoming-m1": "moved workspace",
    }
