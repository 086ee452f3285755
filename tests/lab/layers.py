"""Read-only layers that change what a machine has, built once and cached by what they are made from.

A layer is a folder that lies between the base and a machine's own disk (`Shape.layers`). What it takes
away it covers with a whiteout: a character device 0/0 hides the file of the same name below it.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.lab import bsd_tools
from tests.lab.cached import fingerprint, made_once

PROGRAMS = ("usr/bin", "usr/sbin", "usr/local/bin")


class Layer:
    """One in the making: `folder` is what becomes the layer, `base` what it will lie on."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.folder, self.base = folder, base

    def write(self, path: str, text: str, mode: int = 0o755, owner: int = 0) -> None:
        place = self._place(path)
        place.write_text(text)
        place.chmod(mode)
        os.chown(place, owner, owner)

    def link(self, path: str, target: str) -> None:
        self._place(path).symlink_to(target)

    def keep(self, path: str, to: str | None = None) -> None:
        """A copy of the base's own file, where its folder is opaque or its name is taken."""
        shutil.copy2(self.base / path, self._place(to or path))

    def hide(self, *names: str) -> None:
        """Programs of the base, wherever on the PATH they are. Raises AssertionError for an unknown one."""
        for name in names:
            found = [f"{place}/{name}" for place in PROGRAMS if os.path.lexists(self.base / place / name)]
            assert found, f"the base has no {name} to hide"
            for path in found:
                os.mknod(self._place(path), stat.S_IFCHR, os.makedev(0, 0))

    def opaque(self, path: str) -> None:
        """A folder of which nothing of the base's is seen."""
        folder = self.folder / path
        folder.mkdir(parents=True)
        os.setxattr(folder, "trusted.overlay.opaque", b"y")

    def owned(self, path: str, owner: int) -> None:
        """Everything at and below `path` belongs to `owner`."""
        top = self.folder / path
        for each in (top, *top.rglob("*")):
            os.chown(each, owner, owner, follow_symlinks=False)

    def _place(self, path: str) -> Path:
        place = self.folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


Build = Callable[[Layer], None]


def layer(cache: Path, base: Path, name: str, build: Build, *more: str) -> Path:
    """The layer `name`, built if it is not there. `more` is what it is made from beside this code."""
    code = [Path(each).read_bytes() for each in (__file__, bsd_tools.__file__)]
    folder = cache / "layers" / f"{name}-{fingerprint(name, base.name, *more, *code)}"

    def make(place: Path) -> None:
        place.mkdir()
        build(Layer(place, base))

    return made_once(folder, make)


# ------------------------------------------------------------------------- the layers


def plain(made: Layer) -> None:
    """What a fresh Debian lacks: neither zstd nor rsync."""
    made.hide("zstd", "zstdmt", "unzstd", "zstdcat", "rsync")


SYSTEMD = ("systemctl", "loginctl", "journalctl", "systemd-run", "busctl", "timedatectl", "hostnamectl")
GNU_ONLY = (
    *("sha256sum", "sha512sum", "sha384sum", "sha224sum", "sha1sum", "md5sum", "b2sum"),
    *("getent", "rsync", "zstd", "nproc", "free", "ss", "ip", "tac", "shuf", "numfmt", "stdbuf"),
    *("timeout", "setsid", "flock"),
)


def bsd(made: Layer) -> None:
    """BSD-like tools: a real bsdtar as `tar`, `shasum`, and options of GNU alone refused as there.

    Node, /proc, `ps` and `lsof` stay those of Linux, and names of files keep their case.
    """
    made.hide(*SYSTEMD, *GNU_ONLY)
    made.link("usr/bin/tar", "bsdtar")
    made.link("usr/bin/cpio", "bsdcpio")
    for tool, script in bsd_tools.SCRIPTS.items():
        made.keep(f"usr/bin/{tool}", f"{bsd_tools.REAL}/{tool}")
        made.write(f"usr/bin/{tool}", script)


def darwin(made: Layer) -> None:
    """On top of `bsd`: stand-ins for what tells a Mac from a BSD-like Linux; Node still says linux."""
    made.keep("usr/bin/uname", f"{bsd_tools.REAL}/uname")
    for tool, script in bsd_tools.DARWIN.items():
        made.write(f"usr/bin/{tool}", script)


