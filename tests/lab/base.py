"""The Debian that all machines of the lab share: built once, read only ever after.

Cached under the hash of its recipe. No address of a registry, host key or machine id is in it.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from openclaw_wizard.demo.runtime import cache_folder
from tests.lab.cached import fingerprint, made_once

PACKAGES = (
    # What makes it a machine: without polkitd a user may not ask for linger (measured).
    *("systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd", "polkitd"),
    *("openssh-server", "openssh-client", "passwd", "adduser", "sudo", "procps", "iproute2", "libfaketime"),
    # What people have on it, or do not: the userlands take these away again.
    *("ca-certificates", "curl", "rsync", "tar", "gzip", "xz-utils", "zstd", "sqlite3", "less", "lsof"),
    *("libarchive-tools", "busybox-static", "acl", "python3", "perl-base", "attr"),
)
SUITE = "bookworm"
NODE = "/opt/node"
"""Where the machine's Node is mounted."""
MODULES = "/usr/local/lib/node_modules"
"""npm's place for global packages, where the machine's OpenClaw is mounted."""

DRESS = r"""
set -eu
cd "$1"
rm -f etc/apt/sources.list etc/apt/sources.list.d/* etc/ssh/ssh_host_*
: >etc/machine-id; : >etc/resolv.conf
mkdir -p usr/local/lib/node_modules opt/node var/log/journal
ln -s /opt/node/bin/node usr/local/bin/node
# The wheel's own `npm` has lost its place (measured), so it is called by its script.
npm=/opt/node/lib/node_modules/npm/bin/npm-cli.js
printf '#!/bin/sh\nexec /opt/node/bin/node %s "$@"\n' $npm >usr/local/bin/npm
chmod 755 usr/local/bin/npm
printf '%s\n' 'PasswordAuthentication no' 'PermitRootLogin prohibit-password' \
  'HostKey /etc/ssh/ssh_host_ed25519_key' >etc/ssh/sshd_config.d/lab.conf
"""


def lab_cache() -> Path:
    """`OPENCLAW_WIZARD_LAB`, else `lab/` in the wizard's cache. It must not be on an overlay itself."""
    named = os.environ.get("OPENCLAW_WIZARD_LAB")
    return Path(named) if named else cache_folder() / "lab"


def base() -> Path:
    """The root file system, built if it is not there (about a minute). Raises CalledProcessError."""
    return made_once(lab_cache() / f"base-{fingerprint(*PACKAGES, SUITE, DRESS)}", _build)


def _build(folder: Path) -> None:
    _bootstrap(folder)
    subprocess.run(["sh", "-c", DRESS, "sh", str(folder)], check=True)


def _bootstrap(target: Path) -> None:
    quiet = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale")]
    argv = [
        *("eatmydata", "mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"),
        # The clock of a machine that runs tests may be anything.
        *("--aptopt=Acquire::Check-Valid-Until false", "--aptopt=Acquire::Check-Date false"),
        *("--aptopt=Acquire::Languages none", "--dpkgopt=force-unsafe-io", *quiet),
        *(SUITE, str(target), *(str(each) for each in _sources())),
    ]
    log = target.with_name(f"{target.name}.log")
    with log.open("wb") as output:
        ran = subprocess.run(argv, stdout=output, stderr=subprocess.STDOUT, check=False)
    if ran.returncode != 0:
        said = log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"mmdebstrap ended with {ran.returncode}: {said}")
    log.unlink()


def _sources() -> list[Path]:
    """This machine's own apt sources for Debian, so that its mirror is used and never named here."""
    folder = Path("/etc/apt")
    found = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    ours = [
        each
        for each in found
        if each.suffix in (".list", ".sources") and each.exists() and SUITE in each.read_text().split()
    ]
    if not ours:
        raise RuntimeError(f"the lab is built from this machine's apt sources, and none has {SUITE}")
    return ours
