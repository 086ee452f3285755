"""The kinds of machine that people really have, as changes to the lab's OLD and NEW.

`USERLANDS` is the table of what is tried and what is to come of it; `build` sets one up, with OpenClaw's
own state of today on OLD. A row is either a move that succeeds or a refusal before anything is stopped.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from openclaw_wizard.demo.runtime import find_node
from tests import openclaw_states
from tests.lab import furnish, furnished, layers, programs
from tests.lab.lab import NEW, OLD, Lab
from tests.lab.layers import Build
from tests.lab.machine import Shape
from tests.program import Event

Change = Callable[["Ground", Shape], Shape]
"""What a userland makes of a machine before it is switched on."""
Facts = dict[str, object]
Then = Callable[[Lab], None]
"""What happens once both machines run, before the wizard comes."""

SMALL_DISK: Final = 48_000_000
PORT: Final = furnish.PORT


@dataclass(frozen=True, slots=True)
class Ground:
    """Where layers come from. Made before a test has an environment, and so a cache, of its own."""

    cache: Path
    base: Path
    openclaw: Path
    """The folder with `node_modules/openclaw`."""
    node: str
    """Node's version."""

    def layer(self, name: str, build: Build, *more: str) -> Path:
        return layers.layer(self.cache, self.base, name, build, *more)


def ground(lab: Lab) -> Ground:
    told = subprocess.run([find_node()[0], "--version"], check=True, capture_output=True, text=True)
    version = told.stdout.strip().removeprefix("v")
    return Ground(lab.cache, lab.base, programs.openclaw(programs.NEWEST), version)


@dataclass(frozen=True, slots=True)
class States:
    """Layers with alice's home as OpenClaw left it; nothing else of the furnished disk."""

    served: Path
    """With her linger and her unit."""
    unserved: Path
    """As where there never was a service manager."""


def states(ground: Ground) -> States:
    """Furnishes a machine if none is in the cache (some minutes)."""
    disk = furnished.layer(programs.NEWEST)
    served = layers.tree(disk, ["home/alice", "var/lib/systemd/linger"])
    unserved = layers.tree(disk, ["home/alice"], ["home/alice/.config/systemd"])
    return States(
        ground.layer("alice", served, disk.name), ground.layer("alice-unserved", unserved, disk.name)
    )


# --------------------------------------------------------------------- changes


def same(ground: Ground, shape: Shape) -> Shape:
    return shape


def nothing(lab: Lab) -> None:
    return


def with_layers(*builds: Build, init: Literal["systemd", "sshd"] = "systemd") -> Change:
    """Layers of these builds, each on the one before."""

    def change(ground: Ground, shape: Shape) -> Shape:
        made = tuple(ground.layer(build.__name__.replace("_", "-"), build) for build in builds)
        return replace(shape, layers=(*shape.layers, *made), init=init)

    return change


def without_systemd(ground: Ground, shape: Shape) -> Shape:
    return replace(shape, init="sshd")


def with_small_disk(ground: Ground, shape: Shape) -> Shape:
    return replace(shape, disk_bytes=SMALL_DISK)


def nvm(start_up: str) -> Change:
    """Node and openclaw in the user's ~/.nvm alone."""

    def change(ground: Ground, shape: Shape) -> Shape:
        build = layers.nvm(start_up, home=shape.home, uid=shape.uid, version=ground.node)
        name = f"nvm-{shape.user}{start_up}"
        place = layers.nvm_place(shape.home, ground.node)
        binds = (
            (find_node()[0], f"{place}/bin/node"),
            (ground.openclaw / "node_modules", f"{place}/lib/node_modules"),
        )
        made = ground.layer(name, build, ground.node, shape.home, str(shape.uid))
        return replace(shape, layers=(*shape.layers, made), openclaw=None, binds=(*shape.binds, *binds))

    return change


# ----------------------------------------------------------- once both are up


def install_service_anew(lab: Lab) -> None:
    """OLD's unit, written where Node was in another place, is made by OpenClaw itself again."""
    old = lab.machines["old"]
    place = next((old.home / ".nvm/versions/node").glob("v2[4-9]*")).name
    path = f"PATH=$HOME/.nvm/versions/node/{place}/bin:$PATH"
    lab.ssh("old", f"{path} openclaw gateway install --force --json")


def log_in_as_root(lab: Lab) -> None:
    lab.write_ssh_config(old={"User": "root"})


