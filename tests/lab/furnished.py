"""Disks of furnished machines, made once for each version and for what they are made from."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from tests.lab.base import base, fingerprint, lab_cache
from tests.lab.furnish import furnish
from tests.lab.lab import lab

MADE_FROM = ("furnish.py", "providers.py", "telegram_stand_in.mjs")


def layer(version: str) -> Path:
    """A read-only disk of a furnished OLD, made if it is not cached (some minutes).

    Raises AssertionError with what a command said.
    """
    ours = (Path(__file__).with_name(name).read_bytes() for name in MADE_FROM)
    kept = lab_cache() / "furnished" / f"{version}-{fingerprint(version, base().name, *ours)}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.with_name(f".{kept.name}.lock").open("a") as lock:
        # Two runs at once would make the same twice.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _make(version, kept)
    return kept


def _make(version: str, kept: Path) -> None:
    partial = kept.with_name(f".{kept.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    with lab() as made:
        furnish(made, version)
        made.machines["old"].power_off()
        copy = ["cp", "-a", "--reflink=auto", str(made.machines["old"].disk), str(partial)]
        subprocess.run(copy, check=True)
    partial.rename(kept)
