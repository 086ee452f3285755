"""What the move mends on NEW because the person wants it: how a finding and the plan say so."""

from __future__ import annotations

from collections.abc import Iterator

from openclaw_wizard.events import FixChosen
from openclaw_wizard.model import Finding, Fix, Verdict, Wishes
from openclaw_wizard.view import View


def marked(finding: Finding, view: View) -> Finding:
    """The finding; where the move mends it, it blocks no longer."""
    planned = frozenset(fix.pitfall for fix in view.plan.fixes) if view.plan else frozenset()
    if not finding.fixes or finding.pitfall not in view.fixing | planned:
        return finding
    return finding.model_copy(update={"fixing": True, "verdict": Verdict.LOOK})


def wished(view: View, old: str, new: str, wishes: Wishes) -> Iterator[FixChosen]:
    """What a survey of these two begins with: what was chosen for another two does not count for them."""
    if (old, new) != (view.old, view.new):
        yield from (FixChosen(pitfall=pitfall, wanted=False) for pitfall in sorted(view.fixing))
    yield from (FixChosen(pitfall=pitfall) for pitfall in wishes.fix)


def chosen(view: View) -> tuple[Fix, ...]:
    """What the plan of the move holds."""
    return tuple(fix for finding in view.findings.values() if finding.fixing for fix in finding.fixes)
