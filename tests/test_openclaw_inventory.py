"""Counting what an installation holds, in both eras, and comparing two counts."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.model import Database, Inventory, RowState
from openclaw_wizard.openclaw import discover, inventory
from openclaw_wizard.openclaw.comparison import compare
from openclaw_wizard.openclaw.inventory import NOT_READ
from tests.openclaw_states import early, facts, gateway, helper, lock_of, today, write


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
    assert found.env_keys == ("BRAVE_KEY", "OPENAI_API_KEY", "env.vars.TZ")
    assert found.cron_off == ("job-2",)
    assert {name.rpartition("/")[0]: made for name, made in found.pairing_requests.items()} == {
        "telegram/default": 1_800_000_000.0,
        "device": 1_800_000_100.0,
    }
    assert found.plugins == {"lab-notes": True, "notes": False, "whatsapp": False}
    assert found.skills == {"boiler": True, "main/heating": True, "weather": False}
    assert found.workspaces == {
        "main": f"{tmp_path}/.openclaw/workspace",
        "research": f"{tmp_path}/research",
    }
    assert found.memory_files == ("main/MEMORY.md", "main/memory/2026-01-12.md")
    assert found.memory_index == {"main": 4, "research": 4}
    assert {d.schema_version for d in found.databases} == {18, 23}
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
    assert found.credentials == ("telegram-pairing.json", "whatsapp/default/creds.json")
    assert [name.rpartition("/")[0] for name in found.pairing_requests] == ["device", "telegram/default"]
    assert "888" not in found.model_dump_json()
    assert (found.cron_off, found.memory_index) == (("job-2",), {"main": 3})
    assert found.plugins == {"notes": True}


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
    assert rows["memory index"].state is RowState.UNKNOWN
    assert rows["databases intact"].state is RowState.UNKNOWN
    assert rows["cron jobs"].state is RowState.EQUAL


@pytest.mark.node
async def test_a_workspace_that_the_config_does_not_lead_to_is_not_found(tmp_path: Path) -> None:
    agents = {
        "entries": {"main": {"workspace": "/not/there"}, "research": {"workspace": f"{tmp_path}/research"}}
    }
    today(tmp_path, agents=agents)
    found = await take(tmp_path)
    assert found.workspaces == {"research": f"{tmp_path}/research"}
    assert found.memory_files == ()


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
    "schemas",
    "agents",
    "sessions",
    "messages",
    "cron jobs",
    "channels",
    "channel credentials",
    "devices",
    "pairing requests",
    "plugins",
    "skills",
    "workspaces",
    "memory files",
    "memory index",
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
        cron_off=(),
        pairing_requests={"telegram/default/aa": 1000.0, "device/bb": 4000.0},
        plugins={"notes": True, "whatsapp": False},
        skills={"boiler": True},
        workspaces={"main": "/home/alice/w"},
        memory_files=("main/MEMORY.md",),
        memory_index={"main": 7},
        taken=4200.0,
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
        ("memory files", "memory_files", ()),
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


def test_a_job_that_was_switched_off_differs() -> None:
    off = counted(cron_off=("j1",))
    assert row("cron jobs", counted(), off)[2:] == (RowState.DIFFERS, "off on NEW: j1")
    assert row("cron jobs", off, counted())[2:] == (RowState.DIFFERS, "on on NEW: j1")
    assert row("cron jobs", off, off)[2:] == (RowState.EQUAL, "1 of them off")


def test_a_request_that_lapsed_is_expected_to_be_gone() -> None:
    late = {"telegram/default/aa": 1000.0}
    assert row("pairing requests", counted(), counted(pairing_requests=late))[2] is RowState.LOST
    much_later = counted(pairing_requests={}, taken=4700.0)
    assert row("pairing requests", counted(), much_later)[2:] == (
        RowState.EXPECTED,
        "2 of OLD lapsed before NEW was counted",
    )


def test_a_switch_that_was_turned_differs() -> None:
    turned = counted(plugins={"notes": False, "whatsapp": False})
    assert row("plugins", counted(), turned) == (
        "2, 1 on",
        "2, 0 on",
        RowState.DIFFERS,
        "notes is off on NEW",
    )
    assert row("plugins", counted(), counted(plugins={"notes": True}))[2] is RowState.LOST


def test_workspaces_follow_to_the_new_place_or_differ() -> None:
    changes = (("/home/alice", "/srv/bob"),)
    moved = counted(workspaces={"main": "/srv/bob/w"})

    def judged(new: Inventory, changes: tuple[tuple[str, str], ...]) -> tuple[RowState, str]:
        found = next(r for r in compare(counted(), new, changes=changes) if r.subject == "workspaces")
        return found.state, found.detail

    assert judged(moved, changes) == (RowState.EXPECTED, "their paths followed to the new place")
    assert judged(counted(), ()) == (RowState.EQUAL, "")
    assert judged(counted(), changes) == (RowState.DIFFERS, "NEW leads elsewhere: main: /home/alice/w")
    assert judged(moved, ()) == (RowState.DIFFERS, "NEW leads elsewhere: main: /srv/bob/w")
    assert judged(counted(workspaces={}), changes)[0] is RowState.LOST


def test_one_time_keys_may_be_used_up_and_others_not() -> None:
    keys = ("whatsapp/default/creds.json", *(f"whatsapp/default/pre-key-{n}.json" for n in range(4)))
    used = row("channel credentials", counted(credentials=keys), counted(credentials=keys[:-1]))
    assert used[2:] == (RowState.EXPECTED, "1 one-time keys were used up on NEW; all arrived, by hash")
    assert (
        row("channel credentials", counted(credentials=keys), counted(credentials=keys[1:]))[2]
        is RowState.LOST
    )
    same = row("channel credentials", counted(credentials=keys), counted(credentials=keys))
    assert same[2:] == (RowState.EQUAL, "whatsapp/default 5")


def test_fewer_rows_of_the_memory_index_differ_with_the_remedy() -> None:
    _, _, state, detail = row("memory index", counted(), counted(memory_index={"main": 3}))
    assert state is RowState.DIFFERS and "main (3 of 7)" in detail and "memory index --force" in detail
    assert row("memory index", counted(), counted(memory_index={"main": 8}))[2] is RowState.GREW


def test_schemas_may_rise_and_never_fall() -> None:
    def with_schema(number: int, version: str = "2026.9.6") -> Inventory:
        made = Database(path="state/openclaw.sqlite", ok=True, detail="ok", user_version=number)
        return counted(databases=(made,), version=version)

    assert row("schemas", with_schema(18), with_schema(17))[2] is RowState.DIFFERS
    assert row("schemas", with_schema(18), with_schema(19))[2] is RowState.EXPECTED
    assert row("schemas", with_schema(18), with_schema(19, "2026.9.9"))[2] is RowState.GREW


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
    assert unknown == {"cron jobs", "devices", "pairing requests", "plugins", "databases intact"}


def test_an_inventory_survives_its_own_json() -> None:
    assert Inventory.model_validate(json.loads(counted().model_dump_json())) == counted()
