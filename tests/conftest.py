"""Fixtures for all tests: a home and environment of their own, and hosts of each kind.

No test sees the developer's ~/.ssh, agent, colours or home folder.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from openclaw_wizard.hosts.practice import create_practice, stop_practice

Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder that HOME names, in an environment without the developer's settings."""
    for name in list(os.environ):
        if name.startswith(("SSH_", "TEXTUAL_", "XDG_", "OPENCLAW_", "NPM_CONFIG_")) or name in (
            "NO_COLOR",
            "TZ",
        ):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def until() -> Until:
    """Waits for a condition that another process makes true, 20 seconds at most."""

    async def wait(condition: Callable[[], bool]) -> None:
        for _ in range(1000):
            if condition():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the condition did not come true within 20 s")

    return wait


def is_dead(pid: int) -> bool:
    """Whether a process ended; a zombie that its parent has not yet fetched has."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return state.rpartition(")")[2].split()[0] == "Z"


@pytest.fixture
def dead() -> Callable[[int], bool]:
    return is_dead


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture
def unused_port() -> int:
    """A loopback port on which nothing listens."""
    return free_port()


@dataclass
class Sshd:
    """A real OpenSSH server on loopback, whose sessions have `home` as HOME."""

    folder: Path
    port: int
    home: Path
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"root@127.0.0.1:{self.port}"

    @property
    def host_key(self) -> str:
        """Its public key, as a line of known_hosts has it."""
        return " ".join((self.folder / "host_key.pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        return asyncssh.import_public_key(self.host_key).get_fingerprint()

    def trust(self, home: Path, name: str | None = None) -> None:
        """Gives a person's ~/.ssh the key that gets in, and the server's own key."""
        ssh = home / ".ssh"
        ssh.mkdir(mode=0o700, exist_ok=True)
        key = ssh / "id_ed25519"
        key.write_bytes((self.folder / "client_key").read_bytes())
        key.chmod(0o600)
        (ssh / "known_hosts").write_text(f"{name or f'[127.0.0.1]:{self.port}'} {self.host_key}\n")


def new_key(file: Path) -> str:
    """Writes a key pair as ssh-keygen does; the public key's line."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    file.write_bytes(key.export_private_key())
    file.chmod(0o600)
    public = key.export_public_key().decode()
    file.with_name(file.name + ".pub").write_text(public)
    return public


def start_sshd(folder: Path, port: int) -> Sshd:
    """Starts sshd with its own configuration, keys and folder; returns once it answers."""
    # sshd insists on this folder of its package, which only a boot makes.
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    home = folder / "remote home"
    home.mkdir(exist_ok=True)
    if not (folder / "host_key").exists():
        new_key(folder / "host_key")
    (folder / "authorized_keys").write_text(new_key(folder / "client_key"))
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host_key\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nPidFile none\nStrictModes no\nUsePAM no\n"
        f'PermitRootLogin yes\nPasswordAuthentication no\nSetEnv HOME="{home}"\n'
    )
    with (folder / "sshd.log").open("ab") as log:
        process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log
        )
    _wait_for_port(port, process)
    return Sshd(folder, port, home, process)


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(500):
        assert process.poll() is None, "sshd ended at once; see sshd.log"
        with socket.socket() as trying:
            if trying.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"sshd does not answer on port {port}")


def stop_sshd(server: Sshd) -> None:
    server.process.terminate()
    server.process.wait(timeout=20)


@pytest.fixture(scope="session")
def shared_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """One OpenSSH server for all tests that leave it as it is."""
    server = start_sshd(tmp_path_factory.mktemp("sshd"), free_port())
    yield server
    stop_sshd(server)


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.fixture
def sshd(shared_sshd: Sshd, home: Path) -> Iterator[Sshd]:
    """The shared server, with an empty remote home, trusted by this test's HOME."""
    shared_sshd.trust(home)
    empty(shared_sshd.home)
    yield shared_sshd


@pytest.fixture
def own_sshd(tmp_path: Path, home: Path, unused_port: int) -> Iterator[Sshd]:
    """A server for this test alone, which may be broken."""
    folder = tmp_path / "server"
    folder.mkdir()
    server = start_sshd(folder, unused_port)
    server.trust(home)
    yield server
    stop_sshd(server)


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[str]:
    """The address of a practice host `alice` at `old-box`; its server ends with the test."""
    folder = tmp_path / "practice"
    yield create_practice(folder, user="alice", hostname="old-box", home="home/alice")
    asyncio.run(stop_practice(folder))


@pytest.fixture(scope="session")
def shared_practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one practice host for all tests that leave its server as it is."""
    folder = tmp_path_factory.mktemp("practice") / "folder"
    yield create_practice(folder, user="alice", hostname="old-box", home="home/alice")
    asyncio.run(stop_practice(folder))


@pytest.fixture
def started(dead: Callable[[int], bool]) -> Iterator[list[int]]:
    """Process ids that a test puts here are ended with it, whatever happens."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if not dead(pid):
            os.kill(pid, signal.SIGKILL)


USED = {
    "openclaw": "the real OpenClaw",
    "sshd": "a real OpenSSH server",
    "lab": "whole machines of the lab",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # Told with the report: its keywords also hold names of folders and of parameters.
        item.user_properties += [("used", marker) for marker in USED if item.get_closest_marker(marker)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how many tests ran the real program, so that a run without it cannot look like one with it."""
    passed = terminalreporter.stats.get("passed", [])
    for marker, what in USED.items():
        count = sum(("used", marker) in report.user_properties for report in passed)
        terminalreporter.write_line(f"{count} tests used {what}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failed run: nothing may be left out quietly there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
