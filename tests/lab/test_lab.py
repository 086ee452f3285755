"""The lab itself: that its machines are what a person has, and that nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import guard
from tests.lab.base import lab_cache
from tests.lab.lab import NEW, OLD, ROOT, Lab, lab

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def pair() -> Iterator[Lab]:
    with lab() as made:
        made.add(OLD)
        made.add(NEW)
        yield made


def test_systemd_is_the_first_process_and_serves_each_user(pair: Lab) -> None:
    for name in ("old", "new"):
        assert pair.ssh(name, "cat /proc/1/comm").strip() == "systemd"
        assert pair.ssh(name, "systemctl --user is-system-running").strip() == "running"
        assert pair.machines[name].root_runs("systemctl is-system-running").strip() == "running"


def test_they_are_two_machines(pair: Lab) -> None:
    told = "hostname; id -un; id -u; pwd; cat /etc/machine-id; ip -4 -o addr show dev host0"
    seen = {name: pair.ssh(name, told).split() for name in ("old", "new")}
    assert seen["old"][:4] == ["old-gw", "alice", "1001", "/home/alice"]
    assert seen["new"][:4] == ["new-gw", "bob", "1005", "/srv/bob"]
    assert seen["old"][4] != seen["new"][4] and len(seen["old"][4]) == 32
    assert "198.51.100.11/24" in seen["old"] and "198.51.100.12/24" in seen["new"]


def test_a_user_may_linger_and_then_the_user_manager_outlives_the_login(pair: Lab) -> None:
    assert pair.ssh("new", "loginctl show-user $USER -p Linger").strip() == "Linger=no"
    pair.ssh("new", "loginctl enable-linger")
    assert (pair.machines["new"].root / "var/lib/systemd/linger/bob").exists()
    assert pair.ssh("new", "loginctl show-user $USER -p Linger").strip() == "Linger=yes"


def test_nothing_reaches_out_of_the_lab(pair: Lab) -> None:
    said = pair.ssh("old", "bash -c 'exec 3<>/dev/tcp/192.0.2.1/80' 2>&1; true")
    assert "Network is unreachable" in said
    assert pair.ssh("old", "getent hosts example.org; echo status $?").strip() == "status 2"


def test_a_host_key_that_nobody_knows_is_refused(pair: Lab) -> None:
    (pair.home / ".ssh/known_hosts").write_text("")
    try:
        assert pair.ssh("old", "true; echo in", check=False) == ""
    finally:
        pair.write_ssh_config()
    assert pair.ssh("old", "echo in").strip() == "in"


def test_a_machine_that_reboots_keeps_its_disk_and_is_another_boot(pair: Lab) -> None:
    pair.ssh("old", "echo kept > ~/file")
    before = pair.ssh("old", "cat /proc/1/stat").split()[21]
    pair.machines["old"].reboot()
    assert pair.ssh("old", "cat ~/file").strip() == "kept"
    assert pair.ssh("old", "cat /proc/1/stat").split()[21] != before


def test_the_last_layer_is_seen_and_not_written(pair: Lab, tmp_path: Path) -> None:
    base = pair.base
    assert not (base / "home/alice").exists()
    assert (pair.machines["old"].disk / "home/alice").is_dir()


def test_all_of_the_lab_is_in_one_worker(request: pytest.FixtureRequest) -> None:
    """Where there are several: xdist tells the group by the end of the id."""
    several = "PYTEST_XDIST_WORKER" in os.environ
    assert request.node.nodeid.endswith("@lab") is several


LIVE = """
import sys, time
from dataclasses import replace
from tests.lab.lab import OLD, lab
with lab() as made:
    made.add(replace(OLD, init=sys.argv[1]))
    made.starts("sleep", "600")
    print(made.folder, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("init", ["systemd", "sshd"], ids=["with-systemd", "without"])
def test_nothing_is_left_after_its_owner_was_killed(init: str) -> None:
    argv = [sys.executable, "-c", LIVE, init]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT, text=True) as owner:
        assert owner.stdout is not None
        folder = Path(owner.stdout.readline().strip())
        there = guard.leftovers(folder)
        assert {each.split()[0] for each in there} >= {"process", "mount", "network", "cgroup", "folder"}
        owner.send_signal(signal.SIGKILL)
    for _ in range(600):
        if not guard.leftovers(folder):
            break
        time.sleep(0.05)
    assert guard.leftovers(folder) == []


def test_a_lab_whose_guard_was_killed_too_is_swept_by_the_next(tmp_path: Path) -> None:
    folder = lab_cache() / "run" / f"{guard.PREFIX}-swept"
    folder.mkdir(parents=True)
    subprocess.run(["ip", "netns", "add", f"{folder.name}-op"], check=True)
    (folder / "mounted").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder / "mounted")], check=True)
    assert len(guard.leftovers(folder)) == 3
    assert folder.name in guard.sweep(folder.parent)
    assert guard.leftovers(folder) == []
