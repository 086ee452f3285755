"""What goes wrong on real machines, on demand. Each really does it, and each ends with its block.

link      `Relay` (relay.py) cuts it at a byte; `unplugged` pulls the machine's cable
speed     `slow`, by the kernel where it can, and says what did it
disk      `full` leaves so many bytes of a machine's home
commands  `commands_of`, `kill`: what was started through SSH, by process id
sshd      `without_sshd`, `end_sessions`
key       `another_host_key`
clock     `another_time`
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tests.lab import guard
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.network import PORT_OF_MACHINE
from tests.lab.relay import relayed

# ------------------------------------------------------------------------ link


@contextmanager
def unplugged(lab: Lab, name: str) -> Iterator[None]:
    """A machine without its cable; open connections are not told."""
    lab.network.link(name, up=False)
    try:
        yield
    finally:
        lab.network.link(name, up=True)


# ----------------------------------------------------------------------- speed


@dataclass(frozen=True, slots=True)
class Slowness:
    """What does it: `netem` and `tbf` are the kernel's, `relay` stands in where it has none."""

    delay: Literal["netem", "relay", "none"]
    rate: Literal["tbf", "relay", "none"]


@contextmanager
def slow(lab: Lab, name: str, *, delay: float = 0.0, rate: int | None = None) -> Iterator[Slowness]:
    """A machine that is `delay` seconds further away, and has `rate` bytes a second each way."""
    operator, cable = lab.network.operator, lab.network.cable(name)
    ends = [(operator, cable), (lab.network.namespace_of(name), PORT_OF_MACHINE)]
    with ExitStack() as undo:
        by_kernel = rate is not None and all(_limits(*end, rate, undo) for end in ends)
        # A child of the limit where there is one, so that the kernel does both.
        place = ("parent", "1:1") if by_kernel else ("root",)
        late = ("netem", "delay", f"{round(delay * 1000)}ms")
        delayed = bool(delay) and _shaped(operator, cable, place, late, undo)
        relay_delays, relay_limits = bool(delay) and not delayed, rate is not None and not by_kernel
        if relay_delays or relay_limits:
            relay = undo.enter_context(relayed(lab, name))
            relay.delay = delay if relay_delays else 0.0
            relay.rate = rate if relay_limits else None
        yield Slowness(
            delay="netem" if delayed else "relay" if delay else "none",
            rate="tbf" if by_kernel else "relay" if rate is not None else "none",
        )


def _limits(namespace: str, device: str, rate: int, undo: ExitStack) -> bool:
    words = ("handle", "1:", "tbf", "rate", f"{rate * 8}bit", "burst", "64kb", "latency", "200ms")
    return _shaped(namespace, device, ("root",), words, undo)


def _shaped(
    namespace: str, device: str, place: tuple[str, ...], words: tuple[str, ...], undo: ExitStack
) -> bool:
    """Whether the kernel took it; a kernel without that discipline says so and changes nothing."""
    base = ["tc", "-n", namespace, "qdisc"]
    made = subprocess.run(
        [*base, "add", "dev", device, *place, *words], check=False, capture_output=True, text=True
    )
    if made.returncode != 0:
        assert "qdisc kind is unknown" in made.stderr, made.stderr
        return False
    undo.callback(subprocess.run, [*base, "del", "dev", device, *place], check=True)
    return True


# ------------------------------------------------------------------------ disk


@contextmanager
def full(machine: Machine, *, leave: int) -> Iterator[Path]:
    """A home with `leave` bytes free, to the block of its small file system; the file that fills it."""
    assert machine.shape.disk_bytes is not None, "a machine whose home is on a file system of its own"
    filler = machine.home / ".filler"
    with filler.open("wb") as file:
        room = os.statvfs(machine.home)
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - leave)
    try:
        yield filler
    finally:
        filler.unlink()


# -------------------------------------------------------------------- commands


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    """As this computer numbers it."""
    parent: int
    argv: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.pid} (of {self.parent}) {' '.join(self.argv)[:120]}"


def commands_of(machine: Machine) -> list[Process]:
    """What was started on a machine through SSH and is still there, whoever its parent is by now.

    logind keeps each login's processes in a scope, which no process can leave by itself.
    """
    found = (_process(pid) for pid in sorted(guard.pids_in(_logins(machine))))
    return [each for each in found if each and not each.argv[0].startswith("sshd:")]


