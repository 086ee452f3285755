"""The tar that the helper writes, read by a real tar."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.helper import source
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.model import Tree
from openclaw_wizard.transfer import archive, compare
from tests.odd_trees import (
    NODE_BIN,
    PATH,
    build,
    growing,
    local_facts,
    local_helper,
    put,
    route,
    seen,
    sent,
    taken,
)

pytestmark = pytest.mark.node

BEFORE_1970 = -300_000_000_250_000_000


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def odd(root: Path) -> Path:
    """The odd tree, with names and targets that no header holds, and times that octal cannot say."""
    build(root)
    put(root, b"n" * 100)
    put(root, b"f" * 99 + b"/" + b"m" * 255)
    put(root, b"block", b"x" * 1024)
    (root / "long link").symlink_to("t" * 400)
    (root / "second name of it").hardlink_to(root / ("n" * 100))
    os.utime(put(root, b"ancient"), ns=(0, BEFORE_1970))
    return root


def staging(place: Path) -> Path:
    folder = place / "state.incoming-1"
    folder.mkdir(mode=0o700)
    return folder


async def test_everything_arrives_as_it_was(place: Path) -> None:
    old, to = odd(place / "old"), staging(place)
    before = seen(old)
    await sent(route(old, to))
    assert seen(to) == before == seen(old)
    for one, other in (("folder/inside", "second name"), ("n" * 100, "second name of it")):
        assert (to / one).stat().st_ino == (to / other).stat().st_ino


def holes(file: Path, *islands: tuple[int, bytes], size: int) -> Path:
    with file.open("wb") as opened:
        opened.truncate(size)
        for offset, content in islands:
            opened.seek(offset)
            opened.write(content)
    return file


@pytest.mark.parametrize(
    ("islands", "size"),
    [
        ((), 1 << 20),
        (((0, b"begin"),), 1 << 20),
        ((((1 << 20) - 3, b"end"),), 1 << 20),
        (((0, b"x" * 70_000), (200_000, b"y" * 70_001), (900_000, b"z")), 1_000_001),
        (((5 << 30, b"far out"),), 6 << 30),
    ],
    ids=["nothing", "at the beginning", "at the end", "several", "beyond 4 GiB"],
)
async def test_holes_arrive_as_holes(place: Path, islands: tuple[tuple[int, bytes], ...], size: int) -> None:
    old, to = place / "old", staging(place)
    old.mkdir()
    file = holes(old / "spärlich", *islands, size=size)
    _, packed = await sent(route(old, to))
    arrived = to / file.name
    assert arrived.stat().st_size == size
    assert arrived.stat().st_blocks <= file.stat().st_blocks + 16 * 128 * len(islands)
    assert compare.compare(packed, await taken(to)).equal
    for offset, content in islands:
        with arrived.open("rb") as opened:
            opened.seek(offset)
            assert opened.read(len(content)) == content


async def test_the_safety_copy_is_read_back_and_holds_everything(place: Path) -> None:
    old = odd(place / "old")
    before = seen(old)
    tree = Tree(name="state", old=str(old), new="/new", bytes=0, files=0, occupied=False)
    # busybox prints names as they are, newlines too.
    put(place, b"bin/tar", b'#!/bin/sh\nexec /usr/bin/tar --quoting-style=literal "$@"\n', 0o755)
    facts = local_facts(tar="busybox", zstd=False, path=f"{place}/bin:{PATH}")
    made = await archive.make_archive(
        LocalHost(), local_helper(), facts, [tree], str(place / "keep"), "safe", place
    )
    out = place / "out"
    out.mkdir()
    subprocess.run(["tar", "-x", "-p", "-f", made.path, "-C", str(out)], check=True)
    found, whole = seen(out / str(old)[1:]), {name: facts[:2] for name, facts in before.items()}
    # For a reader that is busybox too, so without what it would not heed: times below the second.
    assert {name: facts[:2] for name, facts in found.items()} == whole
    assert {name: facts[3:] for name, facts in found.items()} == {n: f[3:] for n, f in before.items()}
    assert made.entries == len(before)


async def test_a_file_that_changes_is_told_unless_that_is_expected(place: Path) -> None:
    old, to = place / "old", staging(place)
    log = put(old, b"log", b"x" * (64 << 20))
    with growing(log):
        with pytest.raises(StepFailed, match="log: the file changed while it was read"):
            await sent(route(old, to))
        _, packed = await sent(route(old, to), live=True)
    assert [entry.path for entry in packed if entry.changed] == [b"log"]
    assert (to / "log").stat().st_size >= 64 << 20


@pytest.mark.parametrize("size", [0, 8 << 30, (8 << 30) - 1, 20 << 30], ids=str)
def test_a_header_holds_any_size(size: int) -> None:
    facts = json.dumps({"mode": 0o640, "uid": 3_000_000, "gid": 5, "size": size, "mtime": 7})
    call = f"process.stdout.write(tarHeader('0', Buffer.from('./x'), {facts}))"
    script = source("openclaw_wizard.transfer", "tar.mjs") + call
    argv = [str(NODE_BIN / "node"), "--input-type=module", "-e", script]
    header = subprocess.run(argv, check=True, capture_output=True).stdout
    found = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
    assert (found.name, found.size, found.mode, found.uid) == ("./x", size, 0o640, 3_000_000)
