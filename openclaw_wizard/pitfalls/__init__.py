"""What goes wrong in moves, as pure rules over facts; nothing here reads a machine.

A fact that is not known yet makes a finding `unknown`, never `clear`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openclaw_wizard.model import Facts, Finding, Verdict
from openclaw_wizard.pitfalls.catalogue import PITFALLS, SUBJECTS, Pitfall

__all__ = ["PITFALLS", "SUBJECTS", "Pitfall", "judge_all"]

_GRAVEST_FIRST: Final = (Verdict.BLOCKS, Verdict.LOOK, Verdict.UNKNOWN, Verdict.CLEAR)


def judge_all(facts: Facts, accepted: frozenset[str] = frozenset()) -> dict[str, Finding]:
    """The finding of every pitfall, by id, in the catalogue's order.

    `accepted` are the ids that the person accepted; it counts only where the verdict is `look`. Where
    several profiles move, the gravest of what is found for each of them.
    """
    return {
        pitfall.id: _finding(pitfall, facts, accepted)
        if pitfall.whole
        else _gravest([(each.name, _finding(pitfall, each, accepted)) for each in facts.each])
        for pitfall in PITFALLS
    }


def _gravest(found: Sequence[tuple[str, Finding]]) -> Finding:
    """With the profiles that it is true of, where not all of them say the same."""
    verdict = next(each for each in _GRAVEST_FIRST if any(one.verdict is each for _, one in found))
    such = [(name, one) for name, one in found if one.verdict is verdict]
    said = {one.evidence: None for _, one in such}
    if len(said) == 1 and len(such) == len(found):
        return such[0][1]
    evidence = "; ".join(f"{name}: {one.evidence}" for name, one in such if one.evidence)
    return such[0][1].model_copy(update={"evidence": evidence})


def _finding(pitfall: Pitfall, facts: Facts, accepted: frozenset[str]) -> Finding:
    judged = pitfall.judge(facts)
    there = judged.verdict in (Verdict.LOOK, Verdict.BLOCKS)
    holds = judged.verdict is Verdict.LOOK and pitfall.must_accept(facts) and pitfall.id not in accepted
    return Finding(
        pitfall=pitfall.id,
        subject=pitfall.subject,
        title=pitfall.title,
        verdict=Verdict.BLOCKS if holds else judged.verdict,
        evidence=judged.evidence or (pitfall.needs if judged.verdict is Verdict.UNKNOWN else ""),
        why=pitfall.why,
        remedy=pitfall.remedy,
        accepted=judged.verdict is Verdict.LOOK and pitfall.id in accepted,
        fixes=pitfall.fixes(facts) if there else (),
        instead=pitfall.instead(facts) if there else "",
    )
