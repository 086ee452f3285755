"""State directories as OpenClaw makes them, small: the tables and files that the wizard reads and rewrites.

The statements are those of the schema of 2026.9.6 (state 18, agent 23), cut to the columns that matter.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.model import HostFacts
from openclaw_wizard.openclaw import queries
from tests.odd_trees import PATH, local_facts, local_helper

STATE_SCHEMA = """
PRAGMA user_version = 18;
CREATE TABLE cron_jobs (store_key TEXT NOT NULL, job_id TEXT NOT NULL, declaration_key TEXT,
  name TEXT NOT NULL, enabled INTEGER NOT NULL DEFAULT 1, PRIMARY KEY (store_key, job_id)) STRICT;
CREATE TABLE cron_job_scratch (store_key TEXT NOT NULL, job_id TEXT NOT NULL, content TEXT,
  PRIMARY KEY (store_key, job_id)) STRICT;
CREATE TABLE cron_run_receipts (receipt_id TEXT PRIMARY KEY, store_key TEXT NOT NULL,
  job_id TEXT NOT NULL) STRICT;
CREATE TABLE config_machine_state (state_key TEXT NOT NULL PRIMARY KEY, value_json TEXT NOT NULL,
  updated_at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE workspace_setup_state (workspace_key TEXT NOT NULL PRIMARY KEY, workspace_path TEXT,
  version INTEGER, CHECK (version IS NULL OR workspace_path IS NOT NULL)) STRICT;
CREATE TABLE workspace_path_aliases (alias_key TEXT NOT NULL PRIMARY KEY, alias_path TEXT NOT NULL,
  workspace_key TEXT NOT NULL, workspace_path TEXT NOT NULL, updated_at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE workspace_generated_bootstrap_hashes (workspace_key TEXT NOT NULL, filename TEXT NOT NULL,
  sha256 TEXT NOT NULL, PRIMARY KEY (workspace_key, filename),
  FOREIGN KEY (workspace_key) REFERENCES workspace_setup_state(workspace_key) ON DELETE CASCADE) STRICT;
CREATE TABLE exec_approvals_config (config_key TEXT NOT NULL PRIMARY KEY, raw_json TEXT NOT NULL,
  socket_path TEXT) STRICT;
CREATE TABLE device_identities (identity_key TEXT NOT NULL PRIMARY KEY, device_id TEXT NOT NULL) STRICT;
CREATE TABLE device_pairing_paired (device_id TEXT NOT NULL PRIMARY KEY) STRICT;
CREATE TABLE device_pairing_pending (request_id TEXT NOT NULL PRIMARY KEY, ts INTEGER NOT NULL) STRICT;
CREATE TABLE channel_pairing_requests (channel_key TEXT NOT NULL, account_id TEXT NOT NULL,
  request_id TEXT NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY (channel_key, request_id)) STRICT;
CREATE TABLE schema_meta (meta_key TEXT NOT NULL PRIMARY KEY, schema_version INTEGER NOT NULL) STRICT;
CREATE TABLE agent_databases (agent_id TEXT NOT NULL, path TEXT NOT NULL,
  PRIMARY KEY (agent_id, path)) STRICT;
CREATE TABLE diagnostic_events (scope TEXT NOT NULL, event_key TEXT NOT NULL,
  PRIMARY KEY (scope, event_key)) STRICT;
"""

AGENT_SCHEMA = """
PRAGMA user_version = 23;
CREATE TABLE session_nodes (session_key TEXT NOT NULL PRIMARY KEY, current_session_id TEXT NOT NULL) STRICT;
CREATE TABLE transcript_events (session_id TEXT NOT NULL, seq INTEGER NOT NULL, event_json TEXT,
  PRIMARY KEY (session_id, seq)) STRICT;
CREATE TABLE session_transcript_cold_archives (session_id TEXT NOT NULL PRIMARY KEY,
  event_count INTEGER NOT NULL) STRICT;
CREATE TABLE memory_index_chunks (chunk_rowid INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE schema_meta (meta_key TEXT NOT NULL PRIMARY KEY, schema_version INTEGER NOT NULL) STRICT;
"""


INDEX = {
    "index": {
        "plugins": [
            {"pluginId": "anthropic", "origin": "bundled", "enabled": True},
            {"pluginId": "lab-notes", "origin": "global", "enabled": True},
            {"pluginId": "notes", "origin": "global", "enabled": False},
        ]
    }
}
"""Which plugins there are, as 2026.9.6 keeps it, cut to what is read."""


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def helper() -> Helper:
    return local_helper(LocalHost(), queries())


def facts(home: Path, **changes: Any) -> HostFacts:
    return local_facts(home=str(home), **changes)


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def database(path: Path, schema: str, rows: dict[str, list[tuple[object, ...]]], *, wal: bool = True) -> Path:
    """A database with these rows by table, closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        if wal:
            db.execute("PRAGMA journal_mode = WAL")
        db.executescript(schema)
        for table, values in rows.items():
            for each in values:
                db.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(each))})", each)  # noqa: S608
        db.commit()
    return path


