"""OLD streams to NEW by its own ssh, between two real machines: only what is said of it passes the wizard."""

from __future__ import annotations

import pytest

from tests.lab.lab import NEW
from tests.lab.moving import SIZE, Ground
from tests.lab.relay import relayed

pytestmark = pytest.mark.lab

PLACE = f"{NEW.user}@{NEW.address}"


def introduce(ground: Ground) -> None:
    """OLD gets a key to NEW and NEW's host key, as a person would arrange it."""
    keys = ground.lab.keys
    key = (keys / "operator").read_text()
    ground.lab.ssh("old", "mkdir -p -m 700 .ssh && umask 077 && cat >.ssh/id_ed25519", input=key)
    known = " ".join((keys / "host-new.pub").read_text().split()[:2])
    ground.lab.ssh("old", "cat >.ssh/known_hosts", input=f"{NEW.address} {known}\n")


def test_a_move_goes_directly_between_two_machines(ground: Ground) -> None:
    introduce(ground)
    known = (ground.old.home / ".ssh/known_hosts").read_bytes()
    with relayed(ground.lab, "new") as relay:
        run = ground.start("run", "--direct", PLACE)
        run.ended(0)
        assert "(directly, " in run.done("copy.stream")
        assert relay.passed["up"] < SIZE // 4
    ground.all_has_moved()
    ground.nothing_runs_on()
    assert (ground.old.home / ".ssh/known_hosts").read_bytes() == known


def test_without_trust_it_goes_through_the_wizard_and_says_why(ground: Ground) -> None:
    ground.lab.ssh("old", "rm -f .ssh/known_hosts")
    run = ground.start("run", "--direct", PLACE)
    run.ended(0)
    (surveyed,) = [event for event in run.events if event["type"] == "surveyed"]
    why = f"the host key of {PLACE} is not in known_hosts there"
    assert surveyed["plan"]["route"]["why"].endswith(why)
    assert "(relayed, " in run.done("copy.stream")
    ground.all_has_moved()
    assert not (ground.old.home / ".ssh/known_hosts").exists()
