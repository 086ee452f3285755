"""The wide sweep of bad links: many places of a cut, each with what may follow it. Minutes, not seconds."""

from __future__ import annotations

import pytest

from tests.lab import faults
from tests.lab.moving import MEGABYTE, SIZE, Ground
from tests.lab.relay import Way, relayed
from tests.program import last

pytestmark = [pytest.mark.lab, pytest.mark.matrix]


WAYS: list[tuple[str, Way]] = [("new", "up"), ("old", "down")]
BEFORE: list[tuple[str, Way, int, bool]] = [
    # Version, keys, login, the probe, the helper's calls of the survey: that is not tried again by itself.
    *(("new", "up", count, False) for count in (1, 3_000, 8_000, 150_000)),
    *(("old", "down", count, False) for count in (1, 3_000, 8_000, 12_000)),
]
STREAM: list[tuple[str, Way, int, bool]] = [
    # Its first bytes, its middle, its last file, its last bytes; the link comes back, or stays away.
    (machine, way, count, again)
    for machine, way in WAYS
    for count in (MEGABYTE, SIZE // 3, SIZE - 2 * MEGABYTE, SIZE + 10_000)
    for again in (True, False)
]


@pytest.mark.parametrize(("machine", "way", "count", "again"), [*BEFORE, *STREAM])
def test_a_cut_at_many_places(ground: Ground, machine: str, way: Way, count: int, again: bool) -> None:
    with relayed(ground.lab, machine) as relay:
        relay.cut_after(count, way=way, again=again)
        run = ground.start("run", reconnect=3)
        code = run.end()
        assert relay.fell.is_set()
        ground.old_is_as_it_was()
        ground.nothing_runs_on()
        if code != 0:
            assert code == 6, run.said
            failed = last(run.events, "action-failed" if ground.begun else "survey-failed")
            assert failed["exit_code"] == 6 and failed["safe"] and failed["next"] in run.said
            # Nobody is to be asked to do what the wizard does by itself.
            assert not (ground.begun and again), failed
            ground.new_is_as_it_was()
            relay.heal()
            ground.start("resume" if ground.begun else "run").ended(0)
        ground.all_has_moved()
        ground.nothing_runs_on()


@pytest.mark.parametrize("machine", ["old", "new"])
@pytest.mark.parametrize("action", ["old.archive", "copy.manifest", "copy.compare", "new.relocate"])
def test_a_cut_in_each_action(ground: Ground, machine: str, action: str) -> None:
    with relayed(ground.lab, machine) as relay:
        run = ground.start("run")
        run.until_started(action)
        relay.cut_now()
        run.ended(0)
        ground.all_has_moved()
        ground.nothing_runs_on()


def test_a_link_that_goes_silent_in_the_stream(ground: Ground) -> None:
    """Nothing says that it is gone; the wizard's own patience has to find out (a minute)."""
    with relayed(ground.lab, "new") as relay:
        relay.cut_after(SIZE // 2, way="up", how="silence", again=False)
        run = ground.start("run", reconnect=3)
        run.ended(6)
        assert "new" in run.failure()["what"]
        ground.new_is_as_it_was()
        relay.heal()
        ground.nothing_runs_on()
        ground.start("resume").ended(0)
        ground.all_has_moved()


def test_a_cable_that_is_pulled_for_longer_than_the_wizard_waits(ground: Ground) -> None:
    run = ground.start("run", reconnect=3)
    with faults.slow(ground.lab, "new", rate=15 * MEGABYTE):
        run.until_copied(SIZE // 4)
        with faults.unplugged(ground.lab, "new"):
            run.ended(6)
            assert "new cannot be reached" in run.said
            ground.new_is_as_it_was()
    # What the machine has not heard of yet may run on there; it must not be in the way.
    ground.start("resume").ended(0)
    ground.all_has_moved()
    # As its server does in the end, once it is sure that nobody is there any more.
    faults.end_sessions(ground.new)
    ground.nothing_runs_on()


def test_a_machine_without_its_cable_cannot_be_reached(ground: Ground) -> None:
    with faults.unplugged(ground.lab, "new"):
        run = ground.start("run")
        run.ended(6)
    assert "new cannot be reached" in run.said and not ground.begun
    ground.new_is_as_it_was()


def test_a_line_that_is_long_and_thin(ground: Ground) -> None:
    with faults.slow(ground.lab, "new", delay=0.1, rate=3 * MEGABYTE):
        ground.start("run").ended(0)
    ground.all_has_moved()
    ground.nothing_runs_on()


def test_a_new_key_that_the_person_took_is_still_told_of_a_move_that_knew_another(ground: Ground) -> None:
    run = ground.start("run")
    run.until_started("copy.stream")
    known = ground.lab.home / ".ssh/known_hosts"
    with faults.another_host_key(ground.new) as key:
        faults.end_sessions(ground.new)
        run.ended(6)
        known.write_text(f"{known.read_text()}{ground.new.shape.address} {key}\n")
        again = ground.start("resume")
        again.ended(1)
        assert "NEW is not what it was when this move began: host_key was" in again.said
        ground.new_is_as_it_was()
    ground.lab.write_ssh_config()
    ground.start("resume").ended(0)
    ground.all_has_moved()
