"""The words for absolute paths inside what moves: what is rewritten, what is left, what is only counted."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

from openclaw_wizard.word import Word


class Paths(StrEnum):
    """What becomes of absolute paths inside the state where it goes to another place."""

    REWRITE = "rewrite"
    """They follow."""
    SAME = "same"
    """There is no other place: everything goes to the very path that it has on OLD."""
    LINK = "link"
    """They stay; a link on NEW, which root makes, leads from the old place to the new one."""
    KEEP = "keep"
    """They stay, and lead nowhere."""


class PathChange(Word):
    """A path that is (or will be) rewritten."""

    file: str
    """Relative to the state directory, or the absolute path on OLD of what lies in another tree."""
    where: str
    """Key path, `table.column` or `link`."""
    old: str
    new: str
    count: int = 1
    """How many there are of this kind; `old` and `new` are then those of the first."""


class PathLeft(Word):
    """Something that names an old place and is left as it is, for the person to look at."""

    file: str
    where: str
    why: str
    old: str = ""
    """Empty where it is more than a plain path: then it may hold a secret."""
    count: int = 1


class Mention(Word):
    file: str
    count: int


class Mentions(Word):
    """How often old places are named in texts of people, which are never rewritten."""

    first: tuple[Mention, ...] = ()
    """Those with the most."""
    files: int = 0
    count: int = 0
    partial: bool = False
    """Whether there was more text than was read."""


_Filed = TypeVar("_Filed", PathChange, PathLeft, Mention)


class Relocation(Word):
    """What the new place of everything means for the paths inside; bounded, and without secrets."""

    changes: tuple[PathChange, ...] = ()
    left: tuple[PathLeft, ...] = ()
    problems: tuple[str, ...] = ()
    """Why nothing can be rewritten, a sentence each."""
    mentions: Mentions = Mentions()

    @classmethod
    def joined(cls, each: Sequence[tuple[str, Relocation]]) -> Relocation:
        """Those of several profiles, by name, as one; a file of a state directory gets the name before it."""
        if len(each) == 1:
            return each[0][1]

        def named(name: str, one: _Filed) -> _Filed:
            file = one.file if one.file.startswith("/") else f"{name}: {one.file}"
            return one.model_copy(update={"file": file})

        counted = [(name, found.mentions) for name, found in each]
        return cls(
            changes=tuple(named(name, one) for name, found in each for one in found.changes),
            left=tuple(named(name, one) for name, found in each for one in found.left),
            problems=tuple(f"{name}: {one}" for name, found in each for one in found.problems),
            mentions=Mentions(
                first=tuple(named(name, one) for name, found in counted for one in found.first),
                files=sum(found.files for _, found in counted),
                count=sum(found.count for _, found in counted),
                partial=any(found.partial for _, found in counted),
            ),
        )

    @property
    def count(self) -> int:
        return sum(change.count for change in self.changes)


class Pin(Word):
    """A value that the config on NEW must have and does not have on OLD."""

    keys: tuple[str | int, ...]
    value: str
    why: str
