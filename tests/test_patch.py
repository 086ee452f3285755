"""Large files of which staging holds something: only their blocks that differ travel, whatever happened."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openclaw_wizard.errors import LinkLost, StepFailed
from openclaw_wizard.hosts import ByteSink, Completed
from openclaw_wizard.transfer import compare, stream
from tests.odd_trees import Wrapped, growing, lacking, local_facts, put, route, seen, sent, taken

pytestmark = pytest.mark.node

MB = 1 << 20
NAME = b"folder/odd\n\xff' name"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder; the test's own HOME lies beside it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def staging(place: Path) -> Path:
    folder = place / "state.incoming-m1"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


class Metered(Wrapped):
    """NEW, which counts the bytes of every stream to it; `spoil` may change each piece or raise."""

    def __init__(self, spoil: Callable[[int, bytes], bytes] = lambda _, data: data) -> None:
        super().__init__()
        self.bytes = 0
        self.spoil = spoil

    @asynccontextmanager
    async def writer(self, argv: Sequence[str]) -> AsyncIterator[ByteSink]:
        async with self.host.writer(argv) as sink:
            yield MeteredSink(self, sink)


class MeteredSink:
    def __init__(self, host: Metered, sink: ByteSink) -> None:
        self._host, self._sink = host, sink

    async def write(self, data: bytes) -> None:
        data = self._host.spoil(self._host.bytes, data)
        self._host.bytes += len(data)
        await self._sink.write(data)

    async def finish(self) -> Completed:
        return await self._sink.finish()


def cut_at(limit: int) -> Callable[[int, bytes], bytes]:
    def cut(before: int, data: bytes) -> bytes:
        if before + len(data) > limit:
            raise LinkLost(host="new", doing="copying")
        return data

    return cut


def turn_at(place: int) -> Callable[[int, bytes], bytes]:
    def turn(before: int, data: bytes) -> bytes:
        turned = bytearray(data)
        if before <= place < before + len(data):
            turned[place - before] ^= 1
        return bytes(turned)

    return turn


async def equal(old: Path, to: Path) -> bool:
    return compare.compare(await taken(old), await taken(to)).equal and seen(old) == seen(to)


OVERHEAD = 200_000
"""Bytes that a stream costs besides what it carries: the helper's script, and names."""


async def test_only_blocks_that_differ_travel(place: Path) -> None:
    old, to = place / "old", staging(place)
    file = put(old, NAME, os.urandom(20 * MB))
    await sent(route(old, to))
    standing = (to / os.fsdecode(NAME)).stat().st_ino
    with file.open("r+b") as opened:
        for at in (0, 7 * MB + 1, 20 * MB - 1):
            opened.seek(at)
            opened.write(b"!")
    new = Metered()
    todo, packed = await sent(route(old, to, new=new))
    assert ([e.path for e in todo.patched], todo.patched.bytes) == ([NAME], 20 * MB)
    assert new.bytes < 3 * stream.SMALLEST_BLOCK + OVERHEAD
    assert (to / os.fsdecode(NAME)).stat().st_ino == standing
    assert {e.path for e in packed} >= {NAME} and all(e.sha256 for e in packed if e.kind == "f")
    assert await equal(old, to)


@pytest.mark.parametrize("size", [MB, 12 * MB + 1, 20 * MB - 1, 21 * MB, 30 * MB + 5])
async def test_it_may_grow_and_shrink(place: Path, size: int) -> None:
    old, to = place / "old", staging(place)
    content = os.urandom(32 * MB)
    put(old, NAME, content[: 20 * MB])
    await sent(route(old, to))
    put(old, NAME, content[:size], 0o640)
    new = Metered()
    todo, _ = await sent(route(old, to, new=new))
    assert len(todo.patched) == 1
    assert new.bytes < max(0, size - 20 * MB) + stream.SMALLEST_BLOCK + OVERHEAD
    assert await equal(old, to)


@pytest.mark.parametrize("facts", [{"zstd": False}, {"zstd": False, "node": "22.12.0"}], ids=["zlib", "gzip"])
async def test_whatever_compresses_it_arrives(place: Path, facts: dict[str, object]) -> None:
    old, to = place / "old", staging(place)
    put(old, NAME, os.urandom(3 * MB))
    await sent(route(old, to))
    put(old, NAME, os.urandom(2 * MB))
    await sent(route(old, to, old_facts=local_facts(**facts), new_facts=local_facts(**facts)))
    assert await equal(old, to)


