"""The safety copy: private from its first byte, whole, read back, and found out where it was changed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.model import Archive, HostFacts, Tree
from openclaw_wizard.transfer import archive
from tests.odd_trees import PATH, build, list_file, local_facts, local_helper, names_in, put, seen

pytestmark = pytest.mark.node


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder; the test's own HOME lies beside it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.fixture
def careless_umask() -> Iterator[None]:
    """As where a person's shell lets everybody read what is made."""
    before = os.umask(0)
    yield
    os.umask(before)


def tree(old: Path, name: str = "state") -> Tree:
    return Tree(name=name, old=str(old), new="/new", bytes=0, files=0, occupied=False)


async def make(
    folder: Path,
    *olds: Path,
    facts: HostFacts | None = None,
    tell: Callable[[int, int], None] | None = None,
) -> Archive:
    trees = [tree(old, str(number)) for number, old in enumerate(olds)]
    facts = facts or local_facts()
    return await archive.make_archive(
        LocalHost(), local_helper(), facts, trees, str(folder), "safety-copy", list_file().parent, tell
    )


async def holds(made: Archive) -> bool:
    return await archive.archive_holds(LocalHost(), local_helper(), local_facts(), made)


@pytest.mark.parametrize(
    ("tools", "suffix"),
    [({}, ".tar.zst"), ({"zstd": False}, ".tar.gz")],
)
async def test_it_holds_everything_of_every_tree(place: Path, tools: dict[str, bool], suffix: str) -> None:
    state, workspace = build(place / "state"), build(place / "work space")
    before = seen(place / "state"), seen(place / "work space")
    made = await make(place / "keep" / "m1", state, workspace, facts=local_facts(**tools))
    assert (seen(state), seen(workspace)) == before
    assert made.path == f"{place}/keep/m1/safety-copy{suffix}"
    assert made.entries == sum(map(len, before))
    assert (made.mode, made.bytes) == (0o600, Path(made.path).stat().st_size)
    out = place / "out"
    out.mkdir()
    subprocess.run(["tar", "-x", "-p", "-f", made.path, "-C", str(out)], check=True)
    assert (seen(out / str(state)[1:]), seen(out / str(workspace)[1:])) == before
    assert await holds(made)


async def test_a_state_directory_behind_a_link_is_packed_itself(place: Path) -> None:
    put(place, b"disk/real/file", b"content")
    (place / "state").symlink_to("disk/real")
    made = await make(place / "keep", place / "state")
    listed = subprocess.run(["tar", "-t", "-f", made.path], check=True, capture_output=True, text=True)
    assert listed.stdout.splitlines() == [f".{place}/disk/real/", f".{place}/disk/real/file"]


@pytest.mark.usefixtures("careless_umask")
async def test_nobody_else_can_read_it_at_any_moment(place: Path) -> None:
    for number in range(30):
        put(place, b"state/%d" % number, os.urandom(1 << 20))
    keep = place / "deep" / "keep"
    found: list[tuple[str, int]] = []

    def look(done: int, total: int) -> None:
        found.extend((path.name, path.stat().st_mode & 0o777) for path in keep.iterdir())

    made = await make(keep, place / "state", tell=look)
    look(0, 0)
    assert {name for name, _ in found} == {"safety-copy.tar.zst.partial", "safety-copy.tar.zst"}
    assert {mode for _, mode in found} == {0o600}
    assert [folder.stat().st_mode & 0o777 for folder in (keep, keep.parent)] == [0o700, 0o700]
    assert made.mode == 0o600


async def test_progress_ends_at_everything(place: Path) -> None:
    for number in range(10):
        put(place, b"state/%d" % number, os.urandom(1 << 20))
    told: list[tuple[int, int]] = []
    await make(place / "keep", place / "state", tell=lambda *progress: told.append(progress))
    assert told == sorted(told)
    assert told[-1] == (10 << 20, 10 << 20)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "tamper",
    [
        flip,
        Path.unlink,
        lambda path: path.chmod(0o644),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.rename(path.with_name("away")) and path.symlink_to("away"),
    ],
    ids=["a bit", "gone", "opened", "cut", "a link"],
)
async def test_whatever_happened_to_it_is_found_out(place: Path, tamper: Callable[[Path], object]) -> None:
    made = await make(place / "keep", build(place / "state"))
    assert await holds(made)
    tamper(Path(made.path))
    assert not await holds(made)


async def test_it_can_be_made_again_after_a_kill_in_the_middle(place: Path) -> None:
    put(place, b"keep/safety-copy.tar.zst.partial", b"half of it")
    put(place, b"keep/safety-copy.tar.zst", b"an earlier one")
    made = await make(place / "keep", build(place / "state"))
    assert names_in(place / "keep") == ["safety-copy.tar.zst"]
    assert await holds(made)


def program(place: Path, name: str, script: str) -> HostFacts:
    put(place, b"bin/" + name.encode(), b"#!/bin/sh\n" + script.encode(), 0o755)
    return local_facts(path=f"{place}/bin:{PATH}")


@pytest.mark.parametrize(
    ("name", "script", "message"),
    [
        (
            "tar",
            'if [ "$1" = -t ]; then /usr/bin/tar "$@" | tail -n +2; else exec /usr/bin/tar "$@"; fi',
            "lists",
        ),
        ("tar", 'if [ "$1" = -t ]; then exit 2; else exec /usr/bin/tar "$@"; fi', "tar ended with 2"),
        ("zstd", 'if [ "$2" = -d ]; then exit 1; else exec /usr/bin/zstd "$@"; fi', "zstd ended with 1"),
        ("zstd", "head -c 100; exit 0", ""),
        ("tar", "echo cannot read >&2; exit 2", "cannot read"),
    ],
    ids=["one entry short", "unlisted", "unpacked badly", "cut short", "not packed"],
)
async def test_what_does_not_read_back_whole_is_not_kept(
    place: Path, name: str, script: str, message: str
) -> None:
    state = build(place / "state")
    with pytest.raises(StepFailed, match="safety copy on OLD") as caught:
        await make(place / "keep", state, facts=program(place, name, script))
    assert message in caught.value.what
    assert names_in(place / "keep") == []


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.root
async def test_a_full_disk_says_so_and_leaves_no_half_copy(place: Path) -> None:
    for number in range(10):
        put(place, b"state/%d" % number, os.urandom(1 << 20))
    before = seen(place / "state")
    with small_disk(place / "disk") as disk:
        with pytest.raises(StepFailed, match="no room for the safety copy"):
            await make(disk / "keep", place / "state")
        assert names_in(disk / "keep") == []
    assert seen(place / "state") == before
