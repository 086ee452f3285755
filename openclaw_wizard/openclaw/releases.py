"""OpenClaw's version numbers, and the Node that each version asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?")

NODE_RANGES: Final[tuple[tuple[str, str], ...]] = (
    # `npm view openclaw@<version> engines.node`; the first version that has the range.
    ("2026.1.29", ">=22.12.0"),
    ("2026.3.13", ">=22.16.0"),
    ("2026.3.24", ">=22.14.0"),
    ("2026.5.12", ">=22.16.0"),
    ("2026.5.18", ">=22.19.0"),
    ("2026.7.1", ">=22.22.3 <23 || >=24.15.0 <25 || >=25.9.0"),
    ("2026.9.3", ">=24.16.0 <25 || >=26.1.0"),
)
"""A version newer than the table is taken to want what the last entry wants."""

LIBSIGNAL_FROM_GIT_UNTIL: Final = "2026.4.0"
"""Before it a dependency comes from a git address, which npm cannot fetch everywhere [measured]."""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version as OpenClaw numbers them; ordered as they came out.

    `2026.7.1-2` is a second build of 2026.7.1, so it comes after it, unlike in semver;
    `2026.7.2-beta.1` comes before 2026.7.2.
    """

    numbers: tuple[int, int, int]
    stage: tuple[int, tuple[tuple[int, str], ...]]
    """(0, …) for a pre-release, (1, ()) for the release, (2, …) for a later build of it."""

    def __str__(self) -> str:
        base = ".".join(map(str, self.numbers))
        tail = ".".join(word or str(number) for number, word in self.stage[1])
        return f"{base}-{tail}" if tail else base


def parse_version(text: str) -> Version | None:
    """The version in `OpenClaw 2026.9.6 (eb377ac)`, `v24.16.0` or a bare number; None where there is none."""
    found = _VERSION.search(text)
    if found is None:
        return None
    numbers = (int(found[1]), int(found[2]), int(found[3]))
    tail = tuple((int(w), "") if w.isdigit() else (0, w) for w in (found[4] or "").split(".") if w)
    if not tail:
        return Version(numbers, (1, ()))
    return Version(numbers, (2 if all(not word for _, word in tail) else 0, tail))


def is_before(version: str, other: str) -> bool:
    """Whether `version` came out before `other`. Raises ValueError where one is no version."""
    return _known(version) < _known(other)


def _known(text: str) -> Version:
    version = parse_version(text)
    if version is None:
        raise ValueError(f"{text!r} is no version")
    return version


def node_range(version: str) -> str:
    """The range of Node that this OpenClaw asks for. Raises ValueError where it is no version."""
    known = _known(version)
    found = NODE_RANGES[0][1]
    for first, wanted in NODE_RANGES:
        if _known(first) <= known:
            found = wanted
    return found


def node_satisfies(node: str, version: str) -> bool:
    """Whether a Node (`v24.16.0`) runs this OpenClaw. Raises ValueError where one is no version."""
    return in_range(node, node_range(version))


def in_range(version: str, wanted: str) -> bool:
    """Whether `version` is in a range such as `>=22.22.3 <23 || >=25.9.0`.

    Raises ValueError for a version that is none and for a form that the table does not use.
    """
    numbers = _known(version).numbers
    return any(all(_holds(numbers, term) for term in each.split()) for each in wanted.split("||"))


_TERM: Final = re.compile(r"(>=|<)(\d+)(?:\.(\d+))?(?:\.(\d+))?")


def _holds(numbers: tuple[int, int, int], term: str) -> bool:
    found = _TERM.fullmatch(term)
    if found is None:
        raise ValueError(f"{term!r} is not a form that this reader knows")
    bound = (int(found[2]), int(found[3] or 0), int(found[4] or 0))
    return numbers >= bound if found[1] == ">=" else numbers < bound


def npm_install_supported(version: str) -> bool:
    """Whether a plain `npm install` gets this version; older ones need an override of libsignal."""
    return not is_before(version, LIBSIGNAL_FROM_GIT_UNTIL)