async def test_a_file_that_lost_what_is_closed_to_its_owner_is_opened_for_it(place: Path) -> None:
    old, to = place / "old", staging(place)
    put(old, NAME, os.urandom(2 * MB), 0o400)
    await sent(route(old, to))
    (old / "folder").chmod(0o700)
    put(old, NAME + b" ", b"x")
    (old / os.fsdecode(NAME)).chmod(0o600)
    put(old, NAME, os.urandom(2 * MB), 0o400)
    (old / "folder").chmod(0o500)
    await sent(route(old, to))
    assert await equal(old, to)


async def test_after_a_cut_at_half_only_the_rest_of_a_large_file_travels(place: Path) -> None:
    old, to = place / "old", staging(place)
    put(old, NAME, os.urandom(60 * MB))
    with pytest.raises(LinkLost):
        await sent(route(old, to, new=Metered(cut_at(30 * MB))))
    there = (to / os.fsdecode(NAME)).stat().st_size
    assert there > 20 * MB
    new = Metered()
    await sent(route(old, to, new=new))
    assert new.bytes < 60 * MB - there + 16 * MB
    assert await equal(old, to)


async def test_a_database_that_changed_inside_is_the_new_one_to_the_bit(place: Path) -> None:
    old, to = place / "old", staging(place)
    old.mkdir()
    file = old / "s.sqlite"
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE m (id INTEGER PRIMARY KEY, text BLOB)")
        db.executemany("INSERT INTO m (text) VALUES (?)", ((random.randbytes(900),) for _ in range(8000)))
        db.commit()
        await sent(route(old, to))
        db.execute("UPDATE m SET text = randomblob(900) WHERE id BETWEEN 4000 AND 4100")
        db.execute("DELETE FROM m WHERE id > 7900")
        db.commit()
    new = Metered()
    await sent(route(old, to, new=new))
    assert new.bytes < file.stat().st_size / 4
    assert await equal(old, to)
    with closing(sqlite3.connect(to / "s.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_a_changing_file_is_refused_unless_that_is_expected(place: Path) -> None:
    old, to = place / "old", staging(place)
    file = put(old, NAME, b"x" * (64 * MB))
    await sent(route(old, to))
    with growing(file):
        with pytest.raises(StepFailed, match="changed while it was read"):
            await sent(route(old, to))
        _, packed = await sent(route(old, to), live=True)
    assert [entry.path for entry in packed if entry.changed] == [NAME]
    await sent(route(old, to))
    assert await equal(old, to)


@pytest.mark.parametrize("size", [1, 1 << 20, 1 << 30, (1 << 30) + 1, 10 << 30, 1 << 40])
def test_blocks_are_small_and_never_very_many(size: int) -> None:
    block = stream.block_size(size)
    assert block >= stream.SMALLEST_BLOCK and size / block <= stream.MOST_BLOCKS
    assert block == stream.SMALLEST_BLOCK or size / (block // 2) > stream.MOST_BLOCKS


# ------------------------------------------------------------------ whatever happens, it ends equal

edits = st.lists(
    st.tuples(st.sampled_from(["write", "cut", "grow", "anew"]), st.integers(0, 4 * MB), st.integers(1, MB)),
    min_size=1,
    max_size=4,
)


def edited(content: bytes, changes: list[tuple[str, int, int]], chance: random.Random) -> bytes:
    found = bytearray(content)
    for what, at, length in changes:
        match what:
            case "write":
                found[at : at + length] = chance.randbytes(length)
            case "cut":
                del found[max(at, MB) :]
            case "grow":
                found += chance.randbytes(length)
            case "anew":
                found = bytearray(chance.randbytes(MB + at))
    return bytes(found)


@given(changes=edits, seed=st.integers(0, 2**32), cuts=st.lists(st.floats(0, 1), max_size=3))
@settings(
    max_examples=15,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
async def test_cut_spoilt_and_resumed_anywhere_it_ends_equal(
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[str, int, int]],
    seed: int,
    cuts: list[float],
) -> None:
    chance = random.Random(seed)
    place = tmp_path_factory.mktemp("place")
    old, to = place / "old", staging(place)
    content = chance.randbytes(3 * MB)
    put(old, NAME, content)
    put(old, b"small", chance.randbytes(MB // 2))
    await sent(route(old, to))
    put(old, NAME, edited(content, changes, chance))
    put(old, b"small", chance.randbytes(MB // 2))
    for number, cut in enumerate(cuts):
        spoil = (cut_at, turn_at)[number % 2](int(cut * 3 * MB))
        try:
            await sent(route(old, to, new=Metered(spoil)))
        except (LinkLost, StepFailed):
            continue
    while await lacking(old, to):
        await sent(route(old, to))
    assert await equal(old, to)
