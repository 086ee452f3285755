"""Ends a lab with whoever started it, however that one ended; also when it was killed.

A lab is everything whose name begins with its token: cgroups, network namespaces, and what is mounted
below its folder. The guard is a process that waits for its standard input to end: the pipe to the lab's
owner, which the kernel closes whatever happens to the owner. Only the standard library is imported.

    python -m tests.lab.guard FOLDER        (the folder's name is the token)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

LOCK = "guard.lock"
PREFIX = "ocwlab"
CGROUPS = Path("/sys/fs/cgroup")


def cgroup_roots() -> list[Path]:
    """The hierarchies in which a machine needs a cgroup of its own: cgroup2, and systemd's on hybrids."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [root for root in (CGROUPS / "unified", CGROUPS / "systemd") if root.is_dir()]


def cgroups_of(token: str) -> list[Path]:
    return [group for root in cgroup_roots() for group in root.glob(f"{token}.*")]


def namespaces_of(token: str) -> list[str]:
    folder = Path("/run/netns")
    return sorted(each.name for each in folder.glob(f"{token}-*")) if folder.is_dir() else []


def mounts_below(folder: Path) -> list[str]:
    """Mount points below `folder`, the deepest and latest first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return [point for point in reversed(points) if point.startswith(f"{folder}/")]


def pids_in(groups: list[Path]) -> set[int]:
    """Processes in these cgroups and in the machines' own sub-groups."""
    found = set()
    for group in groups:
        # os.walk passes over a sub-group that goes, with its last process, while it looks.
        for folder, _, _ in os.walk(group):
            try:
                found |= {int(pid) for pid in Path(folder, "cgroup.procs").read_text().split()}
            except OSError:
                continue  # it went in between
    return found


def end_processes(groups: list[Path]) -> None:
    """Kills every process in these cgroups. Raises TimeoutError where one does not go within 30 s."""
    deadline = time.monotonic() + 30
    while pids := pids_in(groups) - {os.getpid()}:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it was faster
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {sorted(pids)} do not end")
        time.sleep(0.05)


def tear_down(folder: Path) -> None:
    """Processes, mounts, networks, cgroups, files: everything of the lab in `folder`.

    Raises OSError and TimeoutError where something stays; then the folder stays too, for the next sweep.
    """
    token = folder.name
    end_processes(cgroups_of(token))
    for _ in range(100):
        for point in mounts_below(folder):
            subprocess.run(["umount", point], check=False, capture_output=True)
        if not mounts_below(folder):
            break
        time.sleep(0.05)
    else:
        raise TimeoutError(f"still mounted: {mounts_below(folder)}")
    for name in namespaces_of(token):
        subprocess.run(["ip", "netns", "del", name], check=True)
    for top in cgroups_of(token):
        for group, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(FileNotFoundError):  # it went by itself
                Path(group).rmdir()
    shutil.rmtree(folder)


def leftovers(folder: Path) -> list[str]:
    """What of the lab in `folder` is still on this machine, as sentences; empty when all is gone."""
    token = folder.name
    found = [f"process {pid}" for pid in sorted(pids_in(cgroups_of(token)))]
    found += [f"mount {point}" for point in mounts_below(folder)]
    found += [f"network namespace {name}" for name in namespaces_of(token)]
    found += [f"cgroup {group}" for group in cgroups_of(token)]
    return found + ([f"folder {folder}"] if folder.exists() else [])


def sweep(labs: Path) -> list[str]:
    """Tears down labs below `labs` that nobody guards (the machine went down, or the guard was killed)."""
    swept = []
    for folder in sorted(labs.glob(f"{PREFIX}*/")):
        try:
            lock = (folder / LOCK).open("a")
        except FileNotFoundError:
            continue  # it ended meanwhile
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # a living lab
            if folder.exists():
                tear_down(folder)
        swept.append(folder.name)
    return swept


def main(folder: Path) -> None:
    with (folder / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        print("guarding", flush=True)
        sys.stdin.buffer.read()
        tear_down(folder)


if __name__ == "__main__":
    # The terminal's Ctrl-C is for the owner; the guard's turn comes when the owner has ended.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(Path(sys.argv[1]))
