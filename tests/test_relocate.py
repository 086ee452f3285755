"""Absolute paths in a staged state directory, rewritten for another home; real databases, real helper."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.model import Relocation
from openclaw_wizard.openclaw import comparison, inventory, relocate
from openclaw_wizard.openclaw.discover import discover
from openclaw_wizard.openclaw.relocate import Placed
from tests.builders import tree
from tests.openclaw_states import facts, helper, read, sha256, today, write

DATABASE = "state/openclaw.sqlite"


# --------------------------------------------------------------------------- pure


def test_pairs_leave_out_what_follows_from_another() -> None:
    trees = (
        tree(old="/home/al/.openclaw", new="/srv/bo/.openclaw"),
        tree(old="/home/al/ws", new="/srv/bo/ws", also=(("/mnt/ws", "/srv/bo/ws"),)),
        tree(old="/data/ws", new="/data/ws"),
    )
    absent = (("/home/al/.openclaw/later", "/srv/bo/.openclaw/later"), ("/home/al/new", "/srv/bo/new"))
    assert relocate.pairs(trees, absent) == (
        ("/home/al/.openclaw", "/srv/bo/.openclaw"),
        ("/home/al/new", "/srv/bo/new"),
        ("/home/al/ws", "/srv/bo/ws"),
        ("/mnt/ws", "/srv/bo/ws"),
    )


def test_pairs_are_longest_first_and_empty_where_nothing_changes() -> None:
    trees = (tree(old="/home/al", new="/home/bo"), tree(old="/home/al/.openclaw", new="/data/oc"))
    assert relocate.pairs(trees) == (("/home/al/.openclaw", "/data/oc"), ("/home/al", "/home/bo"))
    assert relocate.pairs((tree(old="/home/al/x", new="/home/al/x"),)) == ()


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

    def copy(self) -> Staged:
        shutil.copytree(self.source, self.stage, symlinks=True)
        return self

    def placed(self, at: Path | None = None, new: Path | None = None) -> list[Placed]:
        """The state directory and the workspace outside of it."""
        new = new or self.new
        state = tree(old=str(self.source), new=f"{new}/.openclaw")
        outside = tree(name="workspace-1", old=f"{self.old}/research", new=f"{new}/research")
        return [Placed(state, str(at or self.stage)), Placed(outside, f"{self.old}/research")]

    async def relocate(self, *, new: Path | None = None, **changes: Any) -> Relocation:
        placed = self.placed(new=new)
        pairs = relocate.pairs(each.tree for each in placed)
        return await relocate.relocate(helper(), placed, pairs, **{"homes": [str(self.old)], **changes})

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
    old, new = staged.source, staged.target
    key = (f"{old}/cron/jobs.json", f"{new}/cron/jobs.json")
    socket = (f"{old}/exec-approvals.sock", f"{new}/exec-approvals.sock")
    space = (f"{old}/workspace", f"{new}/workspace")
    research = (f"{staged.old}/research", f"{staged.new}/research")
    agent = (f"{old}/agents/main/agent", f"{new}/agents/main/agent")
    assert {(c.file, c.where, c.old, c.new): c.count for c in planned.changes} == {
        ("openclaw.json", "agents.defaults.workspace", *space): 1,
        ("openclaw.json", "agents.entries.main.workspace", *space): 1,
        ("openclaw.json", "agents.entries.main.agentDir", *agent): 1,
        ("openclaw.json", "agents.entries.research.workspace", *research): 1,
        (DATABASE, "cron_jobs.store_key", *key): 2,
        (DATABASE, "cron_job_scratch.store_key", *key): 1,
        (DATABASE, "cron_run_receipts.store_key", *key): 1,
        (DATABASE, "workspace_setup_state", *space): 1,
        (DATABASE, "workspace_setup_state", *research): 1,
        (DATABASE, "workspace_path_aliases", *space): 1,
        (DATABASE, "workspace_path_aliases", *research): 1,
        (DATABASE, "exec_approvals_config.socket_path", *socket): 1,
        (DATABASE, "exec_approvals_config: socket.path", *socket): 1,
    }
    assert (planned.left, planned.problems) == ((), ())
    assert await staged.relocate(dry_run=True) == Relocation()
    after = hashes(staged.stage)
    assert await staged.relocate() == Relocation()
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
    await staged.relocate(new=new)
    real = f"{staged.target}/workspace"
    aliases = staged.rows("SELECT alias_path, workspace_path FROM workspace_path_aliases")
    assert (f"{new}/.openclaw/workspace", real) in aliases
    assert (real,) in staged.rows("SELECT workspace_path FROM workspace_setup_state")
    assert await staged.relocate(new=new, dry_run=True) == Relocation()


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
    assert await staged.relocate(dry_run=True) == Relocation()


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
    assert await staged.relocate(dry_run=True) == Relocation()


@pytest.mark.node
async def test_machine_state_quarantine_and_absolute_agent_databases(tmp_path: Path) -> None:
    staged = Staged(tmp_path)
    store = f"{staged.source}/cron/jobs.json"
    agent = f"{staged.source}/agents/main/agent/openclaw-agent.sqlite"
    staged.execute(
        "INSERT OR REPLACE INTO config_machine_state VALUES ('cron.store', ?, 1)", json.dumps(store)
    )
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
    assert {each.where for each in (await staged.relocate()).changes if each.file == DATABASE} == {
        "cron_jobs.store_key",
        "cron_job_scratch.store_key",
        "cron_run_receipts.store_key",
    }


@pytest.mark.node
async def test_where_plugins_are_installed_follows_and_what_hangs_on_hashes_is_told(tmp_path: Path) -> None:
    staged = Staged(tmp_path)
    index = {
        "index": {
            "workspaceDir": f"{staged.source}/workspace",
            "installRecords": {
                "x": {"installPath": f"{staged.source}/extensions/x", "sourcePath": f"{staged.old}/src/x"}
            },
            "plugins": [{"source": f"{staged.source}/extensions/x/index.js", "rootDir": "/usr/lib/x"}],
        }
    }
    staged.execute(
        "INSERT OR REPLACE INTO config_machine_state VALUES ('plugins.installedIndex', ?, 1)",
        json.dumps(index),
    )
    staged.execute("CREATE TABLE worktrees (id TEXT, path TEXT)")
    staged.execute("INSERT INTO worktrees VALUES ('w', ?)", f"{staged.source}/worktrees/w")
    staged.execute("CREATE TABLE session_groups (name TEXT, cwd TEXT)")
    staged.execute("INSERT INTO session_groups VALUES ('a', ?), ('b', '/etc')", f"{staged.old}/research")
    staged.copy()
    found = await staged.relocate()
    ((value,),) = staged.rows(
        "SELECT value_json FROM config_machine_state WHERE state_key = 'plugins.installedIndex'"
    )
    assert json.loads(value) == json.loads(json.dumps(index).replace(str(staged.source), str(staged.target)))
    assert staged.rows("SELECT name, cwd FROM session_groups") == [
        ("a", f"{staged.new}/research"),
        ("b", "/etc"),
    ]
    assert {(each.where, each.old) for each in found.left} == {
        (
            "config_machine_state plugins.installedIndex: index.installRecords.x.sourcePath",
            f"{staged.old}/src/x",
        ),
        ("worktrees.path", f"{staged.source}/worktrees/w"),
    }


@pytest.mark.node
async def test_absolute_links_follow_in_every_tree(tmp_path: Path) -> None:
    staged = Staged(tmp_path)
    links = {"far": staged.old / "research/notes.md", "near": Path("workspace"), "out": Path("/usr/share")}
    links |= {"other": staged.old / "clawd"}
    for name, target in links.items():
        (staged.source / name).symlink_to(target)
    (staged.old / "research/state").symlink_to(staged.source)
    staged.copy()
    found = await staged.relocate()
    assert {(each.file, each.new) for each in found.changes if each.where == "link"} == {
        ("far", f"{staged.new}/research/notes.md"),
        (f"{staged.old}/research/state", str(staged.target)),
    }
    assert [(each.file, each.old) for each in found.left] == [("other", f"{staged.old}/clawd")]
    now = {name: (staged.stage / name).readlink() for name in links}
    assert now == links | {"far": staged.new / "research/notes.md"}
    assert (staged.old / "research/state").readlink() == staged.target


@pytest.mark.node
async def test_what_people_wrote_is_counted_and_never_changed(tmp_path: Path) -> None:
    staged = Staged(tmp_path)
    space = staged.source / "workspace"
    write(
        space / "MEMORY.md", f"{staged.old}/x and {staged.source}/y, not {staged.old}2 or /srv{staged.old}.\n"
    )
    write(space / "memory/day.md", f"({staged.old})\n")
    write(space / "node_modules/x/index.js", f"'{staged.old}'\n")
    write(space / "photo.bin", f"{staged.old}\n")
    write(staged.old / "research/notes.md", f"{staged.old}/research\n")
    staged.execute("ALTER TABLE cron_jobs ADD COLUMN job_json TEXT")
    staged.execute("UPDATE cron_jobs SET job_json = ? WHERE job_id = 'job-1'", f"read {staged.old}/todo")
    staged.copy()
    before = hashes(staged.stage / "workspace")
    spaces = [str(space), f"{staged.old}/research"]
    found = await staged.relocate(dry_run=True, workspaces=spaces)
    assert found.mentions.count == 5 and found.mentions.files == 4 and not found.mentions.partial
    assert {(each.file, each.count) for each in found.mentions.first} == {
        ("workspace/MEMORY.md", 2),
        ("workspace/memory/day.md", 1),
        (f"{staged.old}/research/notes.md", 1),
        ("state/openclaw.sqlite (what cron jobs are told)", 1),
    }
    await staged.relocate()
    assert hashes(staged.stage / "workspace") == before


@pytest.mark.node
async def test_with_a_link_only_keys_of_openclaws_own_place_follow(tmp_path: Path) -> None:
    staged = Staged(tmp_path).copy()
    found = await staged.relocate(only_keys=True)
    assert {each.where for each in found.changes} == {
        *("cron_jobs.store_key", "cron_job_scratch.store_key", "cron_run_receipts.store_key"),
        *("workspace_setup_state", "workspace_path_aliases"),
    }
    assert (staged.stage / "openclaw.json").read_bytes() == (staged.source / "openclaw.json").read_bytes()
