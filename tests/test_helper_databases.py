"""The helper and SQLite: integrity without a trace, consistent copies of a database that is written to."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.hosts.helper import HelperFailed, raw
from openclaw_wizard.hosts.local import LocalHost
from tests.odd_trees import local_helper, names_in, put, seen

pytestmark = pytest.mark.node


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder; the test's own HOME lies beside it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


WRITER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute(f"PRAGMA journal_mode={sys.argv[2]}")
db.execute("PRAGMA wal_autocheckpoint=50")
db.execute("CREATE TABLE IF NOT EXISTS pairs(a INTEGER, b TEXT)")
db.execute("CREATE INDEX IF NOT EXISTS by_a ON pairs(a)")
number = 0
while True:
    db.execute("BEGIN IMMEDIATE")
    for _ in range(20):
        db.execute("INSERT INTO pairs VALUES (?, ?)", (number, "x" * 200))
        number += 1
    db.execute("DELETE FROM pairs WHERE a < ?", (number - 4000,))
    db.execute("COMMIT")
    if number == 200:
        print("writing", flush=True)
"""


@contextmanager
def writer(path: Path, mode: str = "wal") -> Iterator[subprocess.Popen[bytes]]:
    """Another process that writes all the time; killed hard at the end."""
    argv = [sys.executable, "-c", WRITER, str(path), mode]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        try:
            yield process
        finally:
            process.kill()