def busybox(made: Layer) -> None:
    """All programs are applets of busybox; no bash, perl, python, getent, systemctl, curl or sudo.

    It is Debian's busybox (1.35): its tar has no `-T`, which Alpine's has, and its shell prefers its
    own applets to programs on the PATH, which Alpine's does not. The libc stays glibc.
    """
    for folder in PROGRAMS[:2]:
        made.opaque(folder)
    # What the lab itself needs: the server, and useradd to make the user.
    for needed in ("usr/bin/busybox", "usr/sbin/sshd", "usr/sbin/useradd"):
        made.keep(needed)
    program = made.base / "usr/bin/busybox"
    said = subprocess.run([program, "--list-full"], check=True, capture_output=True, text=True)
    for path in said.stdout.split():
        place = path if path.startswith("usr/") else f"usr/{path}"
        if not place.endswith("/busybox"):
            made.link(place, "/usr/bin/busybox")


def no_user_manager(made: Layer) -> None:
    """A systemd on which no user has a service manager of their own."""
    made.link("etc/systemd/system/user@.service", "/dev/null")


def no_session_bus(made: Layer) -> None:
    """A user manager without a D-Bus beside it, as without the package dbus-user-session."""
    for unit in ("dbus.socket", "dbus.service"):
        made.link(f"etc/systemd/user/{unit}", "/dev/null")


NVM_SH = """# A stand-in for nvm's own script: puts the version that is the default on the PATH.
if [ -r "$NVM_DIR/alias/default" ]; then
  PATH="$NVM_DIR/versions/node/v$(cat "$NVM_DIR/alias/default")/bin:$PATH"
  export PATH
fi
"""
NVM_LINES = """
export NVM_DIR="$HOME/.nvm"
[ -s "$NVM_DIR/nvm.sh" ] && \\. "$NVM_DIR/nvm.sh"  # This loads nvm
"""
OLDER = "18.20.4"
"""A Node that lies beside the default one, too old for OpenClaw."""


def nvm_place(home: str, version: str) -> str:
    return f"{home}/.nvm/versions/node/v{version}"


def nvm(start_up: str, *, home: str, uid: int, version: str) -> Build:
    """Node, npm and openclaw in ~/.nvm alone, on the PATH by the lines that nvm's installer writes.

    They are at the end of `start_up`: in Debian's ~/.bashrc that is after it has returned for a shell
    that nobody types in. Node itself and OpenClaw are mounted there (`userlands.nvm`).
    """

    def build(made: Layer) -> None:
        made.hide("node", "npm")
        for name in (".profile", ".bashrc"):
            lines = NVM_LINES if name == start_up else ""
            made.write(f"{home}/{name}", (made.base / "etc/skel" / name).read_text() + lines, 0o644)
        made.write(f"{home}/.nvm/nvm.sh", NVM_SH, 0o644)
        made.write(f"{home}/.nvm/alias/default", f"{version}\n", 0o644)
        made.write(f"{nvm_place(home, OLDER)}/bin/node", f"#!/bin/sh\necho v{OLDER}\n")
        own = nvm_place(home, version)
        script = f'#!/bin/sh\nexec {own}/bin/node /opt/node/lib/node_modules/npm/bin/npm-cli.js "$@"\n'
        made.write(f"{own}/bin/npm", script)
        made.write(f"{own}/bin/node", "", 0o755)
        made.link(f"{own}/bin/openclaw", "../lib/node_modules/openclaw/openclaw.mjs")
        (made.folder / own.lstrip("/") / "lib/node_modules").mkdir(parents=True)
        made.owned(home.lstrip("/"), uid)

    return build


def tree(disk: Path, paths: Iterable[str], without: Iterable[str] = ()) -> Build:
    """What a machine's disk holds at `paths`, as it is, but for what is at or below `without`."""

    def build(made: Layer) -> None:
        for path in paths:
            (made.folder / path).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", disk / path, made.folder / path], check=True)
        for path in without:
            shutil.rmtree(made.folder / path)

    return build
