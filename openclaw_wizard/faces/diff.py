"""The paths that change as a diff of few lines, for every face: what, how it was, how it will be."""

from __future__ import annotations

from typing import NamedTuple

from openclaw_wizard.paths import Mentions, PathChange, PathLeft, Paths, Relocation


class Hunk(NamedTuple):
    where: str
    old: str
    new: str


WAYS = {
    Paths.REWRITE: "paths that move with the state are rewritten in the copy on NEW",
    Paths.SAME: "everything keeps the path that it has on OLD, so there is nothing to rewrite",
    Paths.LINK: "paths stay as they are, and links that root makes on NEW lead from old places to new ones",
    Paths.KEEP: "paths stay as they are and lead nowhere on NEW; they are yours to mend",
}


def hunks(found: Relocation, most: int) -> tuple[list[Hunk], int]:
    """The first `most` changes, and how many values are behind the rest."""
    shown = [Hunk(_where(each), each.old, each.new) for each in found.changes[:most]]
    return shown, sum(each.count for each in found.changes[most:])


def _where(change: PathChange) -> str:
    times = f" ({change.count:,} of them, the first:)" if change.count > 1 else ""
    return f"{change.file}  {change.where}{times}"


def left(each: PathLeft) -> str:
    """One that is left as it is, with the reason."""
    times = f" ({each.count:,} of them)" if each.count > 1 else ""
    where = "  ".join(part for part in (each.file, each.where, each.old) if part)
    return f"{where}: {each.why}{times}"


def written(named: Mentions) -> str:
    """What people wrote of old places; empty where they did not."""
    if not named.count:
        return ""
    first = ", ".join(f"{each.file} ({each.count})" for each in named.first)
    more = f" and {named.files - len(named.first)} more" if named.files > len(named.first) else ""
    least = "at least " if named.partial else ""
    return (
        f"Texts of people name old places ({least}{named.count:,} times) and are never changed: {first}{more}"
    )
