"""The words for absolute paths inside what moves: what is rewritten, what is left, what is only counted."""

from __future__ import annotations

from enum import StrEnum

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


class Relocation(Word):
    """What the new place of everything means for the paths inside; bounded, and without secrets."""

    changes: tuple[PathChange, ...] = ()
    left: tuple[PathLeft, ...] = ()
    problems: tuple[str, ...] = ()
    """Why nothing can be rewritten, a sentence each."""
    mentions: Mentions = Mentions()

    @property
    def count(self) -> int:
        return sum(change.count for change in self.changes)


class Pin(Word):
    """A value that the config on NEW must have and does not have on OLD."""

    keys: tuple[str | int, ...]
    value: str
    why: str
