"""Manifest and comparison: pure, and on real trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.helper import HelperFailed
from openclaw_wizard.model import Excluded
from openclaw_wizard.transfer import compare, manifest, tar
from openclaw_wizard.transfer.manifest import Entry, Manifest, order
from tests.odd_trees import build, list_file, listed, local_facts, local_helper, put, route, seen, taken

SECOND = 1_000_000_000


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder; the test's own HOME lies beside it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def entry(path: bytes, **changes: Any) -> Entry:
    whole = Entry(path, "f", 10, 0o600, 5 * SECOND + 123, 1000, sha256="aa")
    return structs.replace(whole, **changes)


def folder(path: bytes, **changes: Any) -> Entry:
    return structs.replace(entry(path, kind="d", size=0, mode=0o700, sha256=None), **changes)


def tree(*entries: Entry) -> Manifest:
    return listed(*entries)


# ------------------------------------------------------------------ the kept form


def test_a_manifest_comes_back_as_it_was_kept() -> None:
    entries = (
        entry(b"a\nb\xff", group="1:2", changed=True, ctime_ns=7, inode="12"),
        entry(b"l", kind="l", size=0, link=b"\xfe\n", sha256=None),
        entry(b"second name", group="1:2"),
        entry(b"sparse, unhashed", sha256=None, sparse=True),
    )
    kept = tree(*entries)
    assert manifest.load(kept.path) == kept
    assert [each for each in kept if each.path] == list(entries)
    assert (len(kept), kept.files, kept.bytes, kept.linked, kept.hashed) == (5, 3, 20, True, False)


def test_the_order_is_that_of_a_walk() -> None:
    paths = [b"", b"a", b"a/b", b"a/b/c", b"a/b-", b"a-", b"a.b", b"b"]
    assert sorted(paths, key=order) == paths


def test_what_is_not_published_is_not_there(place: Path) -> None:
    with pytest.raises(RuntimeError), manifest.Writer(place / "m.jsonl") as writer:
        writer.add(entry(b"a"))
        raise RuntimeError
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"not json\n",
        lambda whole: b"[1]\n[2]\n",
        lambda whole: whole[:-5],
        lambda whole: whole[: whole[:-1].rindex(b"\n") + 1],
        lambda whole: whole[whole.index(b"\n") + 1 :],
        lambda whole: whole.replace(b'"manifest":5', b'"manifest":4'),
    ],
)
def test_a_damaged_manifest_is_refused(damage: Callable[[bytes], bytes]) -> None:
    file = tree(entry(b"a"), entry(b"b")).path
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ValueError, match="manifest"):
        manifest.load(file)


@pytest.mark.parametrize(
    ("good", "bad"), [(b'"k":"f"', b'"k":"z"'), (b'"m":384', b'"m":null'), (b'"p":"YQ=="', b'"p":"#"')]
)
def test_a_damaged_entry_is_refused(good: bytes, bad: bytes) -> None:
    kept = tree(entry(b"a"))
    kept.path.write_bytes(kept.path.read_bytes().replace(good, bad))
    with pytest.raises(ValueError):
        list(kept)


# ------------------------------------------------------------------ what is to be done


def told(source: Manifest, staged: Manifest | None, precision: int = 1) -> list[str]:
    """The work in short: `+` what is sent, `.` a folder sent for its time, `-` cleared, `o` opened."""
    marks = {compare.Clear: "-", compare.Open: "o"}
    found = []
    for each in compare.work(source, staged, precision=precision):
        if isinstance(each, compare.Send):
            found.append(("+" if each.asked else ".") + each.entry.path.decode())
        else:
            found.append(marks[type(each)] + each.path.decode())
    return found


@pytest.mark.parametrize(
    ("change", "is_needed"),
    [
        ({}, False),
        ({"size": 11}, True),
        ({"mode": 0o644}, True),
        ({"mtime_ns": 6 * SECOND}, True),
        ({"mtime_ns": 5 * SECOND}, True),
        ({"sha256": "bb"}, True),
        ({"sha256": None}, True),
        ({"uid": 0, "ctime_ns": 9, "inode": "9"}, False),
    ],
)
def test_a_file_is_sent_where_it_differs(change: dict[str, Any], is_needed: bool) -> None:
    found = told(tree(entry(b"a"), entry(b"b")), tree(entry(b"a", **change), entry(b"b")))
    assert found == ([".", "+a"] if is_needed else [])


def test_where_new_keeps_seconds_only_seconds_count() -> None:
    source, staged = tree(entry(b"a")), tree(entry(b"a", mtime_ns=5 * SECOND))
    assert told(source, staged, SECOND) == []
    assert told(source, tree(entry(b"a", mtime_ns=6 * SECOND)), SECOND) == [".", "+a"]


def test_all_is_sent_where_nothing_is_there_yet() -> None:
    source = tree(folder(b"d"), entry(b"d/a", sha256=None))
    assert told(source, None) == ["+", "+d", "+d/a"]


def test_a_file_that_is_not_hashed_is_never_taken_for_equal() -> None:
    source = tree(entry(b"a", sha256=None))
    assert told(source, source) == [".", "+a"]


def test_the_folders_above_are_sent_for_their_times_and_no_others() -> None:
    source = tree(folder(b"a"), folder(b"a/b"), entry(b"a/b/c"), folder(b"d"), entry(b"d/e"))
    staged = tree(folder(b"a"), folder(b"a/b"), folder(b"d"), entry(b"d/e"))
    assert told(source, staged) == [".", ".a", ".a/b", "+a/b/c"]


def test_closed_folders_are_opened_where_something_in_them_changes() -> None:
    shut = folder(b"a", mode=0o500)
    source = tree(shut, entry(b"a/c"), folder(b"b", mode=0o500))
    staged = tree(shut, entry(b"a/c", size=1), folder(b"b", mode=0o500))
    assert told(source, staged) == [".", "oa", ".a", "+a/c"]
    assert told(source, tree(shut, entry(b"a/c"), folder(b"b", mode=0o400))) == [".", "ob", "+b"]


def test_links_and_folders_are_judged_by_what_they_are() -> None:
    link = entry(b"l", kind="l", size=0, link=b"x", sha256=None)
    source = tree(link, folder(b"d"))
    assert told(source, tree(structs.replace(link, mtime_ns=0), folder(b"d"))) == []
    assert told(source, tree(structs.replace(link, link=b"y"), folder(b"d"))) == [".", "+l"]
    assert told(source, tree(link, structs.replace(folder(b"d"), mode=0o755))) == [".", "+d"]


def test_what_only_staging_has_is_cleared_by_its_topmost_name() -> None:
    source = tree(entry(b"a"), entry(b"s.sqlite"))
    staged = tree(entry(b"a"), folder(b"gone"), entry(b"gone/x"), entry(b"s.sqlite"), entry(b"s.sqlite-wal"))
    assert told(source, staged) == [".", "-gone", "-s.sqlite-wal"]


def test_what_is_another_kind_of_thing_is_cleared_first() -> None:
    source = tree(folder(b"a"), entry(b"a/x"), entry(b"b"))
    staged = tree(entry(b"a"), folder(b"b"), entry(b"b/x"))
    assert told(source, staged) == [".", "-a", "+a", "+a/x", "-b", "+b"]


def test_the_names_of_one_file_are_sent_together() -> None:
    source = tree(entry(b"a", group="1:1"), entry(b"b", group="1:1"), entry(b"c", group="1:2"))
    staged = tree(entry(b"a", size=1, group="8"), entry(b"b", group="8"), entry(b"c"))
    assert told(source, staged) == [".", "+a", "+b"]


def test_names_that_are_one_file_on_one_side_only_are_sent() -> None:
    one = tree(entry(b"a", group="1"), entry(b"b", group="1"))
    two = tree(entry(b"a"), entry(b"b"))
    assert told(one, two) == [".", "+a", "+b"]
    assert told(two, one) == [".", "+a", "+b"]
    assert not compare.compare(one, two).equal and not compare.compare(two, one).equal


# ------------------------------------------------------------------ what is known from before


@pytest.mark.parametrize(
    ("change", "is_known"),
    [
        ({}, True),
        ({"size": 11}, False),
        ({"mtime_ns": 6 * SECOND}, False),
        ({"ctime_ns": 3 * SECOND}, False),
        ({"inode": "8"}, False),
        ({"mode": 0o644, "uid": 0}, True),
    ],
)
def test_a_hash_is_carried_where_nothing_changed_since(
    change: dict[str, Any], is_known: bool, place: Path
) -> None:
    file = entry(b"a", ctime_ns=2 * SECOND, inode="7")
    before = replace(tree(file), began_ns=10 * SECOND)
    now = tree(structs.replace(file, sha256=None, **change))
    (_, found) = compare.carried(now, before, place / "m.jsonl")
    assert found.sha256 == ("aa" if is_known else None)


def test_no_hash_is_carried_over_another_start_of_the_host(place: Path) -> None:
    file = entry(b"a", ctime_ns=2 * SECOND, inode="7")
    before = replace(tree(file), began_ns=10 * SECOND, boot="first")
    now = replace(tree(structs.replace(file, sha256=None)), boot="second")
    (_, found) = compare.carried(now, before, place / "m.jsonl")
    assert found.sha256 is None


def test_a_hash_is_not_carried_where_the_clock_is_too_coarse_to_tell(place: Path) -> None:
    file = entry(b"a", ctime_ns=2 * SECOND, inode="7")
    before = replace(tree(file), began_ns=2 * SECOND + SECOND // 2)
    (_, found) = compare.carried(tree(structs.replace(file, sha256=None)), before, place / "m.jsonl")
    assert found.sha256 is None


def test_a_hash_of_something_in_between_is_not_carried(place: Path) -> None:
    file = entry(b"a", ctime_ns=2 * SECOND, inode="7", changed=True)
    before = replace(tree(file), began_ns=10 * SECOND)
    now = tree(structs.replace(file, sha256=None, changed=False))
    (_, found) = compare.carried(now, before, place / "m.jsonl")
    assert found.sha256 is None


def test_what_was_packed_takes_the_place_of_what_was_listed(place: Path) -> None:
    source = tree(entry(b"a", sha256=None), entry(b"b", sha256="bb"))
    packed = tree(entry(b"a", sha256="cc"))
    whole = compare.merged(source, (packed,), place / "m.jsonl")
    assert [each.sha256 for each in whole] == [None, "cc", "bb"]
    assert whole.hashed
    parts = (manifest.write(list_file(), [entry(b"b", sha256="ee")]), packed)
    assert [each.sha256 for each in compare.merged(source, parts, place / "two.jsonl")] == [None, "cc", "ee"]
    assert list(compare.changed(source, packed)) == []
    assert list(compare.changed(source, tree(entry(b"a", size=1)))) == [b"a"]


# ------------------------------------------------------------------ what changed meanwhile


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({}, False),
        ({"size": 11}, True),
        ({"mode": 0o644}, True),
        ({"mtime_ns": 5 * SECOND + 124}, True),
        ({"ctime_ns": 1}, True),
        ({"inode": "1"}, True),
        ({"kind": "l", "link": b"x"}, True),
        ({"sha256": None, "uid": 0}, False),
    ],
)
def test_a_file_that_changed_since_it_was_listed_is_told(change: dict[str, Any], counts: bool) -> None:
    then, now = tree(entry(b"a"), entry(b"b")), tree(entry(b"a", **change), entry(b"b"))
    assert list(compare.drifted(then, now)) == ([b"a"] if counts else [])


def test_what_came_went_or_changed_under_the_reading_is_told_too() -> None:
    then = tree(entry(b"read while it changed", changed=True), entry(b"gone"), folder(b"d"))
    now = tree(entry(b"read while it changed"), entry(b"came"), folder(b"d", mtime_ns=0))
    assert list(compare.drifted(then, now)) == [b"came", b"gone", b"read while it changed"]


def test_a_link_is_another_where_it_points_elsewhere_and_nowhere_else() -> None:
    link = entry(b"l", kind="l", size=0, link=b"x", sha256=None)
    assert list(compare.drifted(tree(link), tree(structs.replace(link, mode=0o755, mtime_ns=0)))) == []
    assert list(compare.drifted(tree(link), tree(structs.replace(link, link=b"y")))) == [b"l"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (b"", "."),
        (b"a\nb\xff", "a\\nb\ufffd"),
        ("\x1b[2J\t\u202egpj.exe é".encode(), "\\x1b[2J\\t\\u202egpj.exe é"),
        (b"x" * 81, "x" * 40 + "…" + "x" * 20),
        (b"y" * 80, "y" * 80),
    ],
)
def test_a_path_is_told_on_one_line_and_never_endless(path: bytes, said: str) -> None:
    assert manifest.shown(path) == said


# ------------------------------------------------------------------ the proof


def test_equal_trees_are_equal_whoever_owns_them() -> None:
    source = tree(entry(b"a"), entry(b"l", kind="l", link=b"x", sha256=None, mode=0o777))
    staged = tree(entry(b"a", uid=0), entry(b"l", kind="l", link=b"x", sha256=None, mode=0o755, mtime_ns=0))
    assert compare.compare(source, staged).equal


@pytest.mark.parametrize(
    "change",
    [{"sha256": "bb"}, {"sha256": None}, {"mode": 0o640}, {"mtime_ns": 1}, {"kind": "l", "link": b"x"}],
)
def test_a_difference_is_named(change: dict[str, Any]) -> None:
    source = tree(entry(b"a"), entry(b"missing"))
    staged = tree(entry(b"a", **change), entry(b"extra"))
    found = compare.compare(source, staged)
    assert (found.missing, found.different, found.extra) == (1, 1, 1)
    assert found.names == [b"a", b"extra", b"missing"]
    assert not found.equal


def test_files_without_hashes_are_never_called_equal() -> None:
    unhashed = tree(entry(b"a", sha256=None))
    found = compare.compare(unhashed, unhashed)
    assert (found.different, found.names) == (1, [b"a"])
    assert compare.looks_alike(unhashed, unhashed)


def test_of_very_many_differences_the_first_are_kept() -> None:
    source = tree(*(entry(b"%03d" % number) for number in range(100)))
    found = compare.compare(source, tree())
    assert (found.missing, len(found.names)) == (100, compare.NAMED)


# ------------------------------------------------------------------ what packs and unpacks


@pytest.mark.parametrize(
    ("old", "new", "suffix", "by_program"),
    [
        ({}, {}, ".tar.zst", True),
        ({"zstd": False}, {}, ".tar.zst", True),
        ({}, {"zstd": False}, ".tar.zst", False),
        ({}, {"tar": "busybox"}, ".tar.zst", False),
        ({"zstd": False, "node": "22.14.0"}, {}, ".tar.gz", True),
        ({"zstd": False, "node": "23.7.0"}, {}, ".tar.gz", True),
        ({}, {"zstd": False, "node": None, "gzip": False}, ".tar.gz", False),
    ],
)
def test_the_compression_is_one_that_both_have(
    old: dict[str, Any], new: dict[str, Any], suffix: str, by_program: bool
) -> None:
    found = tar.compression(local_facts(**old), local_facts(**new))
    assert (found.suffix, bool(found.program)) == (suffix, by_program)


@pytest.mark.parametrize("flavour", [None, "star"])
def test_without_a_known_tar_it_says_so(flavour: str | None) -> None:
    with pytest.raises(StepFailed, match="no tar"):
        tar.dialect(flavour)
    with pytest.raises(StepFailed, match="no tar"):
        tar.unpack_argv(flavour, "/x", tar.NONE)


# ------------------------------------------------------------------ real trees


@pytest.mark.node
async def test_a_manifest_holds_the_whole_tree(place: Path) -> None:
    root = build(place / "tree")
    told: list[tuple[int, int]] = []
    found = await manifest.take(
        local_helper(),
        str(root),
        to=list_file(),
        hashes=True,
        on_progress=lambda files, size: told.append((files, size)),
    )
    paths = [entry.path for entry in found]
    assert paths == sorted((b"" if path == b"." else path for path in seen(root)), key=order)
    assert found.files == sum(facts[0] == "f" for facts in seen(root).values())
    assert {each.path: each.reason for each in found.excluded} == {"pipe": "pipe", "socket": "socket"}
    assert told[-1][0] == found.files
    assert [entry.path for entry in found if entry.sparse] == [b"sparse"]
    assert compare.compare(found, await taken(root)).equal


@pytest.mark.node
async def test_shared_memory_of_a_database_never_travels(place: Path) -> None:
    for name in (b"s.sqlite", b"s.sqlite-wal", b"lonely.sqlite-shm", b"notes.db"):
        put(place, name)
    put(place, b"s.sqlite-shm", b"\0" * 32768)
    put(place, b"notes.db-shm", b"somebody's own file")
    found = await taken(place)
    assert [entry.path for entry in found] == [
        b"",
        b"lonely.sqlite-shm",
        b"notes.db",
        b"notes.db-shm",
        b"s.sqlite",
        b"s.sqlite-wal",
    ]
    assert [each.path for each in found.excluded] == ["s.sqlite-shm"]


@pytest.mark.node
async def test_rules_leave_out_by_name_and_reason(place: Path) -> None:
    put(place, b"npm/projects/x")
    put(place, b"keep")
    rules = [("npm/", "reinstalled")]
    found = await manifest.take(local_helper(), str(place), rules, to=list_file(), hashes=False)
    assert [entry.path for entry in found] == [b"", b"keep"]
    assert found.excluded == (Excluded(path="npm", reason="reinstalled"),)


@pytest.mark.node
async def test_a_folder_that_is_not_there_is_an_error(place: Path) -> None:
    with pytest.raises(HelperFailed) as caught:
        await taken(place / "nowhere")
    assert caught.value.error_code == "ENOENT"


@pytest.mark.parametrize(
    ("rate", "strongest", "gzip"),
    [
        (None, 3, 1),
        (1e9, 3, 1),
        (40e6, 3, 1),
        # 100 Mbit/s: level 9 was slower there than 3 (measured).
        (11.9e6, 3, 1),
        (5e6, 9, 1),
        (3e6, 9, 6),
        (100e3, 9, 6),
        (0.0, 9, 6),
    ],
)
def test_a_level_keeps_the_link_busy(rate: float | None, strongest: int, gzip: int) -> None:
    assert tar.level(tar.ZSTD_LEVELS, rate) == strongest
    assert tar.level(tar.GZIP_LEVELS, rate) == gzip


def test_a_slower_link_never_gets_a_lighter_level() -> None:
    for levels in (tar.ZSTD_LEVELS, tar.GZIP_LEVELS):
        chosen = [tar.level(levels, rate) for rate in (1e3, 1e5, 1e6, 3e6, 1e7, 3e7, 1e8, 1e9)]
        assert chosen == sorted(chosen, reverse=True)


def test_the_limit_and_the_link_both_count() -> None:
    way = route(Path("/old"), Path("/new"))
    assert way.packed.name == "zstd 3"
    assert replace(way, rate=12e6).packed.name == "zstd 3"
    assert replace(way, rate=12e6, bwlimit=1_000_000).packed.name == "zstd 9"
    assert replace(way, rate=1e6, bwlimit=50_000_000).packed.name == "zstd 9"
    plain = local_facts(zstd=False, node="22.12.0")
    assert replace(way, old_facts=plain, rate=1e6).packed.name == "gzip 6"
