"""The probe: one round trip, on every kind of host, with start-up files that print and set PATH."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from openclaw_wizard.errors import CommandFailed, HostError
from openclaw_wizard.hosts import Completed, Host, connect, facts
from openclaw_wizard.hosts.facts import probe
from openclaw_wizard.hosts.local import LocalHost
from tests.conftest import Sshd, Until, empty

# What a real one prints (measured with 2026.9.6).
OPENCLAW = "echo 'OpenClaw 2026.9.6 (eb377ac)'"


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def running_with(home: Path) -> list[Path]:
    """Processes that have this home in their environment."""
    mark = f"HOME={home}\0".encode()
    return [each.parent for each in Path("/proc").glob("[0-9]*/environ") if mark in _environment(each)]


def _environment(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""  # it has gone meanwhile, or is somebody else's


class Counted:
    """A host that counts what is asked of it, and may put words in front of each command."""

    def __init__(self, inner: Host, front: Sequence[str] = ()) -> None:
        self._inner = inner
        self._front = front
        self.label = inner.label
        self.host_key = inner.host_key
        self.asked = 0

    async def run(
        self, argv: Sequence[str], *, input: bytes = b"", timeout: float = 60.0, pty: bool = False
    ) -> Completed:
        self.asked += 1
        return await self._inner.run([*self._front, *argv], input=input, timeout=timeout, pty=pty)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


@pytest.fixture(params=["local", "practice", pytest.param("sshd", marks=pytest.mark.sshd)])
def place(request: pytest.FixtureRequest, home: Path) -> tuple[str, Path]:
    """An address, and the home folder behind it."""
    if request.param == "local":
        return "local", home
    if request.param == "practice":
        shared: str = request.getfixturevalue("shared_practice")
        folder = Path(shared.removeprefix("practice:")) / "home" / "alice"
        empty(folder)
        return shared, folder
    server: Sshd = request.getfixturevalue("sshd")
    return server.address, server.home


@pytest.fixture
async def host(place: tuple[str, Path]) -> AsyncIterator[Host]:
    connected = await connect(place[0])
    yield connected
    await connected.aclose()


class TestOnEveryHost:
    async def test_one_round_trip_tells_all(self, host: Host, place: tuple[str, Path]) -> None:
        counted = Counted(host)
        found = await probe(counted)  # type: ignore[arg-type]
        assert counted.asked == 1
        assert (found.address, found.home, found.uid) == (place[0], str(place[1]), os.getuid())
        assert found.system == os.uname().sysname
        assert found.arch == os.uname().machine
        assert found.hostname and found.user and found.machine_id
        assert found.tar == "gnu"
        assert found.gzip
        assert found.free_bytes is not None and found.free_bytes > 0
        assert abs(found.clock - Path("/proc/self").stat().st_ctime) < 3600
        assert found.round_trip > 0

    async def test_path_is_that_of_a_login_shell(self, host: Host, place: tuple[str, Path]) -> None:
        home = place[1]
        program(home / "only in profile", "openclaw", OPENCLAW)
        (home / ".profile").write_text(
            "echo 'Welcome! PATH=/wrong'\nprintf 'path-of-the-login-shell[/wrong]'\n"
            'echo grumble >&2\nPATH="$HOME/only in profile:$PATH"\nexport PATH\n'
        )
        found = await probe(host)
        assert found.path.startswith(f"{home}/only in profile:")
        assert "wrong" not in found.path
        assert found.openclaw == "2026.9.6"

    async def test_without_start_up_files_the_usual_places_are_looked_at(
        self, host: Host, place: tuple[str, Path]
    ) -> None:
        home = place[1]
        program(home / ".npm-global" / "bin", "openclaw", OPENCLAW)
        found = await probe(host)
        assert found.openclaw == "2026.9.6"
        folders = found.path.split(":")
        assert str(home / ".npm-global" / "bin") in folders
        assert str(home / ".volta" / "bin") not in folders
        assert len(folders) == len(set(folders))


@pytest.fixture
def here(home: Path) -> LocalHost:
    return LocalHost(home, {"SHELL": "/bin/sh"})


class TestPath:
    async def test_newest_node_of_nvm(self, here: LocalHost, home: Path) -> None:
        for version in ("v9.11.2", "v22.3.0", "v22.12.0"):
            program(home / ".nvm/versions/node" / version / "bin", "node", f"echo {version}")
        found = await probe(here)
        assert f"{home}/.nvm/versions/node/v22.12.0/bin" in found.path.split(":")
        assert "v22.3.0" not in found.path and "v9.11.2" not in found.path

    async def test_openclaw_beside_its_own_node_comes_first(self, here: LocalHost, home: Path) -> None:
        place = home / ".nvm/versions/node/v24.1.0/bin"
        program(place, "node", "echo v24.1.0")
        program(place, "openclaw", OPENCLAW)
        found = await probe(here)
        assert found.path.split(":")[0] == str(place)
        assert (found.node, found.openclaw) == ("24.1.0", "2026.9.6")

    async def test_start_up_files_that_never_end_are_ended(
        self, here: LocalHost, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(facts, "LOGIN_SECONDS", 1)
        (home / ".profile").write_text("echo wait\nsleep 600\n")
        found = await probe(here)
        assert os.environ["PATH"].split(":")[0] == found.path.split(":")[0]

    async def test_a_limit_that_was_not_reached_leaves_nothing_behind(
        self, here: LocalHost, home: Path, until: Until
    ) -> None:
        often = "n=0; while [ $n -lt 200 ]; do capped 60 true & capped 60 true; n=$((n + 1)); done; wait"
        functions = facts._SCRIPT.partition("# --- PATH")[0]
        await here.run(["sh", "-c", f"{functions}\n{often}"])
        await until(lambda: not running_with(home))

    async def test_a_login_shell_that_is_none(self, home: Path) -> None:
        found = await probe(LocalHost(home, {"SHELL": "/usr/sbin/nologin"}))
        assert os.environ["PATH"].split(":")[0] == found.path.split(":")[0]


class TestValues:
    @pytest.mark.parametrize(
        ("said", "version"),
        [
            ("OpenClaw 2026.9.6 (eb377ac)", "2026.9.6"),
            ("2026.9.6", "2026.9.6"),
            ("2026.1.24-3", "2026.1.24-3"),
            ("2026.9.6-beta.1", "2026.9.6-beta.1"),
            ("something else", None),
        ],
    )
    async def test_version_of_openclaw(
        self, here: LocalHost, home: Path, said: str, version: str | None
    ) -> None:
        program(home / "bin", "openclaw", f"echo '{said}'; echo second line 9.9.9")
        assert (await probe(here)).openclaw == version

    async def test_an_openclaw_that_is_a_link_into_its_package_is_not_started(
        self, here: LocalHost, home: Path
    ) -> None:
        package = home / "lib/node_modules/openclaw"
        program(package, "openclaw.mjs", f"touch '{home}/started'; echo 1.1.1")
        (package / "package.json").write_text(
            '{\n  "name": "openclaw",\n  "version": "2026.9.6",\n  "x": {\n    "version": "2.2.2"\n  }\n}\n'
        )
        (home / "bin").mkdir()
        (home / "bin/openclaw").symlink_to("../lib/node_modules/openclaw/openclaw.mjs")
        assert (await probe(here)).openclaw == "2026.9.6"
        assert not (home / "started").exists()

    async def test_an_openclaw_that_fails_has_no_version(self, here: LocalHost, home: Path) -> None:
        program(home / "bin", "openclaw", "echo needs Node 22.12.0; exit 1")
        assert (await probe(here)).openclaw is None

    @pytest.mark.parametrize(
        ("said", "kind"),
        [
            ("tar (GNU tar) 1.34", "gnu"),
            ("bsdtar 3.5.3 - libarchive 3.5.3 zlib/1.2.12", "bsd"),
            ("tar (busybox) 1.35.0", "busybox"),
            ("tar of tomorrow", None),
        ],
    )
    async def test_flavour_of_tar(self, here: LocalHost, home: Path, said: str, kind: str | None) -> None:
        program(home / "first", "tar", f"echo '{said}'")
        (home / ".profile").write_text("PATH=$HOME/first:$PATH\n")
        assert (await probe(here)).tar == kind

    @pytest.mark.parametrize(
        ("line", "free"),
        [
            ("/dev/vda         264212084 25802440  80588472      25% /", 80588472 * 1024),
            ("map auto home 100 200 300 40% /home", 300 * 1024),
            ("tmpfs 100 200 -5 105% /small", 0),
            ("none 0 0 0 - /odd", 0),
            ("", None),
        ],
    )
    def test_free_room(self, line: str, free: int | None) -> None:
        assert facts._free_bytes(line) == free

    async def test_odd_names_break_nothing(self, home: Path) -> None:
        odd = home / "a\nuid=1 'b' $c"
        odd.mkdir()
        found = await probe(LocalHost(odd, {"SHELL": "/bin/sh"}))
        assert (found.home, found.uid) == (str(odd), os.getuid())

    async def test_a_cut_answer_is_no_answer(self, here: LocalHost, home: Path) -> None:
        program(home / "first", "id", "kill -9 $PPID")
        (home / ".profile").write_text("PATH=$HOME/first:$PATH\n")
        with pytest.raises(CommandFailed):
            await probe(here)

    async def test_an_odd_answer_is_an_error(self, here: LocalHost, home: Path) -> None:
        program(home / "first", "id", "echo nobody knows")
        (home / ".profile").write_text("PATH=$HOME/first:$PATH\n")
        with pytest.raises(HostError, match="not understood"):
            await probe(here)


class TestNpmPrefix:
    async def test_where_this_user_may_write(self, here: LocalHost, home: Path) -> None:
        program(home / "bin", "npm", f'[ "$1" = -v ] && echo 11.4.2 || echo "{home}/not yet there"')
        (home / ".profile").write_text("PATH=$HOME/bin:$PATH\n")
        found = await probe(here)
        assert (found.npm, found.npm_prefix) == ("11.4.2", f"{home}/not yet there")

    async def test_not_where_npm_says_something_else(self, here: LocalHost, home: Path) -> None:
        program(home / "bin", "npm", "echo no/absolute/path")
        (home / ".profile").write_text("PATH=$HOME/bin:$PATH\n")
        assert (await probe(here)).npm_prefix is None

    @pytest.mark.root
    async def test_not_where_only_root_may(self, home: Path) -> None:
        place = home.parent / "shared"
        program(place / "bin", "npm", f'[ "$1" = -v ] && echo 11.4.2 || echo "{place}"')
        for folder in (home, home.parent, *home.parent.parents):
            if folder.is_relative_to("/tmp") and folder != Path("/tmp"):
                folder.chmod(0o755)
        (home / ".profile").write_text(f'PATH="{place}/bin:$PATH"\n')
        host = LocalHost(home, {"SHELL": "/bin/sh"})
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        found = await probe(Counted(host, nobody))  # type: ignore[arg-type]
        assert (found.uid, found.npm, found.npm_prefix) == (65534, "11.4.2", None)

    @pytest.mark.node
    async def test_of_a_practice_host_is_in_its_home(self, practice: str) -> None:
        host = await connect(practice)
        found = await probe(host)
        await host.aclose()
        assert found.node and found.npm
        assert found.npm_prefix == f"{found.home}/.npm-global"


async def test_practice_hosts_are_told_apart(practice: str, shared_practice: str) -> None:
    identities = []
    for address in (practice, shared_practice):
        host = await connect(address)
        found = await probe(host)
        identities.append(found.machine_id)
        assert (found.user, found.hostname) == ("alice", "old-box")
        assert not found.user_bus and found.linger is None
        await host.aclose()
    assert len(set(identities)) == 2
