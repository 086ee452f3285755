"""Manifest and comparison: pure, and on real trees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.helper import HelperFailed
from openclaw_wizard.model import Excluded
from openclaw_wizard.transfer import compare, manifest, stream, tar
from openclaw_wizard.transfer.manifest import Entry, Manifest
from tests.odd_trees import build, local_helper, put, seen, taken

SECOND = 1_000_000_000


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder; the test's own HOME lies beside it."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def entry(path: bytes, **changes: Any) -> Entry:
    whole = Entry(path, "f", 10, 0o600, 5 * SECOND + 123, 1000, sha256="aa")
    return replace(whole, **changes)


def folder(path: bytes, **changes: Any) -> Entry:
    return entry(path, kind="d", size=0, mode=0o700, sha256=None, **changes)


def tree(*entries: Entry) -> Manifest:
    ordered = {each.path: each for each in sorted((folder(b""), *entries), key=lambda each: each.path)}
    return Manifest(ordered, (), sum(e.kind == "f" for e in entries), sum(e.size for e in entries))


# ------------------------------------------------------------------ the kept form


def test_a_manifest_comes_back_as_it_was_kept() -> None:
    kept = replace(
        tree(
            entry(b"a\nb\xff", group="1:2", changed=True),
            entry(b"l", kind="l", size=0, link=b"\xfe\n", sha256=None),
            entry(b"unhashed", sha256=None),
        ),
        excluded=(Excluded(path="tmp", reason="scratch"),),
    )
    assert manifest.loads(manifest.dumps(kept)) == kept


WHOLE = manifest.dumps(tree(entry(b"a"), entry(b"b")))
LINES = WHOLE.splitlines(keepends=True)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"not json\n",
        b"[1]\n[2]\n",
        WHOLE[:-5],
        b"".join(LINES[:-1]),
        b"".join(LINES[:2] + LINES[3:]),
        b"".join(LINES[1:]),
        WHOLE.replace(b'"manifest": 1', b'"manifest": 2'),
        WHOLE.replace(b'"k": "f"', b'"k": "z"'),
        WHOLE.replace(b'"m": 384', b'"m": null'),
        WHOLE.replace(b'"p": "YQ=="', b'"p": "#"'),
        WHOLE.replace(b'"p": "YQ==", ', b""),
    ],
)
def test_a_damaged_manifest_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError):
        manifest.loads(damaged)


# ------------------------------------------------------------------ what is needed


@pytest.mark.parametrize(
    ("change", "is_needed"),
    [
        ({}, False),
        ({"size": 11}, True),
        ({"mode": 0o644}, True),
        ({"mtime_ns": 6 * SECOND}, True),
        ({"mtime_ns": 5 * SECOND}, False),
        ({"sha256": "bb"}, True),
        ({"sha256": None}, False),
        ({"uid": 0}, False),
        ({"kind": "l", "link": b"x"}, True),
    ],
)
def test_a_file_is_needed_where_it_differs(change: dict[str, Any], is_needed: bool) -> None:
    found = compare.needed(tree(entry(b"a"), entry(b"b")), tree(entry(b"a", **change), entry(b"b")))
    assert found == ((b"a",) if is_needed else ())


def test_what_is_missing_or_was_read_while_it_changed_is_needed() -> None:
    source = tree(entry(b"a"), entry(b"b", changed=True), entry(b"c"))
    assert compare.needed(source, tree(entry(b"b"), entry(b"c"))) == (b"a", b"b")


def test_links_and_folders_are_judged_by_what_they_are() -> None:
    link = entry(b"l", kind="l", size=0, link=b"x", sha256=None)
    source = tree(link, folder(b"d"))
    assert compare.needed(source, tree(replace(link, mtime_ns=0), folder(b"d", mtime_ns=0))) == ()
    assert compare.needed(source, tree(replace(link, link=b"y"), folder(b"d"))) == (b"l",)
    assert compare.needed(source, tree(link, replace(folder(b"d"), mode=0o755))) == (b"d",)


@pytest.mark.parametrize("differing", [b"s.sqlite", b"s.sqlite-wal", b"s.sqlite-journal"])
def test_a_database_and_its_log_are_needed_together(differing: bytes) -> None:
    unit = (b"s.sqlite", b"s.sqlite-journal", b"s.sqlite-wal")
    source = tree(entry(b"other"), *(entry(path) for path in unit))
    staged = tree(entry(b"other"), *(entry(path, size=10 + (path == differing)) for path in unit))
    assert compare.needed(source, staged) == unit


def test_a_log_that_only_staging_has_makes_its_database_needed() -> None:
    source = tree(entry(b"s.sqlite"))
    assert compare.needed(source, tree(entry(b"s.sqlite"), entry(b"s.sqlite-wal"))) == (b"", b"s.sqlite")


def test_what_only_staging_has_makes_the_root_needed_so_that_it_is_cleared() -> None:
    assert compare.needed(tree(entry(b"a")), tree(entry(b"a"), entry(b"gone on OLD"))) == (b"",)


def test_the_names_of_one_file_are_needed_together() -> None:
    source = tree(entry(b"a", group="1:1"), entry(b"b", group="1:1"), entry(b"c", group="1:2"))
    staged = tree(entry(b"a", size=1), entry(b"b"), entry(b"c"))
    assert compare.needed(source, staged) == (b"a", b"b")


# ------------------------------------------------------------------ what changed meanwhile


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({}, False),
        ({"size": 11}, True),
        ({"mode": 0o644}, True),
        ({"mtime_ns": 5 * SECOND + 124}, True),
        ({"kind": "l", "link": b"x"}, True),
        ({"sha256": None, "uid": 0}, False),
    ],
)
def test_a_file_that_changed_since_it_was_listed_is_told(change: dict[str, Any], counts: bool) -> None:
    then, now = tree(entry(b"a"), entry(b"b")), tree(entry(b"a", **change), entry(b"b"))
    assert compare.drifted(then, now) == ((b"a",) if counts else ())


def test_what_came_went_or_changed_under_the_reading_is_told_too() -> None:
    then = tree(entry(b"read while it changed", changed=True), entry(b"gone"), folder(b"d"))
    now = tree(entry(b"read while it changed"), entry(b"came"), folder(b"d", mtime_ns=0))
    assert compare.drifted(then, now) == (b"came", b"gone", b"read while it changed")


def test_a_link_is_another_where_it_points_elsewhere_and_nowhere_else() -> None:
    link = entry(b"l", kind="l", size=0, link=b"x", sha256=None)
    assert compare.drifted(tree(link), tree(replace(link, mode=0o755, mtime_ns=0))) == ()
    assert compare.drifted(tree(link), tree(replace(link, link=b"y"))) == (b"l",)


@pytest.mark.parametrize(
    ("path", "said"),
    [(b"", "."), (b"a\nb\xff", "a\\nb\ufffd"), (b"x" * 81, "x" * 40 + "…" + "x" * 20), (b"y" * 80, "y" * 80)],
)
def test_a_path_is_told_on_one_line_and_never_endless(path: bytes, said: str) -> None:
    assert manifest.shown(path) == said


# ------------------------------------------------------------------ the proof


def test_equal_trees_are_equal_whatever_their_times_and_owners() -> None:
    source = tree(entry(b"a"), entry(b"l", kind="l", link=b"x", sha256=None, mode=0o777))
    staged = tree(entry(b"a", uid=0, mtime_ns=0), entry(b"l", kind="l", link=b"x", sha256=None, mode=0o755))
    assert compare.compare(source, staged) == compare.Comparison((), (), ())
    assert compare.compare(source, staged).equal


@pytest.mark.parametrize(
    "change", [{"sha256": "bb"}, {"sha256": None}, {"mode": 0o640}, {"kind": "l", "link": b"x"}]
)
def test_a_difference_is_named(change: dict[str, Any]) -> None:
    source = tree(entry(b"a"), entry(b"missing"))
    staged = tree(entry(b"a", **change), entry(b"extra"))
    found = compare.compare(source, staged)
    assert found == compare.Comparison((b"missing",), (b"a",), (b"extra",))
    assert not found.equal


def test_files_without_hashes_are_never_called_equal() -> None:
    unhashed = tree(entry(b"a", sha256=None))
    assert compare.compare(unhashed, unhashed).different == (b"a",)


# ------------------------------------------------------------------ what is sent


def test_the_folders_above_are_sent_too() -> None:
    source = tree(folder(b"a"), folder(b"a/b"), entry(b"a/b/c"), folder(b"d"))
    assert stream.with_folders([b"a/b/c"], source) == (b"", b"a", b"a/b", b"a/b/c")


def test_the_volume_counts_a_file_with_two_names_once() -> None:
    source = tree(entry(b"a", group="1:1"), entry(b"b", group="1:1"), entry(b"c"))
    assert stream.volume(source, [b"a", b"b", b"c"]) == 20


def test_names_can_never_be_options() -> None:
    assert tar.name_list([b"", b"-rf", b"a\nb"]) == b"./\0./-rf\0./a\nb\0"


def test_busybox_does_not_pack_itself() -> None:
    asked = tar.packing(tar.BUSYBOX, tar.GNU, "/x", [b"a\nb"], live=True)
    assert asked == {"tar": None, "root": "/x", "names": "Li9hCmIA", "fine": True, "live": True}
    assert tar.packing(tar.BUSYBOX, tar.BUSYBOX, "/x", [])["fine"] is False


def test_folders_come_last_where_busybox_unpacks() -> None:
    source = tree(folder(b"a"), folder(b"a/b"), entry(b"a/b/c"))
    assert tar.in_order(tuple(source.entries), source, tar.BUSYBOX) == (b"a/b/c", b"a/b", b"a", b"")
    assert tar.in_order(tuple(source.entries), source, tar.GNU) == tuple(source.entries)


@pytest.mark.parametrize("flavour", [None, "star"])
def test_without_a_known_tar_it_says_so(flavour: str | None) -> None:
    with pytest.raises(StepFailed, match="no tar"):
        tar.pack_argv(flavour, tar.GNU, "/x")
    with pytest.raises(StepFailed, match="no tar"):
        tar.unpack_argv(flavour, "/x", tar.NONE)


# ------------------------------------------------------------------ real trees


@pytest.mark.node
async def test_a_manifest_holds_the_whole_tree(place: Path) -> None:
    root = build(place / "tree")
    told: list[tuple[int, int]] = []
    found = await manifest.take(
        local_helper(), str(root), hashes=True, on_progress=lambda f, b: told.append((f, b))
    )
    assert list(found.entries) == sorted(seen(root))
    assert found.files == sum(facts[0] == "f" for facts in seen(root).values())
    assert {each.path: each.reason for each in found.excluded} == {"pipe": "pipe", "socket": "socket"}
    assert told[-1][0] == found.files
    assert manifest.loads(manifest.dumps(found)) == found
    assert compare.compare(found, await taken(root)).equal


@pytest.mark.node
async def test_shared_memory_of_a_database_never_travels(place: Path) -> None:
    for name in (b"s.sqlite", b"s.sqlite-wal", b"lonely.sqlite-shm", b"notes.db"):
        put(place, name)
    put(place, b"s.sqlite-shm", b"\0" * 32768)
    put(place, b"notes.db-shm", b"somebody's own file")
    found = await taken(place)
    assert sorted(found.entries) == [
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
    found = await manifest.take(local_helper(), str(place), [("npm/", "reinstalled")], hashes=False)
    assert sorted(found.entries) == [b"", b"keep"]
    assert found.excluded == (Excluded(path="npm", reason="reinstalled"),)


@pytest.mark.node
async def test_a_folder_that_is_not_there_is_an_error(place: Path) -> None:
    with pytest.raises(HelperFailed) as caught:
        await taken(place / "nowhere")
    assert caught.value.error_code == "ENOENT"
