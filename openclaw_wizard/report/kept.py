"""What the report takes from the move's folder beside the journal and the plan; each may be missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openclaw_wizard.model import Proof

PROOF: Final = "proof.json"
CHANGES: Final = "changes.json"
"""`{"changes": [{file, where, old, new, count}]}`; the last three may lack."""


@dataclass(frozen=True, slots=True)
class Change:
    """A path inside the state that was rewritten, or `count` of a kind."""

    file: str
    where: str
    old: str = ""
    new: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Kept:
    proof: Proof | None = None
    changes: tuple[Change, ...] = ()

    @classmethod
    def load(cls, load: Callable[[str], bytes | None]) -> Kept:
        """`load` gives a side file by name, None or nothing where there is none."""
        proof, changes = load(PROOF), load(CHANGES)
        listed = json.loads(changes)["changes"] if changes else []
        return cls(
            proof=Proof.model_validate_json(proof) if proof else None,
            changes=tuple(
                Change(**{name: each[name] for name in Change.__slots__ if name in each}) for each in listed
            ),
        )

    @classmethod
    def of(cls, folder: Path) -> Kept:
        return cls.load(lambda name: path.read_bytes() if (path := folder / name).exists() else None)
