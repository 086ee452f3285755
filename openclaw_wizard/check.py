"""The command `check`: one machine, read only.

Heavy imports stay inside functions, as in cli.py.
"""

from __future__ import annotations

import argparse
import json
import sys

from openclaw_wizard.errors import ExitCode


async def run(options: argparse.Namespace) -> ExitCode:
    """Prints what would go wrong; with --json a line for each installation.

    0 where nothing blocks, 4 where something does. Raises WizardError.
    """
    from openclaw_wizard.faces import checked
    from openclaw_wizard.hosts import connect
    from openclaw_wizard.model import Verdict
    from openclaw_wizard.pitfalls import SUBJECTS, judge_all
    from openclaw_wizard.steps.checking import check

    host = await connect(options.host)
    try:
        known = await check(host, options.profile)
    finally:
        await host.aclose()
    found = [(facts, tuple(judge_all(facts).values())) for facts in known]
    if options.json:
        said = "\n".join(json.dumps(each) for each in checked.as_json(found))
    else:
        said = checked.text(found, SUBJECTS, everything=options.all)
    sys.stdout.write(f"{said}\n")
    blocked = any(f.verdict is Verdict.BLOCKS for _, findings in found for f in findings)
    return ExitCode.BLOCKED if blocked else ExitCode.DONE
