"""Folders that are made once and kept: whole or not there, and never made by two at a time."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path


def fingerprint(*parts: str | bytes) -> str:
    """Twelve hex digits of what something cached was made from."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part.encode() if isinstance(part, str) else part)
        whole.update(b"\0")
    return whole.hexdigest()[:12]


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`; where it is not there, what `make` makes at the path that it is given.

    A run that was killed leaves nothing that could be taken for a whole one. Raises what `make` raises.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            partial = folder.with_name(f".{folder.name}.partial")
            if partial.exists():
                shutil.rmtree(partial)
            make(partial)
            partial.rename(folder)
    return folder
