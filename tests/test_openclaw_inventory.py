"""Counting what an installation holds, in both eras, and comparing two counts."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.model import Database, Inventory, RowState
from openclaw_wizard.openclaw import discover, inventory
from openclaw_wizard.openclaw.inventory import NOT_READ, compare
from tests.openclaw_states import early, facts, gateway, helper, lock_of, sha256, today, write


async def take(home: Path, version: str | None = "2026.9.6") -> Inventory:
    asking, machine = helper(), facts(home)
    (found,) = await discover.discover(asking, machine)
    return await inventory.take(asking, found, machine, version=version)


@pytest.mark.node
async def test_the_state_of_today(tmp_path: Path) -> None:
    today(tmp_path)
    found = await take(tmp_path)
    assert found.version == "2026.9.6"
    assert found.agents == ("main", "research")
    assert found.sessions == tuple(
        f"{a}/agent:{a}:{name}" for a in ("main", "research") for name in ("main", "old")
    )
    assert found.messages == {
        "main/main-s1": 3,
        "main/main-s2": 40,
        "research/research-s1": 3,
        "research/research-s2": 40,
    }
    assert found.cron_jobs == ("job-1", "job-2")
    assert found.channels == ("telegram/default",)
    assert found.credentials == ("telegram-pairing.json",)
    assert found.devices == ("device-own", "device-phone")
    assert found.env_keys == ("BRAVE_KEY", "OPENAI_API_KEY")
    assert found.workspace_files == {
        "main/MEMORY.md": sha256("Mira's birthday is on 3 May.\n"),
        "research/notes.md": sha256("heat pumps\n"),
    }
    assert [(d.path, d.ok, d.user_version) for d in found.databases] == [
        ("agents/main/agent/openclaw-agent.sqlite", True, 23),
        ("agents/research/agent/openclaw-agent.sqlite", True, 23),
        ("state/openclaw.sqlite", True, 18),
    ]
    assert "channels.telegram.botToken" in found.config_keys
    assert "secret-token" not in found.model_dump_json()
    assert "sk-1" not in found.model_dump_json()


@pytest.mark.node
async def test_the_state_of_early_2026(tmp_path: Path) -> None:
    early(tmp_path)
    found = await take(tmp_path)
    assert found.agents == ("main",)
    assert found.sessions == ("main/agent:main:main", "main/agent:main:old")
    assert found.messages == {"main/s1": 3, "main/s2": 1}
    assert found.cron_jobs == ("job-1", "job-2")
    assert found.devices == ("device-own", "device-phone")
    assert found.credentials == ("whatsapp/default/creds.json",)


@pytest.mark.node
async def test_jobs_under_another_key_are_not_seen_by_openclaw_and_not_counted(tmp_path: Path) -> None:
    state = today(tmp_path)
    with closing(sqlite3.connect(state / "state/openclaw.sqlite")) as db:
        db.execute("UPDATE cron_jobs SET store_key = '/elsewhere/jobs.json' WHERE job_id = 'job-2'")
        db.commit()
    assert (await take(tmp_path)).cron_jobs == ("job-1",)
    with closing(sqlite3.connect(state / "state/openclaw.sqlite")) as db:
        db.execute("INSERT INTO config_machine_state VALUES ('cron.store', '\"/elsewhere/jobs.json\"', 1)")
        db.commit()
    assert (await take(tmp_path)).cron_jobs == ("job-2",)


@pytest.mark.node
async def test_nothing_is_left_beside_the_databases(tmp_path: Path) -> None:
    state = today(tmp_path)
    before = {p: p.lstat().st_mtime_ns for p in state.rglob("*")}
    await take(tmp_path)
    assert {p: p.lstat().st_mtime_ns for p in state.rglob("*")} == before


@pytest.mark.node
async def test_a_living_gateway_is_counted_too(tmp_path: Path) -> None:
    state = today(tmp_path)
    with gateway(state, lock_of(state)):
        assert all(row.state is RowState.EQUAL for row in compare(await take(tmp_path), await take(tmp_path)))


@pytest.mark.node
async def test_lock_databases_are_no_data(tmp_path: Path) -> None:
    state = today(tmp_path)
    lock = state / "agents/main/agent/openclaw-agent.sqlite.reindex-lock.sqlite"
    with closing(sqlite3.connect(lock)) as db:
        db.execute("CREATE TABLE t(a)")
        db.commit()
        db.execute("BEGIN EXCLUSIVE")
        assert len((await take(tmp_path)).databases) == 3


@pytest.mark.node
async def test_a_damaged_database_is_told_and_fails_nothing(tmp_path: Path) -> None:
    state = today(tmp_path)
    path = state / "agents/main/agent/openclaw-agent.sqlite"
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(8192))
    found = await take(tmp_path)
    assert [d.path for d in found.databases if not d.ok] == ["agents/main/agent/openclaw-agent.sqlite"]
    assert found.cron_jobs == ("job-1", "job-2")


@pytest.mark.node
async def test_a_database_that_cannot_be_opened_now_is_told_as_not_read(tmp_path: Path) -> None:
    state = today(tmp_path)
    agent = state / "agents/main/agent"
    (agent / "openclaw-agent.sqlite-shm").write_bytes(b"")
    (agent / "openclaw-agent.sqlite-wal").mkdir()
    found = await take(tmp_path)
    held = next(d for d in found.databases if "agents/main" in d.path)
    assert held.detail.startswith(NOT_READ)
    rows = {row.subject: row for row in compare(found, found)}
    assert rows["sessions"].state is RowState.UNKNOWN
    assert rows["messages"].state is RowState.UNKNOWN
    assert rows["databases intact"].state is RowState.UNKNOWN
    assert rows["cron jobs"].state is RowState.EQUAL


@pytest.mark.node
async def test_odd_entries_of_a_workspace(tmp_path: Path) -> None:
    state = today(tmp_path)
    space = state / "workspace"
    (space / os.fsdecode(b"a\xff")).write_text("x")
    (space / os.fsdecode(b"a\xfe")).write_text("y")
    write(space / "new\nline", "z")
    write(space / ".git/config", "[core]\n")
    (space / "link").symlink_to("MEMORY.md")
    (space / "gone").symlink_to("/not/there")
    with socket.socket(socket.AF_UNIX) as sock:
        old = Path.cwd()
        os.chdir(space)
        sock.bind("s")
        os.chdir(old)
        found = (await take(tmp_path)).workspace_files
    names = {name.removeprefix("main/") for name in found if name.startswith("main/")}
    assert names == {"MEMORY.md", "a\\xff", "a\\xfe", "new\nline", ".git/config", "link", "gone"}
    assert found["main/link"] != found["main/gone"]


@pytest.mark.node
async def test_a_home_as_workspace_is_not_counted_twice(tmp_path: Path) -> None:
    agents = {"entries": {"main": {"workspace": str(tmp_path)}}}
    today(tmp_path, agents=agents)
    found = (await take(tmp_path)).workspace_files
    assert "main/research/notes.md" in found
    assert not [name for name in found if ".openclaw" in name]


@pytest.mark.node
async def test_an_unreadable_config_fails_with_words(tmp_path: Path) -> None:
    state = today(tmp_path)
    write(state / "openclaw.json", "{ botToken: 'secret-token'")
    with pytest.raises(StepFailed) as caught:
        await take(tmp_path)
    assert "openclaw.json cannot be read: not JSON5" in caught.value.what
    assert "secret-token" not in caught.value.what


# --------------------------------------------------------------------------- compare

SUBJECTS = (
    "OpenClaw version",
    "agents",
    "sessions",
    "messages",
    "cron jobs",
    "channels",
    "channel credentials",
    "devices",
    "workspace files",
    "config keys",
    "environment keys",
    "databases intact",
)


def counted(**changes: Any) -> Inventory:
    made = Inventory(
        version="2026.9.6",
        agents=("main",),
        sessions=("main/a", "main/b"),
        messages={"main/s1": 1000, "main/s2": 5},
        cron_jobs=("j1",),
        channels=("telegram/default",),
        credentials=("creds.json",),
        devices=("d1",),
        config_keys=("gateway.mode",),
        env_keys=("KEY",),
        workspace_files={"main/A.md": "1", "main/.git/index": "2"},
        databases=(Database(path="state/openclaw.sqlite", ok=True, detail="ok", user_version=18),),
    )
    return made.model_copy(update=changes)


def row(subject: str, old: Inventory, new: Inventory) -> tuple[str, str, RowState, str]:
    found = next(each for each in compare(old, new) if each.subject == subject)
    return found.old, found.new, found.state, found.detail


def test_the_same_is_equal_in_every_row() -> None:
    rows = compare(counted(), counted())
    assert tuple(each.subject for each in rows) == SUBJECTS
    assert {each.state for each in rows} == {RowState.EQUAL}
    assert next(each.old for each in rows if each.subject == "messages") == "1,005"


@pytest.mark.parametrize(
    ("subject", "field", "less"),
    [
        ("agents", "agents", ()),
        ("sessions", "sessions", ("main/a",)),
        ("cron jobs", "cron_jobs", ("j2",)),
        ("channels", "channels", ()),
        ("channel credentials", "credentials", ()),
        ("devices", "devices", ()),
        ("config keys", "config_keys", ()),
        ("environment keys", "env_keys", ()),
    ],
)
def test_what_is_missing_is_lost_by_name_and_what_is_more_has_grown(
    subject: str, field: str, less: tuple[str, ...]
) -> None:
    names = getattr(counted(), field)
    _, _, state, detail = row(subject, counted(), counted(**{field: less}))
    assert state is RowState.LOST
    assert sorted(set(names) - set(less))[0] in detail
    _, _, state, detail = row(subject, counted(), counted(**{field: (*names, "another")}))
    assert (state, "another" in detail) == (RowState.GREW, True)


def test_many_missing_names_are_a_number() -> None:
    many = counted(credentials=tuple(f"key-{n}" for n in range(1205)))
    old, new, state, detail = row("channel credentials", many, counted(credentials=()))
    assert (old, new, state) == ("1,205", "0", RowState.LOST)
    assert detail == "missing on NEW: key-0, key-1, key-2, key-3, key-4 and 1,200 more"


def test_messages_are_compared_by_session() -> None:
    shifted = counted(messages={"main/s1": 999, "main/s2": 6})
    _, _, state, detail = row("messages", counted(), shifted)
    assert (state, detail) == (RowState.LOST, "missing on NEW: main/s1 (999 of 1000)")
    assert row("messages", counted(), counted(messages={"main/s1": 1001, "main/s2": 5}))[2] is RowState.GREW


def test_files_by_content() -> None:
    changed = counted(workspace_files={"main/A.md": "x", "main/.git/index": "2"})
    assert row("workspace files", counted(), changed)[2:] == (
        RowState.LOST,
        "missing on NEW: main/A.md (changed)",
    )
    refreshed = counted(workspace_files={"main/A.md": "1", "main/.git/index": "9"})
    assert row("workspace files", counted(), refreshed)[2] is RowState.EQUAL
    assert row("workspace files", counted(), counted(workspace_files={"main/A.md": "1"}))[2] is RowState.LOST


@pytest.mark.parametrize(
    ("new", "state"),
    [
        ("2026.9.6", RowState.EQUAL),
        ("2026.9.7", RowState.GREW),
        ("2026.9.5", RowState.LOST),
        (None, RowState.UNKNOWN),
    ],
)
def test_versions(new: str | None, state: RowState) -> None:
    assert row("OpenClaw version", counted(), counted(version=new))[2] is state


def test_databases() -> None:
    broken = (Database(path="state/openclaw.sqlite", ok=False, detail="malformed"),)
    old, new, state, detail = row("databases intact", counted(), counted(databases=broken))
    assert (old, new, state) == ("1", "0 of 1", RowState.LOST)
    assert "state/openclaw.sqlite" in detail
    more = (*counted().databases, Database(path="agents/x.sqlite", ok=True, detail="ok"))
    assert row("databases intact", counted(), counted(databases=more))[2] is RowState.GREW
    bad = (*counted().databases, Database(path="agents/x.sqlite", ok=False, detail="malformed"))
    assert row("databases intact", counted(), counted(databases=bad))[2] is RowState.LOST
    held = (Database(path="state/openclaw.sqlite", ok=False, detail=f"{NOT_READ}locked"),)
    rows = {each.subject: each.state for each in compare(counted(), counted(databases=held))}
    unknown = {subject for subject, state in rows.items() if state is RowState.UNKNOWN}
    assert unknown == {"cron jobs", "devices", "databases intact"}


def test_an_inventory_survives_its_own_json() -> None:
    assert Inventory.model_validate(json.loads(counted().model_dump_json())) == counted()
