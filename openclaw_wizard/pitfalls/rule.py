"""The form of a pitfall, and the four answers that a rule can give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from openclaw_wizard.model import Facts, Fix, Installation, Severity, There, Verdict
from openclaw_wizard.signs import ConfigSigns, Signs

SHOWN = 3
"""How many names a finding shows of many."""


class Needs(StrEnum):
    """What must have been read before a rule can judge, as a person reads it."""

    OLD = "known once OLD is read"
    NEW = "known once NEW is read"
    BOTH = "known once OLD and NEW are read"
    COPY = "known once the copy is compared"
    BACKUP = "known once the safety copy is made"


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    evidence: str = ""
    """What the facts say, for a person; never holds a secret."""


def nothing(_: Facts) -> tuple[Fix, ...]:
    """What the move can mend of most pitfalls."""
    return ()


@dataclass(frozen=True, slots=True)
class Pitfall:
    id: str
    subject: Literal["program", "data", "chats", "logins", "network", "running"]
    title: str
    why: str
    source: str
    """Where it is known from: an issue, a page of the documentation, a measurement."""
    severity: Severity
    """The worst that it can be."""
    remedy: str
    judge: Callable[[Facts], Judgement]
    needs: Needs = Needs.OLD
    versions: str = ""
    """The versions of OpenClaw that it is about; empty for all."""
    must_accept: Callable[[Facts], bool] = lambda _: False
    """Whether what says `look` blocks until the person accepts it."""
    fixes: Callable[[Facts], tuple[Fix, ...]] = nothing
    """What the move can mend on NEW, asked where the pitfall is there."""
    instead: Callable[[Facts], str] = lambda _: ""
    """The address of the machine that is to be OLD instead; empty where it is not known."""
    whole: bool = False
    """Whether it is judged once for all profiles that move, since they share what it is about."""


def clear(evidence: str = "") -> Judgement:
    return Judgement(Verdict.CLEAR, evidence)


def look(evidence: str) -> Judgement:
    return Judgement(Verdict.LOOK, evidence)


def blocks(evidence: str) -> Judgement:
    return Judgement(Verdict.BLOCKS, evidence)


def unknown(evidence: str = "") -> Judgement:
    return Judgement(Verdict.UNKNOWN, evidence)


def some(names: Sequence[str], count: int | None = None) -> str:
    """The first of these names, and how many more there are."""
    total = len(names) if count is None else count
    shown = names[:SHOWN]
    more = f" and {total - len(shown)} more" if total > len(shown) else ""
    return ", ".join(shown) + more


def look_at(names: Sequence[str], said: str, otherwise: str) -> Judgement:
    """`look` where there are such names, which `said` names at its `{}`; else clear."""
    return look(said.format(some(names))) if names else clear(otherwise)


# ------------------------------------------------------------------ versions


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, (24, 16, 0); empty where it has none."""
    found: list[int] = []
    for word in version.lstrip("v").split("."):
        digits = word[: len(word) - len(word.lstrip("0123456789"))]
        if not digits:
            break
        found.append(int(digits))
    return tuple(found)


def version_of(facts: Facts) -> str | None:
    """The version that OLD runs and that NEW is to have."""
    written_by = facts.installation.version if facts.installation else None
    return (facts.old.openclaw if facts.old else None) or written_by


def in_versions(first: str, last: str, judge: Callable[[Facts], Judgement]) -> Callable[[Facts], Judgement]:
    """The rule, asked only of the versions from `first` to `last`."""

    def judged(facts: Facts) -> Judgement:
        version = version_of(facts)
        if facts.installation is None or version is None:
            return unknown("known once OLD's version is read")
        if not numbers(first) <= numbers(version) <= numbers(last):
            return clear(f"OpenClaw {version} does not have it")
        return judge(facts)

    return judged


# ------------------------------------------------------------------ rules over one kind of fact


def of_old(judge: Callable[[Installation, Signs], Judgement]) -> Callable[[Facts], Judgement]:
    """A rule over what was read of OLD's installation."""

    def judged(facts: Facts) -> Judgement:
        found = facts.installation
        if found is None:
            return unknown()
        if found.signs is None:
            return unknown("OLD was read without it; read it again")
        return judge(found, found.signs)

    return judged


def of_chats(judge: Callable[[Installation, Signs], Judgement]) -> Callable[[Facts], Judgement]:
    """A rule over OLD's conversations in files."""

    def judged(found: Installation, signs: Signs) -> Judgement:
        return (
            unknown("OLD's conversations cannot all be read") if signs.chats_closed else judge(found, signs)
        )

    return of_old(judged)


def of_config(judge: Callable[[ConfigSigns, Facts], Judgement]) -> Callable[[Facts], Judgement]:
    """A rule over OLD's config."""

    def judged(facts: Facts) -> Judgement:
        found = facts.installation
        if found is None or found.signs is None:
            return of_old(lambda _, __: clear())(facts)
        config = found.signs.config
        return unknown("OLD's config cannot be read") if config is None else judge(config, facts)

    return judged


def of_new(judge: Callable[[There, Facts], Judgement]) -> Callable[[Facts], Judgement]:
    """A rule over what was read of NEW."""

    def judged(facts: Facts) -> Judgement:
        return unknown() if facts.there is None else judge(facts.there, facts)

    return judged