def read_only_parent(lab: Lab) -> None:
    """/srv cannot be written, /srv/bob is a mount of its own that can."""
    new = lab.machines["new"]
    home = new.shape.home
    parent = home.rpartition("/")[0]
    binds = f"mount --bind {parent} {parent} && mount --bind {home} {home}"
    new.root_runs(f"{binds} && mount -o remount,bind,ro {parent}")
    assert "Read-only" in lab.ssh("new", f"touch {parent}/x 2>&1; true")


def an_openclaw_that_was_there(lab: Lab) -> None:
    """A state directory at the target, small and made by these tests."""
    new = lab.machines["new"]
    openclaw_states.today(new.home, called=Path(new.shape.home))
    new.root_runs(f"chown -R {new.shape.uid}:{new.shape.uid} {new.shape.home}")


def what_was_there_is_kept(lab: Lab) -> None:
    """Whole, beside what moved; the workspace outside it, where nothing moves to, is where it was."""
    home = lab.machines["new"].home
    (aside,) = home.glob(".openclaw.before-*")
    kept = openclaw_states.read(aside / "state/openclaw.sqlite", "SELECT job_id FROM cron_jobs")
    assert kept == [("job-1",), ("job-2",)]
    assert "secret-token" in (aside / "openclaw.json").read_text()
    assert "secret-token" not in (home / ".openclaw/openclaw.json").read_text()
    assert (home / "research/notes.md").read_text() == "heat pumps\n"


# ------------------------------------------------------------------- the table


@dataclass(frozen=True, slots=True)
class Userland:
    """`refused` is what the wizard says, before it stops anything; None where the move succeeds."""

    about: str
    old: Change = same
    new: Change = same
    then: Then = nothing
    proof: Then = nothing
    """What must hold after the move, beside what holds after every one."""
    facts: Facts = field(default_factory=dict)
    """What the probe must tell, by `old.` or `new.` and the name in `HostFacts`."""
    refused: str | None = None
    address: str = "old"
    """What the wizard is given for OLD."""
    left_unit: bool = False
    """Whether OLD without a service manager has the unit of one that was there before."""
    main: bool = False
    """Tried in every run; the others belong to the matrix."""


BSD: Final = with_layers(layers.bsd, init="sshd")
DARWIN: Final = with_layers(layers.bsd, layers.darwin, init="sshd")
BUSYBOX: Final = with_layers(layers.busybox, init="sshd")
UNSERVED: Final[Facts] = {"user_bus": False, "linger": None}


def of(role: str, **facts: object) -> Facts:
    return {f"{role}.{name}": value for name, value in facts.items()}


USERLANDS: Final[dict[str, Userland]] = {
    "plain-new": Userland(
        "NEW has neither zstd nor rsync",
        new=with_layers(layers.plain),
        facts=of("new", tar="gnu", zstd=False, gzip=True, user_bus=True),
        main=True,
    ),
    "bsd-old": Userland(
        "OLD has BSD tools and no service manager",
        old=BSD,
        facts=of("old", tar="bsd", zstd=False, system="Linux", **UNSERVED),
        main=True,
    ),
    "bsd-new": Userland(
        "NEW has BSD tools and no service manager",
        new=BSD,
        facts=of("new", tar="bsd", zstd=False, **UNSERVED),
    ),
    "darwin-old": Userland(
        "OLD also says that it is a Mac (stand-ins; Node says linux)",
        old=DARWIN,
        facts=of("old", tar="bsd", system="Darwin", **UNSERVED),
    ),
    "busybox-old": Userland(
        "OLD has busybox for everything and no service manager",
        old=BUSYBOX,
        facts=of("old", tar="busybox", zstd=False, **UNSERVED),
    ),
    "busybox-new": Userland(
        "NEW has busybox for everything and no service manager",
        new=BUSYBOX,
        facts=of("new", tar="busybox", zstd=False, **UNSERVED),
    ),
    "left-unit-old": Userland(
        "OLD has no service manager, but the unit of one that was there",
        old=without_systemd,
        left_unit=True,
        facts=of("old", tar="gnu", user_bus=False, linger=True),
    ),
    "nvm-profile-old": Userland(
        "OLD's Node is in ~/.nvm, by ~/.profile",
        old=nvm(".profile"),
        then=install_service_anew,
    ),
    "nvm-bashrc-old": Userland(
        "OLD's Node is in ~/.nvm, by the end of ~/.bashrc",
        old=nvm(".bashrc"),
        then=install_service_anew,
    ),
    "nvm-bashrc-new": Userland("NEW's Node is in ~/.nvm, by the end of ~/.bashrc", new=nvm(".bashrc")),
    "no-user-bus-new": Userland(
        "NEW has no service manager at all",
        new=without_systemd,
        facts=of("new", tar="gnu", user_bus=False),
        main=True,
    ),
    "no-user-manager-new": Userland(
        "NEW has systemd, but none for its user",
        new=with_layers(layers.no_user_manager),
        facts=of("new", user_bus=False, linger=False),
    ),
    "no-session-bus-new": Userland(
        "NEW has a user manager without dbus-user-session",
        new=with_layers(layers.no_session_bus),
        facts=of("new", user_bus=True, linger=False),
    ),
    "root-login-old": Userland(
        "the operator is root on OLD, and OpenClaw is alice's",
        then=log_in_as_root,
        refused="/home/alice/.openclaw belongs to alice",
    ),
    "root-for-alice-old": Userland(
        "the operator is root on OLD, and asks for alice's OpenClaw",
        then=log_in_as_root,
        address="alice/old",
        facts=of("old", user="alice", home="/home/alice", user_bus=True, linger=True),
    ),
    "read-only-parent-new": Userland("the folder above NEW's home cannot be written", then=read_only_parent),
    "small-disk-new": Userland(
        "NEW has 48 MB for its home",
        new=with_small_disk,
        refused="beside the target, 48.0 MB are free",
    ),
    "occupied-new": Userland(
        "NEW has an OpenClaw of its own",
        then=an_openclaw_that_was_there,
        proof=what_was_there_is_kept,
    ),
}


