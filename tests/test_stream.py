"""The stream on real trees: everything arrives, a cut is resumed, every failure leaves all safe."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.errors import LinkLost, StepFailed
from openclaw_wizard.hosts import ByteSink, Completed, connect
from openclaw_wizard.hosts.helper import HelperFailed
from openclaw_wizard.model import Role
from openclaw_wizard.transfer import compare, relay
from tests.odd_trees import (
    PATH,
    Wrapped,
    build,
    lacking,
    local_facts,
    names_in,
    put,
    route,
    seen,
    sent,
    taken,
)

pytestmark = pytest.mark.node


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder; the test's own HOME lies beside it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def staging(place: Path) -> Path:
    folder = place / "new" / "state.incoming-m1"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def with_program(folder: Path, name: str, script: str) -> str:
    """A PATH on which `name` is this script."""
    put(folder, name.encode(), b"#!/bin/sh\n" + script.encode(), 0o755)
    return f"{folder}:{PATH}"


def big_tree(root: Path, files: int = 40) -> Path:
    for number in range(files):
        put(root, b"%02d" % number, os.urandom(1 << 20))
    return root


# ------------------------------------------------------------------ everything arrives


@pytest.mark.parametrize("plain", [{}, {"zstd": False}, {"zstd": False, "node": "22.12.0"}], ids=str)
@pytest.mark.parametrize("side", ["old", "new"])
async def test_everything_arrives_as_it_was(place: Path, plain: dict[str, Any], side: str) -> None:
    """With zstd as a program, in Node's zlib, and without: then it is gzip."""
    old, to = build(place / "old"), staging(place)
    before = seen(old)
    told: list[relay.Moment] = []
    way = route(old, to, **{f"{side}_facts": local_facts(**plain)})
    _, packed = await sent(way, tell=told.append)
    assert seen(to) == before
    assert (to / "folder" / "inside").stat().st_ino == (to / "second name").stat().st_ino
    assert (to / "sparse").stat().st_blocks * 512 < 1 << 20
    assert compare.compare(await taken(old), await taken(to)).equal
    assert compare.compare(packed, await taken(to)).equal
    source = await taken(old)
    assert told[-1] == relay.Moment(b"", source.bytes, len(source))
    assert seen(old) == before


async def test_nothing_is_left_to_send_after_a_send(place: Path) -> None:
    old, to = build(place / "old"), staging(place)
    await sent(route(old, to))
    assert await lacking(old, to) == []
    todo, _ = await sent(route(old, to))
    assert len(todo) == 0


async def test_progress_never_goes_back_and_ends_at_the_volume(place: Path) -> None:
    old = big_tree(place / "old", 20)
    put(old, b"large", os.urandom(30 << 20))
    told: list[relay.Moment] = []
    todo, _ = await sent(route(old, staging(place)), tell=told.append)
    assert [now.bytes for now in told] == sorted(now.bytes for now in told)
    assert len(told) > 1
    assert told[-1] == relay.Moment(b"", todo.bytes, len(todo))


async def test_only_what_is_needed_is_sent_and_the_folders_keep_their_times(place: Path) -> None:
    old, to = build(place / "old"), staging(place)
    await sent(route(old, to))
    unchanged = (to / "plain.txt").stat().st_ino
    put(old, b"folder/new", b"new")
    put(old, b"closed/deeper/file", b"changed", 0o400)
    assert [path for path in await lacking(old, to) if b"/" in path] == [b"closed/deeper/file", b"folder/new"]
    todo, _ = await sent(route(old, to))
    assert (todo.bytes, todo.whole.files) == (10, 2)
    assert (to / "plain.txt").stat().st_ino == unchanged
    assert seen(to) == seen(old)


async def test_a_limited_copy_arrives_too(place: Path) -> None:
    old, to = build(place / "old"), staging(place)
    await sent(route(old, to, bwlimit=1 << 20))
    assert seen(to) == seen(old)


def test_no_more_passes_in_a_second_than_is_wanted() -> None:
    pace = relay.Pace(1000, began=50.0)
    assert pace.pause(500, now=50.1) == pytest.approx(0.4)
    assert pace.pause(500, now=50.5) == pytest.approx(0.5)
    # A line that was slower by itself is not made slower.
    assert pace.pause(500, now=60.0) == 0.0
    assert relay.Pace(None, began=50.0).pause(10**9, now=50.0) == 0.0


