"""The stream on real trees: everything arrives, a cut is resumed, every failure leaves all safe."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.errors import LinkLost, StepFailed
from openclaw_wizard.hosts import ByteSink, Completed, Host, connect
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.model import HostFacts
from openclaw_wizard.transfer import compare, stream
from openclaw_wizard.transfer.manifest import Manifest
from tests.odd_trees import PATH, Wrapped, build, local_facts, names_in, put, seen, taken

pytestmark = pytest.mark.node


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder; the test's own HOME lies beside it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


Told = list[tuple[int, int | None]]


def staging(place: Path) -> Path:
    folder = place / "new" / "state.incoming-m1"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


async def send(
    old: Path,
    to: Path,
    paths: Sequence[bytes] | None = None,
    *,
    source: Manifest | None = None,
    old_facts: HostFacts | None = None,
    new_facts: HostFacts | None = None,
    new: Host | None = None,
    tell: Callable[[int, int | None], None] | None = None,
    **options: Any,
) -> Told:
    source = source or await taken(old)
    told: Told = []

    def progress(done: int, files: int | None) -> None:
        told.append((done, files))
        if tell:
            tell(done, files)

    await stream.send(
        LocalHost(),
        new or LocalHost(),
        old_facts or local_facts(),
        new_facts or local_facts(),
        str(old),
        str(to),
        tuple(source.entries) if paths is None else paths,
        source,
        progress,
        **options,
    )
    return told


def with_program(folder: Path, name: str, script: str) -> str:
    """A PATH on which `name` is this script."""
    put(folder, name.encode(), b"#!/bin/sh\n" + script.encode(), 0o755)
    return f"{folder}:{PATH}"


def big_tree(root: Path, files: int = 40) -> Path:
    for number in range(files):
        put(root, b"%02d" % number, os.urandom(1 << 20))
    return root


# ------------------------------------------------------------------ everything arrives


@pytest.mark.parametrize("plain", [{}, {"zstd": False}, {"zstd": False, "gzip": False}], ids=str)
async def test_everything_arrives_as_it_was(place: Path, plain: dict[str, bool]) -> None:
    old, to = build(place / "old"), staging(place)
    before = seen(old)
    told = await send(old, to, new_facts=local_facts(**plain))
    assert seen(to) == before
    assert (to / "folder" / "inside").stat().st_ino == (to / "second name").stat().st_ino
    assert (to / "sparse").stat().st_blocks * 512 < 1 << 20
    assert compare.compare(await taken(old), await taken(to)).equal
    source = await taken(old)
    assert told[-1] == (source.bytes, len(source.entries))
    assert seen(old) == before


async def test_nothing_needed_is_left_after_a_send(place: Path) -> None:
    old, to = build(place / "old"), staging(place)
    await send(old, to)
    assert compare.needed(await taken(old, hashes=False), await taken(to, hashes=False)) == ()


async def test_progress_never_goes_back_and_ends_at_the_volume(place: Path) -> None:
    old = big_tree(place / "old", 20)
    source = await taken(old)
    told = await send(old, staging(place), source=source)
    assert told == sorted(told)
    assert len(told) > 1
    assert told[-1] == (stream.volume(source, tuple(source.entries)), len(source.entries))


async def test_only_what_is_needed_is_sent_and_the_folders_keep_their_times(place: Path) -> None:
    old, to = build(place / "old"), staging(place)
    await send(old, to)
    unchanged = (to / "plain.txt").stat().st_ino
    put(old, b"folder/new", b"new")
    put(old, b"closed/deeper/file", b"changed", 0o400)
    source = await taken(old)
    needed = compare.needed(source, await taken(to))
    assert needed == (b"closed/deeper/file", b"folder/new")
    told = await send(old, to, needed, source=source)
    assert told[-1] == (10, 2)
    assert (to / "plain.txt").stat().st_ino == unchanged
    assert seen(to) == seen(old)


@pytest.mark.sshd
async def test_everything_arrives_over_two_ssh_connections(place: Path, sshd: Any, practice: str) -> None:
    """From an OpenSSH server to a practice host, both with their own idea of home."""
    old, to = build(place / "old"), staging(place)
    source = await taken(old)
    told: Told = []
    first, second = await connect(sshd.address), await connect(practice)
    try:
        await stream.send(
            first,
            second,
            local_facts(),
            local_facts(),
            str(old),
            str(to),
            tuple(source.entries),
            source,
            lambda *progress: told.append(progress),
        )
    finally:
        await first.aclose()
        await second.aclose()
    assert seen(to) == seen(old)
    assert told[-1] == (source.bytes, len(source.entries))


@pytest.mark.sshd
async def test_a_link_cut_in_the_middle_is_a_lost_link_and_is_resumed(
    place: Path, sshd: Any, practice: str
) -> None:
    old, to = big_tree(place / "old"), staging(place)
    source = await taken(old)
    host = await connect(sshd.address)

    def cut(done: int, files: int | None) -> None:
        # Packed is not yet arrived: the cut comes once something stands there.
        if done > 5 << 20 and len(names_in(to)) > 5:
            for pid in sessions_of(sshd.process.pid):
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(LinkLost):
        await send(old, to, source=source, new=host, tell=cut)
    needed = compare.needed(source, await taken(to, hashes=False))
    assert 0 < len(needed) < len(source.entries)
    await host.reconnect()
    await send(old, to, needed, source=source, new=host)
    await host.aclose()
    assert compare.compare(source, await taken(to)).equal


def sessions_of(server: int) -> list[int]:
    """The processes that an OpenSSH server keeps for its connections."""
    listed = subprocess.run(["pgrep", "-P", str(server)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in listed.stdout.split()]


# ------------------------------------------------------------------ what stands in the way


async def test_stale_logs_are_cleared_before_their_database_arrives(place: Path) -> None:
    old, to = place / "old", staging(place)
    put(old, b"s.sqlite", b"after the stop")
    for name in (b"s.sqlite", b"s.sqlite-wal", b"s.sqlite-shm", b"s.sqlite-journal"):
        put(to, name, b"\0" * 32768)
    await send(old, to)
    assert names_in(to) == ["s.sqlite"]
    assert seen(to) == seen(old)


async def test_the_log_is_taken_afresh_with_its_database(place: Path) -> None:
    old, to = place / "old", staging(place)
    put(old, b"s.sqlite", b"new")
    put(old, b"s.sqlite-wal", b"log of the new")
    put(to, b"s.sqlite", b"older")
    put(to, b"s.sqlite-wal", b"log of the old")
    # Same size and time, so that only being one unit can tell.
    needed = compare.needed(await taken(old, hashes=False), await taken(to, hashes=False))
    with pytest.raises(StepFailed):
        await send(old, to, needed, new_facts=local_facts(path=with_program(place / "bin", "tar", "exit 2")))
    assert "s.sqlite-wal" not in names_in(to)
    await send(old, to, needed)
    assert seen(to) == seen(old)


async def test_what_changed_its_kind_or_went_is_replaced_inside_staging_only(place: Path) -> None:
    old, to = place / "old", staging(place)
    outside = put(place, b"outside/precious", b"stays")
    put(old, b"was a link/file")
    put(old, b"was a folder")
    (old / "was a file").symlink_to("x")
    (to / "was a link").symlink_to(outside.parent)
    put(to, b"was a folder/inside/deep", mode=0o400)
    (to / "was a folder" / "inside").chmod(0o500)
    put(to, b"was a file")
    put(to, b"gone on OLD/since")
    (to / "gone link").symlink_to(outside)
    source = await taken(old)
    needed = compare.needed(source, await taken(to))
    assert needed[0] == b""
    await send(old, to, needed, source=source)
    assert seen(to) == seen(old)
    assert outside.read_bytes() == b"stays"


async def test_a_folder_that_is_no_staging_folder_is_refused(place: Path) -> None:
    old, to = put(place, b"old/x").parent, put(place, b"state/precious").parent
    with pytest.raises(Exception, match=r"refused.*incoming"):
        await send(old, to)
    assert names_in(to) == ["precious"]


# ------------------------------------------------------------------ cut and resumed


class CutAfter(Wrapped):
    """Its link breaks when so many bytes were written to a command."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.left = limit

    @asynccontextmanager
    async def writer(self, argv: Sequence[str]) -> AsyncIterator[ByteSink]:
        async with self.host.writer(argv) as sink:
            yield CutSink(self, sink)


