"""A move meets each fault between two real machines: what it says, what stays as it was, and the way on.

The state is made by these tests and the steps end with the switch (`tree_only`); what a move on practice
hosts can show of this is in test_bad_luck.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.lab import faults
from tests.lab.moving import FILE_SIZE, MEGABYTE, SIZE, Ground, Run
from tests.lab.relay import relayed
from tests.program import last

pytestmark = pytest.mark.lab

RATE = 15 * MEGABYTE
"""Bytes a second of the line to NEW, so that a copy lasts long enough to be met in the middle."""


@pytest.fixture
def thin(ground: Ground) -> Iterator[None]:
    """A line to NEW on which the copy takes a few seconds."""
    with faults.slow(ground.lab, "new", rate=RATE):
        yield


def resumed(ground: Ground) -> Run:
    """The move goes on to its end, and all has moved."""
    run = ground.start("resume")
    run.ended(0)
    ground.all_has_moved()
    ground.nothing_runs_on()
    return run


# ------------------------------------------------------------------------ link


def test_a_cut_in_the_stream_is_got_over_without_a_person(ground: Ground) -> None:
    with relayed(ground.lab, "new") as relay:
        relay.cut_after(SIZE // 2, way="up")
        run = ground.start("run")
        run.ended(0)
        assert relay.fell.is_set()
        assert run.count("host-lost") == run.count("host-back") == 1
        assert "was there already" in run.done("copy.stream")
        # What came before the cut was not sent again, but for the file that was cut.
        assert relay.passed["up"] < SIZE + FILE_SIZE + 5 * MEGABYTE
        ground.all_has_moved()
        ground.nothing_runs_on()


def test_a_link_that_stays_down_ends_with_6_and_is_resumed(ground: Ground) -> None:
    with relayed(ground.lab, "new") as relay:
        relay.cut_after(SIZE // 2, way="up", again=False)
        run = ground.start("run", reconnect=3)
        run.ended(6)
        failure = run.failure()
        assert failure["code"] == "HostUnreachable" and failure["exit_code"] == 6
        assert failure["what"].startswith("new cannot be reached: nothing listens on port")
        assert "OLD is stopped and its data untouched; NEW's previous state is untouched" in failure["safe"]
        assert failure["next"] and failure["next"] in run.said
        ground.new_is_as_it_was()
        ground.nothing_runs_on()
        relay.heal()
        assert "was there already" in resumed(ground).done("copy.stream")


@pytest.mark.parametrize("count", [500, 60_000], ids=["in-the-login", "in-the-reading"])
def test_a_cut_before_anything_was_written_is_just_tried_again(ground: Ground, count: int) -> None:
    with relayed(ground.lab, "new") as relay:
        relay.cut_after(count, way="up")
        run = ground.start("run")
        run.ended(6)
        failure = last(run.events, "survey-failed")
        assert failure["safe"] == "Nothing was changed on either machine."
        assert relay.fell.is_set() and not ground.begun
        ground.new_is_as_it_was()
        ground.nothing_runs_on()
        ground.start("plan").ended(0)


@pytest.mark.matrix
def test_a_cable_that_is_out_for_a_moment_is_not_even_noticed(ground: Ground, thin: None) -> None:
    run = ground.start("run")
    run.until_copied(SIZE // 4)
    with faults.unplugged(ground.lab, "new"):
        time.sleep(3)
    run.ended(0)
    assert run.count("host-lost") == 0
    ground.all_has_moved()


# ------------------------------------------------------------------------ disk


def test_a_disk_of_new_that_fills_during_the_copy(ground: Ground, thin: None) -> None:
    run = ground.start("run")
    run.until_started("copy.stream")
    with faults.full(ground.new, leave=SIZE // 3):
        run.ended(1)
        failure = run.failure()
        assert failure["action"] == "copy.stream" and "disk of NEW (new) is full: about" in failure["what"]
        assert "are missing" in failure["what"]
        assert "NEW's previous state is untouched" in failure["safe"]
        assert failure["next"].startswith("Make room there. Resume")
        ground.new_is_as_it_was()
        ground.nothing_runs_on()
        # Without room it fails again, in the same words, and harms nothing.
        again = ground.start("resume")
        again.ended(1)
        assert "disk of NEW (new) is full: about" in again.failure()["what"]
        ground.new_is_as_it_was()
    resumed(ground)


@pytest.mark.matrix
def test_a_disk_of_old_that_fills_during_the_safety_copy(ground: Ground) -> None:
    run = ground.start("run")
    run.until_started("old.inventory")
    with faults.full(ground.old, leave=SIZE // 3):
        run.ended(1)
        failure = run.failure()
        assert failure["action"] == "old.archive"
        assert failure["what"] == "The disk of OLD (old) has no room for the safety copy."
        # No half of a safety copy keeps the room that is missing.
        assert [each for each in ground.old.home.rglob("openclaw-safety-copy*") if each.is_file()] == []
        ground.nothing_runs_on()
    resumed(ground)


# -------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    ("machine", "program", "said"),
    [
        ("new", "tar", "Unpacking on NEW (new) ended with -9"),
        pytest.param(
            "old", "zstd", "Packing on OLD (old) failed: zstd ended with SIGKILL", marks=pytest.mark.matrix
        ),
        pytest.param(
            "old",
            "node",
            "Packing on OLD (old) failed: it ended with -9 before it was done",
            marks=pytest.mark.matrix,
        ),
    ],
)
def test_a_command_that_is_killed_in_the_copy(ground: Ground, machine: str, program: str, said: str) -> None:
    # A thin line to that very machine: some 15 MB are on their way between the two (measured).
    with faults.slow(ground.lab, machine, rate=RATE):
        run = ground.start("run")
        run.until_copied(SIZE // 4)
        faults.kill(faults.programs_of(ground.lab.machines[machine], program)[0])
        run.ended(1)
    assert run.failure()["what"].startswith(said)
    assert "NEW's previous state is untouched" in run.failure()["safe"]
    ground.new_is_as_it_was()
    ground.nothing_runs_on()
    resumed(ground)


@pytest.mark.matrix
@pytest.mark.parametrize(
    ("machine", "action"),
    [("old", "old.inventory"), ("old", "old.archive"), ("old", "copy.manifest"), ("new", "copy.compare")],
)
def test_a_helper_that_is_killed_in_any_action(ground: Ground, machine: str, action: str) -> None:
    place = ground.lab.machines[machine]
    run = ground.start("run")
    run.until_started(action)
    faults.kill(one_of(lambda: faults.programs_of(place, "node")))
    run.ended(1)
    failure = run.failure()
    assert failure["action"] == action
    assert failure["what"].endswith(": it ended with -9 before it was done")
    ground.new_is_as_it_was()
    ground.nothing_runs_on()
    resumed(ground)


def one_of(find: Callable[[], list[faults.Process]]) -> faults.Process:
    """The first that is found, as soon as there is one."""
    deadline = time.monotonic() + 20
    while not (found := find()):
        assert time.monotonic() < deadline, "there was none within 20 s"
    return found[0]


# ------------------------------------------------------------------------ sshd


def test_an_sshd_that_goes_with_its_sessions_and_comes_back(ground: Ground, thin: None) -> None:
    run = ground.start("run")
    run.until_copied(SIZE // 4)
    with faults.without_sshd(ground.new):
        faults.end_sessions(ground.new)
        lost = run.until(lambda event: event["type"] == "host-lost")
        assert lost["role"] == "new"
        run.until(lambda event: event["type"] == "host-lost" and event["retry_in"] > lost["retry_in"])
    run.ended(0)
    assert run.count("host-back") == 1 and "was there already" in run.done("copy.stream")
    ground.all_has_moved()
    ground.nothing_runs_on()


# ------------------------------------------------------------------------- key


def test_a_host_key_that_changes_in_the_copy_is_never_accepted(ground: Ground, thin: None) -> None:
    known = ground.lab.home / ".ssh/known_hosts"
    trusted = known.read_text()
    run = ground.start("run")
    run.until_copied(SIZE // 4)
    with faults.another_host_key(ground.new):
        faults.end_sessions(ground.new)
        run.ended(6)
        failure = run.failure()
        assert failure["code"] == "HostKeyChanged" and not failure["retryable"]
        assert "known_hosts has another one for it" in failure["what"]
        assert "Do not go on until you know why" in failure["next"]
        again = ground.start("resume")
        again.ended(6)
        assert "known_hosts has another one for it" in again.said
        assert known.read_text() == trusted
        ground.new_is_as_it_was()
        ground.nothing_runs_on()
    resumed(ground)


# ----------------------------------------------------------------------- clock


def test_clocks_that_are_days_and_years_apart(ground: Ground) -> None:
    with faults.another_time(ground.new, "+2d"), faults.another_time(ground.old, "-365d"):
        run = ground.start("run")
        run.ended(0)
        plan = last(run.events, "surveyed")["plan"]
        apart = plan["new"]["clock"] - plan["old"]["clock"]
        assert abs(apart - 367 * 86_400) < 120
        ground.all_has_moved()
        ground.nothing_runs_on()
