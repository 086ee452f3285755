"""A few files as a state directory, relocated by the real helper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openclaw_wizard.model import Relocation
from openclaw_wizard.openclaw import relocate
from openclaw_wizard.openclaw.relocate import Placed
from tests.builders import tree
from tests.openclaw_states import helper, write

OLD, NEW = "/home/al", "/srv/bo"
STATE = (f"{OLD}/.openclaw", f"{NEW}/.openclaw")
PAIRS = (STATE, (f"{OLD}/ws", f"{NEW}/ws"))


async def relocated(folder: Path, files: dict[str, str], **changes: Any) -> Relocation:
    """What was found for a state directory of these files at `folder`, which they are written to first."""
    for name, text in files.items():
        write(folder / name, text, 0o640)
    return await again(folder, **changes)


async def again(folder: Path, *, pairs: relocate.Pairs = PAIRS, **changes: Any) -> Relocation:
    """The same for what stands at `folder`."""
    placed = [Placed(tree(old=STATE[0], new=STATE[1]), str(folder))]
    return await relocate.relocate(helper(), placed, pairs, **{"homes": [OLD], **changes})


def left(found: Relocation) -> dict[tuple[str, str], tuple[str, str]]:
    """What was left, by file and place: why, and what it is."""
    return {(each.file, each.where): (each.why, each.old) for each in found.left}
