"""What of a state directory stays behind: nothing that a person made, everything that is made again."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.openclaw import layout
from tests.builders import host_facts
from tests.odd_trees import local_helper
from tests.openclaw_states import write

EVERYTHING = layout.excluded(plugin_code=False)

STAYS = (
    "tmp/openclaw-1001/gateway.state.lock",
    "npm/projects/a/package.json",
    "extensions/whatsapp/node_modules/left-pad/index.js",
    "cache/control-ui-assets/x.js",
    "logs/gateway.log",
    "logs/config-audit.jsonl",
    "plugin-skills/canvas",
    "exec-approvals.pid",
    "agents/main/agent/openclaw-agent.sqlite.generation-lock.sqlite",
    "agents/main/agent/openclaw-agent.sqlite.generation-writer.sqlite",
    "agents/main/agent/openclaw-agent.sqlite.reindex-lock.sqlite-wal",
    "agents/main/sessions/s1.jsonl.lock",
    "agents/main/agent/codex-home/.tmp/x",
    "agents/main/agent/codex-home/a/tmp/x",
    "agents/main/agent/openclaw-agent.sqlite-shm",
    "state/openclaw.sqlite-shm",
    "browser/office/user-data/SingletonLock",
    "browser/office/user-data/Default/Code Cache/js/x",
    "gateway.systemd.env",
    "service-env/ai.openclaw.gateway.env",
    "sandbox/skills-workspaces/main/x",
    "tools/node/bin/node",
)

MOVES = (
    "openclaw.json",
    "openclaw.json.last-good",
    ".env",
    "secrets.json",
    "state/openclaw.sqlite",
    "state/openclaw.sqlite-wal",
    "agents/main/agent/openclaw-agent.sqlite",
    "agents/main/agent/openclaw-agent.sqlite-wal",
    "agents/main/agent/codex-home/auth.json",
    "agents/main/sessions/s1.jsonl",
    "agents/main/sessions/cold/0a.jsonl.zst",
    "credentials/whatsapp/default/creds.json",
    "extensions/whatsapp/index.js",
    "cron/runs/job-1.jsonl",
    "workspace/MEMORY.md",
    "workspace/server.pid",
    "workspace/tmp/draft.md",
    "workspace/notes.tmp",
    "workspace/node_modules/x/index.js",
    "workspace/logs/day.log",
    "workspace-research/cache/x",
    "media/inbound/photo.jpg",
    "browser/office/user-data/Default/Cookies",
    "sandboxes/main/x",
    "canvas/board.html",
    "config-journal-fingerprint.key",
    "matrix/crypto.sock.md",
)


@pytest.mark.parametrize("path", STAYS)
def test_what_is_made_again_stays_behind(path: str) -> None:
    assert any(layout.covers(pattern, path) for pattern, _ in EVERYTHING)


@pytest.mark.parametrize("path", MOVES)
def test_what_a_person_made_moves(path: str) -> None:
    assert [pattern for pattern, _ in EVERYTHING if layout.covers(pattern, path)] == []


@pytest.mark.node
async def test_the_helper_reads_the_patterns_in_the_same_way(tmp_path: Path) -> None:
    for path in (*STAYS, *MOVES):
        write(tmp_path / path, "x")
    rules = [{"pattern": pattern, "reason": reason} for pattern, reason in EVERYTHING]
    items = [each async for each in local_helper().stream("tree", {"root": str(tmp_path), "rules": rules})]
    found = {b64decode(each["p"]).decode() for each in items if each.get("k") == "f"}
    assert found == set(MOVES)


def test_every_rule_has_a_reason_and_stands_once() -> None:
    patterns = [pattern for pattern, _ in EVERYTHING]
    assert len(set(patterns)) == len(patterns)
    assert all(reason for _, reason in EVERYTHING)


def test_a_workspace_below_an_excluded_folder_is_kept() -> None:
    rules = {pattern for pattern, _ in layout.keeping(EVERYTHING, ["dev/ws", "workspace"])}
    assert "dev/" not in rules
    assert len(rules) == len(EVERYTHING) - 1
    assert layout.keeping(EVERYTHING, []) == EVERYTHING


def test_what_plugins_run_on_moves_between_machines_of_one_kind() -> None:
    code = ("npm/projects/x/index.js", "extensions/notes/node_modules/native/a.node")
    for path in code:
        assert any(layout.covers(pattern, path) for pattern, _ in EVERYTHING)
        assert not any(layout.covers(pattern, path) for pattern, _ in layout.excluded(plugin_code=True))


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"node": "24.16.0"}, True),
        ({"node": "26.1.0"}, False),
        ({"node": None}, False),
        ({"arch": "aarch64"}, False),
        ({"system": "Darwin"}, False),
    ],
)
def test_one_kind_is_system_processor_and_node(changes: dict[str, Any], same: bool) -> None:
    assert layout.runs_same_code(host_facts(), host_facts(**changes)) is same


def test_without_node_nothing_is_known() -> None:
    assert not layout.runs_same_code(host_facts(node=None), host_facts(node=None))


def test_the_state_directory_of_a_profile() -> None:
    assert layout.canonical_state_dir("/home/al", None) == "/home/al/.openclaw"
    assert layout.canonical_state_dir("/home/al", "work") == "/home/al/.openclaw-work"


@pytest.mark.parametrize(
    ("name", "good"),
    [("work", True), ("W0rk-2_x", True), ("-x", False), ("a" * 65, False), ("x.bak", False), ("", False)],
)
def test_names_of_profiles(name: str, good: bool) -> None:
    assert layout.is_profile_name(name) is good