def read(path: Path, query: str) -> list[tuple[Any, ...]]:
    """Rows of a database, sorted, without leaving anything beside it."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as db:
        return sorted(db.execute(query).fetchall())


def config(home: Path, *, name: str = ".openclaw", **sections: Any) -> dict[str, Any]:
    state = home / name
    made: dict[str, Any] = {
        "agents": {
            "ownership": "explicit",
            "defaults": {"workspace": f"{state}/workspace"},
            "entries": {
                "main": {"workspace": f"{state}/workspace", "agentDir": f"{state}/agents/main/agent"},
                "research": {"workspace": f"{home}/research"},
            },
        },
        "channels": {"telegram": {"botToken": "secret-token"}},
        "gateway": {"mode": "local", "port": 28123},
        "plugins": {"entries": {"whatsapp": {"enabled": False}, "anthropic": {"config": {}}}},
        "skills": {"entries": {"weather": {"enabled": False}}},
        "env": {"vars": {"TZ": "Europe/Berlin"}},
        "meta": {"lastTouchedVersion": "2026.9.6"},
    }
    return {**made, **sections}


def today(home: Path, *, called: Path | None = None, name: str = ".openclaw", **sections: Any) -> Path:
    """The state directory of 2026.9.6 below `home`: two agents, a workspace outside; returns its path.

    `called` is what its own machine calls that home, where that differs; `name` is that of the folder.
    """
    state, told = home / name, called or home
    write(state / "openclaw.json", json.dumps(config(told, name=name, **sections), indent=2))
    write(state / ".env", "# keys\nexport OPENAI_API_KEY=sk-1\nBRAVE_KEY = 2\nnot a key\n")
    write(state / "credentials/telegram-pairing.json", "{}")
    write(state / "workspace/MEMORY.md", "Mira's birthday is on 3 May.\n", 0o644)
    write(state / "workspace/memory/2026-01-12.md", "The boiler.\n", 0o644)
    write(state / "workspace/skills/heating/SKILL.md", "# Heating\n", 0o644)
    write(state / "skills/boiler/SKILL.md", "# Boiler\n")
    write(state / "extensions/notes/openclaw.plugin.json", json.dumps({"id": "notes"}))
    write(home / "research/notes.md", "heat pumps\n", 0o644)
    database(state / "state/openclaw.sqlite", STATE_SCHEMA, _state_rows(told, told / name))
    for agent in ("main", "research"):
        database(state / f"agents/{agent}/agent/openclaw-agent.sqlite", AGENT_SCHEMA, _agent_rows(agent))
    return state


def _state_rows(home: Path, state: Path) -> dict[str, list[tuple[object, ...]]]:
    key = f"{state}/cron/jobs.json"
    spaces = [f"{state}/workspace", f"{home}/research"]
    return {
        "cron_jobs": [(key, "job-1", None, "nightly", 1), (key, "job-2", "heartbeat:main", "heartbeat", 0)],
        "cron_job_scratch": [(key, "job-1", "scratch")],
        "cron_run_receipts": [("receipt-1", key, "job-1")],
        "config_machine_state": [
            ("update.checkState", "{}", 1),
            ("plugins.installedIndex", json.dumps(INDEX), 1),
        ],
        "workspace_setup_state": [(sha256(space), space, 1) for space in spaces],
        "workspace_path_aliases": [(sha256(space), space, sha256(space), space, 1) for space in spaces],
        "workspace_generated_bootstrap_hashes": [(sha256(space), "SOUL.md", "0" * 64) for space in spaces],
        "exec_approvals_config": [
            (
                "default",
                json.dumps({"version": 1, "socket": {"path": f"{state}/exec-approvals.sock"}}),
                f"{state}/exec-approvals.sock",
            )
        ],
        "device_identities": [("primary", "device-own")],
        "device_pairing_paired": [("device-phone",)],
        "device_pairing_pending": [("ask-1", 1_800_000_100_000)],
        "channel_pairing_requests": [("telegram", "default", "888", "2027-01-15T08:00:00.000Z")],
        "schema_meta": [("primary", 18)],
        "agent_databases": [("main", "agents/main/agent/openclaw-agent.sqlite")],
        "diagnostic_events": [("config", "one")],
    }


def _agent_rows(agent: str) -> dict[str, list[tuple[object, ...]]]:
    return {
        "session_nodes": [(f"agent:{agent}:main", f"{agent}-s1"), (f"agent:{agent}:old", f"{agent}-s2")],
        "transcript_events": [(f"{agent}-s1", seq, "{}") for seq in range(3)],
        "session_transcript_cold_archives": [(f"{agent}-s2", 40)],
        "memory_index_chunks": [(n, "words") for n in range(4)],
        "schema_meta": [("primary", 23)],
    }


def early(home: Path) -> Path:
    """The state directory of early 2026: JSON and one file a transcript."""
    state = home / ".openclaw"
    sessions = state / "agents/main/sessions"
    index = {
        "agent:main:main": {"sessionId": "s1", "sessionFile": f"{sessions}/s1.jsonl"},
        "agent:main:old": {"sessionId": "s2", "note": f"{sessions}/s2.jsonl"},
    }
    made = config(home, agents={"list": [{"id": "main", "default": True}]}, plugins={}, skills={}, env={})
    write(state / "openclaw.json", json.dumps(made | {"meta": {"lastTouchedVersion": "2026.2.9"}}))
    write(sessions / "sessions.json", json.dumps(index))
    write(sessions / "s1.jsonl", '{"type":"session"}\n{"type":"message"}\n{"type":"message"}')
    write(sessions / "s1.trajectory.jsonl", "{}\n")
    write(sessions / "s2.jsonl", '{"type":"session"}\n')
    write(
        state / "cron/jobs.json",
        json.dumps({"version": 1, "jobs": [{"id": "job-1"}, {"id": "job-2", "enabled": False}]}),
    )
    write(state / "identity/device.json", json.dumps({"deviceId": "device-own"}))
    write(state / "devices/paired.json", json.dumps({"device-phone": {"role": "node"}}))
    write(state / "credentials/whatsapp/default/creds.json", "{}")
    asked = {"version": 1, "requests": [{"id": "888", "createdAt": "2026-02-09T08:00:00.000Z"}]}
    write(state / "credentials/telegram-pairing.json", json.dumps(asked))
    write(state / "devices/pending.json", json.dumps({"ask-1": {"ts": 1_770_000_000_000}}))
    write(state / "extensions/notes/openclaw.plugin.json", json.dumps({"id": "notes"}))
    database(
        state / "memory/main.sqlite",
        "CREATE TABLE chunks (id TEXT PRIMARY KEY) STRICT;",
        {"chunks": [(str(n),) for n in range(3)]},
        wal=False,
    )
    approvals = {
        "socket": {"path": f"{state}/exec-approvals.sock"},
        "allowlist": [{"pattern": f"{home}/bin/x"}],
    }
    write(state / "exec-approvals.json", json.dumps(approvals))
    return state


# ---------------------------------------------------------------------- processes

GATEWAY = """
const [, state, lock] = process.argv;
import net from "node:net";
import fs from "node:fs";
import { DatabaseSync } from "node:sqlite";
process.title = "openclaw-gateway";
const db = new DatabaseSync(state + "/state/openclaw.sqlite");
db.exec("SELECT count(*) FROM sqlite_master");
const server = net.createServer().listen(0, "127.0.0.1", () => {
  const stat = fs.readFileSync("/proc/self/stat", "utf8");
  const startTime = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  const { port } = server.address();
  const places = { configPath: state + "/openclaw.json", stateDir: state };
  const payload = { pid: process.pid, ...places, port, startTime };
  if (lock) fs.writeFileSync(lock, JSON.stringify(payload, null, 2) + "\\n" + " \\t".repeat(80));
  console.log(port);
});
process.on("SIGTERM", () => { if (lock) fs.rmSync(lock); process.exit(0); });
"""
"""What a gateway shows of itself: title, lock with padding, port, an open database."""


@contextmanager
def gateway(
    state: Path, lock: Path | None = None, environment: dict[str, str] | None = None
) -> Iterator[tuple[int, int]]:
    """A process that looks like a gateway of `state`; its pid and port. Ended hard if it still is there."""
    if lock is not None:
        lock.parent.mkdir(parents=True, exist_ok=True)
    argv = ["node", "--no-warnings", "--input-type=module", "-e", GATEWAY, str(state), str(lock or "")]
    env = {"PATH": PATH, "HOME": str(state.parent), **(environment or {})}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=env) as process:
        try:
            assert process.stdout is not None
            yield process.pid, int(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def bystander(*argv: str) -> Iterator[int]:
    """Some other process, waiting to be ended."""
    waiting = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)", *argv]
    with subprocess.Popen(waiting, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            yield process.pid
        finally:
            process.kill()


def lock_of(state: Path) -> Path:
    return state / f"tmp/openclaw-{os.getuid()}/gateway.state.lock"
