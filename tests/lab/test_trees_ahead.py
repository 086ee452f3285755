"""The copy ahead: what travels while the gateway works, and that nothing of it is believed afterwards."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.model import Wishes
from openclaw_wizard.steps import gateway, trees
from openclaw_wizard.steps.ahead import CopyAhead
from openclaw_wizard.steps.copy import CompareHashes, Stream, TakeManifest
from openclaw_wizard.transfer import manifest
from tests.lab.base import base
from tests.lab.carry import Carry, facts_with
from tests.lab.trees import as_kept_by_any_tar
from tests.odd_trees import growing, names_in, put, seen

pytestmark = pytest.mark.node

MB = 1 << 20


@pytest.fixture
def carry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Carry]:
    """A tree of 24 MB on OLD, whose gateway works."""

    async def works(*_: object) -> bool:
        return False

    monkeypatch.setattr(gateway, "is_stopped", works)
    old = tmp_path / "old"
    put(old, b"media/large", os.urandom(16 * MB))
    for number in range(40):
        put(old, b"notes/%d" % number, os.urandom(MB // 5))
    os.utime(old)
    yield Carry(old, tmp_path / "new" / "state")


async def the_rest(carry: Carry) -> int:
    """As after the stop: everything that comes then; the bytes of the files that were sent."""
    for action in (TakeManifest(), Stream(), CompareHashes()):
        await carry.does(action)
    assert seen(carry.staging) == seen(carry.old)
    arrived = trees.kept(carry.ctx, trees.staged_name(carry.tree))
    assert (
        arrived is not None
        and arrived.hashed
        and arrived.files == sum(each.is_file() for each in carry.old.rglob("*"))
    )
    lists = (trees.kept(carry.ctx, f"{part}-{carry.tree.name}.jsonl") for part in ("whole", "patched"))
    return sum(each.bytes for each in lists if each)


async def test_after_it_only_what_changed_is_sent(carry: Carry) -> None:
    for file in carry.old.rglob("*"):
        os.utime(file, ns=(0, 1))
    await carry.does(CopyAhead())
    assert not carry.new.exists()
    put(carry.old, b"notes/7", b"changed")
    put(carry.old, b"notes/new", b"new")
    (carry.old / "notes" / "8").unlink()
    assert await the_rest(carry) < MB
    assert "8" not in names_in(carry.staging / "notes")


async def test_a_file_that_was_rewritten_with_its_old_time_is_sent_again(carry: Carry) -> None:
    """Only its ctime tells, and that is asked."""
    await carry.does(CopyAhead())
    file = carry.old / "notes" / "3"
    facts, size = file.stat(), file.stat().st_size
    file.write_bytes(os.urandom(size))
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    await the_rest(carry)


async def test_what_was_spoilt_on_new_meanwhile_is_sent_again(carry: Carry) -> None:
    await carry.does(CopyAhead())
    spoilt = carry.staging / "media" / "large"
    facts = spoilt.stat()
    with spoilt.open("r+b") as opened:
        opened.seek(MB)
        opened.write(b"spoilt")
    os.utime(spoilt, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    put(carry.staging, b"media/nobody's")
    await the_rest(carry)


async def test_what_is_spoilt_on_new_after_the_stream_is_not_switched_in(carry: Carry) -> None:
    await carry.does(CopyAhead())
    await asyncio.sleep(0.1)
    for action in (TakeManifest(), Stream()):
        await carry.does(action)
    spoilt = carry.staging / "media" / "large"
    facts = spoilt.stat()
    with spoilt.open("r+b") as opened:
        opened.write(b"spoilt")
    os.utime(spoilt, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(StepFailed, match="1 entry on NEW differ"):
        await carry.does(CompareHashes())
    await the_rest(carry)


async def test_what_nobody_touched_is_read_once_and_again_after_a_crash(carry: Carry) -> None:
    await carry.does(CopyAhead())
    await asyncio.sleep(0.1)
    arrived = carry.ctx.shelf.file(trees.arrived_name(carry.tree))
    (large,) = (e for e in manifest.load(arrived) if e.path == b"media/large")
    assert large.sha256
    kept = arrived.read_bytes().replace(large.sha256.encode(), b"0" * 64)
    arrived.write_bytes(kept)
    assert (await standing(carry))[b"media/large"] == "0" * 64
    boot = manifest.load(arrived).boot.encode()
    arrived.write_bytes(kept.replace(boot, b"another"))
    assert (await standing(carry))[b"media/large"] == large.sha256


async def standing(carry: Carry) -> dict[bytes, str | None]:
    found = await trees.list_standing(carry.ctx, carry.tree, "copy.compare")
    return {entry.path: entry.sha256 for entry in found}


async def test_a_log_that_grows_all_the_time_holds_nothing_up(carry: Carry) -> None:
    log = put(carry.old, b"logs/gateway.log", b"x" * (4 * MB))
    with growing(log):
        await carry.does(CopyAhead())
    await the_rest(carry)


async def test_a_database_at_work_comes_without_its_log_and_is_whole_after_the_stop(carry: Carry) -> None:
    file = carry.old / "agent.sqlite"
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("CREATE TABLE m (id INTEGER PRIMARY KEY, text BLOB)")
        db.executemany("INSERT INTO m (text) VALUES (randomblob(?))", ((900,) for _ in range(3000)))
        db.commit()
        await carry.does(CopyAhead())
        assert {"agent.sqlite", "agent.sqlite-shm", "agent.sqlite-wal"} <= set(names_in(carry.old))
        assert [name for name in names_in(carry.staging) if "sqlite" in name] == ["agent.sqlite"]
        db.execute("UPDATE m SET text = randomblob(900) WHERE id % 100 = 0")
        db.commit()
        count = db.execute("SELECT count(*), total(length(text)) FROM m").fetchone()
    # Closed in order: the log is gone, all is in the one file.
    await the_rest(carry)
    with closing(sqlite3.connect(carry.staging / "agent.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT count(*), total(length(text)) FROM m").fetchone() == count


async def test_a_log_that_is_left_after_the_stop_comes_with_its_own_database(carry: Carry) -> None:
    """A gateway that was killed leaves nearly everything in the log; the two are one unit."""
    file = carry.old / "agent.sqlite"
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("CREATE TABLE m (text TEXT)")
        db.commit()
        await carry.does(CopyAhead())
        db.executemany("INSERT INTO m VALUES (?)", ((str(n),) for n in range(500)))
        db.commit()
        kept = {suffix: (carry.old / f"agent.sqlite{suffix}").read_bytes() for suffix in ("", "-wal")}
    for suffix, content in kept.items():
        (carry.old / f"agent.sqlite{suffix}").write_bytes(content)
    await the_rest(carry)
    with closing(sqlite3.connect(carry.staging / "agent.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM m").fetchone() == (500,)


async def test_it_is_not_done_again_and_not_where_the_gateway_is_stopped(
    carry: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stopped(*_: object) -> bool:
        return True

    assert not await CopyAhead().holds(carry.ctx)
    with monkeypatch.context() as patch:
        patch.setattr(gateway, "is_stopped", stopped)
        assert await CopyAhead().holds(carry.ctx)
    await carry.does(CopyAhead())
    assert await CopyAhead().holds(carry.ctx)


async def test_it_is_not_done_where_it_is_not_wanted(carry: Carry) -> None:
    carry.ctx.plan = carry.ctx.plan.model_copy(update={"wishes": Wishes(ahead=False)})
    await carry.does(CopyAhead())
    assert not carry.staging.exists()
    await the_rest(carry)


async def test_put_back_takes_the_copy_away(carry: Carry) -> None:
    await carry.does(CopyAhead())
    assert carry.staging.exists()
    await CopyAhead().revert(carry.ctx)
    assert names_in(carry.new.parent) == []


@pytest.mark.lab
@pytest.mark.parametrize("tar", ["bsd", "busybox"])
async def test_what_another_tar_leaves_undone_in_folders_that_were_there_is_done(
    carry: Carry, tmp_path: Path, tar: str
) -> None:
    """bsdtar sets the time of a folder only where it made it; busybox neither time nor mode (measured)."""
    new = facts_with(tar, tmp_path / "bin", base())
    carry.ctx.plan = carry.ctx.plan.model_copy(update={"new": new})
    shut = carry.old / "shut"
    put(carry.old, b"shut/deep/kept")
    shut.chmod(0o500)
    await carry.does(CopyAhead())
    shut.chmod(0o700)
    put(carry.old, b"notes/new")
    put(carry.old, b"shut/deep/new")
    put(carry.old, b"set-user-id", mode=0o4755)
    shut.chmod(0o500)
    for action in (TakeManifest(), Stream(), CompareHashes()):
        await carry.does(action)
    both = (trees_of(carry.staging), trees_of(carry.old))
    assert both[0] == both[1]


def trees_of(root: Path) -> object:
    return as_kept_by_any_tar(seen(root))
