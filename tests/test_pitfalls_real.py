"""Pitfalls that are really there on OLD: real files, modes, owners, databases, units, ports and processes.

One state directory with many of them planted is read once, and all are found and none else; what does not fit
beside the others is planted by itself. The readings are those of `check`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.hosts import connect
from openclaw_wizard.hosts.practice import create_practice, stop_practice
from openclaw_wizard.model import Facts, Verdict
from openclaw_wizard.pitfalls import judge_all
from openclaw_wizard.steps.checking import check
from tests.openclaw_states import config, early, gateway, lock_of, today, write
from tests.openclaw_states import facts as local
from tests.planted import HIT, PLANTED, hits, judged, listening, plant, stub
from tests.test_identify_finds import only
from tests.two_hosts import programs

pytestmark = pytest.mark.node


@pytest.fixture
def listener() -> Iterator[int]:
    with listening() as port:
        yield port


@pytest.fixture
def planted(tmp_path: Path, listener: int) -> Iterator[str]:
    """The address of a practice host with all of `PLANTED`."""
    folder = tmp_path / "old"
    bin, home = programs(tmp_path / "bin"), folder / "home/alice"
    stub(bin, "openclaw", "echo OpenClaw 2026.8.3")
    stub(bin, "crontab", '[ "$1" = -l ] && echo "@reboot /usr/bin/openclaw gateway run"')
    path = [str(bin), f"{home}/.openclaw/tools/bin"]
    address = create_practice(folder, user="alice", hostname="old-box", home="home/alice", path=path)
    plant(home, listener)
    yield address
    asyncio.run(stop_practice(folder))


def run_check(*words: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parent.parent
    argv = [sys.executable, "-m", "openclaw_wizard", "check", *words]
    return subprocess.run(
        argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=root, timeout=300
    )


def test_what_is_planted_on_a_host_is_found_and_nothing_else(planted: str) -> None:
    ran = run_check("--host", planted, "--json")
    (found,) = map(json.loads, ran.stdout.splitlines())
    told = {each["pitfall"]: each for each in found["findings"]}
    assert {name for name, each in told.items() if each["verdict"] in HIT} == PLANTED
    assert ran.returncode == 4, ran.stderr
    assert [name for name, each in told.items() if each["verdict"] == "blocks"] == [
        "comes-back-at-boot",
        "newer-config",
    ]
    assert found["counts"]["blocks"] == 2
    assert told["stray-logs"]["evidence"] == "without its database: state/löst.sqlite-wal"
    for secret in ("sk-1", "sk-2", "t-1", "k=secret"):
        assert secret not in ran.stdout
    as_text = run_check("--host", planted)
    assert as_text.returncode == 4
    first, second = as_text.stdout.splitlines()[2:4]
    assert first == "What runs"
    assert second.startswith("BLOCK OLD's gateway would come back")
    assert "\nBLOCK A config of a newer OpenClaw" in as_text.stdout


def test_a_host_with_nothing_wrong_has_nothing_to_look_at(tmp_path: Path) -> None:
    folder, bin = tmp_path / "old", programs(tmp_path / "bin")
    stub(bin, "openclaw", "echo OpenClaw 2026.9.6")
    address = create_practice(folder, user="alice", hostname="old-box", home="home/alice", path=[str(bin)])
    try:
        today(folder / "home/alice")
        ran = run_check("--host", address, "--all")
    finally:
        asyncio.run(stop_practice(folder))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "0 block, 0 to look at, " in ran.stdout
    assert "look  " not in ran.stdout
    assert "ok    OLD is also a node [node-host]" in ran.stdout


def test_a_machine_without_node_is_told_by_its_pitfall(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    address = create_practice(folder, user="alice", hostname="old-box", home="home/alice")
    stub(folder / "home/alice/bin", "node", "echo v18.20.1")
    try:
        ran = run_check("--host", address, "--json")
    finally:
        asyncio.run(stop_practice(folder))
    assert ran.returncode == 4, ran.stderr
    (found,) = map(json.loads, ran.stdout.splitlines())
    told = {each["pitfall"]: each for each in found["findings"]}
    assert "OLD has" in told["node-out-of-range"]["evidence"]
    assert {each["verdict"] for name, each in told.items() if name != "node-out-of-range"} <= {
        "unknown",
        "clear",
    }


BY_VERSION = {
    "2026.2.6": "doctor-overwrites-config",
    "2026.2.15": "doctor-hangs",
    "2026.8.1": "doctor-needs-a-terminal",
    "2026.9.7-dev.3": "not-a-release",
}


async def test_what_single_versions_do_wrong_is_told_of_them_alone(tmp_path: Path) -> None:
    folder, bin = tmp_path / "old", programs(tmp_path / "bin")
    address = create_practice(folder, user="alice", hostname="old-box", home="home/alice", path=[str(bin)])
    home = folder / "home/alice"
    state = today(home)
    host = await connect(address)
    try:
        for version, pitfall in BY_VERSION.items():
            stub(bin, "openclaw", f"echo 'OpenClaw {version} (eb377ac)'")
            made = config(home, meta={"lastTouchedVersion": version})
            write(state / "openclaw.json", json.dumps(made))
            (known_of_it,) = await check(host, None)
            assert hits(judge_all(known_of_it)) == {pitfall}
    finally:
        await host.aclose()
        await stop_practice(folder)


# ---------------------------------------------------------------------- one by one


async def test_a_clean_state_directory_is_clear_of_what_is_planted_below(home: Path) -> None:
    today(home)
    assert hits(await judged(home)) == set()


async def test_remote_mode_names_the_machine_to_give_instead(home: Path) -> None:
    today(home, gateway={"mode": "remote", "remote": {"url": "ws://127.0.0.1:1", "sshTarget": "al@gw.lan"}})
    found = (await judged(home))["remote-mode"]
    assert (found.verdict, found.evidence) == (Verdict.BLOCKS, "the gateway is al@gw.lan: `--from al@gw.lan`")
    assert found.instead == "al@gw.lan"


async def test_secrets_are_open_only_where_every_folder_above_is() -> None:
    place = Path(tempfile.mkdtemp(prefix="openclaw-wizard-"))
    try:
        place.chmod(0o755)
        state = today(place)
        for folder in (state, state / "state"):
            folder.chmod(0o755)
        (state / "openclaw.json").chmod(0o644)
        (state / "state/openclaw.sqlite").chmod(0o644)
        found = (await judged(place))["open-to-others"]
        databases = "agents/main/agent/openclaw-agent.sqlite, agents/research/agent/openclaw-agent.sqlite"
        assert found.evidence == f"every user can read {databases}, openclaw.json and 1 more"
        state.chmod(0o700)
        assert (await judged(place))["open-to-others"].verdict is Verdict.CLEAR
    finally:
        shutil.rmtree(place)


@pytest.mark.root
async def test_what_another_user_owns_is_counted(home: Path) -> None:
    state = today(home)
    for name in ("credentials", "credentials/telegram-pairing.json"):
        os.chown(state / name, 1234, 1234)
    found = (await judged(home))["foreign-owned"]
    assert found.evidence.startswith("2 belong to another user: credentials, credentials/")


async def test_two_processes_of_one_state_directory(home: Path) -> None:
    state = today(home)
    with gateway(state, lock_of(state)):
        assert (await judged(home))["two-gateways"].verdict is Verdict.CLEAR
        with gateway(state):
            found = (await judged(home))["two-gateways"]
    assert (found.verdict, found.evidence[:11]) == (Verdict.LOOK, "2 processes")


async def test_a_profile_whose_things_are_with_the_default_one(home: Path) -> None:
    state = today(home)
    write(state / "credentials/whatsapp/default/creds.json", "{}")
    write(state / "workspace-work/MEMORY.md", "")
    work = home / ".openclaw-work"
    made = {
        "meta": {"lastTouchedVersion": "2026.9.6"},
        "channels": {"whatsapp": {}},
        "gateway": {"mode": "local"},
    }
    write(work / "openclaw.json", json.dumps(made))
    for folder in ("agents/main/agent", "credentials", "workspace"):
        (work / folder).mkdir(parents=True)
    write(work / "agents/main/agent/models.json", "{}")
    assert hits(await judged(home, "work")) == {"whatsapp-in-default", "profile-workspace"}


async def test_what_early_versions_do_wrong_with_files(home: Path) -> None:
    state = early(home)
    sessions = state / "agents/main/sessions"
    (sessions / "sessions.json").write_text(
        json.dumps(
            {"a": {"sessionId": "s1", "sessionFile": f"{sessions}/s1.jsonl"}, "b": {"sessionId": "s2"}}
        )
    )
    assert "session-files-refused" not in hits(await judged(home, openclaw="2026.2.13"))
    (sessions / "sessions.json").write_text(
        json.dumps(
            {"a": {"sessionId": "s1", "sessionFile": "/home/old/.openclaw/agents/main/sessions/s1.jsonl"}}
        )
    )
    assert "session-files-refused" in hits(await judged(home, openclaw="2026.2.13"))
    assert "doctor-puts-chats-away" in hits(await judged(home, openclaw="2026.5.2"))
    assert "approvals-deadlock" in hits(await judged(home, openclaw="2026.8.1"))


async def test_state_with_the_old_name(home: Path) -> None:
    write(home / ".clawdbot/clawdbot.json", json.dumps({"gateway": {"mode": "local"}}))
    found = (await judged(home))["legacy-name"]
    assert found.evidence == "it is called .clawdbot, clawdbot.json"


async def test_a_database_that_cannot_be_read_leaves_its_rules_unknown(home: Path) -> None:
    state = today(home)
    (state / "state/openclaw.sqlite").write_bytes(b"no database at all" * 100)
    found = await judged(home)
    for name in ("cron-elsewhere", "cron-not-imported", "plugin-elsewhere", "plugin-not-installed"):
        assert found[name].verdict is Verdict.UNKNOWN, name


async def test_what_only_another_kind_of_machine_has(home: Path) -> None:
    """A Mac's Keychain, a disk of a NAS, a config that Nix makes: real files, read as there."""
    state = today(home)
    logins: dict[str, Any] = {"profiles": {"anthropic:claude-cli": {}}}
    write(state / "agents/main/agent/auth-profiles.json", json.dumps(logins))
    write(
        home / ".config/systemd/user/openclaw-gateway.service", "[Service]\nEnvironment=OPENCLAW_NIX_MODE=1\n"
    )
    mounts = write(home / "mounts", f"31 1 0:40 / {state} rw - nfs4 nas:/volume1 rw\n")
    found = await only(home, platform="darwin", mounts=str(mounts))
    told = judge_all(Facts(old=local(home, system="Darwin"), installation=found, other_profiles=()))
    assert hits(told) == {"keychain-logins", "state-on-network", "read-only-config"}
    assert told["read-only-config"].verdict is Verdict.BLOCKS


async def test_files_of_another_shape_break_no_reading(home: Path) -> None:
    state = early(home)
    write(
        state / "openclaw.json", json.dumps({"gateway": "local", "channels": [1], "plugins": {"entries": 5}})
    )
    write(
        state / "agents/main/sessions/sessions.json",
        json.dumps([1, None, {"sessionId": 5, "sessionFile": 6}]),
    )
    write(state / "cron/jobs.json", json.dumps({"jobs": {"id": "x"}}))
    for name, text in (("devices/paired.json", "5"), ("plugins/installs.json", '{"records": [null]}')):
        write(state / name, text)
    today(home / "elsewhere")
    shutil.copytree(home / "elsewhere/.openclaw/state", state / "state")
    with closing(sqlite3.connect(state / "state/openclaw.sqlite")) as db:
        db.execute('UPDATE config_machine_state SET value_json = \'{"index": {"plugins": [null]}}\'')
        db.commit()
    found = await judged(home)
    assert found["cron-not-imported"].verdict is Verdict.CLEAR
    assert found["identity-gone"].verdict is Verdict.CLEAR
