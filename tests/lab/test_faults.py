"""That each fault really happens, and really ends."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.lab import faults
from tests.lab.lab import NEW, OLD, Lab, lab
from tests.lab.machine import ran
from tests.lab.network import PORT_OF_MACHINE
from tests.lab.relay import Relay, Way, relayed

pytestmark = pytest.mark.lab

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def pair() -> Iterator[Lab]:
    with lab() as made:
        made.add(OLD)
        made.add(replace(NEW, disk_bytes=100 * MEGABYTE))
        yield made


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def sent(pair: Lab, way: Way, size: int) -> str:
    """What OLD and the operator say of `size` bytes sent that way; they say nothing where it broke."""
    if way == "up":
        return pair.ssh("old", "cat >~/got; wc -c <~/got", input="x" * size, check=False)
    return str(len(pair.ssh("old", f"head -c {size} /dev/zero", check=False)))


# ------------------------------------------------------------------------ link


@pytest.fixture
def relay(pair: Lab) -> Iterator[Relay]:
    with relayed(pair, "old") as made:
        yield made


def test_a_relay_passes_everything_on_and_counts_it(pair: Lab, relay: Relay) -> None:
    assert sent(pair, "up", 300_000).strip() == "300000"
    assert relay.passed["up"] > 300_000 and relay.connections == 1
    assert sent(pair, "down", 300_000) == "300000"
    assert relay.passed["down"] > 300_000 and relay.connections == 2


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("count", [1, 1500, 200_000])
def test_a_cut_is_at_that_very_byte_and_the_next_connection_works(
    pair: Lab, relay: Relay, way: Way, count: int
) -> None:
    before = relay.passed[way]
    relay.cut_after(count, way=way)
    assert sent(pair, way, MEGABYTE) != str(MEGABYTE)
    assert relay.fell.is_set() and relay.passed[way] - before == count
    assert pair.ssh("old", "echo back").strip() == "back"


def test_a_cut_that_refuses_what_comes_after_it_until_it_heals(pair: Lab, relay: Relay) -> None:
    relay.cut_after(100_000, way="up", again=False)
    assert sent(pair, "up", MEGABYTE) == ""
    assert pair.ssh("old", "echo in", check=False) == ""
    assert relay.connections == 1
    relay.heal()
    assert pair.ssh("old", "echo back").strip() == "back"


def test_a_link_that_goes_silent_ends_nothing_by_itself(pair: Lab, relay: Relay) -> None:
    relay.cut_after(100_000, way="up", how="silence")
    with over_ssh(pair, "head -c 500000 >/dev/null; echo done") as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"x" * 130_000)
        process.stdin.flush()
        assert relay.fell.wait(20)
        waiting_for(lambda: faults.programs_of(pair.machines["old"], "head"))
        assert process.poll() is None
        relay.heal()
        assert (process.wait(20), process.stdout.read()) == (255, b"")
    assert pair.ssh("old", "echo back").strip() == "back"


@contextmanager
def over_ssh(pair: Lab, command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A shell line on OLD with its input and output in hand; ended with the block."""
    argv = pair.network.inside("ssh", "-F", str(pair.home / ".ssh/config"), "old", command)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def answers(pair: Lab, port: int = 22) -> bool:
    knock = f"exec 3<>/dev/tcp/{OLD.address}/{port}"
    argv = pair.network.inside("timeout", "2", "bash", "-c", knock)
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


def test_a_pulled_cable_and_its_end(pair: Lab) -> None:
    assert answers(pair)
    with faults.unplugged(pair, "old"):
        assert not answers(pair)
    assert answers(pair)


# ----------------------------------------------------------------------- speed


def shapes(pair: Lab) -> list[str]:
    """What stands between the operator and OLD, in either direction: the kernel's shapes, and the alias."""
    network, config = pair.network, pair.home / ".ssh/config"
    ends = {network.operator: network.cable("old"), network.namespace_of("old"): PORT_OF_MACHINE}
    return [ran(["tc", "-n", n, "qdisc", "show", "dev", d]) for n, d in ends.items()] + [config.read_text()]


# Only lower bounds: this computer may be slower than the line that is asked for, and never faster.


def test_a_machine_that_is_far_away(pair: Lab, record_property: Callable[[str, object], None]) -> None:
    before = shapes(pair)
    with faults.slow(pair, "old", delay=0.3) as slowness:
        far = seconds(lambda: pair.ssh("old", "true"))
    record_property("delay by", slowness.delay)
    assert slowness.delay in ("netem", "relay") and slowness.rate == "none"
    # A login is at least six answers that wait for each other (version, keys, authentication, a command).
    assert far > 6 * 0.3
    assert shapes(pair) == before


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_machine_behind_a_thin_line(
    pair: Lab, way: Way, record_property: Callable[[str, object], None]
) -> None:
    before = shapes(pair)
    with faults.slow(pair, "old", rate=250_000) as slowness:
        thin = seconds(lambda: sent(pair, way, MEGABYTE))
    record_property("rate by", slowness.rate)
    assert slowness.rate in ("tbf", "relay") and thin > 3
    assert shapes(pair) == before


