"""State directories with pitfalls really in them, and what is judged of one."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from openclaw_wizard.model import Facts, Finding, Verdict
from openclaw_wizard.openclaw import discover
from openclaw_wizard.pitfalls import judge_all
from tests.openclaw_states import config, helper, today, write
from tests.openclaw_states import facts as local

HIT = (Verdict.LOOK, Verdict.BLOCKS)


async def known(home: Path, profile: str | None = None, **more: Any) -> Facts:
    """What is read of the installation with this profile below `home`, as `check` reads it."""
    machine = local(home, hostname="old-box", user="alice", openclaw=more.pop("openclaw", "2026.9.6"))
    found = await discover.discover(helper(), machine)
    chosen = next(each for each in found if each.profile == profile)
    read = {"installation": chosen, "installations": found, "other_profiles": ()}
    return Facts(old=machine, **{**read, **more})


def hits(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.verdict in HIT}


async def judged(home: Path, profile: str | None = None, **more: Any) -> dict[str, Finding]:
    return judge_all(await known(home, profile, **more))


@contextmanager
def listening() -> Iterator[int]:
    """The port on which another process listens."""
    waiting = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 0)); "
        "print(s.getsockname()[1], flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", waiting], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def silent_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


PLANTED = {
    *("stray-logs", "legacy-folder", "migration-leftovers", "worktrees", "dead-paths", "container-paths"),
    *("chats-missing", "chats-put-away", "chats-not-imported", "official-backup", "cron-elsewhere"),
    *("cron-not-imported", "keys-left-behind", "token-in-unit", "unset-variables", "legacy-variables"),
    *("identity-gone", "whatsapp-not-linked", "channel-switched-off", "sealed-logins", "browser-logins"),
    *("program-logins", "webhook", "tailscale", "allowed-origins", "auto-update", "plugin-not-installed"),
    *("plugin-elsewhere", "node-host", "comes-back-at-boot", "placing-variables", "newer-config"),
    *("workspace-redirected", "port-taken", "program-in-state"),
}
UNIT = """[Service]
ExecStart=/usr/bin/openclaw gateway
Environment=NIGHTLY_API_KEY=sk-1 OPENCLAW_GATEWAY_TOKEN=t-1 OPENCLAW_OAUTH_DIR={home}/oauth
"""


def plant(home: Path, port: int) -> None:
    """A state directory of 2026.9.6 with all of `PLANTED`."""
    made = config(home, update={"auto": {"enabled": True}}, logging={"file": "/home/node/claw.log"})
    made["agents"]["entries"]["family"] = {}
    made["channels"] = {
        "telegram": {"botToken": "${NOWHERE_TOKEN}", "webhookUrl": "https://bot.example.org/hook?k=secret"},
        "whatsapp": {"enabled": True},
    }
    made["plugins"]["entries"]["matrix"] = {"enabled": True}
    made["plugins"]["load"] = {"paths": [f"{home}/gone/plugin"]}
    made["gateway"] |= {"bind": "tailnet", "port": port}
    made["gateway"]["controlUi"] = {"allowedOrigins": ["https://old-box.lan", "http://localhost:5"]}
    state = today(home, **made)
    plant_conversations(state)
    plant_jobs(state)
    plant_around(home)
    for name in ("update-check.json", "update-check.json.migrated"):
        write(state / name, "{}")
    write(state / "state/löst.sqlite-wal", "rows")
    write(state / "worktrees/one/file", "")
    write(state / "devices/paired.json", json.dumps({"phone": {}}))
    write(state / "credentials/auth-profiles/0a1b.json", "{}")
    write(state / "browser/openclaw/user-data/Local State", "{}")
    write(state / "plugins/installs.json", json.dumps({"records": {"old": {"installPath": "/gone/old"}}}))
    write(state / "tools/bin/node-of-state", "#!/bin/sh\n", 0o755)
    (state / "workspace/family").mkdir()


def plant_conversations(state: Path) -> None:
    for agent, ids in (("main", ["kept", "away"]), ("family", ["lost"])):
        index = {f"agent:{agent}:{each}": {"sessionId": each} for each in ids}
        write(state / f"agents/{agent}/sessions/sessions.json", json.dumps(index))
    write(state / "agents/main/sessions/kept.jsonl", "{}\n")
    write(state / "agents/main/sessions/away.jsonl.deleted.2026-05-01", "{}\n")


def plant_jobs(state: Path) -> None:
    with closing(sqlite3.connect(state / "state/openclaw.sqlite")) as db:
        db.execute("INSERT INTO cron_jobs VALUES ('/old/cron/jobs.json', 'job-9', NULL, 'weekly', 1)")
        db.commit()
    write(state / "cron/jobs.json", json.dumps({"jobs": [{"id": "job-1"}, {"id": "never-imported"}]}))


def plant_around(home: Path) -> None:
    units = home / ".config/systemd/user"
    write(units / "openclaw-gateway.service", UNIT.format(home=home))
    write(units / "openclaw-node.service", "[Service]\n")
    write(home / ".bashrc", "export CLAWDBOT_API_KEY=sk-2\n")
    write(home / ".moltbot/clawdbot.json", "{}")
    write(home / ".codex/auth.json", "{}")
    write(home / "2026-09-01-openclaw-backup.tar.gz", "")
    (home / "oauth").mkdir()


def stub(folder: Path, name: str, text: str) -> None:
    write(folder / name, f"#!/bin/sh\n{text}\n", 0o755)
