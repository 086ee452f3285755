"""The ways to move one folder from OLD to NEW: what a person types, and ours."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.lab.lab import ROOT, Lab
from tests.lab.machine import Machine

PARTS: Final = ("list", "send", "delta", "verify")
"""What our own way says of its parts, in seconds."""
SOURCE: Final = "data"
"""The folder in OLD's home that moves."""
TARGET: Final = "moved"
"""Where it arrives in NEW's home."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one way. `cpu` is the operator's own, in seconds; None where it was not measured."""

    seconds: float
    wire: int
    """Bytes that left OLD's network card."""
    cpu: float | None = None
    memory: int | None = None
    """The wizard's largest resident memory, in bytes."""
    stuck: float | None = None
    """The longest that the wizard's loop did not come round, in seconds."""


class Bench:
    """Two machines with the data on OLD; every way is a method that runs once."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.old, self.new = lab.machines["old"], lab.machines["new"]
        self._introduce()

    def _introduce(self) -> None:
        """OLD may log in to NEW, as a person would arrange for the direct ways."""
        ssh = self.old.home / ".ssh"
        key = (self.lab.keys / "operator").read_text()
        self.lab.ssh("old", "mkdir -p -m 700 .ssh && umask 077 && cat >.ssh/id_ed25519", input=key)
        new = self.new.shape
        known = " ".join((self.lab.keys / "host-new.pub").read_text().split()[:2])
        self.lab.ssh("old", "cat >>.ssh/known_hosts", input=f"{new.address} {known}\n")
        config = f"Host new\n  HostName {new.address}\n  User {new.user}\n  BatchMode yes\n"
        self.lab.ssh("old", "cat >.ssh/config", input=config)
        assert ssh.exists()

    def fresh(self) -> None:
        """As if nothing had ever been moved."""
        self.new.root_runs(f"rm -rf {self.new.shape.home}/{TARGET}* {self.new.shape.home}/*.tar.gz")
        self.old.root_runs(f"rm -f {self.old.shape.home}/*.tar.gz")
        for name in ("laptop.tar.gz",):
            (self.lab.home / name).unlink(missing_ok=True)
        subprocess.run(["rm", "-rf", str(self.lab.home / "laptop")], check=True)

    def measured(self, way: Callable[[Bench], dict[str, float] | None]) -> Measured:
        before, began = self._sent(), time.monotonic()
        own = way(self) or {}
        seconds = own.get("seconds", time.monotonic() - began)
        memory = int(own["memory"]) if "memory" in own else None
        return Measured(seconds, self._sent() - before, own.get("cpu"), memory, own.get("stuck"))

    def _sent(self) -> int:
        cable = self.lab.network.cable("old")
        argv = ["ip", "-j", "-s", "-n", self.lab.network.operator, "link", "show", "dev", cable]
        (link,) = json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)
        return int(link["stats64"]["rx"]["bytes"])

    def operator(self, script: str) -> None:
        """A shell line at the operator's keyboard, with `ssh`, `scp` and `rsync` that know both machines."""
        ssh = f"ssh -F {self.lab.home}/.ssh/config"
        words = (
            f'set -e; cd {self.lab.home}; scp() {{ command scp -F .ssh/config "$@"; }}; ssh="{ssh}"; {script}'
        )
        ran = subprocess.run(
            self.lab.network.inside("bash", "-c", words), capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr

    def ours(self, how: str) -> dict[str, float]:
        """Our transfer, in a process of its own that measures itself."""
        argv = self.lab.network.inside(sys.executable, "-m", "tests.bench.ours", how, str(self.lab.home))
        words = [self.old.shape.home, str(self.old.home), self.new.shape.home]
        environment = {"HOME": str(self.lab.home), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin:/usr/sbin"}
        ran = subprocess.run(
            [*argv, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
        parts = {name: round(value, 2) for name, value in found.items() if name in PARTS}
        print(f"            {parts}", flush=True)
        return found


def guide(bench: Bench) -> None:
    """The guide's: pack, fetch to the laptop, send on, unpack."""
    bench.operator(
        f"$ssh old tar -czf moved.tar.gz {SOURCE} && scp -q old:moved.tar.gz laptop.tar.gz && "
        "scp -q laptop.tar.gz new:moved.tar.gz && "
        f"$ssh new 'mkdir {TARGET} && tar -xzf moved.tar.gz -C {TARGET}'"
    )


def guide_direct(bench: Bench) -> None:
    """The guide's, where OLD reaches NEW."""
    bench.operator(
        f"$ssh old 'tar -czf moved.tar.gz {SOURCE} && scp -q moved.tar.gz new:' && "
        f"$ssh new 'mkdir {TARGET} && tar -xzf moved.tar.gz -C {TARGET}'"
    )


def rsync(bench: Bench) -> None:
    bench.operator(f"$ssh old rsync -a {SOURCE}/ new:{TARGET}/")


def rsync_faithful(bench: Bench) -> None:
    bench.operator(f"$ssh old rsync -aHSX {SOURCE}/ new:{TARGET}/")


def rsync_zstd(bench: Bench) -> None:
    bench.operator(f"$ssh old rsync -a --zc=zstd -z {SOURCE}/ new:{TARGET}/")


def pipe(bench: Bench) -> None:
    """What an expert types: no file in between, nothing verified."""
    unpack = f"mkdir {TARGET} && zstd -d | tar -xf - -C {TARGET}"
    bench.operator(f"$ssh old \"tar -cf - {SOURCE} | zstd -3 -T0 | ssh new '{unpack}'\"")


def rsync_again(bench: Bench) -> None:
    """The second pass, after a day of use."""
    bench.operator(f"$ssh old rsync -aHSX --delete {SOURCE}/ new:{TARGET}/")


def ours(bench: Bench) -> dict[str, float]:
    return bench.ours("relayed")


def ours_one_hop(bench: Bench) -> dict[str, float]:
    """The wizard on OLD."""
    return bench.ours("local")


def ours_again(bench: Bench) -> dict[str, float]:
    return bench.ours("again")


FULL: Final[dict[str, Callable[[Bench], dict[str, float] | None]]] = {
    "guide: tar.gz, scp through the laptop, untar": guide,
    "guide, where OLD reaches NEW": guide_direct,
    "rsync -a, direct": rsync,
    "rsync -aHSX, direct": rsync_faithful,
    "rsync -a with zstd, direct": rsync_zstd,
    "tar | zstd | ssh | tar, typed by hand": pipe,
    "ours, relayed, verified": ours,
    "ours, one hop, verified": ours_one_hop,
}


def make_data(machine: Machine, scale: float) -> Path:
    """The data in OLD's home, owned by its user."""
    from tests.bench import data

    place = data.make(machine.home / SOURCE, scale=scale)
    subprocess.run(["chown", "-R", f"{machine.shape.uid}:{machine.shape.uid}", str(place)], check=True)
    return place


def change_data(machine: Machine) -> None:
    from tests.bench import data

    # In place, so that what does not change keeps its ctime too.
    data.change(machine.home / SOURCE)