# ------------------------------------------------------------------ setting up


def build(lab: Lab, ground: Ground, states: States, userland: Userland) -> None:
    """OLD and NEW of that kind, OLD's gateway ready; the lab's `Providers` must be there.

    Raises AssertionError with what a command said.
    """
    old = userland.old(ground, replace(OLD, openclaw=ground.openclaw))
    served = old.init == "systemd"
    state = states.served if served or userland.left_unit else states.unserved
    lab.add(replace(old, layers=(state, *old.layers)))
    lab.add(userland.new(ground, replace(NEW, openclaw=ground.openclaw)))
    if not served:
        start_by_hand(lab)
    userland.then(lab)
    wait_until_ready(lab)


def start_by_hand(lab: Lab) -> None:
    """As people do where there is no service manager."""
    lab.ssh("old", "openclaw gateway run >/dev/null 2>&1 </dev/null & echo started")


READY: Final = """
const ask = () => fetch('http://127.0.0.1:PORT/readyz').then((answer) => answer.status === 200, () => false);
for (let n = 0; n < 600; n += 1) {
  if (await ask()) process.exit(0);
  await new Promise((done) => setTimeout(done, 500));
}
process.exit(1);
"""


def wait_until_ready(lab: Lab, name: str = "old") -> None:
    """Asked with the machine's own Node: it may have nothing else that speaks HTTP."""
    script = READY.replace("PORT", str(PORT))
    command = f'/opt/node/bin/node --input-type=module -e "{script}"'
    lab.machines[name].root_runs(command, timeout=400)


def is_ready(lab: Lab, name: str = "old") -> bool:
    """Whether its gateway answers now."""
    script = READY.replace("PORT", str(PORT)).replace("600", "1")
    command = f'/opt/node/bin/node --input-type=module -e "{script}"; echo $?'
    return lab.machines[name].root_runs(command).strip() == "0"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of one row: the exit code, the events of `run --json`, and what was said beside them."""

    code: int
    events: list[Event]
    said: str


def attempt(lab: Lab, old: str = "old") -> Attempt:
    """The whole move, as a script would ask for it."""
    accepted = ("--accept", "target-not-empty", "--accept", "profile-mismatch")
    return Attempt(*lab.wizard.run("run", "--from", old, "--to", "new", "--json", "--yes", *accepted))


def clear(lab: Lab) -> None:
    """Throws both machines away, and what the wizard remembers, for the next row."""
    for name in list(lab.machines):
        lab.remove(name)
    shutil.rmtree(lab.home / "wizard", ignore_errors=True)


def gateway_pid(lab: Lab, name: str = "old") -> int | None:
    """The process that calls itself a gateway, as the machine numbers it."""
    ask = "tr '\\0' ' ' <$p/cmdline | grep -q ^openclaw-gateway && echo ${p##*/}"
    said = lab.machines[name].root_runs(f"for p in /proc/[0-9]*; do {ask}; done; true").split()
    return int(said[0]) if said else None
