"""OLD stays down: what would bring it back, the mark of a done move, and addresses that lead to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openclaw_wizard.errors import Blocked
from openclaw_wizard.model import Outcome, Verdict
from openclaw_wizard.steps import verify
from tests.openclaw_states import today, write
from tests.test_identify_finds import crontab, survey
from tests.two_hosts import TwoHosts

pytestmark = pytest.mark.node


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[TwoHosts]:
    made = TwoHosts(tmp_path)
    yield made
    await made.close()


async def starts(home: Path) -> tuple[str, ...]:
    (found,) = (await survey(home)).installations
    return found.starts


async def test_what_starts_a_gateway_at_boot_is_found_with_how_it_is_ended(home: Path) -> None:
    state = today(home)
    unit = f"[Service]\nUser=alice\nEnvironment=OPENCLAW_STATE_DIR={state}\n"
    write(home / "etc/systemd/system/claw.service", f"{unit}ExecStart=/usr/bin/openclaw gateway\n")
    assert await starts(home) == ()
    wanted = home / "etc/systemd/system/multi-user.target.wants"
    wanted.mkdir()
    (wanted / "claw.service").symlink_to("../claw.service")
    crontab(home, "@reboot openclaw gateway run\n")
    saved = [
        {
            "name": "claw",
            "pm_exec_path": "/usr/bin/openclaw",
            "args": ["gateway"],
            "env": {"HOME": str(home)},
        },
        {"name": "other", "pm_exec_path": "/srv/app.js", "args": [], "env": {"HOME": str(home)}},
    ]
    write(home / ".pm2/dump.pm2", json.dumps(saved))
    containers = [
        {
            "Name": f"/{name}",
            "HostConfig": {"RestartPolicy": {"Name": policy}},
            "Mounts": [{"Source": str(state), "Destination": "/home/node/.openclaw"}],
        }
        for name, policy in (("oc", "unless-stopped"), ("once", "no"))
    ]
    write(home / "inspected", json.dumps(containers))
    write(
        home / "bin/docker",
        f'#!/bin/sh\n[ "$1" = ps ] && echo abc && exit\n[ "$1" = inspect ] && cat {home}/inspected\n',
        0o755,
    )
    found = await starts(home)
    assert sorted(each.partition(" (")[0] for each in found) == [
        "a line of the crontab",
        "docker, container oc with restart policy unless-stopped",
        "pm2, process claw",
        "the system unit claw.service",
    ]
    assert any("docker update --restart no oc" in each for each in found)


async def test_webhooks_are_named_by_channel_and_host_alone(home: Path) -> None:
    telegram = {
        "webhookUrl": "https://user:pw@old.example.org/hook/SECRET",
        "accounts": {"shop": {"webhookUrl": "https://shop.example.org/SECRET"}},
    }
    today(home, channels={"telegram": telegram, "whatsapp": {}})
    (found,) = (await survey(home)).installations
    named = [each.what for each in found.stays if "webhook" in each.what]
    assert named == [
        "the webhook of telegram (old.example.org)",
        "the webhook of telegram/shop (shop.example.org)",
    ]
    assert "SECRET" not in str(found.stays)


async def test_a_done_move_is_marked_a_later_wizard_says_so_and_undo_takes_it_away(hosts: TwoHosts) -> None:
    hosts.furnish()
    before = hosts.snapshot(hosts.old_home)
    actions = (verify.RetireOld(),)
    first = hosts.wizard(actions=actions)
    plan = await first.survey(hosts.old, hosts.new)
    assert first.view.findings["already-moved"].verdict is Verdict.CLEAR
    assert await first.run() is Outcome.DONE
    move = first.view.move
    await first.aclose()
    (mark,) = hosts.old_home.glob(".openclaw-wizard/*/MOVED.json")
    assert mark.stat().st_mode & 0o77 == 0
    assert json.loads(mark.read_text())["to"] == plan.trees[0].new

    later = hosts.wizard(actions=actions)
    await later.survey(hosts.old, hosts.new)
    found = later.view.findings["already-moved"]
    assert found.verdict is Verdict.BLOCKS
    assert (
        f"moved to bob@new-box ({plan.trees[0].new}) on 2" in found.evidence and str(move) in found.evidence
    )
    with pytest.raises(Blocked, match="moved to bob@new-box"):
        await later.run()
    await later.aclose()

    back = hosts.wizard(actions=actions)
    assert await back.undo(move) is Outcome.PUT_BACK
    await back.aclose()
    again = hosts.wizard(actions=actions)
    await again.survey(hosts.old, hosts.new)
    assert again.view.findings["already-moved"].verdict is Verdict.CLEAR
    await again.aclose()
    after = hosts.snapshot(hosts.old_home)
    assert {name: after[name] for name in before} == before
    assert all(name.startswith(".openclaw-wizard") for name in set(after) - set(before))