class CutSink:
    def __init__(self, host: CutAfter, sink: ByteSink) -> None:
        self._host, self._sink = host, sink

    async def write(self, data: bytes) -> None:
        if self._host.left < len(data):
            raise LinkLost(host="new", doing="copying")
        self._host.left -= len(data)
        await self._sink.write(data)

    async def finish(self) -> Completed:
        return await self._sink.finish()


async def test_after_a_lost_link_only_the_rest_is_sent(place: Path) -> None:
    old, to = big_tree(place / "old"), staging(place)
    source = await taken(old)
    with pytest.raises(LinkLost):
        await send(old, to, source=source, new=CutAfter(25 << 20))
    needed = compare.needed(source, await taken(to, hashes=False))
    files = [path for path in needed if path]
    assert 10 <= len(files) < 30
    told = await send(old, to, needed, source=source)
    assert told[-1][0] == len(files) << 20
    assert compare.compare(source, await taken(to)).equal


async def test_a_cancelled_send_stops_everything_and_is_resumed(place: Path) -> None:
    old, to = big_tree(place / "old"), staging(place)
    source = await taken(old)
    host = LocalHost()

    def cancel(done: int, files: int | None) -> None:
        task.cancel()

    task = asyncio.create_task(send(old, to, source=source, new=host, tell=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task
    busy = subprocess.run(["pgrep", "-f", str(to)], capture_output=True, text=True, check=False)
    assert busy.stdout == ""
    needed = compare.needed(source, await taken(to, hashes=False))
    assert needed
    await send(old, to, needed, source=source)
    assert compare.compare(source, await taken(to)).equal


async def test_a_link_that_moves_nothing_counts_as_lost(place: Path) -> None:
    old, to = put(place, b"old/x").parent, staging(place)
    stuck = local_facts(path=with_program(place / "bin", "tar", "exec sleep 600"))
    with pytest.raises(LinkLost, match="not a byte"):
        await send(old, to, old_facts=stuck, patience=0.5)


# ------------------------------------------------------------------ what fails, and how it says so


async def test_a_file_that_went_missing_fails_the_pack_by_name(place: Path) -> None:
    old, to = build(place / "old"), staging(place)
    source = await taken(old)
    (old / "plain.txt").unlink()
    with pytest.raises(StepFailed, match=r"Packing on OLD.*tar ended with 2.*plain\.txt.*No such file"):
        await send(old, to, source=source)
    await send(old, to, source=source, live=True)
    assert "plain.txt" not in names_in(to)
    assert "readable" in names_in(to)


async def test_a_file_that_changes_fails_the_pack_unless_it_is_alive(place: Path) -> None:
    old, to = put(place, b"old/x").parent, staging(place)
    changing = (
        'cat >/dev/null; echo "tar: ./x: file changed as we read it" >&2; /usr/bin/tar -c -C "$OLD" x; exit 1'
    )
    changing = changing.replace("$OLD", str(old))
    facts = local_facts(path=with_program(place / "bin", "tar", changing))
    with pytest.raises(StepFailed, match="file changed as we read it"):
        await send(old, to, old_facts=facts)
    await send(old, to, old_facts=facts, live=True)
    assert names_in(to) == ["x"]


@pytest.mark.parametrize(
    ("program", "script", "message"),
    [
        ("zstd", "echo no such level >&2; exit 7", "zstd ended with 7: no such level"),
        ("tar", "kill -9 $$", "tar ended with SIGKILL"),
        ("node", "echo out of memory >&2; exit 134", "out of memory"),
        ("node", "cat >/dev/null; exit 0", "ended with 0 before it was done"),
    ],
)
async def test_whatever_dies_on_old_is_named(place: Path, program: str, script: str, message: str) -> None:
    old, to = put(place, b"old/x").parent, staging(place)
    facts = local_facts(path=with_program(place / "bin", program, script))
    with pytest.raises(StepFailed, match="Packing on OLD") as caught:
        await send(old, to, old_facts=facts)
    assert message in caught.value.what
    assert "untouched" in caught.value.safe


@pytest.mark.parametrize(
    "script", ["echo tar: boom >&2; exit 2", "cat >/dev/null; echo tar: boom >&2; exit 2"]
)
async def test_what_fails_on_new_is_told_with_its_words(place: Path, script: str) -> None:
    old, to = big_tree(place / "old", 5), staging(place)
    facts = local_facts(path=with_program(place / "bin", "tar", script))
    with pytest.raises(StepFailed, match=r"Unpacking on NEW.*ended with 2: tar: boom"):
        await send(old, to, new_facts=facts)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.root
@pytest.mark.parametrize("files", [8, 60])
async def test_a_full_disk_says_so_and_leaves_the_target_alone(place: Path, files: int) -> None:
    old = big_tree(place / "old", files)
    with small_disk(place / "disk", "5m") as disk:
        put(disk, b"state/before", b"what stood there")
        to = disk / "state.incoming-m1"
        to.mkdir(mode=0o700)
        with pytest.raises(StepFailed, match=r"The disk of NEW \(local\) is full") as caught:
            await send(old, to)
        assert "Resume" in caught.value.next
        assert (disk / "state" / "before").read_bytes() == b"what stood there"
        assert names_in(disk) == ["state", "state.incoming-m1"]
        subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
        source = await taken(old)
        needed = compare.needed(source, await taken(to, hashes=False))
        assert len(needed) < len(source.entries)
        await send(old, to, needed, source=source)
        assert compare.compare(source, await taken(to)).equal
