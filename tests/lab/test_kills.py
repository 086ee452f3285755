"""Killed at random moments (SIGKILL) and started again: in the end all is equal, and never half of it.

The wizard's transfer is a process of its own; its helpers and its unpacker are killed as well.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.kills import Toll, killed

# Root, since it can read and set any mode of the hostile tree.
pytestmark = [pytest.mark.node, pytest.mark.root]


def assert_nothing_lost(toll: Toll, kills: int) -> None:
    victims = ", ".join(f"{name} {count}" for name, count in toll.victims.most_common())
    print(
        f"{toll.kills} kills ({victims}), {toll.starts - toll.moves} restarts in {toll.moves} moves, "
        f"{len(toll.refusals)} times it said what was wrong, {len(toll.differences)} differences"
    )
    assert toll.kills == kills and toll.starts - toll.moves <= kills
    assert toll.half_written == []
    assert toll.differences == []


def test_five_kills(tmp_path: Path) -> None:
    toll = killed(tmp_path, kills=5, seed=4, files=200, megabytes=8, within=1.5)
    assert_nothing_lost(toll, 5)


@pytest.mark.matrix
def test_a_hundred_kills(tmp_path: Path) -> None:
    toll = killed(tmp_path, kills=100, seed=100, files=3000, megabytes=40, within=4)
    assert_nothing_lost(toll, 100)
    assert toll.victims["wizard"] >= 30 and toll.victims["node"] >= 10 and toll.victims["tar"] >= 1
