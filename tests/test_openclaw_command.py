"""The commands as argv lists, and a start that outlives its login."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path

import pytest

from openclaw_wizard.hosts import command_name
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.openclaw import command
from tests.builders import host_facts

FACTS = host_facts(home="/home/al", path="/opt/node/bin:/usr/bin", uid=1001)


def test_openclaw_for_the_default_profile() -> None:
    argv = command.openclaw(FACTS, "doctor", state_dir="/home/al/.openclaw")
    assert argv[0] == "env"
    assert argv[-2:] == ["openclaw", "doctor"]
    assert "PATH=/opt/node/bin:/usr/bin" in argv
    assert "OPENCLAW_NO_AUTO_UPDATE=1" in argv
    assert command_name(argv) == "openclaw doctor"


def test_openclaw_for_a_profile_and_for_a_state_of_its_own() -> None:
    named = command.openclaw(FACTS, "status", profile="work", state_dir="/home/al/.openclaw-work")
    assert named[-4:] == ["openclaw", "--profile", "work", "status"]
    assert not [word for word in named if word.startswith("OPENCLAW_STATE_DIR=")]
    far = command.openclaw(
        FACTS, "status", state_dir="/srv/oc", environment={"OPENCLAW_GATEWAY_PORT": "19001"}
    )
    assert "OPENCLAW_STATE_DIR=/srv/oc" in far
    assert "OPENCLAW_GATEWAY_PORT=19001" in far


async def test_what_a_login_chooses_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH", "OPENCLAW_PROFILE", "OPENCLAW_HOME"):
        monkeypatch.setenv(name, "elsewhere")
    program = tmp_path / "openclaw"
    program.write_text("#!/bin/sh\nenv\n")
    program.chmod(0o755)
    machine = host_facts(home="/home/al", path=f"{tmp_path}:/usr/bin:/bin")
    plain = await LocalHost().run(command.openclaw(machine, "status"), timeout=20)
    assert "elsewhere" not in plain.text
    far = await LocalHost().run(command.openclaw(machine, "status", state_dir="/srv/oc"), timeout=20)
    assert "OPENCLAW_STATE_DIR=/srv/oc" in far.text.splitlines()


def test_npm_installs_exactly_one_version_into_a_prefix() -> None:
    argv = command.npm_install(FACTS, "2026.9.6", "/home/al/.npm-global")
    assert argv[2:] == [
        *("npm", "install", "-g", "openclaw@2026.9.6", "--prefix", "/home/al/.npm-global"),
        *("--no-fund", "--no-audit"),
    ]
    removed = command.npm_uninstall(FACTS, "/home/al/.npm-global")
    assert command_name(removed).startswith("npm uninstall -g openclaw --prefix /home/al/.npm-global")


def test_systemctl_names_the_bus() -> None:
    argv = command.systemctl(FACTS, "stop", "openclaw-gateway.service")
    assert "XDG_RUNTIME_DIR=/run/user/1001" in argv
    assert "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1001/bus" in argv
    assert argv[-4:] == ["systemctl", "--user", "stop", "openclaw-gateway.service"]


def test_the_detached_start_runs_the_gateway_of_that_state() -> None:
    argv = command.start_detached(FACTS, state_dir="/srv/oc", profile="work")
    assert argv[:2] == ["sh", "-c"]
    assert argv[4] == "/srv/oc/tmp/openclaw-wizard-gateway.log"
    assert argv[-5:] == ["openclaw", "--profile", "work", "gateway", "run"]
    assert "OPENCLAW_STATE_DIR=/srv/oc" in argv


def until(condition: object, seconds: float = 20.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@pytest.mark.parametrize("programs", ["all", "without setsid"])
async def test_a_detached_start_outlives_its_host_and_keeps_its_log_closed(
    tmp_path: Path, programs: str
) -> None:
    path = "/usr/bin:/bin"
    if programs == "without setsid":
        path = str(tmp_path / "bin")
        (tmp_path / "bin").mkdir()
        for name in ("sh", "env", "mkdir", "chmod", "sleep"):
            (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    log = tmp_path / "tmp" / "gateway.log"
    script = 'echo "$$" > "$0"; echo said; exec sleep 300'
    argv = ["sh", "-c", script, str(tmp_path / "pid")]
    host = LocalHost()
    ran = await host.run(["env", f"PATH={path}", *command.detached(str(log), argv)], timeout=20)
    await host.aclose()
    assert ran.status == 0
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    pid = int((tmp_path / "pid").read_text())
    try:
        until(lambda: log.read_text() == "said\n")
        os.kill(pid, 0)
        assert os.getpgid(pid) != os.getpgrp()
        ignored = Path(f"/proc/{pid}/status").read_text().partition("SigIgn:")[2].split()[0]
        assert int(ignored, 16) & 1 << signal.SIGHUP - 1
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
    finally:
        os.kill(pid, signal.SIGKILL)


async def test_a_detached_start_that_cannot_keep_a_log_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = await LocalHost().run(command.detached(str(tmp_path / "file" / "log"), ["true"]), timeout=20)
    assert ran.status == 1


@pytest.mark.parametrize(
    ("version", "validate", "lint"),
    [
        ("2026.1.30", False, False),
        ("2026.3.13", True, False),
        ("2026.6.11", True, True),
        ("2026.9.6", True, True),
    ],
)
def test_a_version_is_asked_only_what_it_knows(version: str, validate: bool, lint: bool) -> None:
    assert command.is_known(command.VALIDATE, version) is validate
    assert command.is_known(command.DOCTOR_LINT, version) is lint
    assert command.is_known(command.DOCTOR_FIX, version)
