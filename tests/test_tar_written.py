"""The tar that Node writes for a host whose own tar takes no list, read by a real tar."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.helper import source
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.model import Tree
from openclaw_wizard.transfer import archive, compare, stream
from openclaw_wizard.transfer.manifest import Manifest, take
from tests.odd_trees import NODE_BIN, PATH, build, local_facts, local_helper, put, seen

pytestmark = pytest.mark.node

BUSYBOX = local_facts(tar="busybox", zstd=False)
"""What the probe says of a host for which the helper packs; nothing of busybox is needed to pack."""
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


async def taken(root: Path) -> Manifest:
    return await take(local_helper(), str(root), hashes=True)


async def send(old: Path, to: Path, told: Callable[[int, int | None], None], *, live: bool = False) -> None:
    manifest = await taken(old)
    hosts = (LocalHost(), LocalHost(), BUSYBOX, local_facts())
    names = tuple(manifest.entries)
    await stream.send(*hosts, str(old), str(to), names, manifest, told, live=live)


def staging(place: Path) -> Path:
    folder = place / "state.incoming-1"
    folder.mkdir(mode=0o700)
    return folder


async def test_everything_arrives_as_it_was(place: Path) -> None:
    old, to = odd(place / "old"), staging(place)
    before = seen(old)
    told: list[tuple[int, int | None]] = []
    await send(old, to, lambda *both: told.append(both))
    assert seen(to) == before == seen(old)
    for one, other in (("folder/inside", "second name"), ("n" * 100, "second name of it")):
        assert (to / one).stat().st_ino == (to / other).stat().st_ino
    manifest = await taken(old)
    assert compare.compare(manifest, await taken(to)).equal
    assert told == sorted(told) and told[-1] == (manifest.bytes, len(manifest.entries))


async def test_the_safety_copy_is_read_back_and_holds_everything(place: Path) -> None:
    old = odd(place / "old")
    before = seen(old)
    tree = Tree(name="state", old=str(old), new="/new", bytes=0, files=0, occupied=False)
    # busybox prints names as they are, newlines too.
    put(place, b"bin/tar", b'#!/bin/sh\nexec /usr/bin/tar --quoting-style=literal "$@"\n', 0o755)
    facts = local_facts(tar="busybox", zstd=False, path=f"{place}/bin:{PATH}")
    made = await archive.make_archive(LocalHost(), local_helper(), facts, [tree], str(place / "keep"), "safe")
    out = place / "out"
    out.mkdir()
    subprocess.run(["tar", "-x", "-p", "-f", made.path, "-C", str(out)], check=True)
    found, whole = seen(out / str(old)[1:]), {name: facts[:2] for name, facts in before.items()}
    # For a reader that is busybox too, so without what it would not heed: times below the second.
    assert {name: facts[:2] for name, facts in found.items()} == whole
    assert {name: facts[3:] for name, facts in found.items()} == {n: f[3:] for n, f in before.items()}
    assert made.entries == len(before)


@contextmanager
def growing(file: Path) -> Iterator[None]:
    """A file that something writes to all the time."""
    done = threading.Event()

    def write() -> None:
        with file.open("ab") as appending:
            while not done.wait(0.001):
                appending.write(b"more")
                appending.flush()

    writing = threading.Thread(target=write)
    writing.start()
    try:
        yield
    finally:
        done.set()
        writing.join()


async def test_a_file_that_changes_is_told_unless_that_is_expected(place: Path) -> None:
    old, to = place / "old", staging(place)
    log = put(old, b"log", b"x" * (64 << 20))
    with growing(log):
        with pytest.raises(StepFailed, match="changed while it was read"):
            await send(old, to, lambda *_: None)
        await send(old, to, lambda *_: None, live=True)
    assert (to / "log").stat().st_size >= 64 << 20


async def test_what_vanished_is_told_unless_that_is_expected(place: Path) -> None:
    old, to = place / "old", staging(place)
    put(old, b"kept")
    gone = put(old, b"gone")
    manifest = await taken(old)
    gone.unlink()
    hosts, names = (LocalHost(), LocalHost(), BUSYBOX, local_facts()), tuple(manifest.entries)
    with pytest.raises(StepFailed, match=r"ENOENT.*gone"):
        await stream.send(*hosts, str(old), str(to), names, manifest, lambda *_: None)
    await stream.send(*hosts, str(old), str(to), names, manifest, lambda *_: None, live=True)
    assert [each.name for each in to.iterdir()] == ["kept"]


@pytest.mark.parametrize("size", [0, 8 << 30, (8 << 30) - 1, 20 << 30], ids=str)
def test_a_header_holds_any_size(size: int) -> None:
    facts = json.dumps({"mode": 0o640, "uid": 3_000_000, "gid": 5, "size": size, "mtime": 7})
    call = f"process.stdout.write(tarHeader('0', Buffer.from('./x'), {facts}))"
    script = source("openclaw_wizard.transfer", "tar.mjs") + call
    argv = [str(NODE_BIN / "node"), "--input-type=module", "-e", script]
    header = subprocess.run(argv, check=True, capture_output=True).stdout
    found = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
    assert (found.name, found.size, found.mode, found.uid) == ("./x", size, 0o640, 3_000_000)