def _logins(machine: Machine) -> list[Path]:
    """The scopes of its logins. os.walk passes over one that goes while it looks."""
    folders = (Path(folder) for group in machine.cgroups for folder, _, _ in os.walk(group))
    return [folder for folder in folders if folder.match("session-*.scope")]


def programs_of(machine: Machine, program: str) -> list[Process]:
    """Of these, those whose own name (not the shell's around it) is `program`, by its path's last part."""
    return [each for each in commands_of(machine) if each.argv[0].rpartition("/")[2] == program]


def _process(pid: int) -> Process | None:
    """None where it has gone or is going: a zombie, or a process that has let go of its memory."""
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode(errors="replace")
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if stat[0] == "Z" or not argv else Process(pid, int(stat[1]), tuple(argv.split("\0")))


def kill(process: Process) -> None:
    os.kill(process.pid, signal.SIGKILL)


# ------------------------------------------------------------------------ sshd


@contextmanager
def without_sshd(machine: Machine) -> Iterator[None]:
    """No new login is possible; those that are open live on (see `end_sessions`)."""
    machine.root_runs("systemctl stop ssh")
    try:
        yield
    finally:
        machine.root_runs("systemctl start ssh")
        machine.wait_for_sshd()


def end_sessions(machine: Machine) -> None:
    """Kills the server's end of every login; what runs behind them is left to itself."""
    for pid in guard.pids_in(_logins(machine)):
        found = _process(pid)
        if found and found.argv[0].startswith("sshd:"):
            kill(found)


# ------------------------------------------------------------------------- key

_KEY: Final = "/etc/ssh/ssh_host_ed25519_key"
_RENEW: Final = f"""
set -e
mkdir -p /root/kept && cp -p {_KEY} {_KEY}.pub /root/kept/ && rm {_KEY} {_KEY}.pub
ssh-keygen -q -t ed25519 -N '' -f {_KEY}
systemctl restart ssh
cut -d' ' -f1,2 {_KEY}.pub
"""


@contextmanager
def another_host_key(machine: Machine) -> Iterator[str]:
    """A machine that shows a new key, as one that was set up anew, or another one; the key's line."""
    line = machine.root_runs(_RENEW).strip()
    try:
        yield line
    finally:
        machine.root_runs("cp -p /root/kept/* /etc/ssh/ && rm -r /root/kept && systemctl restart ssh")
        machine.wait_for_sshd()


# ----------------------------------------------------------------------- clock

_LIBRARY: Final = "usr/lib/*/faketime/libfaketimeMT.so.1"
_SSHD_CLOCK: Final = "/etc/ssh/sshd_config.d/clock.conf"
_USER_CLOCK: Final = "/etc/environment.d/90-clock.conf"


@contextmanager
def another_time(machine: Machine, shift: str) -> Iterator[None]:
    """Every program that is newly started through SSH or by a user's systemd lives `shift` away ("+2d").

    Not through /etc/ld.so.preload: sshd's own sandbox kills it then (measured). Times that a program
    sets on files are what it sets; what only the kernel writes stays at this computer's time.
    """
    (library,) = machine.root.glob(_LIBRARY)
    words = [
        f"LD_PRELOAD=/{library.relative_to(machine.root)}",
        f"FAKETIME={shift}",
        "NO_FAKE_STAT=1",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        # With a clock in the past systemd-run hangs at its end, by the library's fault (measured).
        "FAKETIME_SKIP_CMDS=systemctl,systemd-run,loginctl,busctl,journalctl",
    ]
    (machine.root / _SSHD_CLOCK.lstrip("/")).write_text(f"SetEnv {' '.join(words)}\n")
    user = machine.root / _USER_CLOCK.lstrip("/")
    user.parent.mkdir(exist_ok=True)
    user.write_text("".join(f"{word}\n" for word in words))
    _clock_changed(machine)
    try:
        yield
    finally:
        machine.root_runs(f"rm {_SSHD_CLOCK} {_USER_CLOCK}")
        _clock_changed(machine)


def _clock_changed(machine: Machine) -> None:
    """sshd and the user's own manager, where it runs, read their settings again."""
    place, user = f"/run/user/{machine.shape.uid}", machine.shape.user
    manager = f"runuser -u {user} -- env XDG_RUNTIME_DIR={place} systemctl --user daemon-reload"
    machine.root_runs(f"systemctl reload ssh; [ ! -e {place}/systemd/private ] || {manager}")
    machine.wait_for_sshd()