def test_both_at_once(pair: Lab) -> None:
    before = shapes(pair)
    with faults.slow(pair, "old", rate=500_000, delay=0.3) as slowness:
        assert "none" not in (slowness.rate, slowness.delay)
        assert seconds(lambda: sent(pair, "up", MEGABYTE)) > 1.5 + 6 * 0.3
    assert shapes(pair) == before


# ------------------------------------------------------------------------ disk


def test_a_full_disk(pair: Lab) -> None:
    write = "head -c 400000 /dev/zero >~/more; echo status $?; stat -c %s ~/more; rm ~/more"
    with faults.full(pair.machines["new"], leave=100_000):
        room = os.statvfs(pair.machines["new"].home)
        assert room.f_bavail * room.f_frsize <= 100_000
        said = pair.ssh("new", f"{{ {write}; }} 2>&1")
        assert "No space left on device" in said and "status 1" in said
    assert pair.ssh("new", write).split() == ["status", "0", "400000"]


# -------------------------------------------------------------------- commands


def test_what_the_wizard_started_is_found_by_process_and_killed(pair: Lab) -> None:
    old = pair.machines["old"]
    bystander = pair.machines["old"].root_runs("systemd-run --quiet sleep 600; pgrep -x sleep")
    with over_ssh(pair, "sh -c 'sleep 600; echo $?'") as process:
        waiting_for(lambda: faults.programs_of(old, "sleep"))
        (sleeping,) = faults.programs_of(old, "sleep")
        assert [each.pid for each in faults.commands_of(old) if each.argv[0] == "sh"] == [sleeping.parent]
        faults.kill(sleeping)
        assert process.stdout is not None and process.stdout.read() == b"137\n"
    waiting_for(lambda: not faults.commands_of(old))
    assert old.root_runs("pgrep -x sleep") == bystander
    old.root_runs(f"kill {bystander}")


def test_a_command_that_outlives_its_login_is_still_found(pair: Lab) -> None:
    old = pair.machines["old"]
    pair.ssh("old", "setsid sh -c 'trap \"\" HUP; sleep 600' >/dev/null 2>&1 </dev/null &")
    waiting_for(lambda: faults.programs_of(old, "sleep"))
    left = faults.commands_of(old)
    assert {each.argv[0] for each in left} == {"sh", "sleep"}
    for each in left:
        faults.kill(each)
    waiting_for(lambda: not faults.commands_of(old))


def waiting_for(condition: Callable[[], object]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("the condition did not come true within 20 s")


# ------------------------------------------------------------------------ sshd


def test_an_sshd_that_is_gone_and_comes_back(pair: Lab) -> None:
    old = pair.machines["old"]
    with over_ssh(pair, "cat") as process:
        assert process.stdin is not None and process.stdout is not None
        waiting_for(lambda: faults.programs_of(old, "cat"))
        with faults.without_sshd(old):
            assert not answers(pair)
            process.stdin.write(b"still here\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"still here\n"
            faults.end_sessions(old)
            assert process.wait(20) == 255
        assert answers(pair)
    waiting_for(lambda: not faults.commands_of(old))
    assert pair.ssh("old", "echo back").strip() == "back"


# ------------------------------------------------------------------------- key


def test_another_host_key(pair: Lab) -> None:
    known = (pair.home / ".ssh/known_hosts").read_text()
    with faults.another_host_key(pair.machines["old"]) as line:
        scanned = pair.network.inside("ssh-keyscan", "-t", "ed25519", OLD.address)
        assert subprocess.run(scanned, check=True, capture_output=True, text=True).stdout.split()[1:] == (
            line.split()
        )
        assert line not in known
        assert pair.ssh("old", "echo in", check=False) == ""
    assert pair.ssh("old", "echo in").strip() == "in"


# ----------------------------------------------------------------------- clock

DAY = 86_400


@pytest.mark.parametrize(("shift", "days"), [("+2d", 2), ("-365d", -365)])
def test_another_time(pair: Lab, shift: str, days: int) -> None:
    old = pair.machines["old"]
    pair.ssh("old", "loginctl enable-linger")
    with faults.another_time(old, shift):
        for clock in ("date +%s", "node -p 'Date.now() / 1000'", "systemd-run --user --pipe -q date +%s"):
            assert abs(float(pair.ssh("old", clock)) - time.time() - days * DAY) < 60, clock
        # A clock that is wrong goes on at the usual pace.
        assert seconds(lambda: pair.ssh("old", "sleep 1")) > 0.9
        # What is said of a file is what stands there: a copy keeps its time whatever the clock is.
        said = "touch -d @1700000000 ~/dated; cp -p ~/dated ~/kept; stat -c %Y ~/dated ~/kept"
        assert pair.ssh("old", said).split() == ["1700000000"] * 2
    assert (old.home / "kept").stat().st_mtime == 1_700_000_000
    for clock in ("date +%s", "systemd-run --user --pipe -q date +%s"):
        assert abs(float(pair.ssh("old", clock)) - time.time()) < 60, clock
