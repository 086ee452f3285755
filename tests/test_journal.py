from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from openclaw_wizard.errors import FormatUnknown, JournalCorrupt, MoveInUse, NoSuchMove
from openclaw_wizard.events import (
    ActionDone,
    ActionStarted,
    MoveCreated,
    decode,
    encode,
)
from openclaw_wizard.journal import Journal, Moves, new_move_id, replay, save


def created(format: int = 1) -> MoveCreated:
    return MoveCreated(
        format=format, wizard="0", move="m", old="a", new="b", context={}, plan_sha256="", actions=()
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Moves(tmp_path).create(new_move_id(1.0))


def test_what_was_appended_is_replayed(folder: Path) -> None:
    journal = Journal(folder, create=True)
    for event in (created(), ActionStarted(action="x"), ActionDone(action="x", fact="line\nbreak")):
        journal.append(event)
    journal.close()
    assert Journal(folder).events == [
        created(),
        ActionStarted(action="x"),
        ActionDone(action="x", fact="line\nbreak"),
    ]


def test_only_its_user_can_read_it(folder: Path) -> None:
    journal = Journal(folder, create=True)
    journal.append(created())
    journal.save("side.json", b"{}")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("journal.jsonl", "side.json"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name


@pytest.mark.parametrize("keep", range(0, 60, 7))
def test_a_torn_last_line_is_dropped_and_written_over(folder: Path, keep: int) -> None:
    journal = Journal(folder, create=True)
    journal.append(created())
    journal.close()
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(encode(ActionStarted(action="a-rather-long-name-for-an-action"))[:keep])
    again = Journal(folder)
    assert again.events == [created()]
    again.append(ActionStarted(action="next"))
    again.close()
    assert replay(folder / "journal.jsonl")[0] == [created(), ActionStarted(action="next")]


def test_a_whole_last_line_without_its_newline_was_never_published(folder: Path) -> None:
    journal = Journal(folder, create=True)
    journal.append(created())
    journal.close()
    with (folder / "journal.jsonl").open("ab") as file:
        file.write(encode(ActionStarted(action="x")))
    assert Journal(folder).events == [created()]


def test_damage_in_the_middle_stops_everything(folder: Path) -> None:
    journal = Journal(folder, create=True)
    journal.append(created())
    journal.append(ActionStarted(action="x"))
    journal.close()
    path = folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\x00\x00\n" + lines[1])
    before = path.read_bytes()
    with pytest.raises(JournalCorrupt, match="line 2"):
        Journal(folder)
    assert path.read_bytes() == before


def test_a_newer_format_is_refused_even_where_it_cannot_be_decoded(folder: Path) -> None:
    (folder / "journal.jsonl").write_bytes(b'{"type":"move-created","format":99,"shiny":true}\n')
    with pytest.raises(FormatUnknown, match="format 99"):
        replay(folder / "journal.jsonl")


def test_a_second_wizard_is_told_who_has_it(folder: Path) -> None:
    journal = Journal(folder, create=True)
    with pytest.raises(MoveInUse, match=str(os.getpid())):
        Journal(folder)
    journal.close()
    Journal(folder).close()


def test_a_full_disk_leaves_a_readable_journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(folder, create=True)
    journal.append(created())
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:10]))
    with pytest.raises(OSError, match="No space"):
        journal.append(ActionStarted(action="x"))
    monkeypatch.undo()
    journal.append(ActionStarted(action="y"))
    assert replay(journal.path)[0] == [created(), ActionStarted(action="y")]


def test_a_side_file_is_whole_or_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "move"
    folder.mkdir()
    path = folder / "plan.json"
    save(path, b"first")

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        save(path, b"second")
    assert path.read_bytes() == b"first"
    assert [p.name for p in folder.iterdir()] == ["plan.json"]


@pytest.mark.parametrize("name", ["../../etc", "latest", "20260101-000000-zzzz", ""])
def test_a_move_that_is_none_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(NoSuchMove):
        Moves(tmp_path).folder_of(name)


def test_decode_refuses_what_is_no_event() -> None:
    with pytest.raises(ValueError):
        decode(b'{"type":"made-up"}')
