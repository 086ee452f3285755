"""What is kept is whole, and made once."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.lab.cached import fingerprint, made_once


def test_it_is_made_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(place: Path) -> None:
        made.append(place)
        place.mkdir()
        (place / "file").write_text("x")

    folder = tmp_path / "below" / "kept"
    assert made_once(folder, make) == made_once(folder, make) == folder
    assert (folder / "file").read_text() == "x" and len(made) == 1
    assert not made[0].exists()


def test_what_a_failure_or_a_kill_left_is_not_taken_for_it(tmp_path: Path) -> None:
    def half(place: Path) -> None:
        place.mkdir()
        (place / "half").touch()
        raise RuntimeError("no more")

    def whole(place: Path) -> None:
        place.mkdir()

    folder = tmp_path / "kept"
    with pytest.raises(RuntimeError):
        made_once(folder, half)
    assert not folder.exists()
    assert list(made_once(folder, whole).iterdir()) == []


def test_two_at_once_make_one(tmp_path: Path) -> None:
    made: list[int] = []

    def make(place: Path) -> None:
        made.append(1)
        time.sleep(0.2)
        place.mkdir()

    runs = [threading.Thread(target=made_once, args=(tmp_path / "kept", make)) for _ in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert made == [1]


def test_a_fingerprint_tells_parts_apart() -> None:
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint("ab", b"c") == fingerprint("ab", "c")
