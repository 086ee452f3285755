"""Two machines and an operator: what a test of the lab holds in its hands."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from openclaw_wizard.demo.runtime import find_node
from tests.conftest import new_key
from tests.lab import guard
from tests.lab.base import base, lab_cache
from tests.lab.machine import Machine, Shape, ran
from tests.lab.network import Network
from tests.program import Program

ROOT = Path(__file__).parents[2]
OLD = Shape(name="old", hostname="old-gw", number=11, user="alice", uid=1001, home="/home/alice")
NEW = Shape(name="new", hostname="new-gw", number=12, user="bob", uid=1005, home="/srv/bob")


class Lab:
    """Made by `lab()`. Its folder's name is its token; all that it makes on this computer begins with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Kept, since a test has an environment, and so a cache, of its own.
        self.cache, self.base = lab_cache(), base()
        self.network = Network(folder.name)
        self.machines: dict[str, Machine] = {}
        self.home = folder / "operator"
        self.keys = folder / "keys"
        for place in (self.home / ".ssh", self.keys):
            place.mkdir(parents=True, mode=0o700)
        new_key(self.keys / "operator")

    # --------------------------------------------------------------- machines

    def add(self, shape: Shape) -> Machine:
        """A machine that is plugged in and switched on, and that the operator knows by its name."""
        new_key(self.keys / f"host-{shape.name}")
        node = find_node()[0].parents[1]
        folder = self.folder / "machines" / shape.name
        made = Machine(shape, folder, self.network, self.keys, self.base, node)
        self.machines[shape.name] = made
        made.power_on()
        self.write_ssh_config()
        return made

    def remove(self, name: str) -> None:
        """Powers a machine off and throws its disk away."""
        machine = self.machines.pop(name)
        machine.power_off()
        ran(["rm", "-rf", "--one-file-system", str(machine.folder)])

    def write_ssh_config(self, **changes: dict[str, str]) -> None:
        """The operator's ~/.ssh: an alias for each machine; `changes` are more words for one of them."""
        ssh, known, config = self.home / ".ssh", [], []
        for name, machine in self.machines.items():
            shape = machine.shape
            key = " ".join((self.keys / f"host-{name}.pub").read_text().split()[:2])
            known.append(f"{shape.address} {key}\n")
            words = {"HostName": shape.address, "User": shape.user, **changes.get(name, {})}
            config.append(f"Host {name}\n" + "".join(f"  {word} {value}\n" for word, value in words.items()))
        (ssh / "known_hosts").write_text("".join(known))
        files = f"  IdentityFile {self.keys}/operator\n  UserKnownHostsFile {ssh}/known_hosts\n"
        (ssh / "config").write_text("".join(config) + f"Host *\n  BatchMode yes\n{files}")

    # --------------------------------------------------------------- commands

    def ssh(
        self, name: str, command: str, *, input: str = "", check: bool = True, timeout: float = 300
    ) -> str:
        """A shell line as the machine's user, over SSH; its output. Raises AssertionError where it fails."""
        argv = self.network.inside("ssh", "-F", str(self.home / ".ssh/config"), name, command)
        return ran(argv, input=input, check=check, timeout=timeout)

    def http(self, url: str, body: str | None = None) -> str:
        """A request from the operator's place in the network; the answer's body. Raises AssertionError."""
        data = [] if body is None else ["-d", body]
        return ran(self.network.inside("curl", "-fsS", "-m", "20", url, *data))

    def starts(self, *argv: str, **environment: str) -> subprocess.Popen[bytes]:
        """A program in the operator's place in the network, which ends with the lab."""
        words = [*self.in_cgroup(), *self.network.inside(*argv)]
        return subprocess.Popen(words, env={**os.environ, **environment}, stdin=subprocess.DEVNULL)

    def in_cgroup(self) -> list[str]:
        """The words before a command that make the guard end it too."""
        group = guard.cgroup_roots()[0] / f"{self.network.token}.operator"
        group.mkdir(exist_ok=True)
        return ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(group)]

    @property
    def wizard(self) -> Program:
        """The whole program as the operator starts it, with a home of its own."""
        return Program(
            self.home,
            before=(*self.in_cgroup(), *self.network.inside()),
            OPENCLAW_WIZARD_HOME=str(self.home / "wizard"),
        )


@contextlib.contextmanager
def lab() -> Iterator[Lab]:
    """A lab without machines; when the block ends, nothing of it is left, and neither when it is killed.

    Raises AssertionError where something is left after all.
    """
    labs = lab_cache() / "run"
    labs.mkdir(parents=True, exist_ok=True)
    folder = labs / f"{guard.PREFIX}{secrets.token_hex(3)}"
    with contextlib.ExitStack() as stack:
        # One at a time: a folder that is not guarded yet must not look like one that nobody guards.
        with (labs / "starting.lock").open("a") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            guard.sweep(labs)
            folder.mkdir(mode=0o755)
            stack.enter_context(guarded(folder))
        yield Lab(folder)
    assert guard.leftovers(folder) == []


@contextlib.contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """A guard for `folder` until the block ends or this process does. Raises AssertionError."""
    argv = [sys.executable, "-m", "tests.lab.guard", str(folder)]
    with (folder.parent / f"{folder.name}.guard.log").open("w+b") as log:
        watching = subprocess.Popen(
            argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        )
        assert watching.stdin is not None and watching.stdout is not None
        assert watching.stdout.readline() == b"guarding\n", "the guard did not start"
        try:
            yield
        finally:
            watching.stdin.close()
            ended = watching.wait(180)
            log.seek(0)
            assert ended == 0, log.read().decode()
            Path(log.name).unlink()