@pytest.mark.sshd
async def test_everything_arrives_over_two_ssh_connections(place: Path, sshd: Any, practice: str) -> None:
    """From an OpenSSH server to a practice host, both with their own idea of home."""
    old, to = build(place / "old"), staging(place)
    first, second = await connect(sshd.address), await connect(practice)
    try:
        await sent(replace(route(old, to), old=first, new=second))
    finally:
        await first.aclose()
        await second.aclose()
    assert seen(to) == seen(old)


@pytest.mark.sshd
async def test_a_link_cut_in_the_middle_is_a_lost_link_and_is_resumed(
    place: Path, sshd: Any, practice: str
) -> None:
    old, to = big_tree(place / "old"), staging(place)
    host = await connect(sshd.address)

    def cut(now: relay.Moment) -> None:
        # Packed is not yet arrived: the cut comes once something stands there.
        if now.bytes > 5 << 20 and len(names_in(to)) > 5:
            for pid in sessions_of(sshd.process.pid):
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(LinkLost):
        await sent(route(old, to, new=host), tell=cut)
    assert 0 < len(await lacking(old, to)) < 40
    await host.reconnect()
    await sent(route(old, to, new=host))
    await host.aclose()
    assert compare.compare(await taken(old), await taken(to)).equal


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
    await sent(route(old, to))
    assert names_in(to) == ["s.sqlite"]
    assert seen(to) == seen(old)


async def test_a_log_with_the_size_and_time_of_another_is_found_by_its_hash(place: Path) -> None:
    old, to = place / "old", staging(place)
    put(old, b"s.sqlite", b"new")
    put(old, b"s.sqlite-wal", b"log of the new")
    put(to, b"s.sqlite", b"new")
    put(to, b"s.sqlite-wal", b"log of the old")
    assert await lacking(old, to) == [b"", b"s.sqlite-wal"]
    await sent(route(old, to))
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
    await sent(route(old, to))
    assert seen(to) == seen(old)
    assert outside.read_bytes() == b"stays"


async def test_names_that_are_one_file_on_one_side_only_are_mended(place: Path) -> None:
    old, to = place / "old", staging(place)
    put(old, b"a one")
    (old / "a two").hardlink_to(old / "a one")
    put(old, b"b one")
    put(old, b"b two")
    await sent(route(old, to))
    for name in (b"a two", b"b one"):
        (to / os.fsdecode(name)).unlink()
    put(to, b"a two")
    (to / "b one").hardlink_to(to / "b two")
    assert not compare.compare(await taken(old), await taken(to)).equal
    await sent(route(old, to))
    assert (to / "a one").stat().st_ino == (to / "a two").stat().st_ino
    assert (to / "b one").stat().st_ino != (to / "b two").stat().st_ino
    assert seen(to) == seen(old)


async def test_a_folder_that_is_no_staging_folder_is_refused(place: Path) -> None:
    old, to = put(place, b"old/x").parent, put(place, b"state/precious").parent
    with pytest.raises(HelperFailed, match=r"refused.*incoming"):
        await sent(route(old, to))
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
    with pytest.raises(LinkLost):
        await sent(route(old, to, new=CutAfter(25 << 20)))
    files = [path for path in await lacking(old, to) if path]
    assert 10 <= len(files) < 30
    todo, _ = await sent(route(old, to))
    assert todo.bytes == len(files) << 20
    assert compare.compare(await taken(old), await taken(to)).equal


