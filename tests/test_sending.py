"""What a sending tells while it runs: all of both trees from the first word, and what was there already."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openclaw_wizard.events import Advanced
from openclaw_wizard.steps import sending
from openclaw_wizard.steps.copy import Stream, TakeManifest
from openclaw_wizard.transfer import manifest
from openclaw_wizard.transfer.manifest import Entry, Manifest
from openclaw_wizard.transfer.relay import Moment
from openclaw_wizard.transfer.room import Need, Room
from openclaw_wizard.transfer.stream import Todo
from tests.lab.carry import Carry
from tests.odd_trees import list_file, put


def tree(*sizes: int) -> Manifest:
    files = (Entry(b"%d" % i, "f", size, 0o600, 1, 1, sha256="aa") for i, size in enumerate(sizes))
    return manifest.write(list_file(), files)


def test_the_trees_are_told_as_one_and_what_is_there_counts_as_done(tmp_path: Path) -> None:
    carry = Carry(tmp_path / "old", tmp_path / "new")
    parts = ((tree(10, 20, 30), Todo(tree(30), tree())), (tree(40), Todo(tree(), tree(40))))
    free = Room(10**9, None, "1")
    work = [sending.Prepared(carry.tree, source, todo, Need(), free) for source, todo in parts]
    first, second = sending.tellers(carry.ctx, "copy.stream", work)
    first(Moment(b"a\x1b[2J", 5, 0))
    first(Moment(b"", 30, 1))
    second(Moment(b"b\nc", 0, 0))
    told = [event for event in carry.events if isinstance(event, Advanced)]
    assert [(e.done, e.entries, e.path) for e in told] == [
        (35, 2, "a\\x1b[2J"),
        (60, 3, ""),
        (60, 3, "b\\nc"),
    ]
    assert {(e.total, e.of_entries, e.already) for e in told} == {(100, 4, 30)}


@pytest.mark.node
async def test_a_sending_that_goes_on_says_what_it_need_not_send(tmp_path: Path) -> None:
    old, carry = tmp_path / "old", Carry(tmp_path / "old", tmp_path / "new" / "state")
    put(old, b"kept", os.urandom(100_000))
    put(old, b"lost\n\x1b[2J", os.urandom(24_000_000))
    for action in (TakeManifest(), Stream()):
        await carry.does(action)
    (carry.staging / "lost\n\x1b[2J").unlink()
    carry.events.clear()
    carry.ctx.fresh.clear()
    await carry.does(Stream())
    told = [e for e in carry.events if isinstance(e, Advanced) and e.of_entries is not None]
    assert "lost\\n\\x1b[2J" in {e.path for e in told}
    assert {(e.already, e.total, e.of_entries) for e in told} == {(100_000, 24_100_000, 3)}
    assert (told[-1].done, told[-1].entries, told[-1].path) == (24_100_000, 3, "")
