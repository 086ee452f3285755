"""What the move mends on NEW because the person wants it: how a finding and the plan say so."""

from __future__ import annotations

from openclaw_wizard.model import Finding, Fix, Verdict
from openclaw_wizard.view import View


def marked(finding: Finding, view: View) -> Finding:
    """The finding; where the move mends it, it blocks no longer."""
    planned = frozenset(fix.pitfall for fix in view.plan.fixes) if view.plan else frozenset()
    if not finding.fixes or finding.pitfall not in view.fixing | planned:
        return finding
    return finding.model_copy(update={"fixing": True, "verdict": Verdict.LOOK})


def chosen(view: View) -> tuple[Fix, ...]:
    """What the plan of the move holds."""
    return tuple(fix for finding in view.findings.values() if finding.fixing for fix in finding.fixes)
