"""The form of a pitfall, and the four answers that a rule can give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from openclaw_wizard.model import Facts, Severity, Verdict


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    evidence: str = ""
    """What the facts say, for a person; never holds a secret."""


@dataclass(frozen=True, slots=True)
class Pitfall:
    id: str
    subject: Literal["install", "data", "running"]
    title: str
    why: str
    source: str
    """Where it is known from: an issue, a page of the documentation, a measurement."""
    severity: Severity
    """The worst that it can be."""
    remedy: str
    judge: Callable[[Facts], Judgement]
    must_accept: Callable[[Facts], bool] = lambda _: False
    """Whether what says `look` blocks until the person accepts it."""
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
