"""The program with only the steps that need no OpenClaw on either machine: back up, and copy to the switch.

    python -m tests.lab.tree_only run --from old --to new --json --yes

A fault of a link or a disk is met in seconds with it. `LAB_RECONNECT_FOR` are the seconds after which a
lost link is given up, where the program's own five minutes are too long.
"""

from __future__ import annotations

import os
import sys

from openclaw_wizard import cli
from openclaw_wizard.session import runner
from openclaw_wizard.steps import back_up, copy, order

if __name__ == "__main__":
    order.actions_for = lambda plan: (*back_up.ACTIONS, *copy.ACTIONS)
    if seconds := os.environ.get("LAB_RECONNECT_FOR"):
        runner.RECONNECT_FOR = float(seconds)  # type: ignore[misc]
    sys.exit(cli.main())
