"""Which files NEW still has as OLD had them, and why the others differ: real trees, real times, real Node."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.journal import Journal
from openclaw_wizard.model import Proof, Row, RowState, Workspace
from openclaw_wizard.report.kept import CHANGES
from openclaw_wizard.steps import proof, trees
from openclaw_wizard.transfer import manifest
from tests.builders import installation, plan, tree
from tests.openclaw_states import helper, write

pytestmark = pytest.mark.node

FILES = {
    "openclaw.json": "{home: '/old'}",
    "workspace/MEMORY.md": "Mira's birthday is on 3 May.\n",
    "workspace/SOUL.md": "kind\n",
    "workspace/.git/index": "times",
    "agents/main/sessions/s1.jsonl": "one\ntwo\n",
    "state/openclaw.sqlite": "rows",
    "state/openclaw.sqlite-wal": "log",
    "update-check.json": "{}",
    "restart-sentinel.json": "{}",
    "devices/paired.json": "{}",
    "logs/gateway.log": "a log",
}


class Moved:
    """A tree on OLD, its proven copy on NEW, and what the shelf keeps of both."""

    def __init__(self, folder: Path) -> None:
        self.old, self.new = folder / "old", folder / "new"
        for name, text in FILES.items():
            write(self.old / name, text)
        (self.old / "link").symlink_to("/old/place")
        shutil.copytree(self.old, self.new, symlinks=True)
        (self.new / "logs/gateway.log").unlink()
        space = Workspace(agent="main", path=f"{self.old}/workspace", inside_state=True, exists=True)
        moving = installation(state_dir=str(self.old), workspaces=(space,))
        self.tree = tree(old=str(self.old), new=str(self.new))
        planned = plan(installation=moving, trees=(self.tree,), excluded=())
        stays = [{"path": "logs/*.log", "reason": "a log of that machine"}]
        self.plan = planned.model_validate({**planned.model_dump(), "excluded": stays})
        self.shelf = Journal(folder / "move", create=True)
        self.asked: list[str] = []
        """What NEW's helper was asked to do."""

    async def proven(self) -> None:
        """Both lists, as the copy leaves them; NEW's times are then in the past."""
        await asyncio.sleep(0.12)
        rules = trees.rules(self.plan, self.tree)
        source = self.shelf.file(trees.manifest_name(self.tree))
        await manifest.take(helper(), str(self.old), rules, to=source, hashes=True)
        staged = self.shelf.file("staged-state.jsonl")
        await manifest.take(helper(), str(self.new), to=staged, hashes=True, everything=True)

    async def started(self) -> None:
        now = await helper().call("clock")
        self.shelf.save(proof.STARTED, json.dumps({"seconds": now}).encode())

    async def prove(self) -> Proof:
        asking = helper()
        request = asking.request

        def noted(command: str, *words: Any, **named: Any) -> Any:
            self.asked.append(command)
            return request(command, *words, **named)

        asking.request = noted  # type: ignore[method-assign]
        ctx: Any = SimpleNamespace(plan=self.plan, shelf=self.shelf, new_helper=asking)
        return await proof.prove(ctx)

    async def rows(self) -> dict[str, Row]:
        return {row.subject: row for row in (await self.prove()).rows}


@pytest.fixture
async def moved(tmp_path: Path) -> Moved:
    (tmp_path / "move").mkdir()
    made = Moved(tmp_path)
    await made.proven()
    return made


async def test_what_nobody_touched_is_equal_without_being_read(moved: Moved) -> None:
    await moved.started()
    found = await moved.prove()
    assert moved.asked == ["tree"]
    rows = {row.subject: row for row in found.rows}
    assert (rows["state files"].old, rows["state files"].new) == ("8", "8")
    assert rows["state files"].state is rows["workspace files"].state is RowState.EQUAL
    assert (rows["workspace files"].old, rows["workspace files"].detail) == ("3", "")
    assert rows["stays behind"].state is RowState.EXPECTED
    assert rows["stays behind"].detail == "1 × a log of that machine"
    (arrived,) = found.trees
    assert arrived.old_sha256 == arrived.new_sha256 and len(arrived.old_sha256) == 64


