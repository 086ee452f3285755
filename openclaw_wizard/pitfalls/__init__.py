"""What goes wrong in moves, as pure rules over facts; nothing here reads a machine.

A fact that is not known yet makes a finding `unknown`, never `clear`.
"""

from __future__ import annotations

from openclaw_wizard.model import Facts, Finding, Verdict
from openclaw_wizard.pitfalls.catalogue import PITFALLS, SUBJECTS, Pitfall

__all__ = ["PITFALLS", "SUBJECTS", "Pitfall", "judge_all"]


def judge_all(facts: Facts, accepted: frozenset[str] = frozenset()) -> dict[str, Finding]:
    """The finding of every pitfall, by id, in the catalogue's order.

    `accepted` are the ids that the person accepted; it counts only where the verdict is `look`.
    """
    return {pitfall.id: _finding(pitfall, facts, accepted) for pitfall in PITFALLS}


def _finding(pitfall: Pitfall, facts: Facts, accepted: frozenset[str]) -> Finding:
    judged = pitfall.judge(facts)
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
    )
