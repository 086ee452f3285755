"""The kinds of machine that people have: what each layer really changes, and a whole move for each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw_wizard.openclaw import command
from tests import openclaw_states
from tests.lab import layers, results, userlands
from tests.lab.lab import NEW, OLD, Lab, lab
from tests.lab.machine import Shape
from tests.lab.providers import Providers
from tests.lab.userlands import USERLANDS, Change, Ground, States, Userland
from tests.program import Event, gateways, last, table

pytestmark = [pytest.mark.lab, pytest.mark.openclaw]

BUSY_SECONDS = 600


@pytest.fixture(scope="module")
def ground() -> Iterator[tuple[Lab, Ground]]:
    with lab() as made:
        found = userlands.ground(made)
        Providers(made)
        yield made, found


# ------------------------------------------------------------------ the layers

KINDS: dict[str, Change] = {
    "plain": userlands.with_layers(layers.plain),
    "bsd": userlands.BSD,
    "darwin": userlands.DARWIN,
    "busybox": userlands.BUSYBOX,
    "nvm-profile": userlands.nvm(".profile"),
    "nvm-bashrc": userlands.nvm(".bashrc"),
    "no-user-manager": userlands.with_layers(layers.no_user_manager),
    "no-session-bus": userlands.with_layers(layers.no_session_bus),
}


class Kinds:
    """One machine at a time, of the kind that is asked for, beside an OLD with a small state."""

    def __init__(self, lab: Lab, ground: Ground) -> None:
        self.lab, self.ground = lab, ground

    def machine(self, kind: str) -> str:
        """Its name; it is switched on if it is not there."""
        # Short, since it is in the name of a network card.
        number = list(KINDS).index(kind)
        name = f"kind-{number}"
        if name not in self.lab.machines:
            shape = replace(NEW, name=name, hostname=f"{kind}-box", number=20 + number)
            self.lab.add(KINDS[kind](self.ground, replace(shape, openclaw=self.ground.openclaw)))
        return name

    def says(self, kind: str, command: str) -> str:
        """What its user gets for a command, both outputs, with the status at the end."""
        return self.lab.ssh(self.machine(kind), f"{{ {command}; }} 2>&1; echo status=$?").strip()

    def has(self, kind: str, *programs: str) -> set[str]:
        """Which of these programs there are on its PATH."""
        ask = "; ".join(f"command -v {each} >/dev/null && echo {each}" for each in programs)
        return set(self.lab.ssh(self.machine(kind), f"{ask}; true").split())


@pytest.fixture(scope="module")
def kinds(ground: tuple[Lab, Ground]) -> Iterator[Kinds]:
    made, found = ground
    userlands.clear(made)
    made.add(OLD)
    old = made.machines["old"]
    openclaw_states.today(old.home, called=Path(OLD.home))
    old.root_runs(f"chown -R {OLD.user}: {OLD.home}")
    yield Kinds(made, found)
    userlands.clear(made)


def test_plain_lacks_what_a_fresh_debian_lacks(kinds: Kinds) -> None:
    assert kinds.has("plain", "zstd", "rsync", "tar", "gzip", "systemctl") == {"tar", "gzip", "systemctl"}


GONE_ON_BSD = ("systemctl", "getent", "sha256sum", "setsid", "timeout", "flock", "rsync", "zstd", "ip")


def test_bsd_has_its_own_tools_and_not_those_of_gnu(kinds: Kinds) -> None:
    assert kinds.has("bsd", *GONE_ON_BSD, "shasum", "perl", "curl") == {"shasum", "perl", "curl"}
    assert kinds.says("bsd", "tar --version").startswith("bsdtar 3")
    assert kinds.says("bsd", "printf x | shasum -a 256").startswith("2d711642")
    assert kinds.says("bsd", "uname -s").startswith("Linux")


@pytest.mark.parametrize(
    "command",
    [
        "stat -c %s /etc/passwd",
        "find /etc -maxdepth 0 -printf %p",
        "date -d @0",
        "date --iso-8601",
        "sed --version",
        "cp -t /tmp /etc/passwd",
        "du -b /etc/passwd",
        "readlink -e /etc",
        "base64 -w0 /etc/passwd",
    ],
)
def test_bsd_refuses_what_only_gnu_knows(kinds: Kinds, command: str) -> None:
    said = kinds.says("bsd", command)
    assert "illegal option" in said and not said.endswith("status=0")
    kinds.lab.ssh("old", command)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("stat -f '%z %Su' /etc/hostname; stat -f %Lp /etc/passwd", "8 root\n644"),
        ("stat -L -f %HT /bin", "directory"),
        ("date -r 0 -u +%Y-%m-%d", "1970-01-01"),
        ("echo a >s; sed -i '' -e s/a/b/ s; cat s", "b"),
        ("sed -n -E 's/^(ro+t):.*/\\1/p' /etc/passwd", "root"),
        ("find /etc/passwd -type f", "/etc/passwd"),
        ("df -Pk / | tail -n 1 | cut -c 1-7", "overlay"),
        ("mktemp -d | sed -n 's/tmp.*/is/p'", "/is"),
    ],
)
def test_bsd_takes_what_a_bsd_takes(kinds: Kinds, command: str, answer: str) -> None:
    assert kinds.says("bsd", command) == f"{answer}\nstatus=0"


def test_darwin_says_that_it_is_one(kinds: Kinds) -> None:
    assert kinds.says("darwin", "uname -s; sw_vers -productName") == "Darwin\nmacOS\nstatus=0"
    assert kinds.says("darwin", "launchctl print gui/501/ai.openclaw.gateway").endswith("status=113")
    assert kinds.says("darwin", "cat ~/.launchctl-calls").startswith("print gui/501/ai.openclaw")
    assert kinds.says("darwin", "tar --version").startswith("bsdtar")


GONE_ON_BUSYBOX = ("bash", "perl", "python3", "getent", "systemctl", "curl", "sudo", "rsync", "zstd", "nohup")


def test_busybox_is_all_there_is(kinds: Kinds) -> None:
    assert kinds.has("busybox", *GONE_ON_BUSYBOX, "awk", "setsid") == {"awk", "setsid"}
    assert kinds.says("busybox", "readlink /bin/sh; readlink /bin/tar").count("/usr/bin/busybox") == 2
    applets = kinds.says("busybox", "ls -l /usr/bin /usr/sbin | grep -v -e busybox -e total -e '^$'")
    ours = {line.split()[-1] for line in applets.splitlines() if line.startswith("-")}
    assert ours <= {"sshd", "useradd"}, "beside busybox, only what the lab itself needs"


def test_the_tar_of_debians_busybox_takes_no_list(kinds: Kinds) -> None:
    said = kinds.says("busybox", "echo etc/passwd | tar -c -f - -C / -T - | wc -c")
    assert "invalid option -- 'T'" in said


@pytest.mark.parametrize("kind", ["nvm-profile", "nvm-bashrc"])
def test_nvm_has_node_in_the_home_alone(kinds: Kinds, kind: str) -> None:
    assert kinds.has(kind, "node", "npm", "openclaw") == set()
    version = kinds.ground.node
    own = f"{NEW.home}/.nvm/versions/node"
    assert kinds.says(kind, "ls ~/.nvm/versions/node").split()[:-1] == [f"v{layers.OLDER}", f"v{version}"]
    assert kinds.says(kind, f"{own}/v{version}/bin/node -p process.execPath").startswith(own)


def test_nvm_is_seen_by_the_shells_that_its_layout_reaches(kinds: Kinds) -> None:
    ask = "-c 'command -v openclaw || echo none'"
    place = f"{NEW.home}/.nvm/versions/node/v{kinds.ground.node}/bin/openclaw"
    assert kinds.says("nvm-profile", f"bash -l {ask}").startswith(place)
    # ~/.bashrc returns before nvm's lines for a shell in which nobody types.
    assert kinds.says("nvm-bashrc", f"bash -l {ask}").startswith("none")
    assert place in kinds.says("nvm-bashrc", f"bash -i {ask} 2>/dev/null")


def test_no_user_manager_means_no_systemd_for_the_user(kinds: Kinds) -> None:
    assert not kinds.says("no-user-manager", "systemctl --user show-environment").endswith("status=0")
    assert kinds.says("no-user-manager", "cat /proc/1/comm").startswith("systemd")


def test_no_session_bus_still_has_a_user_manager(kinds: Kinds) -> None:
    assert kinds.says("no-session-bus", "systemctl --user is-system-running").startswith("running")
    assert kinds.says("no-session-bus", "ls $XDG_RUNTIME_DIR/bus").endswith("status=2")


FACTS: dict[str, dict[str, object]] = {
    "plain": {"tar": "gnu", "zstd": False, "user_bus": True, "linger": False},
    "bsd": {"tar": "bsd", "zstd": False, "user_bus": False, "linger": None, "system": "Linux"},
    "darwin": {"tar": "bsd", "system": "Darwin", "machine_id": "4C1D0000-0000-4000-8000-0000000000AB"},
    "busybox": {"tar": "busybox", "zstd": False, "gzip": True, "user_bus": False, "linger": None},
    "nvm-profile": {"tar": "gnu", "user_bus": True},
    "nvm-bashrc": {"tar": "gnu", "user_bus": True},
    "no-user-manager": {"user_bus": False, "linger": False},
    "no-session-bus": {"user_bus": True, "linger": False},
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_probe_reads_it_right(kinds: Kinds, kind: str) -> None:
    code, events, said = kinds.lab.wizard.run("plan", "--from", "old", "--to", kinds.machine(kind), "--json")
    assert code == 0, said
    found = last(events, "surveyed")["plan"]["new"]
    assert {name: found[name] for name in FACTS[kind]} == FACTS[kind]
    assert (found["user"], found["home"], found["uid"]) == (NEW.user, NEW.home, NEW.uid)
    assert (found["node"], found["openclaw"]) == (kinds.ground.node, "2026.9.6")
    assert found["npm"] and found["free_bytes"] > 0


# ------------------------------------------------------------------- the moves


@pytest.fixture(scope="module")
def states(ground: tuple[Lab, Ground]) -> States:
    return userlands.states(ground[1])


@pytest.fixture
def cleared(ground: tuple[Lab, Ground], states: States) -> Iterator[tuple[Lab, Ground]]:
    userlands.clear(ground[0])
    yield ground
    userlands.clear(ground[0])


MOVES = [
    pytest.param(name, marks=[] if each.main else [pytest.mark.matrix]) for name, each in USERLANDS.items()
]


@pytest.mark.parametrize("name", MOVES)
def test_a_move(cleared: tuple[Lab, Ground], states: States, name: str) -> None:
    made, ground = cleared
    userland = USERLANDS[name]
    userlands.build(made, ground, states, userland)
    before = userlands.gateway_pid(made)
    tried = userlands.attempt(made, userland.address)
    results.record(made.cache, "userland", name, userland.about, tried.events)
    if userland.refused is None:
        assert tried.code == 0, tried.said
        assert_it_moved(made, tried.events, userland)
        userland.proof(made)
    else:
        assert tried.code != 0 and userland.refused in tried.said, tried.said
        assert_nothing_was_touched(made, tried.events)
        assert userlands.is_ready(made, "old") and userlands.gateway_pid(made) == before


def assert_it_moved(made: Lab, events: list[Event], userland: Userland) -> None:
    plan = last(events, "surveyed")["plan"]
    for name, value in userland.facts.items():
        role, _, fact = name.partition(".")
        assert plan[role][fact] == value, name
    assert [row for row in table(events) if row[3] not in ("equal", "grew", "expected")] == []
    counted = {subject: old for subject, old, _, _ in table(events)}
    assert int(counted["messages"]) > 0 and int(counted["cron jobs"]) > 0 and counted["agents"] == "3"
    assert gateways(events) == {"old": "disabled", "new": "ready"}
    assert not userlands.is_ready(made, "old") and userlands.gateway_pid(made) is None
    assert userlands.is_ready(made, "new"), "it runs on when the wizard has logged out"
    assert_it_answers(made.machines["new"].shape, made, plan["new"]["path"])


def assert_it_answers(shape: Shape, made: Lab, path: str) -> None:
    """A turn of the moved agent, by NEW's own command, once the young gateway is not busy any more."""
    words = f"PATH={path} NO_COLOR=1 openclaw agent --agent main --message 'and after the move' 2>&1 || true"
    deadline = time.monotonic() + BUSY_SECONDS
    while any(word in (said := made.ssh(shape.name, words, timeout=300)) for word in command.BUSY):
        assert time.monotonic() < deadline, f"the gateway stays busy: {said}"
        time.sleep(2)
    assert "and after the move" in said


def assert_nothing_was_touched(made: Lab, events: list[Event]) -> None:
    assert "action-started" not in {event["type"] for event in events}
    assert not (made.machines["old"].home / ".openclaw-wizard").exists()
    assert [each.name for each in made.machines["new"].home.glob(".openclaw*")] == []