async def test_every_change_has_its_reason(moved: Moved) -> None:
    changes = {"changes": [{"file": "openclaw.json"}, {"file": "link"}]}
    moved.shelf.save(CHANGES, json.dumps(changes).encode())
    write(moved.new / "openclaw.json", "{home: '/new'}")
    (moved.new / "link").unlink()
    (moved.new / "link").symlink_to("/new/place")
    write(moved.new / "devices/paired.json", "{repaired: 1}")
    await moved.started()
    write(moved.new / "update-check.json", "{now: 1}")
    write(moved.new / "agents/main/sessions/s1.jsonl", "one\ntwo\nthree\n")
    write(moved.new / "state/openclaw.sqlite", "more rows")
    (moved.new / "state/openclaw.sqlite-wal").unlink()
    (moved.new / "restart-sentinel.json").unlink()
    write(moved.new / "agents/main/sessions/s2.jsonl", "new\n")
    write(moved.new / "workspace/.git/index", "other times")
    row = (await moved.rows())["state files"]
    assert row.state is RowState.EXPECTED
    assert set(row.detail.split("; ")) == {
        "2 with paths that follow to the new place",
        "1 changed by OpenClaw's doctor before the start",
        "1 written by NEW's OpenClaw since its start",
        "1 only added to since",
        "2 databases, counted by their rows",
        "1 removed by NEW's OpenClaw, as it does when it runs",
        "1 made on NEW since",
    }
    assert (await moved.rows())["workspace files"].state is RowState.EQUAL


async def test_a_renamed_file_is_known_by_its_inode(moved: Moved) -> None:
    await moved.started()
    (moved.new / "devices/paired.json").rename(moved.new / "devices/paired.json.migrated")
    row = (await moved.rows())["state files"]
    assert row.state is RowState.EXPECTED and "1 renamed on NEW" in row.detail


@pytest.mark.parametrize(
    ("name", "text", "subject", "state", "said"),
    [
        (
            "workspace/MEMORY.md",
            None,
            "workspace files",
            RowState.LOST,
            "1 missing on NEW: workspace/MEMORY.md",
        ),
        (
            "workspace/SOUL.md",
            "blank\n",
            "workspace files",
            RowState.DIFFERS,
            "1 with other content: work",
        ),
        ("workspace/SOUL.md", "kind\nand more\n", "workspace files", RowState.GREW, "1 only added to"),
        ("agents/main/sessions/s1.jsonl", "one\n2wo\n", "state files", RowState.DIFFERS, "s1.jsonl"),
        ("agents/main/sessions/s1.jsonl", None, "state files", RowState.LOST, "s1.jsonl"),
        ("state/openclaw.sqlite", None, "state files", RowState.LOST, "state/openclaw.sqlite"),
        ("update-check.json", None, "state files", RowState.LOST, "update-check.json"),
    ],
)
async def test_what_nothing_explains_is_named(
    moved: Moved, name: str, text: str | None, subject: str, state: RowState, said: str
) -> None:
    await moved.started()
    if text is None:
        (moved.new / name).unlink()
    else:
        write(moved.new / name, text)
    row = (await moved.rows())[subject]
    assert row.state is state
    assert said in row.detail


async def test_a_file_that_was_put_back_as_it_was_is_the_same(moved: Moved) -> None:
    await moved.started()
    place = moved.new / "workspace/SOUL.md"
    write(place, "kind\n")
    os.utime(place, ns=(1, 1))
    assert (await moved.rows())["workspace files"].state is RowState.EQUAL


async def test_without_the_list_of_what_arrived_nothing_is_claimed(moved: Moved) -> None:
    moved.shelf.save("staged-state.jsonl", b"")
    with pytest.raises(StepFailed, match="What arrived"):
        await moved.prove()
