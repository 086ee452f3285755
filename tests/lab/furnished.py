"""Disks of furnished machines, made once for each version and for what they are made from."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.lab.base import base, lab_cache
from tests.lab.cached import fingerprint, made_once
from tests.lab.furnish import furnish
from tests.lab.lab import lab

MADE_FROM = ("furnish.py", "providers.py", "telegram_stand_in.mjs")


def layer(version: str) -> Path:
    """A read-only disk of a furnished OLD, made if it is not cached (some minutes).

    Raises AssertionError with what a command said.
    """
    ours = (Path(__file__).with_name(name).read_bytes() for name in MADE_FROM)
    name = f"{version}-{fingerprint(version, base().name, *ours)}"
    return made_once(lab_cache() / "furnished" / name, lambda place: _make(version, place))


def _make(version: str, place: Path) -> None:
    with lab() as made:
        furnish(made, version)
        old = made.machines["old"]
        old.power_off()
        subprocess.run(["cp", "-a", "--reflink=auto", str(old.disk), str(place)], check=True)