def killed_database(folder: Path, *, shared_memory: bool) -> Path:
    """A database whose newest rows are in its log alone, as a killed process leaves it."""
    path = folder / "killed.sqlite"
    script = (
        "import os, signal, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA journal_mode=wal')\n"
        "db.execute('CREATE TABLE t(x)')\n"
        "db.execute('PRAGMA user_version=23')\n"
        "db.execute('INSERT INTO t VALUES (1)')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert (folder / "killed.sqlite-wal").stat().st_size > 0
    if not shared_memory:
        (folder / "killed.sqlite-shm").unlink()
    return path


def clean_database(path: Path, mode: str = "wal") -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode={mode}")
        db.execute("CREATE TABLE t(x)")
        db.execute("PRAGMA user_version=7")
        db.commit()
    return path


async def checked(root: Path, host: LocalHost | None = None) -> dict[str, dict[str, Any]]:
    found = [item async for item in local_helper(host).stream("databases", {"root": str(root)})]
    return {os.fsdecode(b64decode(item.pop("p"))): item for item in found}


@pytest.mark.parametrize("mode", ["wal", "delete"])
async def test_a_closed_database_is_checked_and_nothing_appears_beside_it(place: Path, mode: str) -> None:
    clean_database(place / "a.sqlite", mode)
    before = seen(place)
    assert await checked(place) == {
        "a.sqlite": {"ok": True, "detail": "ok", "user_version": 7, "wal_bytes": 0}
    }
    assert seen(place) == before


async def test_a_log_without_anybody_is_read_with_its_database_and_left_alone(
    place: Path, tmp_path: Path
) -> None:
    path = killed_database(place, shared_memory=False)
    (tmp_path / "scratch").mkdir()
    before = seen(place)
    found = await checked(place, LocalHost(environment={"TMPDIR": str(tmp_path / "scratch")}))
    assert found["killed.sqlite"]["user_version"] == 23
    assert found["killed.sqlite"]["ok"] is True
    assert found["killed.sqlite"]["wal_bytes"] == path.with_name("killed.sqlite-wal").stat().st_size
    assert seen(place) == before
    assert names_in(tmp_path / "scratch") == []


async def test_a_database_and_log_of_a_killed_process_stay_as_they_are(place: Path) -> None:
    killed_database(place, shared_memory=True)
    before = seen(place)
    found = await checked(place)
    after = seen(place)
    assert found["killed.sqlite"] | {"wal_bytes": 0} == {
        "ok": True,
        "detail": "ok",
        "user_version": 23,
        "wal_bytes": 0,
    }
    assert after.keys() == before.keys()
    for name in (b"killed.sqlite", b"killed.sqlite-wal"):
        assert after[name] == before[name]


async def test_a_hot_journal_is_rolled_back_in_a_copy_only(place: Path) -> None:
    clean_database(place / "a.sqlite", "delete")
    script = (
        "import os, signal, sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA cache_size=1')\n"
        "db.execute('BEGIN')\n"
        "for i in range(3000): db.execute('INSERT INTO t VALUES (?)', ('y' * 500,))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(place / "a.sqlite")], check=False)
    assert (place / "a.sqlite-journal").stat().st_size > 0
    before = seen(place)
    assert (await checked(place))["a.sqlite"]["ok"] is True
    assert seen(place) == before


@pytest.mark.parametrize("mode", ["wal", "delete", "persist"])
async def test_a_database_in_use_is_read_beside_its_writer(place: Path, mode: str) -> None:
    with writer(place / "busy.sqlite", mode):
        for _ in range(3):
            found = await checked(place)
            assert (found["busy.sqlite"]["ok"], found["busy.sqlite"]["detail"]) == (True, "ok")


async def test_damage_is_told(place: Path) -> None:
    path = clean_database(place / "broken.sqlite", "delete")
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE INDEX i ON t(x)")
        db.executemany("INSERT INTO t VALUES (?)", [(f"row {n}" * 50,) for n in range(500)])
        db.commit()
    content = bytearray(path.read_bytes())
    content[8192 : 8192 + 4096] = os.urandom(4096)
    path.write_bytes(content)
    put(place, b"cut.sqlite", bytes(content[:5000]))
    put(place, b"worse.sqlite", b"SQLite format 3\0" + b"\xff" * 5000)
    before = seen(place)
    found = await checked(place)
    assert {name: item["ok"] for name, item in found.items()} == dict.fromkeys(
        ("broken.sqlite", "cut.sqlite", "worse.sqlite"), False
    )
    assert all(item["detail"] not in ("", "ok") for item in found.values())
    assert seen(place) == before


async def test_what_is_a_database_is_told_by_its_content(place: Path) -> None:
    put(place, b"empty.sqlite", b"")
    put(place, b"empty.txt", b"")
    put(place, b"text.sqlite", b"not a database")
    clean_database(place / "no suffix #1?50%")
    odd = Path(os.fsdecode(os.fsencode(place) + b"/\xff\xfe.db"))
    clean_database(place / "odd").rename(odd)
    before = seen(place)
    found = await checked(place)
    assert found.pop("empty.sqlite") == {"ok": True, "detail": "empty", "user_version": None, "wal_bytes": 0}
    assert {name: item["user_version"] for name, item in found.items()} == {
        "no suffix #1?50%": 7,
        odd.name: 7,
    }
    assert seen(place) == before


# ------------------------------------------------------------------ consistent copies


async def snapshot(source: Path, target: Path) -> None:
    await local_helper().call("snapshot", {"from": str(source), "to": str(target)}, timeout=120)


def contents(path: Path) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return db.execute(
            "SELECT count(*), min(a) % 20, max(a) % 20, max(a) - min(a) + 1 FROM pairs"
        ).fetchall()


async def test_snapshots_of_a_database_under_load_are_whole(place: Path) -> None:
    copies = place / "copies"
    copies.mkdir()
    with writer(place / "busy.sqlite"):
        for number in range(4):
            await snapshot(place / "busy.sqlite", copies / f"{number}.sqlite")
    assert names_in(copies) == [f"{number}.sqlite" for number in range(4)]
    for copy in copies.iterdir():
        assert copy.stat().st_mode & 0o777 == 0o600
        # Whole transactions of 20 rows each, nothing missing in between.
        ((count, first, last, span),) = contents(copy)
        assert (first, last, span) == (0, 19, count)


async def test_a_snapshot_of_a_closed_database_leaves_nothing_beside_it(place: Path) -> None:
    (place / "old").mkdir()
    source = clean_database(place / "old" / "a.sqlite")
    before = seen(place / "old")
    (place / "copy.sqlite").write_text("an earlier one")
    await snapshot(source, place / "copy.sqlite")
    assert seen(place / "old") == before
    assert names_in(place) == ["copy.sqlite", "old"]
    with closing(sqlite3.connect(place / "copy.sqlite")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (7,)


async def test_a_snapshot_that_fails_leaves_nothing(place: Path) -> None:
    put(place, b"bad.sqlite", b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(HelperFailed) as caught:
        await snapshot(place / "bad.sqlite", place / "copy.sqlite")
    assert caught.value.error_code == "ERR_SQLITE_ERROR"
    assert names_in(place) == ["bad.sqlite"]


async def test_parts_read_rows_through_the_reading_connection(place: Path) -> None:
    killed_database(place, shared_memory=False)
    part = """
    command("rows", async ({ path: where }) => {
      const { db, close } = await openForReading(where);
      try { return db.prepare("SELECT x FROM t").all(); } finally { close(); }
    });
    """
    helper = local_helper(parts=[part])
    for where in (str(place / "killed.sqlite"), raw(os.fsencode(place / "killed.sqlite"))):
        assert await helper.call("rows", {"path": where}) == [{"x": 1}]
    assert names_in(place) == ["killed.sqlite", "killed.sqlite-wal"]
