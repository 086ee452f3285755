"""Really damaged SQLite files: what is salvaged, how it is counted, and that the damaged one is kept."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.errors import ExitCode, NeedsAnswer, StepFailed
from openclaw_wizard.hosts.helper import Helper, HelperFailed, source
from openclaw_wizard.model import Outcome, RowState, StepId, Verdict
from openclaw_wizard.steps import back_up, copy, recovering, verify
from openclaw_wizard.steps.action import Action, Context, Done
from tests.odd_trees import local_helper
from tests.two_hosts import TwoHosts

pytestmark = pytest.mark.node

SCHEMA = """
PRAGMA user_version = 23;
PRAGMA application_id = 77;
CREATE TABLE session (id TEXT NOT NULL PRIMARY KEY, text TEXT) STRICT;
CREATE TABLE event (session TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT, whole TEXT AS (body || seq),
  PRIMARY KEY (session, seq), FOREIGN KEY (session) REFERENCES session (id)) STRICT;
CREATE INDEX by_body ON event (body);
CREATE TABLE pair (a INTEGER, b INTEGER, text TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE job (id INTEGER PRIMARY KEY AUTOINCREMENT, big INTEGER, real REAL, blob BLOB);
CREATE VIEW both AS SELECT * FROM session JOIN event ON session = session.id;
CREATE TRIGGER grows AFTER INSERT ON job BEGIN SELECT 1; END;
CREATE VIRTUAL TABLE found USING fts5 (body);
"""
EVENTS, PAIRS = 3000, 3000


def made(file: Path, *, wal: bool = True) -> Path:
    with closing(sqlite3.connect(file)) as db, db:
        if wal:
            db.execute("PRAGMA journal_mode = WAL")
        db.executescript(SCHEMA)
        db.executemany("INSERT INTO session VALUES (?, ?)", [(f"s{n}", "x" * 40) for n in range(200)])
        events = [(f"s{n % 200}", n, f"word{n} " + "y" * 60) for n in range(EVENTS)]
        db.executemany("INSERT INTO event (session, seq, body) VALUES (?, ?, ?)", events)
        db.executemany("INSERT INTO pair VALUES (?, ?, ?)", [(n, -n, "z" * 60) for n in range(PAIRS)])
        db.execute("INSERT INTO job (big, real, blob) VALUES (?, 5.0, x'00ff')", (2**62 + 1,))
        db.executemany("INSERT INTO found VALUES (?)", [(body,) for _, _, body in events])
    return file


def pages_of(file: Path, name: str) -> list[int]:
    with closing(sqlite3.connect(f"{file.as_uri()}?immutable=1", uri=True)) as db:
        asked = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY pageno"
        return [page for (page,) in db.execute(asked, (name,))]


def overwrite(file: Path, *pages: int) -> None:
    """Those pages (from 1) become noise."""
    with file.open("r+b") as out:
        for page in pages:
            out.seek((page - 1) * 4096)
            out.write(b"\xa5" * 4096)


def sound(file: Path) -> str:
    with closing(sqlite3.connect(file)) as db:
        return str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])


@pytest.fixture
def helper() -> Helper:
    return local_helper(parts=(source("openclaw_wizard.hosts", "recover.mjs"),))


async def recovered(helper: Helper, file: Path, kept: Path) -> dict[str, Any]:
    await helper.call("keep_database", {"from": str(file), "to": str(kept)})
    found: dict[str, Any] = await helper.call("recover_database", {"kept": str(kept), "to": str(file)})
    found["tables"] = {each["name"]: (each["kept"], each["counted"]) for each in found["tables"]}
    return found


async def test_all_but_what_lay_on_the_damaged_pages_is_salvaged(helper: Helper, tmp_path: Path) -> None:
    file = made(tmp_path / "state.sqlite")
    events, pairs = pages_of(file, "event"), pages_of(file, "pair")
    overwrite(file, events[3], events[20], pairs[len(pairs) // 2])
    assert sound(file) != "ok"
    file.chmod(0o640)
    damaged = file.read_bytes()
    found = await recovered(helper, file, tmp_path / "kept" / "agents" / "state.sqlite")
    kept, counted = found["tables"]["event"]
    # An index that is whole still knows how many there were.
    assert counted == EVENTS and EVENTS - 2 * 60 < kept < EVENTS
    pairs_kept, pairs_counted = found["tables"]["pair"]
    assert pairs_counted is None and PAIRS - 120 < pairs_kept < PAIRS
    assert found["tables"]["session"] == (200, 200) and found["tables"]["job"] == (1, 1)
    assert sound(file) == "ok"
    assert (file.stat().st_mode & 0o777, file.read_bytes()[18]) == (0o640, 2)
    with closing(sqlite3.connect(file)) as db:
        whole = db.execute("SELECT count(*) FROM event WHERE body = 'word' || seq || ' ' || ?", ("y" * 60,))
        assert whole.fetchone() == (kept,)
        assert db.execute("PRAGMA user_version").fetchone() == (23,)
        assert db.execute("PRAGMA application_id").fetchone() == (77,)
        assert db.execute("SELECT big, typeof(real), blob FROM job").fetchone() == (
            2**62 + 1,
            "real",
            b"\0\xff",
        )
        assert db.execute("SELECT seq FROM sqlite_sequence").fetchone() == (1,)
        assert db.execute("SELECT count(*) FROM found WHERE found MATCH 'word7'").fetchone() == (1,)
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL")}
    assert {"by_body", "both", "grows", "event", "found"} <= names
    assert sorted(path.name for path in tmp_path.glob("state*")) == ["state.sqlite"]
    assert (tmp_path / "kept/agents/state.sqlite").read_bytes() == damaged
    assert [path.name for path in (tmp_path / "kept/agents").iterdir()] == ["state.sqlite"]
    assert (tmp_path / "kept/agents/state.sqlite").stat().st_mode & 0o77 == 0


async def test_rows_whose_parent_is_lost_are_left_out_since_openclaw_refuses_them(
    helper: Helper, tmp_path: Path
) -> None:
    file = made(tmp_path / "state.sqlite", wal=False)
    overwrite(file, pages_of(file, "session")[1])
    found = await recovered(helper, file, tmp_path / "kept.sqlite")
    sessions, _ = found["tables"]["session"]
    assert 0 < sessions < 200
    assert found["orphans"] == (200 - sessions) * (EVENTS // 200)
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert file.read_bytes()[18] == 1


async def test_what_is_in_the_log_is_salvaged_too_and_the_log_does_not_stay(
    helper: Helper, tmp_path: Path
) -> None:
    live = made(tmp_path / "live.sqlite")
    file = tmp_path / "state.sqlite"
    with closing(sqlite3.connect(live)) as db:
        db.execute("INSERT INTO session VALUES ('in the log', 'x')")
        db.commit()
        for end in ("", "-wal"):
            shutil.copy(f"{live}{end}", f"{file}{end}")
    overwrite(file, pages_of(live, "pair")[2])
    found = await recovered(helper, file, tmp_path / "kept.sqlite")
    assert found["tables"]["session"] == (201, 201)
    assert not (tmp_path / "state.sqlite-wal").exists()
    # From what was kept it can be done again, as after a kill.
    again = await helper.call("recover_database", {"kept": str(tmp_path / "kept.sqlite"), "to": str(file)})
    assert {each["name"]: each["kept"] for each in again["tables"]}["session"] == 201


async def test_of_what_has_no_schema_any_more_nothing_is_made(helper: Helper, tmp_path: Path) -> None:
    file = made(tmp_path / "state.sqlite", wal=False)
    overwrite(file, 1)
    before = file.read_bytes()
    with pytest.raises(HelperFailed, match="it cannot be read") as caught:
        await recovered(helper, file, tmp_path / "kept.sqlite")
    assert caught.value.error_code == "EDAMAGED"
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("*sqlite*")) == ["kept.sqlite", "state.sqlite"]


# ------------------------------------------------------------------ a whole move

AGENT = "agents/main/agent/openclaw-agent.sqlite"
STATE = "state/openclaw.sqlite"
MOVED = (
    *(back_up.RehearseInventory(), recovering.Accept(), back_up.CheckDatabases()),
    *copy.ACTIONS,
    verify.Compare(),
)


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[TwoHosts]:
    made = TwoHosts(tmp_path)
    yield made
    await made.close()


def damage(state: Path) -> None:
    """Some transcripts of one agent, and one table of the state that holds no place."""
    with closing(sqlite3.connect(state / AGENT)) as db, db:
        rows = [("main-s1", n, "{}" * 200) for n in range(100, 2000)]
        db.executemany("INSERT INTO transcript_events VALUES (?, ?, ?)", rows)
    overwrite(state / AGENT, *pages_of(state / AGENT, "transcript_events")[3:5])
    overwrite(state / STATE, *pages_of(state / STATE, "diagnostic_events"))


async def test_a_damaged_database_on_old_holds_the_move_until_a_recovered_copy_is_agreed_to(
    hosts: TwoHosts,
) -> None:
    state = hosts.furnish()
    damage(state)
    before = hosts.snapshot(hosts.old_home)
    first = hosts.wizard(actions=MOVED)
    await first.survey(hosts.old, hosts.new)
    with pytest.raises(NeedsAnswer, match=f"{AGENT} \\(") as caught:
        await first.run()
    assert caught.value.exit_code is ExitCode.NEEDS_ANSWER
    assert "--accept damaged-database" in caught.value.next
    found = first.view.findings["damaged-database"]
    assert found.verdict is Verdict.LOOK and STATE in found.evidence
    await first.aclose()
    assert not list(hosts.new_home.glob(".openclaw*"))

    again = hosts.wizard(actions=MOVED, accept=frozenset({"damaged-database"}))
    assert await again.resume() is Outcome.PROBLEMS
    assert again.view.exit_code == ExitCode.PROBLEMS
    rows = {row.subject: row for row in again.view.rows}
    report = Path(again.report_path or "").read_text()
    await again.aclose()
    row = rows[f"recovered {AGENT}"]
    assert (
        row.state is RowState.LOST and "transcript_events: 1," in row.detail and "of 1,903 rows" in row.detail
    )
    assert ".openclaw-wizard/" in row.detail and f"damaged/{AGENT}" in row.detail
    assert rows[f"recovered {STATE}"].state is RowState.LOST
    assert f"recovered {AGENT}" in report
    moved = hosts.new_home / ".openclaw"
    assert sound(moved / AGENT) == sound(moved / STATE) == "ok"
    # Paths in it followed to the new place, as in a whole one.
    with closing(sqlite3.connect(moved / STATE)) as db:
        keys = db.execute("SELECT DISTINCT store_key FROM cron_jobs").fetchall()
    assert keys == [(f"{moved}/cron/jobs.json",)]
    (kept,) = hosts.new_home.glob(f".openclaw-wizard/*/damaged/{AGENT}")
    assert kept.read_bytes() == (state / AGENT).read_bytes()
    assert hosts.snapshot(hosts.old_home) == before


async def test_what_is_mended_meanwhile_is_not_asked_for_and_new_damage_is(hosts: TwoHosts) -> None:
    state = hosts.furnish()
    whole = {path: (state / path).read_bytes() for path in (STATE, AGENT)}
    damage(state)
    with pytest.raises(NeedsAnswer):
        await run(hosts, MOVED[:3])
    for path, content in whole.items():
        (state / path).write_bytes(content)
    wizard = hosts.wizard(actions=MOVED[:3])
    assert await wizard.resume() is Outcome.DONE
    assert wizard.view.findings["damaged-database"].verdict is Verdict.CLEAR
    await wizard.aclose()


async def test_damage_that_shows_only_after_the_stop_is_asked_for_on_the_resume(hosts: TwoHosts) -> None:
    state = hosts.furnish()
    actions = (*MOVED[:2], Harm(state), MOVED[2])
    with pytest.raises(StepFailed, match="damaged: agents/main") as caught:
        await run(hosts, actions)
    assert "you are asked" in caught.value.next
    wizard = hosts.wizard(actions=actions)
    with pytest.raises(NeedsAnswer, match=STATE):
        await wizard.resume()
    await wizard.aclose()


class Harm(Action):
    """What happens to OLD's databases between the first look and the stop."""

    id, step, title = "harm", StepId.BACK_UP, "harm"

    def __init__(self, state: Path) -> None:
        self.state = state

    async def holds(self, ctx: Context) -> bool:
        return ctx.shelf.load("harmed") is not None

    async def apply(self, ctx: Context) -> Done:
        damage(self.state)
        ctx.shelf.save("harmed", b"{}")
        return Done()


async def run(hosts: TwoHosts, actions: tuple[Action, ...]) -> None:
    wizard = hosts.wizard(actions=actions)
    try:
        await wizard.survey(hosts.old, hosts.new)
        await wizard.run()
    finally:
        await wizard.aclose()
