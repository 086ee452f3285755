"""The whole program on the real OpenClaw: the demo's two practice hosts, driven as a person's script would.

Every run is a process of its own; what is asserted is read from its JSON lines, exit codes and disks.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw_wizard.demo.runtime import cache_folder
from openclaw_wizard.openclaw import command
from tests.program import Event, Program, gateways, table

CACHE = cache_folder()
BUSY_SECONDS = 600

pytestmark = pytest.mark.openclaw


class Ground(Program):
    """A wizard home of its own, with the commands run in it."""

    def __init__(self, home: Path) -> None:
        wizard = str(home / "wizard")
        super().__init__(home, OPENCLAW_WIZARD_HOME=wizard, OPENCLAW_WIZARD_CACHE=str(CACHE))

    def practice(self, name: str, *words: str) -> str:
        """An `openclaw` command inside a practice host, past the wizard."""
        place = self.home / "wizard" / "demo" / name
        settings = json.loads((place / "host.json").read_text())
        home = settings["home"]
        path = f"{home}/.npm-global/bin:{':'.join(settings['path'])}:/usr/bin:/bin"
        environment = {"HOME": home, "PATH": path, "NO_COLOR": "1"}
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            ran = subprocess.run(
                ["openclaw", *words], env=environment, cwd=home, capture_output=True, text=True, timeout=300
            )
            if ran.returncode == 0:
                return ran.stdout
            busy = any(word in ran.stdout + ran.stderr for word in command.BUSY)
            assert busy and time.monotonic() < deadline, ran.stderr
            time.sleep(2)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground(tmp_path)
    yield made
    code, _, said = made.run("demo", "--clean")
    assert code == 0, said
    assert not (made.home / "wizard" / "demo").exists()


EXPECTED = {
    "agents": "2",
    "sessions": "2",
    "databases intact": "4",
    "devices": "1",
    "dashboard": "opens",
    "gateway": "2026.9.6, answers",
    "sessions in the dashboard": "2",
}


def assert_nothing_lost(events: list[Event]) -> None:
    rows = table(events)
    assert [row for row in rows if row[3] not in ("equal", "expected")] == []
    explained = {row[0] for row in rows if row[3] == "expected"}
    assert explained == {"workspaces", "state files", "stays behind"}
    counted = {subject: old for subject, old, _, _ in rows}
    assert {subject: counted[subject] for subject in EXPECTED} == EXPECTED
    assert int(counted["cron jobs"]) >= 1 and int(counted["messages"]) >= 15
    assert int(counted["workspace files"]) >= 20


def secrets_of(ground: Ground) -> list[str]:
    """The gateway's token and the model key, as OLD's config really holds them."""
    (config,) = (ground.home / "wizard" / "demo" / "old").glob("home/*/.openclaw/openclaw.json")
    found = json.loads(config.read_text())
    return [found["gateway"]["auth"]["token"], found["models"]["providers"]["standin"]["apiKey"]]


def test_the_demo_moves_a_real_openclaw_and_puts_it_back(ground: Ground) -> None:
    code, events, said = ground.run("demo", "--json")
    assert code == 0, said
    assert_nothing_lost(events)
    assert events[-1]["type"] == "move-finished"
    assert (events[-1]["outcome"], events[-1]["exit_code"]) == ("done", 0)
    assert 5 < events[-1]["downtime"] < 1200
    assert gateways(events) == {"old": "disabled", "new": "ready"}

    answer = ground.practice("new", "agent", "--session-key", "agent:main:boiler", "--message", "and now?")
    assert "turn 3: and now?" in answer
    jobs = json.loads(ground.practice("new", "cron", "list", "--all", "--json"))["jobs"]
    assert "nightly" in [job["name"] for job in jobs]

    folder = next((ground.home / "wizard" / "migrations").iterdir())
    kept = {p: p.read_bytes() for p in folder.iterdir()}
    for secret in secrets_of(ground):
        assert [p.name for p, content in kept.items() if secret.encode() in content] == []
        assert secret not in said and not any(secret in json.dumps(event) for event in events)
    assert [p.name for p in folder.iterdir() if p.stat().st_mode & 0o077] == []

    code, events, said = ground.run("undo", "--json")
    assert code == 0, said
    assert events[-1]["outcome"] == "put back"
    assert gateways(events) == {"old": "ready", "new": "stopped"}
    answer = ground.practice("old", "agent", "--session-key", "agent:main:boiler", "--message", "back?")
    assert "turn 3: back?" in answer
    new_home = ground.home / "wizard" / "demo" / "new" / "srv" / "bob"
    assert not (new_home / ".openclaw").exists() and list(new_home.glob(".openclaw.undone-*"))


POINTS = [
    ("action-started old.stop", signal.SIGKILL),
    ("action-done old.check-databases", signal.SIGKILL),
    ("action-started old.archive", signal.SIGKILL),
    ("action-started new.openclaw", signal.SIGKILL),
    ("action-started copy.manifest", signal.SIGTERM),
    ("action-started copy.stream", signal.SIGKILL),
    ("action-done copy.compare", signal.SIGKILL),
    ("action-started new.relocate", signal.SIGKILL),
    ("action-started new.switch", signal.SIGKILL),
    ("action-done new.switch", signal.SIGKILL),
    ("action-started new.doctor", signal.SIGKILL),
    ("action-started new.start", signal.SIGHUP),
    ("action-done new.ready", signal.SIGKILL),
]
"""Over the whole length: ten times kill -9, and the two signals that a session really gets."""


def test_killed_at_ten_points_and_resumed_each_time(ground: Ground) -> None:
    process = ground.start("demo", "--json")
    events: list[Event] = []
    for point, number in POINTS:
        events += ground.interrupted_at(process, point, number)
        expected = -number if number is signal.SIGKILL else 128 + number
        assert process.returncode == expected, point
        process = ground.start("resume", "--json", "--yes")
    out, err = process.communicate(timeout=1200)
    assert process.returncode == 0, err.decode()
    events += [json.loads(line) for line in out.splitlines()]
    assert_nothing_lost(events)
    assert gateways(events) == {"old": "disabled", "new": "ready"}
    assert {e["reason"] for e in events if e["type"] == "move-stopped"} <= {"SIGTERM", "SIGHUP"}
    done = [e["action"] for e in events if e["type"] == "action-done"]
    for once in ("old.check-databases", "copy.compare", "new.switch", "new.ready"):
        assert done.count(once) == 1, once
    new_home = ground.home / "wizard" / "demo" / "new" / "srv" / "bob"
    assert list(new_home.glob(".openclaw.*")) == []
