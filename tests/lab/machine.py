"""One machine of the lab: its own disk, address, users, home and first process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.lab import guard
from tests.lab.base import MODULES, NODE
from tests.lab.network import NET, Network

BOOT_SECONDS = 60
OFF_SECONDS = 60
"""Powering off stops the gateways, which may take their time."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a machine is to be. `number` is the last part of its address."""

    name: str
    hostname: str
    number: int
    user: str
    uid: int
    home: str
    init: Literal["systemd", "sshd"] = "systemd"
    """`sshd`: a machine without a service manager, whose first process only starts sshd."""
    layers: tuple[Path, ...] = ()
    """Read-only layers over the base, the lowest first: a userland, a furnished disk."""
    openclaw: Path | None = None
    """The folder that has `node_modules/openclaw`, or None for a machine without OpenClaw."""
    binds: tuple[tuple[Path, str], ...] = ()
    """More read-only folders of this computer and where they appear."""
    disk_bytes: int | None = None
    """The size of the file system that holds the home; None for no limit but this computer's."""

    @property
    def address(self) -> str:
        return f"{NET}.{self.number}"


@dataclass
class Machine:
    """A machine that can be switched on; `folder` holds its disk."""

    shape: Shape
    folder: Path
    network: Network
    keys: Path
    base: Path
    """The root file system that all machines share."""
    node: Path
    """The folder with `bin/node`."""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def root(self) -> Path:
        """Its file system, as seen from outside."""
        return self.folder / "root"

    @property
    def home(self) -> Path:
        return self.root / self.shape.home.lstrip("/")

    @property
    def disk(self) -> Path:
        """What differs from its layers: the disk that a furnished machine leaves behind."""
        return self.folder / "upper"

    # ------------------------------------------------------------------ power

    def power_on(self) -> None:
        """Starts it and waits until its sshd listens. Raises RuntimeError with its console where it dies."""
        self._mount()
        self._dress()
        self.network.plug_in(self.shape.name, self.shape.number)
        with (self.folder / "console.log").open("ab") as console:
            self.process = subprocess.Popen(
                self._launch(), stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        self.wait_for_sshd()

    def wait_for_sshd(self) -> None:
        knock = f"exec 3<>/dev/tcp/{self.shape.address}/22"
        wait = f"for i in {{1..{BOOT_SECONDS}0}}; do ({knock}) 2>/dev/null && exit 0; sleep 0.1; done; exit 1"
        with subprocess.Popen(self.network.inside("bash", "-c", wait)) as knocking:
            while knocking.poll() is None:
                if self.process is not None and self.process.poll() is not None:
                    knocking.kill()
                    break
                time.sleep(0.05)
        if knocking.returncode != 0:
            raise RuntimeError(f"{self.shape.name} did not start: {self.console()}")

    def power_off(self) -> None:
        """An orderly shutdown, as by the button; its disk stays. Raises TimeoutError."""
        assert self.process is not None
        # systemd-nspawn turns it into an orderly power-off of the machine.
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(OFF_SECONDS)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"{self.shape.name} does not power off: {self.console()}") from None
        self.process = None
        guard.end_processes(self.cgroups)
        for point in guard.mounts_below(self.folder):
            subprocess.run(["umount", point], check=True)

    def reboot(self) -> None:
        self.power_off()
        self.power_on()

    def console(self) -> str:
        return (self.folder / "console.log").read_text(errors="replace")[-3000:]

    # --------------------------------------------------------------- commands

    def root_runs(self, command: str, *, input: str = "", check: bool = True, timeout: float = 120) -> str:
        """A shell line as root inside, past the network; its output. Raises AssertionError."""
        argv = ["nsenter", "-t", str(self.leader), "-a", "--", "/bin/sh", "-c", command]
        return ran(argv, input=input, check=check, timeout=timeout)

    @property
    def leader(self) -> int:
        """The machine's first process, as this computer numbers it."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    # ------------------------------------------------------------ the details

    def _mount(self) -> None:
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        lower = ":".join(str(each) for each in (*reversed(self.shape.layers), self.base))
        options = f"lowerdir={lower},upperdir={self.folder}/upper,workdir={self.folder}/work"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(self.root)], check=True)
        if self.shape.disk_bytes is not None:
            self.home.mkdir(parents=True, exist_ok=True)
            small = f"size={self.shape.disk_bytes},mode=0755"
            subprocess.run(["mount", "-t", "tmpfs", "-o", small, "tmpfs", str(self.home)], check=True)

    def _dress(self) -> None:
        """Host key, name and user, unless a furnished layer brought them."""
        shape, root = self.shape, self.root
        (root / "etc/hostname").write_text(f"{shape.hostname}\n")
        (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {shape.hostname}\n")
        key = self.keys / f"host-{shape.name}"
        for suffix, mode in (("", 0o600), (".pub", 0o644)):
            put(root / f"etc/ssh/ssh_host_ed25519_key{suffix}", Path(f"{key}{suffix}").read_bytes(), mode)
        command = root / "usr/local/bin/openclaw"
        if shape.openclaw and not command.is_symlink():
            command.symlink_to("../lib/node_modules/openclaw/openclaw.mjs")
        operator = (self.keys / "operator.pub").read_bytes()
        put(root / "root/.ssh/authorized_keys", operator, 0o600)
        if not any(line.startswith(f"{shape.user}:") for line in _lines(root / "etc/passwd")):
            self._add_user()
        put(self.home / ".ssh/authorized_keys", operator, 0o600, owner=shape.uid)

    def _add_user(self) -> None:
        shape = self.shape
        self.home.parent.mkdir(parents=True, exist_ok=True)
        shell = "/bin/bash" if (self.root / "usr/bin/bash").exists() else "/bin/sh"
        # No password, but not locked either: without PAM sshd refuses a locked account its key (measured).
        words = ("-u", str(shape.uid), "-U", "-m", "-d", shape.home, "-s", shell, "-p", "*", shape.user)
        subprocess.run(
            ["chroot", str(self.root), "/usr/sbin/useradd", *words], check=True, capture_output=True
        )
        os.chown(self.home, shape.uid, shape.uid)
        if shape.disk_bytes is not None:
            shutil.copytree(self.root / "etc/skel", self.home, dirs_exist_ok=True)

    @property
    def cgroups(self) -> list[Path]:
        return [root / f"{self.network.token}.{self.shape.name}" for root in guard.cgroup_roots()]

    def _launch(self) -> list[str]:
        """The command that puts itself into the machine's cgroups and becomes systemd-nspawn."""
        for group in self.cgroups:
            group.mkdir(exist_ok=True)
        # Two machines in one cgroup would collide on /payload and /supervisor (measured).
        enter = 'for g in $1; do echo $$ >"$g/cgroup.procs" || exit 1; done; shift; exec "$@"'
        return [
            *("sh", "-c", enter, "sh", " ".join(map(str, self.cgroups))),
            # Pure cgroup2 inside, also where this computer has the hybrid layout.
            *("env", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1", "setsid", "systemd-nspawn", "--quiet"),
            *("--register=no", "--keep-unit", "--console=pipe", "--resolv-conf=off", "--timezone=off"),
            *(f"--machine={self.shape.hostname}", f"--hostname={self.shape.hostname}", "--link-journal=no"),
            f"--directory={self.root}",
            f"--network-namespace-path=/run/netns/{self.network.namespace_of(self.shape.name)}",
            *(f"--bind-ro={here}:{there}" for here, there in self._binds()),
            *self._init(),
        ]

    def _binds(self) -> list[tuple[Path, str]]:
        openclaw = self.shape.openclaw
        programs = [(self.node, NODE)] + ([(openclaw / "node_modules", MODULES)] if openclaw else [])
        return [*programs, *self.shape.binds]

    def _init(self) -> list[str]:
        if self.shape.init == "systemd":
            return ["--boot"]
        start = "mkdir -p -m755 /run/sshd; exec /usr/sbin/sshd -D -e -o UsePAM=no"
        return ["--as-pid2", "/bin/sh", "-c", start]


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def put(file: Path, content: bytes, mode: int, owner: int = 0) -> None:
    """A file and its folder, both owned by `owner`."""
    if not file.parent.is_dir():
        file.parent.mkdir(parents=True, mode=0o700)
        os.chown(file.parent, owner, owner)
    file.write_bytes(content)
    file.chmod(mode)
    os.chown(file, owner, owner)


def ran(argv: list[str], *, input: str = "", check: bool = True, timeout: float = 120) -> str:
    """Standard output of a command. Raises AssertionError with both outputs where it fails."""
    done = subprocess.run(argv, input=input, capture_output=True, text=True, timeout=timeout, check=False)
    assert not check or done.returncode == 0, (
        f"{argv[-1]!r} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    )
    return done.stdout
