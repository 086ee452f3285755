"""Trees that are large in one way: very many files, very deep, one vast database; and a log left on NEW."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from openclaw_wizard.errors import StepFailed
from tests.lab import trees
from tests.lab.carry import Carry
from tests.odd_trees import names_in, put, seen

pytestmark = pytest.mark.node

PATH_MAX = 4096
"""Linux's limit of a path, its end mark included."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder; the test's own HOME lies beside it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


# ------------------------------------------------------------------ many


@pytest.mark.matrix
async def test_a_hundred_thousand_small_files(place: Path) -> None:
    old = trees.many(place / "old", 100_000)
    carry = Carry(old, place / "new" / "state")
    began = time.monotonic()
    await carry.run()
    print(f"100,000 files moved in {time.monotonic() - began:.0f} s")
    assert carry.manifest.files == 100_000
    assert seen(carry.new) == seen(old)


# ------------------------------------------------------------------ deep


def longest_below(carry: Carry) -> int:
    """How long a path below the root may be so that it can be opened on OLD and in NEW's staging."""
    return PATH_MAX - 1 - max(len(os.fsencode(root)) + 1 for root in (carry.old, carry.staging))


async def test_a_path_as_long_as_a_path_may_be_arrives(place: Path) -> None:
    carry = Carry(place / "old", place / "new" / "state")
    path = trees.deep(carry.old, longest_below(carry))
    await carry.run()
    assert len(path) > 3800
    assert seen(carry.new) == seen(carry.old)
    assert (carry.new / os.fsdecode(path)).read_bytes() == b"at the bottom"


async def test_a_path_too_long_to_open_is_named_and_nothing_is_switched(place: Path) -> None:
    carry = Carry(place / "old", place / "new" / "state")
    trees.deep(carry.old, 2 * PATH_MAX)
    put(carry.old, b"beside it")
    with pytest.raises(StepFailed) as caught:
        await carry.run()
    assert "1 entry" in caught.value.what and "path is too long" in caught.value.what
    assert "dddd" in caught.value.what and len(caught.value.what) < 400
    assert "shorten" in caught.value.next
    assert not carry.new.exists() and not carry.staging.exists()
    shutil.rmtree(os.fsencode(carry.old / ("d" * 200)))
    await carry.run()
    assert names_in(carry.new) == ["beside it"]


async def test_a_path_that_is_too_long_only_on_new_is_named(place: Path) -> None:
    """The names of NEW's folders are longer here, so that what OLD can open cannot be read back there."""
    carry = Carry(place / "old", place / ("n" * 200) / "state")
    trees.deep(carry.old, PATH_MAX - 1 - len(os.fsencode(carry.old)) - 1)
    before = seen(carry.old)
    with pytest.raises(StepFailed) as caught:
        await carry.run()
    assert "dddd" in caught.value.what and "too long" in caught.value.what
    assert not carry.new.exists()
    assert seen(carry.old) == before


# ------------------------------------------------------------------ a vast database

SIZE = 5 * 10**9


async def test_a_database_of_five_gigabytes_of_holes(place: Path) -> None:
    old = place / "old"
    old.mkdir()
    vast = trees.vast_database(old / "s.sqlite", SIZE)
    size = vast.stat().st_size
    assert SIZE - trees.PAGE < size <= SIZE and vast.stat().st_blocks * 512 < 2_000_000
    said, rows, free = trees.rows_of(vast)
    assert (said, rows) == ("ok", 1000) and free * trees.PAGE > SIZE * 0.99
    carry = Carry(old, place / "new" / "state")
    began = time.monotonic()
    await carry.run()
    print(f"5 GB of holes moved in {time.monotonic() - began:.0f} s")
    there = carry.new / "s.sqlite"
    assert there.stat().st_size == size and there.stat().st_blocks * 512 < 2_000_000
    assert trees.rows_of(there) == (said, rows, free)
    with closing(sqlite3.connect(there)) as db, db:
        db.execute("INSERT INTO message (text) VALUES (zeroblob(1000000))")
    assert trees.rows_of(there)[:2] == ("ok", 1001)
    assert trees.rows_of(vast) == (said, rows, free)


# ------------------------------------------------------------------ a log left on NEW


def database(file: Path, rows: int, *, text: str) -> Path:
    """In WAL mode, closed in order: there is no log beside it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT)")
        db.executemany("INSERT INTO message (text) VALUES (?)", ((f"{text} {n}",) for n in range(rows)))
        db.commit()
    return file


def leave_log(file: Path, rows: int) -> None:
    """Another life's rows, in a log that its owner left when it was killed."""
    busy = file.with_name("busy.sqlite")
    with closing(sqlite3.connect(database(busy, 5, text="foreign"))) as db:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.executemany("INSERT INTO message (text) VALUES (?)", (("foreign" * 50,) for _ in range(rows)))
        db.commit()
        log = busy.with_name("busy.sqlite-wal").read_bytes()
    busy.unlink()
    assert len(log) > 4096
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).write_bytes(log)


def texts(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [text for (text,) in db.execute("SELECT text FROM message ORDER BY id")]


OURS = [f"ours {number}" for number in range(400)]


@pytest.mark.parametrize("where", ["target", "staging", "both"])
async def test_a_log_that_stands_on_new_never_meets_the_database_that_arrives(
    place: Path, where: str
) -> None:
    file = database(place / "old" / "s.sqlite", 400, text="ours")
    carry = Carry(place / "old", place / "new" / "state")
    carry.new.parent.mkdir()
    for folder in {"target": [carry.new], "staging": [carry.staging], "both": [carry.new, carry.staging]}[
        where
    ]:
        folder.mkdir(mode=0o700)
        leave_log(folder / "s.sqlite", 300)
    occupied = carry.new.exists()
    kept = seen(carry.new) if occupied else {}
    await carry.run()
    assert names_in(carry.new) == ["s.sqlite"]
    assert texts(carry.new / "s.sqlite") == OURS == texts(file)
    assert carry.aside.exists() is occupied and (not occupied or seen(carry.aside) == kept)


async def test_a_log_that_belongs_to_the_database_arrives_with_it(place: Path) -> None:
    """As OpenClaw leaves it when it is killed: nearly everything is in the log."""
    running = database(place / "running" / "s.sqlite", 3, text="ours")
    old = place / "old"
    with closing(sqlite3.connect(running)) as db:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.executemany("INSERT INTO message (text) VALUES (?)", ((text,) for text in OURS))
        db.commit()
        shutil.copytree(running.parent, old)
    carry = Carry(old, place / "new" / "state")
    leave = carry.staging
    leave.mkdir(parents=True, mode=0o700)
    leave_log(leave / "s.sqlite", 300)
    await carry.run()
    assert names_in(carry.new) == ["s.sqlite", "s.sqlite-wal"]
    assert texts(carry.new / "s.sqlite")[3:] == OURS


def is_spoilt(file: Path) -> bool:
    try:
        return texts(file) != OURS
    except (AssertionError, sqlite3.DatabaseError):
        return True


def test_the_log_of_these_tests_is_a_dangerous_one(place: Path) -> None:
    """Joined with the database that arrives it changes what is read; else the tests above prove nothing."""
    file = database(place / "s.sqlite", 400, text="ours")
    assert not is_spoilt(file)
    leave_log(file, 300)
    file.with_name("s.sqlite-shm").unlink()
    assert is_spoilt(file)