async def test_a_cancelled_send_stops_everything_and_is_resumed(place: Path) -> None:
    old, to = big_tree(place / "old"), staging(place)

    def cancel(now: relay.Moment) -> None:
        task.cancel()

    task = asyncio.create_task(sent(route(old, to), tell=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task
    busy = subprocess.run(["pgrep", "-f", str(to)], capture_output=True, text=True, check=False)
    assert busy.stdout == ""
    assert await lacking(old, to)
    await sent(route(old, to))
    assert compare.compare(await taken(old), await taken(to)).equal


async def test_a_link_that_moves_nothing_counts_as_lost(place: Path) -> None:
    old, to = put(place, b"old/x").parent, staging(place)
    stuck = local_facts(path=with_program(place / "bin", "zstd", "exec sleep 600"))
    with pytest.raises(LinkLost, match="not a byte"):
        await sent(route(old, to, old_facts=stuck, patience=0.5))


# ------------------------------------------------------------------ what fails, and how it says so


async def test_a_file_that_went_missing_fails_the_pack_by_name(place: Path) -> None:
    old, to = build(place / "old"), staging(place)
    source = await taken(old)
    (old / "plain.txt").unlink()
    with pytest.raises(StepFailed, match=r"Packing on OLD.*plain\.txt.*ENOENT") as caught:
        await sent(route(old, to), source=source)
    assert caught.value.fields["side"] is Role.OLD
    _, packed = await sent(route(old, to), source=source, live=True)
    assert b"plain.txt" not in [entry.path for entry in packed]
    assert "plain.txt" not in names_in(to)
    assert "readable" in names_in(to)


@pytest.mark.parametrize(
    ("program", "script", "message"),
    [
        ("zstd", "echo no such level >&2; exit 7", "zstd ended with 7: no such level"),
        ("zstd", "kill -9 $$", "zstd ended with SIGKILL"),
        ("node", "echo out of memory >&2; exit 134", "out of memory"),
        ("node", "cat >/dev/null; exit 0", "ended with 0 before it was done"),
    ],
)
async def test_whatever_dies_on_old_is_named(place: Path, program: str, script: str, message: str) -> None:
    old, to = put(place, b"old/x").parent, staging(place)
    facts = local_facts(path=with_program(place / "bin", program, script))
    with pytest.raises(StepFailed, match="Packing on OLD") as caught:
        await sent(route(old, to, old_facts=facts))
    assert message in caught.value.what
    assert "untouched" in caught.value.safe


@pytest.mark.parametrize("zstd", [True, False], ids=["by-itself", "under-the-helper"])
@pytest.mark.parametrize(
    "script", ["echo tar: boom >&2; exit 2", "cat >/dev/null; echo tar: boom >&2; exit 2"]
)
async def test_what_fails_on_new_is_told_with_its_words(place: Path, script: str, zstd: bool) -> None:
    old, to = big_tree(place / "old", 5), staging(place)
    facts = local_facts(path=with_program(place / "bin", "tar", script), zstd=zstd)
    with pytest.raises(StepFailed, match=r"Unpacking on NEW.*ended with.*2: tar: boom"):
        await sent(route(old, to, new_facts=facts))


async def test_a_stream_that_is_garbled_on_its_way_is_refused(place: Path) -> None:
    """The link guards against that; here nothing does, and it is found all the same."""
    old, to = big_tree(place / "old", 5), staging(place)
    with pytest.raises(StepFailed, match="Unpacking on NEW"):
        await sent(route(old, to, new=Garbled(2 << 20)))
    await sent(route(old, to))
    assert compare.compare(await taken(old), await taken(to)).equal


class Garbled(CutAfter):
    """Its link turns a bit once so many bytes were written to a command."""

    @asynccontextmanager
    async def writer(self, argv: Sequence[str]) -> AsyncIterator[ByteSink]:
        async with self.host.writer(argv) as sink:
            yield GarbledSink(self, sink)


class GarbledSink(CutSink):
    async def write(self, data: bytes) -> None:
        turned = bytearray(data)
        if 0 < self._host.left <= len(data):
            turned[self._host.left - 1] ^= 1
        self._host.left -= len(data)
        await self._sink.write(bytes(turned))


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
            await sent(route(old, to))
        assert "Resume" in caught.value.next
        assert (disk / "state" / "before").read_bytes() == b"what stood there"
        assert names_in(disk) == ["state", "state.incoming-m1"]
        subprocess.run(["mount", "-o", "remount,size=100m", str(disk)], check=True)
        assert len(await lacking(old, to)) < files
        await sent(route(old, to))
        assert compare.compare(await taken(old), await taken(to)).equal
