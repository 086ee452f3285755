"""The command line against real SSH servers: the exit code and the words of every way to be refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from openclaw_wizard.hosts.practice import stop_practice
from tests.conftest import Sshd, new_key
from tests.two_hosts import TwoHosts

ROOT = Path(__file__).parent.parent


def wizard(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "OPENCLAW_WIZARD_HOME": str(home / "wizard"),
    }
    return subprocess.run(
        [sys.executable, "-m", "openclaw_wizard", *words],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment,
        cwd=ROOT,
        timeout=120,
    )


def plan_from(sshd: Sshd, home: Path) -> subprocess.CompletedProcess[str]:
    return wizard(home, "plan", "--from", sshd.address, "--to", "local", "--json")


@pytest.mark.sshd
def test_an_unknown_host_key_is_shown_and_not_accepted(sshd: Sshd, home: Path) -> None:
    known_hosts = home / ".ssh" / "known_hosts"
    known_hosts.write_text("")
    ran = plan_from(sshd, home)
    assert ran.returncode == 6
    assert sshd.fingerprint in ran.stderr and "known_hosts does not know" in ran.stderr
    assert known_hosts.read_text() == ""
    assert json.loads(ran.stdout.splitlines()[-1])["code"] == "HostKeyUnknown"


@pytest.mark.sshd
def test_a_changed_host_key_is_refused(sshd: Sshd, home: Path, tmp_path: Path) -> None:
    other = " ".join(new_key(tmp_path / "other").split()[:2])
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{sshd.port} {other}\n")
    ran = plan_from(sshd, home)
    assert ran.returncode == 6 and "has another one for it" in ran.stderr
    assert "Do not go on until you know why" in ran.stderr


@pytest.mark.sshd
def test_a_refused_login_names_the_user(sshd: Sshd, home: Path) -> None:
    new_key(home / ".ssh" / "id_ed25519")
    ran = plan_from(sshd, home)
    assert ran.returncode == 6 and "refused the login of root" in ran.stderr


@pytest.mark.node
class TestTwoHosts:
    @pytest.fixture
    def hosts(self, tmp_path: Path) -> TwoHosts:
        return TwoHosts(tmp_path / "ground")

    def stop(self, hosts: TwoHosts) -> None:
        import asyncio

        for name in ("old", "new"):
            asyncio.run(stop_practice(hosts.folder / name))

    def test_nothing_to_move_is_1(self, hosts: TwoHosts, home: Path) -> None:
        ran = wizard(home, "plan", "--from", hosts.old, "--to", hosts.new)
        self.stop(hosts)
        assert ran.returncode == 1 and "holds no OpenClaw to move" in ran.stderr

    def test_a_pitfall_that_blocks_is_4_for_plan_and_run(self, hosts: TwoHosts, home: Path) -> None:
        hosts.furnish(gateway={"mode": "remote", "remote": {"url": "wss://gateway.example"}})
        planned = wizard(home, "plan", "--from", hosts.old, "--to", hosts.new)
        ran = wizard(home, "run", "--from", hosts.old, "--to", hosts.new, "--yes")
        self.stop(hosts)
        assert planned.returncode == 4 and "BLOCK" in planned.stdout
        assert ran.returncode == 4 and "remote-mode" in ran.stderr
        assert not (home / "wizard" / "migrations").exists()

    def test_without_an_answer_it_is_5_and_nothing_was_written(self, hosts: TwoHosts, home: Path) -> None:
        hosts.furnish()
        before = hosts.snapshot(hosts.old_home)
        ran = wizard(home, "run", "--from", hosts.old, "--to", hosts.new, "--json")
        self.stop(hosts)
        assert ran.returncode == 5 and "confirm-plan" in ran.stderr and "--yes" in ran.stderr
        asked = [json.loads(line) for line in ran.stdout.splitlines()]
        assert any(e["type"] == "question-asked" and e["answered_by"] == "--yes" for e in asked)
        assert hosts.snapshot(hosts.old_home) == before
        assert not (home / "wizard" / "migrations").exists()

    def test_a_kept_plan_is_surveyed_again_and_refused_where_the_machine_differs(
        self, hosts: TwoHosts, home: Path
    ) -> None:
        hosts.furnish()
        kept = home / "plan.json"
        made = wizard(home, "plan", "--from", hosts.old, "--to", hosts.new, "--out", str(kept))
        assert made.returncode == 0, made.stderr
        assert kept.stat().st_mode & 0o077 == 0
        plan = json.loads(kept.read_text())
        assert plan["version"] == "2026.9.6"
        plan["old"]["machine_id"] = "another machine"
        kept.write_text(json.dumps(plan))
        ran = wizard(home, "run", str(kept), "--yes")
        self.stop(hosts)
        assert ran.returncode == 1 and "machine_id was another machine" in ran.stderr
