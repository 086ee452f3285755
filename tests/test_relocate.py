"""Absolute paths in a staged state directory, rewritten for another home; real databases, real helper."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.model import Tree
from openclaw_wizard.openclaw import comparison, inventory, relocate
from openclaw_wizard.openclaw import config as configs
from openclaw_wizard.openclaw.discover import discover
from tests.builders import tree
from tests.openclaw_states import early, facts, helper, read, sha256, today, write

DATABASE = "state/openclaw.sqlite"


# --------------------------------------------------------------------------- pure


def test_pairs_leave_out_what_follows_from_another() -> None:
    trees = (
        tree(old="/home/al/.openclaw", new="/srv/bo/.openclaw"),
        tree(old="/home/al/ws", new="/srv/bo/ws"),
        tree(old="/data/ws", new="/data/ws"),
    )
    assert relocate.pairs(trees, "/home/al", "/srv/bo") == (("/home/al", "/srv/bo"),)


def test_pairs_are_longest_first_and_empty_where_nothing_changes() -> None:
    trees = (tree(old="/home/al/.openclaw", new="/data/oc"), tree(old="/x", new="/yy"))
    assert relocate.pairs(trees, "/home/al", "/home/bo") == (
        ("/home/al/.openclaw", "/data/oc"),
        ("/home/al", "/home/bo"),
        ("/x", "/yy"),
    )
    assert relocate.pairs((tree(old="/home/al/x", new="/home/al/x"),), "/home/al", "/home/al") == ()
    kept = (tree(old="/home/al/shared", new="/home/al/shared"),)
    assert relocate.pairs(kept, "/home/al", "/srv/bo") == (
        ("/home/al/shared", "/home/al/shared"),
        ("/home/al", "/srv/bo"),
    )


@pytest.mark.parametrize(
    ("path", "now"),
    [
        ("/home/al", "/srv/bo"),
        ("/home/al/x/y", "/srv/bo/x/y"),
        ("/home/al/.openclaw/x", "/data/oc/x"),
        ("/home/alice/x", "/home/alice/x"),
        ("/srv/home/al/x", "/srv/home/al/x"),
    ],
)
def test_a_path_after_the_move(path: str, now: str) -> None:
    changes = (("/home/al", "/srv/bo"), ("/home/al/.openclaw", "/data/oc"))
    assert relocate.relocated(path, changes) == now


# --------------------------------------------------------------------------- the staged state


class Staged:
    """A state directory made for `old`, copied beside its place below `new`."""

    def __init__(self, root: Path, made: Any = today, **sections: Any) -> None:
        self.old, self.new = root / "home/al", root / "srv/bo"
        self.new.mkdir(parents=True)
        self.source = made(self.old, **sections)
        self.target = self.new / ".openclaw"
        self.stage = self.new / ".openclaw.incoming-7"
        self.trees: tuple[Tree, ...] = ()

    def copy(self) -> Staged:
        shutil.copytree(self.source, self.stage, symlinks=True)
        return self

    async def relocate(self, *, dry_run: bool = False, **changes: Any) -> tuple[relocate.Change, ...]:
        asked: dict[str, Any] = {
            "state_dir": str(self.stage),
            "state_dir_new": str(self.target),
            "changes": [(str(self.old), str(self.new))],
            "roots": [str(self.new / "research")],
        }
        return await relocate.relocate(helper(), **{**asked, **changes}, dry_run=dry_run)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return read(self.stage / DATABASE, query)

    def execute(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.source / DATABASE)) as db:
            db.execute(statement, values)
            db.commit()


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file()
    }


@pytest.mark.node
async def test_all_is_rewritten_once_and_then_nothing_is_left(tmp_path: Path) -> None:
    staged = Staged(tmp_path).copy()
    before = hashes(staged.stage)
    planned = await staged.relocate(dry_run=True)
    assert hashes(staged.stage) == before
    assert await staged.relocate() == planned
    assert {(each.file, each.where): each.count for each in planned} == {
        ("openclaw.json", "text"): 4,
        (DATABASE, "cron_jobs.store_key"): 2,
        (DATABASE, "cron_job_scratch.store_key"): 1,
        (DATABASE, "cron_run_receipts.store_key"): 1,
        (DATABASE, "workspace_setup_state"): 2,
        (DATABASE, "workspace_path_aliases"): 2,
        (DATABASE, "exec_approvals_config"): 1,
    }
    assert await staged.relocate(dry_run=True) == ()
    after = hashes(staged.stage)
    assert await staged.relocate() == ()
    assert hashes(staged.stage) == after
    changed = {name for name in before if before[name] != after.get(name)}
    assert changed == {"openclaw.json", DATABASE}
    assert set(after) == set(before)


@pytest.mark.node
async def test_no_old_path_is_left_anywhere_in_the_state(tmp_path: Path) -> None:
    staged = Staged(tmp_path).copy()
    await staged.relocate()
    for path in staged.stage.rglob("*"):
        assert not path.is_file() or str(staged.old).encode() not in path.read_bytes(), path


@pytest.mark.node
async def test_the_moved_installation_counts_the_same(tmp_path: Path) -> None:
    staged = Staged(tmp_path).copy()
    shutil.copytree(staged.old / "research", staged.new / "research")
    await staged.relocate()
    staged.stage.rename(staged.target)
    asking = helper()
    counts = []
    for home in (staged.old, staged.new):
        (found,) = await discover(asking, facts(home))
        counts.append(await inventory.take(asking, found, facts(home), version="2026.9.6"))
    rows = comparison.compare(*counts, changes=[(str(staged.old), str(staged.new))])
    assert {row.subject: row.state for row in rows if row.state != "equal"} == {"workspaces": "expected"}
    assert counts[1].cron_jobs == ("job-1", "job-2")


@pytest.mark.node
async def test_workspaces_get_new_keys_and_keep_what_hangs_on_them(tmp_path: Path) -> None:
    staged = Staged(tmp_path).copy()
    await staged.relocate()
    spaces = sorted([f"{staged.target}/workspace", f"{staged.new}/research"])
    assert staged.rows("SELECT workspace_path, workspace_key FROM workspace_setup_state") == [
        (space, sha256(space)) for space in spaces
    ]
    query = "SELECT alias_path, alias_key, workspace_path, workspace_key FROM workspace_path_aliases"
    assert staged.rows(query) == [(space, sha256(space), space, sha256(space)) for space in spaces]
    kept = staged.rows("SELECT workspace_key, filename FROM workspace_generated_bootstrap_hashes")
    assert kept == sorted((sha256(space), "SOUL.md") for space in spaces)


@pytest.mark.node
async def test_a_linked_home_on_new_is_seen_as_openclaw_will_see_it(tmp_path: Path) -> None:
    staged = Staged(tmp_path).copy()
    (tmp_path / "link").symlink_to(tmp_path / "srv")
    new = tmp_path / "link/bo"
    await staged.relocate(
        state_dir_new=f"{new}/.openclaw", changes=[(str(staged.old), str(new))], roots=[f"{new}/research"]
    )
    real = f"{staged.target}/workspace"
    aliases = staged.rows("SELECT alias_path, workspace_path FROM workspace_path_aliases")
    assert (f"{new}/.openclaw/workspace", real) in aliases
    assert (real,) in staged.rows("SELECT workspace_path FROM workspace_setup_state")
    assert (
        await staged.relocate(
            state_dir_new=f"{new}/.openclaw",
            changes=[(str(staged.old), str(new))],
            roots=[f"{new}/research"],
            dry_run=True,
        )
        == ()
    )


@pytest.mark.node
async def test_a_home_that_is_linked_on_old_only(tmp_path: Path) -> None:
    staged = Staged(tmp_path)
    space, real = f"{staged.source}/workspace", "/var/real/al/.openclaw/workspace"
    staged.execute("PRAGMA foreign_keys = OFF")
    staged.execute(
        "UPDATE workspace_setup_state SET workspace_key = ?, workspace_path = ? WHERE workspace_path = ?",
        sha256(real),
        real,
        space,
    )
    staged.execute(
        "UPDATE workspace_generated_bootstrap_hashes SET workspace_key = ? WHERE workspace_key = ?",
        sha256(real),
        sha256(space),
    )
    staged.execute(
        "UPDATE workspace_path_aliases SET workspace_key = ?, workspace_path = ? WHERE alias_path = ?",
        sha256(real),
        real,
        space,
    )
    staged.execute(
        "INSERT INTO workspace_path_aliases VALUES (?, ?, ?, ?, 1)", sha256(real), real, sha256(real), real
    )
    staged.copy()
    await staged.relocate()
    now = f"{staged.target}/workspace"
    assert (now, sha256(now)) in staged.rows(
        "SELECT workspace_path, workspace_key FROM workspace_setup_state"
    )
    found = staged.rows("SELECT alias_path, workspace_path FROM workspace_path_aliases")
    assert (now, now) in found
    assert not [each for each in found if real in each]
    assert await staged.relocate(dry_run=True) == ()


@pytest.mark.node
async def test_jobs_that_already_stand_under_the_new_key_stay_invisible(tmp_path: Path) -> None:
    staged = Staged(tmp_path)
    key = f"{staged.target}/cron/jobs.json"
    staged.execute(
        "INSERT INTO cron_jobs VALUES (?, 'job-1', NULL, 'stale', 1), (?, 'job-9', NULL, 'stale', 1)",
        key,
        key,
    )
    staged.copy()
    await staged.relocate()
    assert staged.rows(f"SELECT job_id, name FROM cron_jobs WHERE store_key = '{key}'") == [  # noqa: S608
        ("job-1", "nightly"),
        ("job-2", "heartbeat"),
    ]
    assert len(staged.rows("SELECT * FROM cron_jobs")) == 4
    assert await staged.relocate(dry_run=True) == ()


@pytest.mark.node
async def test_machine_state_quarantine_and_absolute_agent_databases(tmp_path: Path) -> None:
    staged = Staged(tmp_path)
    store = f"{staged.source}/cron/jobs.json"
    agent = f"{staged.source}/agents/main/agent/openclaw-agent.sqlite"
    staged.execute("INSERT INTO config_machine_state VALUES ('cron.store', ?, 1)", json.dumps(store))
    staged.execute("INSERT INTO diagnostic_events VALUES (?, 'x')", f"cron.quarantine:{store}")
    staged.execute("INSERT INTO agent_databases VALUES ('research', ?)", agent)
    staged.copy()
    await staged.relocate()
    key = f"{staged.target}/cron/jobs.json"
    assert ("cron.store", json.dumps(key), 1) in staged.rows("SELECT * FROM config_machine_state")
    assert (f"cron.quarantine:{key}",) in staged.rows("SELECT scope FROM diagnostic_events")
    paths = {path for (path,) in staged.rows("SELECT path FROM agent_databases")}
    assert f"{staged.target}/agents/main/agent/openclaw-agent.sqlite" in paths


@pytest.mark.node
async def test_a_database_with_its_log_is_read_with_it_and_left_alone(tmp_path: Path) -> None:
    staged = Staged(tmp_path)
    db = sqlite3.connect(staged.source / DATABASE)
    db.execute(
        "INSERT INTO cron_jobs VALUES (?, 'job-3', NULL, 'logged', 1)",
        (f"{staged.source}/cron/jobs.json",),
    )
    db.commit()
    assert (staged.source / f"{DATABASE}-wal").stat().st_size > 0
    shutil.copytree(staged.source, staged.stage, ignore=shutil.ignore_patterns("*-shm"))
    db.close()
    await staged.relocate()
    assert [each.name for each in (staged.stage / "state").iterdir()] == ["openclaw.sqlite"]
    key = f"{staged.target}/cron/jobs.json"
    assert len(staged.rows(f"SELECT * FROM cron_jobs WHERE store_key = '{key}'")) == 3  # noqa: S608


@pytest.mark.node
async def test_older_schemas_lack_tables_and_columns(tmp_path: Path) -> None:
    staged = Staged(tmp_path)
    for table in ("workspace_generated_bootstrap_hashes", "workspace_setup_state", "workspace_path_aliases"):
        staged.execute(f"DROP TABLE {table}")
    staged.execute("DROP TABLE exec_approvals_config")
    staged.copy()
    assert {each.where for each in await staged.relocate()} == {
        "text",
        "cron_jobs.store_key",
        "cron_job_scratch.store_key",
        "cron_run_receipts.store_key",
    }


@pytest.mark.node
async def test_without_pairs_nothing_changes(tmp_path: Path) -> None:
    staged = Staged(tmp_path).copy()
    assert await staged.relocate(changes=[], state_dir_new=str(staged.source)) == ()


# --------------------------------------------------------------------------- text


async def rewritten(tmp_path: Path, text: str) -> str:
    """The config after /home/al became /srv/bo."""
    stage = tmp_path / "stage"
    write(stage / "openclaw.json", text, 0o640)
    await relocate.relocate(
        helper(), state_dir=str(stage), state_dir_new="/srv/bo/.openclaw", changes=[("/home/al", "/srv/bo")]
    )
    assert stat.S_IMODE((stage / "openclaw.json").stat().st_mode) == 0o640
    assert [each.name for each in stage.iterdir()] == ["openclaw.json"]
    return (stage / "openclaw.json").read_text()


@pytest.mark.node
async def test_a_json5_config_keeps_its_form(tmp_path: Path) -> None:
    text = """// my config, from /home/al/.openclaw
{
  agents: { list: [{ id: 'main', workspace: '/home/al/ws', }], }, /* "/home/al/x" */
  "/home/al/key": "/home/al",   // a key stays
  miss: ["/home/alice/x", "/srv/home/al/x", "~/ws", "see /home/al/x", "/home/al.old"],
  url: "file:///home/al/x", 'quoted': '/home/al/it\\'s "here"',
  "escaped": "\\/home\\/al\\/\\u0077s", /* 'unclosed */
}
"""
    assert await rewritten(tmp_path, text) == (
        text.replace("'/home/al/ws'", "'/srv/bo/ws'")
        .replace('"/home/al",', '"/srv/bo",')
        .replace("'/home/al/it", "'/srv/bo/it")
        .replace('"\\/home\\/al\\/\\u0077s"', '"/srv/bo/ws"')
    )


@pytest.mark.node
async def test_new_names_are_escaped(tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    write(stage / "openclaw.json", """{ a: '/home/al/x', b: "/home/al/x" }""")
    odd = "/srv/b'o\"\\"
    await relocate.relocate(
        helper(), state_dir=str(stage), state_dir_new=f"{odd}/.openclaw", changes=[("/home/al", odd)]
    )
    assert configs.parse((stage / "openclaw.json").read_text()) == {"a": f"{odd}/x", "b": f"{odd}/x"}


@pytest.mark.node
async def test_included_files_and_the_last_good_copy_follow(tmp_path: Path) -> None:
    staged = Staged(tmp_path)
    parts = f"agents: {{ $include: './parts/agents.json5' }}, b: {{ $include: ['{staged.source}/b.json'] }}"
    write(staged.source / "openclaw.json", f"{{ {parts} }}")
    write(staged.source / "openclaw.json.last-good", json.dumps({"x": f"{staged.old}/x"}))
    write(staged.source / "parts/agents.json5", f"{{ $include: 'more.json5', w: '{staged.old}/w' }}")
    write(staged.source / "parts/more.json5", f"{{ v: '{staged.old}/v' }}")
    write(staged.source / "b.json", json.dumps({"u": f"{staged.old}/u"}))
    write(staged.source / "other.json", json.dumps({"mine": f"{staged.old}/mine"}))
    staged.copy()
    assert {each.file for each in await staged.relocate() if each.where == "text"} == {
        "openclaw.json",
        "openclaw.json.last-good",
        "parts/agents.json5",
        "parts/more.json5",
        "b.json",
    }
    assert f"'{staged.new}/v'" in (staged.stage / "parts/more.json5").read_text()
    assert f"'{staged.target}/b.json'" in (staged.stage / "openclaw.json").read_text()


@pytest.mark.node
async def test_the_files_of_early_2026(tmp_path: Path) -> None:
    staged = Staged(tmp_path, early).copy()
    changes = await staged.relocate()
    assert {each.file for each in changes} == {"exec-approvals.json", "agents/main/sessions/sessions.json"}
    approvals = json.loads((staged.stage / "exec-approvals.json").read_text())
    assert approvals["socket"]["path"] == f"{staged.target}/exec-approvals.sock"
    # What may be run is a person's decision about exactly that program.
    assert approvals["allowlist"] == [{"pattern": f"{staged.old}/bin/x"}]
    index = json.loads((staged.stage / "agents/main/sessions/sessions.json").read_text())
    assert index["agent:main:main"]["sessionFile"] == f"{staged.target}/agents/main/sessions/s1.jsonl"
    assert index["agent:main:old"]["note"].startswith(str(staged.old))


@pytest.mark.node
async def test_absolute_links_follow(tmp_path: Path) -> None:
    staged = Staged(tmp_path)
    (staged.source / "far").symlink_to(staged.old / "clawd")
    (staged.source / "near").symlink_to("workspace")
    (staged.source / "out").symlink_to("/usr/share")
    staged.copy()
    changes = await staged.relocate()
    assert ("far", "link") in {(each.file, each.where) for each in changes}
    assert (staged.stage / "far").readlink() == staged.new / "clawd"
    assert (staged.stage / "near").readlink() == Path("workspace")
    assert (staged.stage / "out").readlink() == Path("/usr/share")
