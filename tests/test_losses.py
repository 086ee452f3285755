"""What cannot come along (a disk that cannot be read, a file system that cannot hold it), and no room."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import pytest

from openclaw_wizard.errors import ExitCode, NeedsAnswer, NoRoom, StepFailed
from openclaw_wizard.hosts import ByteSink
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.model import Losses, Outcome, RowState, Verdict
from openclaw_wizard.steps import back_up, copy, losses, verify
from openclaw_wizard.steps.copy import CompareHashes, Stream, TakeManifest
from openclaw_wizard.steps.databases import CHECKED, CheckCopies
from openclaw_wizard.transfer import archive, compare, manifest, terrain
from tests import mounts
from tests.lab.carry import Carry
from tests.odd_trees import (
    Wrapped,
    list_file,
    local_facts,
    local_helper,
    names_in,
    put,
    route,
    seen,
    sent,
    taken,
)
from tests.two_hosts import TwoHosts

pytestmark = pytest.mark.node

MB = 1 << 20
BAD = b"folder/bad"
READ_ERROR = "its disk has a read error"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder; the test's own HOME lies beside it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def lines(size: int) -> bytes:
    """Text that a disk compresses, so that damage is found by it."""
    return b"".join(b"%015d\n" % (number * 2654435761 % 10**15) for number in range(size // 16))


def furnish(root: Path) -> Path:
    """A tree of which one file, by far the largest, can be read at first and then no more."""
    put(root, BAD, lines(2 * MB), 0o640)
    for name in (b"a first", b"folder/before", b"folder/zlast", b"z"):
        put(root, name, name)
    (root / "second name").hardlink_to(root / "folder" / "bad")
    (root / "folder").chmod(0o500)
    # A squashfs keeps whole seconds.
    for path in (*root.rglob("*"), root):
        os.utime(path, (5, 5))
    return root


@pytest.fixture
def failing(place: Path) -> Iterator[Path]:
    with mounts.damaged(furnish(place / "was"), place / "old") as old:
        with (old / "folder" / "bad").open("rb", buffering=0) as file:
            assert len(file.read(4096)) == 4096
            with pytest.raises(OSError, match="Input/output"):
                file.seek(MB)
                file.read(MB // 4)
        yield old


def without_bad(facts: dict[bytes, tuple[object, ...]]) -> dict[bytes, tuple[object, ...]]:
    return {path: each for path, each in facts.items() if path not in (BAD, b"second name")}


def was_named(lost: Losses | None) -> list[tuple[str, str]]:
    assert lost is not None
    return [(each.path, each.reason) for each in lost.first]


# ------------------------------------------------------------------ a disk that cannot be read


@pytest.mark.root
async def test_all_but_what_cannot_be_read_arrives_and_that_is_named(place: Path, failing: Path) -> None:
    carry = Carry(failing, place / "new" / "state")
    with pytest.raises(NeedsAnswer, match="folder/bad") as caught:
        await carry.run()
    assert READ_ERROR in caught.value.what
    assert not carry.new.exists()
    assert was_named(losses.known(carry.ctx)) == [("folder/bad", READ_ERROR), ("second name", READ_ERROR)]
    assert seen(carry.staging) == without_bad(seen(place / "was"))
    # Again without a yes it stops again; with one it goes on, and is a loss in the comparison.
    with pytest.raises(NeedsAnswer):
        await carry.run()
    await carry.run(agreed=True)
    assert seen(carry.new) == without_bad(seen(place / "was"))
    (row,) = losses.rows(carry.ctx)
    assert (row.old, row.new, row.state) == ("2", "0", RowState.LOST)
    assert f"folder/bad ({READ_ERROR})" in row.detail
    # A yes to these is none to others.
    known = json.loads(carry.ctx.shelf.load(losses.SUMMARY) or b"")
    carry.ctx.shelf.save(losses.SUMMARY, json.dumps({**known, "sha256": "of others"}).encode())
    assert not await losses.Accept().holds(carry.ctx)


@pytest.mark.root
async def test_what_was_mended_meanwhile_comes_along_and_nobody_is_asked(place: Path) -> None:
    with mounts.damaged(furnish(place / "was"), place / "old") as old:
        carry = Carry(old, place / "new" / "state")
        with pytest.raises(NeedsAnswer):
            await carry.run()
    with mounts.mounted("mount", "--bind", place / "was", at=place / "old"):
        await carry.run()
    assert seen(carry.new) == seen(place / "was")
    assert losses.known(carry.ctx) == Losses(count=0)
    assert losses.rows(carry.ctx) == ()


@pytest.mark.root
async def test_where_blocks_of_it_are_there_already_nothing_of_it_stays(place: Path, failing: Path) -> None:
    """The way that sends only what differs of a large file, and the hashes of a walk."""
    to = place / "state.incoming-m1"
    to.mkdir(mode=0o700)
    put(to, BAD, b"\0" * MB)
    (to / "folder").chmod(0o500)
    listed = await manifest.take(local_helper(), str(failing), to=list_file(), hashes=False, losses=True)
    assert listed.lost == 0
    await sent(route(failing, to), source=listed, live=True)
    assert seen(to) == without_bad(seen(place / "was"))
    hashed = await manifest.take(local_helper(), str(failing), to=list_file(), hashes=True, losses=True)
    assert [(entry.path, entry.lost) for entry in hashed.losses] == [(BAD, "EIO"), (b"second name", "EIO")]
    assert compare.compare(hashed, await taken(to)).equal
    with pytest.raises(StepFailed, match=r"2 entries .*folder/bad \(its disk has a read error\)"):
        await taken(failing)


SICK = """
for (const name of ["readdirSync", "lstatSync"]) {
  const read = fs[name];
  fs[name] = (full, options) => {
    if (String(full).endsWith(`/sick ${name}`)) throw Object.assign(new Error("sums differ"), { errno: -74 });
    return read(full, options);
  };
}
"""


async def test_a_folder_and_an_entry_that_cannot_be_looked_at_are_lost_and_the_rest_is_listed(
    place: Path,
) -> None:
    for name in (b"a/x", b"sick readdirSync/inside", b"sick lstatSync", b"z"):
        put(place, name)
    helper = local_helper(parts=(SICK,))
    listed = await manifest.take(helper, str(place), to=list_file(), hashes=True, losses=True)
    assert [(entry.path, entry.kind, entry.lost) for entry in listed] == [
        *((b"", "d", ""), (b"a", "d", ""), (b"a/x", "f", "")),
        *((b"sick lstatSync", "o", "EIO"), (b"sick readdirSync", "d", "EIO"), (b"z", "f", "")),
    ]
    assert (listed.files, listed.lost, listed.hashed) == (2, 2, True)
    sizes = await helper.call("sizes", {"root": str(place)})
    assert sizes["files"] == 2
    with pytest.raises(StepFailed, match="2 entries"):
        await manifest.take(helper, str(place), to=list_file(), hashes=False)


@pytest.mark.root
async def test_the_safety_copy_goes_on_and_says_what_is_not_whole_in_it(place: Path, failing: Path) -> None:
    carry = Carry(failing, place / "new" / "state")
    made = await archive.make_archive(
        carry.ctx.old,
        carry.ctx.old_helper,
        local_facts(),
        carry.ctx.plan.trees,
        str(place / "kept"),
        "copy",
        carry.ctx.shelf.file("."),
    )
    assert made.entries == len(seen(failing.parent / "was"))
    assert made.unread == (f"{failing}/folder/bad", f"{failing}/second name")
    assert names_in(place / "kept") == ["copy.tar.zst"]


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[TwoHosts]:
    made = TwoHosts(tmp_path)
    yield made
    await made.close()


@pytest.mark.root
async def test_a_move_with_losses_waits_for_a_yes_and_ends_with_problems(
    place: Path, failing: Path, hosts: TwoHosts
) -> None:
    """Two SSH hosts, the real session: stop with 5, go on with --accept, end with 3."""
    actions = (back_up.CheckDatabases(), *copy.ACTIONS, verify.Compare())
    workspace = hosts.furnish() / "workspace"
    with mounts.mounted("mount", "--bind", failing, at=workspace / "media"):
        wizard = hosts.wizard(actions=actions)
        await wizard.survey(hosts.old, hosts.new)
        with pytest.raises(NeedsAnswer, match=r"media/folder/bad \(its disk has a read error\)") as caught:
            await wizard.run()
        assert caught.value.exit_code is ExitCode.NEEDS_ANSWER
        assert wizard.view.findings["lost-entries"].verdict is Verdict.LOOK
        await wizard.aclose()
        assert not (hosts.new_home / ".openclaw").exists()
        again = hosts.wizard(actions=actions, accept=frozenset({"lost-entries"}))
        assert await again.resume() is Outcome.PROBLEMS
        assert again.view.exit_code == ExitCode.PROBLEMS
        report = Path(again.report_path or "").read_text()
        await again.aclose()
    assert "workspace/media/folder/bad (its disk has a read error)" in report
    assert "cannot come along" in report and "done with problems" in report
    moved = hosts.new_home / ".openclaw" / "workspace" / "media"
    assert names_in(moved) == ["a first", "folder", "z"]
    assert names_in(moved / "folder") == ["before", "zlast"]


# ------------------------------------------------------------------ a file system that cannot hold it


@pytest.mark.root
async def test_what_new_cannot_hold_is_named_before_anything_is_sent(place: Path) -> None:
    old = place / "old"
    fine = (b"plain", b"folder/inside", b"folder/deeper/x", b"again/same", b"again/other")
    for name in (*fine, b"a:b", b"ends.", b"Upper", b"\xff", b"q?/inside/x"):
        put(old, name, name)
    (old / "link").symlink_to("plain")
    put(old, b"two names")
    (old / "of one").hardlink_to(old / "two names")
    with mounts.folding(place / "disk") as disk:
        carry = Carry(old, disk / "state")
        await carry.does(TakeManifest())
        with pytest.raises(NeedsAnswer, match="a:b"):
            await carry.run()
        assert not carry.new.exists()
        reasons = dict(was_named(losses.known(carry.ctx)))
        assert set(reasons) == {"a:b", "ends.", "Upper", "\ufffd", "q?", "q?/inside", "q?/inside/x"}
        assert reasons["a:b"] == "NEW's file system refuses it (EINVAL)"
        assert reasons["Upper"] == "NEW's file system makes upper of it"
        assert reasons["q?/inside/x"] == "its folder cannot be on NEW"
        wanted = {path for path in seen(old) if path.decode(errors="replace") not in reasons}
        assert set(seen(carry.staging)) == wanted
        # Given other names on OLD, everything comes along and nobody is asked.
        for odd, better in (("a:b", "a-b"), ("ends.", "ends"), ("Upper", "lower"), ("q?", "q")):
            (old / odd).rename(old / better)
        (old / os.fsdecode(b"\xff")).unlink()
        await carry.run()
        assert set(seen(carry.new)) == set(seen(old))


@pytest.mark.root
async def test_names_that_are_one_to_new_are_told_with_the_other(place: Path) -> None:
    old = place / "old"
    for name in ("Notes", "notes", "Folder/x", "folder/inside/x", "e\u0301/x", "\u00e9", "plain"):
        put(old, name.encode())
    source = await taken(old)
    with mounts.one_for_two(place / "disk") as disk:
        to = disk / "state.incoming-m1"
        to.mkdir(mode=0o700)
        way = route(old, to)
        assert (await terrain.look(way)).odd
        found = await terrain.marked(way, source, list_file())
        assert names_in(to) == []
    same = "to NEW's file system its name is the same as"
    assert {os.fsdecode(entry.path): manifest.why(entry) for entry in found.losses} == {
        "folder": f"{same} Folder",
        "folder/inside": "its folder cannot be on NEW",
        "folder/inside/x": "its folder cannot be on NEW",
        "notes": f"{same} Notes",
        "\u00e9": f"{same} e\u0301",
    }
    assert [entry.path for entry in found] == [entry.path for entry in await taken(old)]


async def test_an_ordinary_file_system_is_not_tried_further_and_is_left_as_it_was(place: Path) -> None:
    to = place / "state.incoming-m1"
    put(to, b"there").parent.chmod(0o500)
    before = seen(to)
    assert await terrain.look(route(place, to)) == terrain.Terrain(odd=False, step_ns=1)
    assert seen(to) == before


# ------------------------------------------------------------------ no room


@pytest.mark.root
@pytest.mark.parametrize(
    ("options", "said", "more"),
    [
        ({"size": "4m"}, r"The disk of NEW \(local\) is full: about 6.3 MB are missing", "size=100m"),
        ({"nr_inodes": "20"}, r"full: it takes no more than \d+ of 4\d entries \(inodes\)", "nr_inodes=9000"),
    ],
    ids=["bytes", "inodes"],
)
async def test_what_is_missing_is_said_before_the_stream_and_it_goes_on_with_room(
    place: Path, options: dict[str, str], said: str, more: str
) -> None:
    old = place / "old"
    for number in range(40):
        put(old, b"%02d" % number, os.urandom(MB // 4))
    with mounts.small(place / "disk", **options) as disk:
        carry = Carry(old, disk / "state")
        await carry.does(TakeManifest())
        with pytest.raises(NoRoom, match=said) as caught:
            await carry.does(Stream())
        assert "Make room" in caught.value.next
        assert names_in(carry.staging) == []
        subprocess.run(["mount", "-o", f"remount,{more}", str(disk)], check=True)
        await carry.run()
        assert seen(carry.new) == seen(old)


@pytest.mark.root
async def test_a_disk_that_fills_meanwhile_says_how_much_is_still_missing(place: Path) -> None:
    old = place / "old"
    for number in range(12):
        put(old, b"%02d" % number, os.urandom(MB))
    with mounts.small(place / "disk", size="16m") as disk:
        carry = Carry(old, disk / "state", hosts=(LocalHost(), FillsUp(disk / "another's", 8 * MB)))
        with pytest.raises(NoRoom, match=r"is full: about [\d.]+ [kM]B are missing"):
            await carry.run()
        assert not carry.new.exists()
        (disk / "another's").unlink()
        await carry.run()
        assert seen(carry.new) == seen(old)


class FillsUp(Wrapped):
    """NEW, on whose disk another writes a file when the stream begins."""

    def __init__(self, file: Path, size: int) -> None:
        super().__init__()
        self.file, self.size = file, size

    def writer(self, argv: Sequence[str]) -> AbstractAsyncContextManager[ByteSink]:
        if self.size:
            self.file.write_bytes(b"\0" * self.size)
            self.size = 0
        return super().writer(argv)


# ------------------------------------------------------------------ databases


def database(file: Path) -> Path:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE message (text)")
        db.execute("CREATE INDEX by_text ON message (text)")
        db.executemany("INSERT INTO message VALUES (?)", [(f"message {n}" * 9,) for n in range(4000)])
    return file


def spoilt(file: Path) -> None:
    with file.open("r+b") as out:
        out.seek(file.stat().st_size // 2)
        out.write(b"\xa5" * 9000)


async def test_a_damaged_copy_of_a_database_is_never_switched_in(place: Path) -> None:
    old = place / "old"
    old.mkdir()
    for name in ("sound.sqlite", "broken.sqlite"):
        database(old / name)
    spoilt(old / "broken.sqlite")
    carry = Carry(old, place / "new" / "state")
    check = CheckCopies()
    for action in (TakeManifest(), Stream(), CompareHashes()):
        await carry.does(action)
    # One that is no other than OLD's own is told apart.
    done = await check.apply(carry.ctx)
    assert done.fact == "1 of 2 intact; damaged on OLD already: broken.sqlite"
    carry.ctx.shelf.save(CHECKED, b"")
    spoilt(carry.staging / "sound.sqlite")
    with pytest.raises(StepFailed, match=r"damaged databases: sound\.sqlite \(") as caught:
        await carry.does(check)
    assert "Resume" in caught.value.next
    for again in (TakeManifest(), Stream(), CompareHashes(), check):
        await carry.does(again)
    assert seen(carry.staging) == seen(old)
    assert names_in(carry.staging) == ["broken.sqlite", "sound.sqlite"]
