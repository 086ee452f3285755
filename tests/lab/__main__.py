"""The lab by hand.

python -m tests.lab furnish VERSION    a furnished disk of that OpenClaw, cached; prints where
python -m tests.lab up [VERSION]       OLD furnished and NEW empty, until Enter or Ctrl-C
python -m tests.lab sweep              ends what killed runs have left
"""

from __future__ import annotations

import sys
from dataclasses import replace

from tests.lab import furnished, guard, programs
from tests.lab.base import lab_cache
from tests.lab.lab import NEW, OLD, lab
from tests.lab.providers import Providers


def up(version: str) -> None:
    disk, program = furnished.layer(version), programs.openclaw(version)
    with lab() as made:
        Providers(made)
        made.add(replace(OLD, openclaw=program, layers=(disk,)))
        made.add(replace(NEW, openclaw=program))
        inside = " ".join(made.network.inside())
        print(f"ssh:     {inside} ssh -F {made.home}/.ssh/config old")
        print(f"wizard:  HOME={made.home} {inside} openclaw-wizard --from old --to new")
        try:
            input("Enter ends it. ")
        except (KeyboardInterrupt, EOFError):
            print()


def main(words: list[str]) -> int:
    match words:
        case ["furnish", version]:
            print(furnished.layer(version))
        case ["up", *rest]:
            up(rest[0] if rest else programs.NEWEST)
        case ["sweep"]:
            print("\n".join(guard.sweep(lab_cache() / "run")) or "nothing was left")
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
