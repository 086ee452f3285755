"""What the report takes from the move's folder beside the journal and the plan; each may be missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openclaw_wizard.model import Plan, Proof, Relocation

PROOF: Final = "proof.json"
CHANGES: Final = "changes.json"
"""The `Relocation` of the move: what was rewritten in the copy, and what was left as it is."""


@dataclass(frozen=True, slots=True)
class Kept:
    proof: Proof | None = None
    paths: Relocation | None = None
    beside: tuple[Kept, ...] = ()
    """What was kept of the other profiles of the plan, in its order."""

    @property
    def each(self) -> tuple[Kept, ...]:
        return (self, *self.beside)

    @classmethod
    def load(cls, load: Callable[[str], bytes | None], plan: Plan | None = None) -> Kept:
        """`load` gives a side file by name, None or nothing where there is none."""
        proof, paths = load(PROOF), load(CHANGES)
        return cls(
            proof=Proof.model_validate_json(proof) if proof else None,
            paths=Relocation.model_validate_json(paths) if paths else None,
            beside=tuple(cls._beside(load, each.folder) for each in plan.beside) if plan else (),
        )

    @classmethod
    def _beside(cls, load: Callable[[str], bytes | None], folder: str) -> Kept:
        return cls.load(lambda name: load(f"{folder}/{name}"))

    @classmethod
    def of(cls, folder: Path, plan: Plan | None = None) -> Kept:
        return cls.load(lambda name: path.read_bytes() if (path := folder / name).exists() else None, plan)
