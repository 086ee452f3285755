"""Two practice hosts with a small state directory on OLD, and the real steps run between them.

The state directory is made by these tests (`openclaw_states`), not by OpenClaw; what needs the
program itself is in test_real_move.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from openclaw_wizard.demo.runtime import find_node
from openclaw_wizard.events import Event
from openclaw_wizard.hosts.practice import create_practice, stop_practice
from openclaw_wizard.model import Plan
from openclaw_wizard.pitfalls import judge_all
from openclaw_wizard.session import Policy, Survey, Wizard
from openclaw_wizard.steps import copy, order, reading, survey
from openclaw_wizard.steps.action import Action
from tests import openclaw_states
from tests.odd_trees import NODE_BIN

COPYING = copy.ACTIONS[:3]
"""Manifest, stream, compare: what can be shown without the program on either machine."""


def programs(folder: Path) -> Path:
    """A folder with Node and an npm that works: the wheel's own `npm` has lost its place (measured)."""
    folder.mkdir(parents=True)
    (folder / "node").symlink_to(NODE_BIN / "node")
    npm = folder / "npm"
    npm.write_text(f'#!/bin/sh\nexec "{NODE_BIN / "node"}" "{find_node()[1]}" "$@"\n')
    npm.chmod(0o755)
    return folder


class TwoHosts:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wizard_home = folder / "wizard"
        path = [str(programs(folder / "bin"))]
        self.old = create_practice(
            folder / "old", user="alice", hostname="old-box", home="home/alice", path=path
        )
        self.new = create_practice(folder / "new", user="bob", hostname="new-box", home="srv/bob", path=path)
        self.old_home = folder / "old" / "home" / "alice"
        self.new_home = folder / "new" / "srv" / "bob"

    def furnish(self, **sections: Any) -> Path:
        """A state directory of today on OLD."""
        return openclaw_states.today(self.old_home, **sections)

    def has_openclaw(self) -> None:
        """Lets both have a program that answers as far as the wizard asks; see openclaw_stand_in.mjs."""
        program = self.folder / "bin" / "openclaw"
        script = Path(__file__).with_name("openclaw_stand_in.mjs")
        program.write_text(f'#!/bin/sh\nexec node --no-warnings {script} "$@"\n')
        program.chmod(0o755)

    def wizard(
        self, events: list[Event] | None = None, actions: tuple[Action, ...] | None = None, **policy: Any
    ) -> Wizard:
        def chosen(plan: Plan) -> tuple[Action, ...]:
            return actions if actions is not None else order.actions_for(plan)

        handed = Survey(
            read=survey.survey, again=survey.again, judge=judge_all, actions=chosen, helper=reading.helper
        )
        policy.setdefault("yes", True)
        made = Wizard(self.wizard_home, handed, policy=Policy(**policy))
        if events is not None:
            made.subscribe(events.append)
        return made

    async def close(self) -> None:
        for name in ("old", "new"):
            await stop_practice(self.folder / name)

    def snapshot(self, home: Path) -> dict[str, tuple[int, int, bytes]]:
        """Names, modes, sizes and content of everything below a home, for "nothing was touched"."""
        found = {}
        for place, folders, files in os.walk(home):
            for name in (*folders, *files):
                path = Path(place) / name
                stat = path.lstat()
                content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
                found[str(path.relative_to(home))] = (stat.st_mode, stat.st_size, content)
        return found
