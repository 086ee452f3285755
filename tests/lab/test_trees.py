"""Hostile trees through the wizard's own transfer: what can move arrives as it was, the rest is named."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, note, settings

from tests.lab import trees
from tests.lab.base import base
from tests.lab.carry import Carry, facts_with
from tests.lab.trees import EVERYTHING, Tree
from tests.odd_trees import names_in

# Root, since it can read and set any mode; what an ordinary user cannot read has a file of its own.
pytestmark = [pytest.mark.node, pytest.mark.root]

quick = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    # An example starts a dozen processes of Node; Hypothesis means functions when it says slow.
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def debian() -> Path:
    """The lab's Debian, which has the other tars; asked for before a test has a cache of its own."""
    return base()


def carried(tree: Tree, old_tar: str = "gnu", new_tar: str = "gnu", debian: Path | None = None) -> None:
    """One move of `tree`, with everything that must hold after it."""
    with tempfile.TemporaryDirectory(prefix="hostile-") as place:
        root = Path(place)
        facts = tuple(facts_with(each, root / f"bin-{each}", debian) for each in (old_tar, new_tar))
        old = trees.make(tree, root / "old")
        before = trees.read_back(old)
        carry = Carry(old, root / "new" / "state", facts=(facts[0], facts[1]))
        asyncio.run(carry.run())
        assert trees.read_back(old) == before
        exactly = old_tar == new_tar == "gnu"
        assert_same(before, trees.read_back(carry.new), exactly=exactly)
        assert named(carry) == trees.immovable(tree)
        assert names_in(carry.new.parent) == ["state"]


def assert_same(
    before: tuple[trees.Facts, set[tuple[bytes, ...]]],
    after: tuple[trees.Facts, set[tuple[bytes, ...]]],
    *,
    exactly: bool,
) -> None:
    wanted, found = before[0], after[0]
    if not exactly:
        wanted, found = trees.as_kept_by_any_tar(wanted), trees.as_kept_by_any_tar(found)
    for path in wanted.keys() | found.keys():
        assert found.get(path) == wanted.get(path), path
    assert after[1] == before[1]


def named(carry: Carry) -> list[tuple[str, str]]:
    return sorted((each.path, each.reason) for each in carry.manifest.excluded)


@given(trees.trees())
@example(EVERYTHING)
@quick
def test_whatever_can_move_arrives_and_the_rest_is_named(tree: Tree) -> None:
    note(f"{tree}")
    carried(tree)


@pytest.mark.matrix
@given(trees.trees(size=60))
@settings(quick, max_examples=150, derandomize=False)
def test_many_more_of_them(tree: Tree) -> None:
    """Others at every run."""
    note(f"{tree}")
    carried(tree)


@pytest.mark.lab
@pytest.mark.parametrize("old", ["gnu", "bsd", "busybox"])
@pytest.mark.parametrize("new", ["gnu", "bsd", "busybox"])
@given(tree=trees.trees())
@example(tree=EVERYTHING)
@settings(quick, max_examples=3)
def test_between_other_tars_all_but_times_arrives_exactly(
    debian: Path, tree: Tree, old: str, new: str
) -> None:
    note(f"{tree}")
    carried(tree, old, new, debian)
