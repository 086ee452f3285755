"""The ways to move one folder from OLD to NEW: what a person types, and ours."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench import data
from tests.lab.lab import ROOT, Lab
from tests.lab.machine import Machine

SOURCE: Final = "data"
"""The folder in OLD's home that moves."""
TARGET: Final = "moved"
"""Where it arrives in NEW's home."""


Own = dict[str, Any]
"""What our own way says of itself: the fields of `Measured` but `wire`."""
LOST: Final = 1
"""Its exit status where the link was lost."""


class LinkCut(Exception):
    """The link of our own way was cut, as was meant."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one way. `cpu` is the operator's own, in seconds; None where it was not measured."""

    seconds: float
    wire: int
    """Bytes through the busier of both machines' cards, in both directions together."""
    cpu: float | None = None
    memory: int | None = None
    """The wizard's largest resident memory, in bytes."""
    held: float | None = None
    """The longest that the wizard's loop did not come round, in seconds."""
    held_by_itself: float | None = None
    """The same without the time in the queue for a processor, which the other machines here had."""
    parts: dict[str, float] = field(default_factory=dict)
    """Seconds of our own way's actions, and of what they have in common."""


Way = Callable[["Bench"], Own | None]


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
        shutil.rmtree(self.shelf, ignore_errors=True)
        self.shelf.mkdir()

    @property
    def shelf(self) -> Path:
        """Where our own way keeps its lists; gone with every `fresh`."""
        return self.lab.home / "shelf"

    def measured(self, way: Way) -> Measured:
        before, began = self._passed(), time.monotonic()
        own = way(self) or {}
        seconds = own.pop("seconds", time.monotonic() - began)
        wire = max(after - was for was, after in zip(before, self._passed(), strict=True))
        return Measured(seconds, wire, **own)

    def _passed(self) -> list[int]:
        """Bytes through each machine's card, in both directions together."""
        found = []
        for name in ("old", "new"):
            words = ["-n", self.lab.network.operator, "link", "show", "dev", self.lab.network.cable(name)]
            ran = subprocess.run(["ip", "-j", "-s", *words], check=True, capture_output=True)
            (link,) = json.loads(ran.stdout)
            found.append(link["stats64"]["rx"]["bytes"] + link["stats64"]["tx"]["bytes"])
        return found

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

    def ours(self, how: str, *, side: str = "relayed", source: str = SOURCE) -> Own:
        """Our transfer, in a process of its own that measures itself. Raises LinkCut where the link was."""
        home = self.old.home if side == "local" else Path(self.old.shape.home)
        roots = [str(home / source), f"{self.new.shape.home}/{TARGET}"]
        words = ["-m", "tests.bench.ours", side, how, str(self.shelf), *roots]
        environment = {"HOME": str(self.lab.home), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin:/usr/sbin"}
        argv = self.lab.network.inside(sys.executable, *words)
        ran = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if ran.returncode == LOST and not ran.stdout:
            raise LinkCut(ran.stderr.strip())
        assert ran.returncode == 0, ran.stderr
        found: Own = json.loads(ran.stdout.splitlines()[-1])
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


def ours(bench: Bench) -> Own:
    return bench.ours("first")


def ours_one_hop(bench: Bench) -> Own:
    """The wizard on OLD."""
    return bench.ours("first", side="local")


def ours_ahead(bench: Bench) -> Own:
    return bench.ours("ahead")


def ours_again(bench: Bench) -> Own:
    return bench.ours("again")


GUIDE: Final = "guide: tar.gz, scp through the laptop, untar"
RSYNC: Final = "rsync -a, direct"
FAITHFUL: Final = "rsync -aHSX, direct"
PIPE: Final = "tar | zstd | ssh | tar, typed by hand"
OURS: Final = "ours, relayed, verified"
FULL: Final[dict[str, Way]] = {
    GUIDE: guide,
    "guide, where OLD reaches NEW": guide_direct,
    RSYNC: rsync,
    FAITHFUL: rsync_faithful,
    "rsync -a with zstd, direct": rsync_zstd,
    PIPE: pipe,
    OURS: ours,
    "ours, one hop, verified": ours_one_hop,
}


def make_data(machine: Machine, scale: float) -> Path:
    """The data in OLD's home, owned by its user."""
    place = data.make(machine.home / SOURCE, scale=scale)
    subprocess.run(["chown", "-R", f"{machine.shape.uid}:{machine.shape.uid}", str(place)], check=True)
    return place


def change_data(machine: Machine) -> None:
    # In place, so that what does not change keeps its ctime too.
    data.change(machine.home / SOURCE)
