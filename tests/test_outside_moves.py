"""What lies outside the state directory moves with it: folders whole, files alone; put back as it was."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openclaw_wizard.model import Outcome
from openclaw_wizard.steps import ahead, back_up, copy
from tests.openclaw_states import write
from tests.two_hosts import COPYING, TwoHosts

pytestmark = pytest.mark.node

ACTIONS = (ahead.CopyAhead(), back_up.SafetyArchive(), *COPYING, copy.Switch())


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[TwoHosts]:
    made = TwoHosts(tmp_path)
    yield made
    await made.close()


def furnish(old: Path, new: Path, state: Path) -> None:
    config = json.loads((state / "openclaw.json").read_text())
    config["channels"]["telegram"] = {"tokenFile": "~/telegram.token"}
    write(state / "openclaw.json", json.dumps(config | {"hooks": {"$include": f"{old}/shared/hooks.json5"}}))
    write(old / "shared/hooks.json5", "{ enabled: true }")
    write(old / "shared/private.txt", "a person's own")
    write(old / "telegram.token", "moved token")
    write(old / ".config/openclaw/auth-profile-secret-key", "moved key")
    write(new / "telegram.token", "standing token")
    write(new / "shared/other.txt", "standing file")
    write(new / ".config/openclaw/gateway.env", "STANDING=1")


async def test_it_arrives_beside_what_stood_there_and_goes_back(hosts: TwoHosts) -> None:
    old, new = hosts.old_home, hosts.new_home
    furnish(old, new, hosts.furnish())
    before_old, before_new = hosts.snapshot(old), hosts.snapshot(new)
    wizard = hosts.wizard(actions=ACTIONS)
    plan = await wizard.survey(hosts.old, hosts.new)
    occupied = {tree.new.removeprefix(f"{new}/"): tree.occupied for tree in plan.trees}
    assert occupied == {
        ".openclaw": False,
        "research": False,
        ".config/openclaw": True,
        "shared/hooks.json5": False,
        "telegram.token": True,
    }
    assert await wizard.run() is Outcome.DONE
    move = wizard.view.move
    assert (new / "telegram.token").read_text() == "moved token"
    assert (new / "telegram.token").stat().st_mode & 0o777 == 0o600
    assert (new / f"telegram.token.before-{move}").read_text() == "standing token"
    assert (new / ".config/openclaw/auth-profile-secret-key").read_text() == "moved key"
    assert (new / f".config/openclaw.before-{move}/gateway.env").read_text() == "STANDING=1"
    assert {each.name for each in (new / "shared").iterdir()} == {"hooks.json5", "other.txt"}
    assert not list(new.rglob("*.incoming-*"))
    assert_archive(old, str(move))
    assert await wizard.undo() is Outcome.PUT_BACK
    await wizard.aclose()
    kept = {name: what for name, what in hosts.snapshot(new).items() if f".undone-{move}" not in name}
    assert kept == before_new
    assert (new / f"telegram.token.undone-{move}").read_text() == "moved token"
    after = {name: what for name, what in hosts.snapshot(old).items() if "openclaw-wizard" not in name}
    assert after == before_old


def assert_archive(old: Path, move: str) -> None:
    """The safety copy holds the single files, and nothing that lies beside them."""
    (archive,) = (old / ".openclaw-wizard" / move).glob("openclaw-safety-copy*")
    said = subprocess.run(["tar", "-tf", archive], capture_output=True, check=True, env=os.environ)
    names = said.stdout.decode().splitlines()
    assert any(name.endswith("shared/hooks.json5") for name in names)
    assert any(name.endswith("telegram.token") for name in names)
    assert not any(name.endswith("private.txt") for name in names)
