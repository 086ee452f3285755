"""What NEW's file system cannot hold, found by trying it in the staging folder before anything is sent.

Nothing is known by the file system's name: one that folds case, refuses a colon or has no links shows it.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.helper import Helper, source
from openclaw_wizard.transfer import compare, manifest
from openclaw_wizard.transfer.aside import aside
from openclaw_wizard.transfer.manifest import Entry, Manifest
from openclaw_wizard.transfer.relay import SAFE, Route
from openclaw_wizard.transfer.stream import PARTS, STAGING_MARK

LINES: Final = 1000
"""Entries that are sent to NEW at once."""
WHY: Final = {
    "EEXIST": "to NEW's file system its name is the same as {other}",
    "ERENAMED": "NEW's file system makes {other} of it",
    "EMODE": "NEW's file system makes mode {other} of its mode",
    "ENOLINK": "NEW's file system has no second names of one file",
    "EFOLDER": "its folder cannot be on NEW",
}


@dataclass(frozen=True, slots=True)
class Terrain:
    """`odd`: something does not come out there as it is; `step_ns`: to what times are kept."""

    odd: bool
    step_ns: int


async def look(route: Route) -> Terrain:
    """Tries names, links, modes and times of every kind. Raises StepFailed where nothing can be private."""
    found = await _helper(route).call("terrain", _folder(route), timeout=120)
    if not found["private"]:
        raise StepFailed(
            what=(
                f"The file system of {route.staging} on NEW ({route.new.label}) does not keep a file closed "
                "to other users, and the state holds keys and tokens."
            ),
            safe=SAFE,
            next="Let the target be on a file system that keeps modes (ext4, xfs, btrfs, APFS), then resume.",
        )
    return Terrain(odd=found["odd"], step_ns=int(found["step"]))


async def marked(route: Route, listed: Manifest, scratch: Path) -> Manifest:
    """`listed`, in its own place, with all marked as lost that does not come out on NEW as it is.

    Every entry is tried. `scratch` is a file of the wizard's for what is found meanwhile.
    """
    trial = _helper(route).stream("trial", _folder(route), more=_lines(listed), timeout=manifest.LONGEST_WALK)
    with manifest.Writer(scratch) as writer:
        async for item in trial:
            writer.add(Entry(b64decode(item["p"]), "o", 0, 0, 0, 0, lost=_why(item)))
        lost = await aside(writer.publish)
    return await aside(compare.merged, listed, (lost,), listed.path) if lost.lost else listed


def _helper(route: Route) -> Helper:
    parts = (*PARTS, "trial.mjs")
    return Helper(
        route.new, route.new_facts.path, tuple(source("openclaw_wizard.transfer", name) for name in parts)
    )


def _folder(route: Route) -> dict[str, object]:
    return {"root": route.staging, "mustContain": STAGING_MARK}


async def _lines(listed: Manifest) -> AsyncIterator[bytes]:
    lines: Iterator[bytes] = (manifest.line(entry) for entry in compare.moving(listed))
    while part := await aside(lambda: b"".join(islice(lines, LINES))):
        yield part


def _why(item: dict[str, Any]) -> str:
    other = manifest.shown(b64decode(item.get("o", "")))
    return WHY.get(item["e"], f"NEW's file system refuses it ({item['e']})").format(other=other)
