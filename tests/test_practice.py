"""Practice hosts: real commands in a folder of their own, with a server that outlives its client."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest

from openclaw_wizard.errors import HostKeyChanged, HostUnreachable, LinkLost, LoginRefused, UsageError
from openclaw_wizard.hosts import connect, practice_server
from openclaw_wizard.hosts.practice import create_practice, running_server, stop_practice
from openclaw_wizard.hosts.ssh import connect_ssh
from tests.conftest import Until, new_key

CLIENT = """
import asyncio, os, signal, sys
from openclaw_wizard.hosts import connect

async def main():
    host = await connect(sys.argv[1])
    print((await host.run(["printf", "hello"])).text, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture
def folder(practice: str) -> Path:
    return Path(practice.removeprefix("practice:"))


def server_pid(folder: Path) -> int:
    server = running_server(folder)
    assert server is not None
    return server["pid"]


class TestFolder:
    def test_is_private(self, folder: Path) -> None:
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "home" / "alice").stat().st_mode) == 0o700
        assert modes == {
            **dict.fromkeys(("host.json", "known_hosts"), 0o600),
            **dict.fromkeys(("host_key", "host_key.pub", "client_key", "client_key.pub"), 0o600),
            "home": modes["home"],
            "tmp": 0o700,
        }

    def test_made_again_keeps_keys_id_and_home(self, folder: Path) -> None:
        before = {name: (folder / name).read_bytes() for name in ("host_key", "client_key", "known_hosts")}
        identity = json.loads((folder / "host.json").read_text())["id"]
        (folder / "home/alice/mine").write_text("kept")
        create_practice(folder, user="alice", hostname="renamed", home="home/alice", environment={"A": "b"})
        settings = json.loads((folder / "host.json").read_text())
        assert (settings["id"], settings["hostname"], settings["environment"]) == (
            identity,
            "renamed",
            {"A": "b"},
        )
        assert all((folder / name).read_bytes() == data for name, data in before.items())
        assert (folder / "home/alice/mine").read_text() == "kept"

    @pytest.mark.parametrize("home", ["..", "../outside", "/etc", "", "a/../.."])
    def test_home_must_be_inside(self, tmp_path: Path, home: str) -> None:
        with pytest.raises(UsageError, match="inside its folder"):
            create_practice(tmp_path / "new", user="a", hostname="b", home=home)
        assert not (tmp_path / "new").exists()


class TestAddress:
    @pytest.mark.parametrize("address", ["practice:", "practice:relative/folder"])
    async def test_that_is_none(self, address: str) -> None:
        with pytest.raises(UsageError, match="no practice host"):
            await connect(address)

    async def test_of_an_empty_folder(self, tmp_path: Path) -> None:
        with pytest.raises(HostUnreachable, match="no practice host in that folder"):
            await connect(f"practice:{tmp_path}")


class TestCommands:
    async def test_have_a_clean_environment(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MY_SECRET", "secret")
        folder = tmp_path / "clean"
        address = create_practice(
            folder,
            user="bob",
            hostname="new-box",
            home="srv/bob",
            path=["/opt/a b/bin"],
            environment={"COLOUR": "blue"},
        )
        host = await connect(address)
        said = (await host.run(["env", "-0"])).stdout.decode().rstrip("\0").split("\0")
        environment = dict(line.split("=", 1) for line in said)
        login = await host.run(["sh", "-lc", 'printf "%s" "$PATH"'])
        await host.aclose()
        await stop_practice(folder)
        home = str(folder / "srv/bob")
        assert environment["HOME"] == environment["PWD"] == home
        assert environment["USER"] == environment["LOGNAME"] == "bob"
        assert environment["PATH"].startswith("/opt/a b/bin:/usr/local/bin:")
        assert environment["TMPDIR"] == str(folder / "tmp")
        assert (environment["COLOUR"], environment["SHELL"]) == ("blue", "/bin/sh")
        assert "MY_SECRET" not in environment
        assert login.text.startswith("/opt/a b/bin:")

    async def test_use_new_settings_at_once(self, practice: str, folder: Path) -> None:
        host = await connect(practice)
        assert (await host.run(["printenv", "COLOUR"])).status == 1
        create_practice(
            folder, user="alice", hostname="old-box", home="home/alice", environment={"COLOUR": "red"}
        )
        assert (await host.run(["printenv", "COLOUR"])).text == "red\n"
        await host.aclose()

    async def test_live_on_when_the_client_goes(
        self, practice: str, folder: Path, until: Until, dead: Callable[[int], bool], started: list[int]
    ) -> None:
        """As with sshd: only the wrapper of SSHHost ends a command."""
        host = await connect(practice)
        server = running_server(folder)
        assert server is not None
        connection = await asyncssh.connect(
            "127.0.0.1",
            server["port"],
            config=None,
            username="alice",
            client_keys=[str(folder / "client_key")],
            known_hosts=None,
            agent_path=None,
        )
        process = await connection.create_process("echo $$; cat; touch was-told; exec sleep 600")
        started.append(int(await process.stdout.readline()))
        connection.abort()
        # Its input ended with the connection, and it went on.
        await until((folder / "home/alice/was-told").exists)
        assert not dead(started[0])
        await host.aclose()

    async def test_signals_of_the_client_arrive(self, practice: str, folder: Path) -> None:
        host = await connect(practice)
        process = await host._control.connection.create_process("echo up; exec sleep 600", encoding=None)  # type: ignore[attr-defined]
        assert await process.stdout.readline() == b"up\n"
        process.send_signal("USR1")
        await process.wait_closed()
        assert process.exit_signal[0] == "USR1"
        await host.aclose()


class TestLogin:
    async def test_uses_nothing_of_the_person(self, practice: str, home: Path) -> None:
        (home / ".ssh").mkdir()
        (home / ".ssh" / "config").write_text("Host *\n  User nobody\n  ProxyCommand false\n")
        (home / ".ssh" / "known_hosts").write_text(f"127.0.0.1 {new_key(home / 'other')}")
        host = await connect(practice)
        assert host.label == practice
        assert (await host.run(["true"])).status == 0
        await host.aclose()

    async def test_is_for_its_user_with_its_key_only(self, practice: str, folder: Path, home: Path) -> None:
        host = await connect(practice)
        server = running_server(folder)
        assert server is not None
        known = home / "known_hosts"
        key = (folder / "host_key.pub").read_text()
        known.write_text(f"[127.0.0.1]:{server['port']} {key}")
        new_key(home / "other")
        for user, file in (("root", folder / "client_key"), ("alice", home / "other")):
            with pytest.raises(LoginRefused):
                await connect_ssh(
                    f"{user}@127.0.0.1:{server['port']}",
                    own_settings=False,
                    known_hosts=[known],
                    client_keys=[file],
                    agent=False,
                )
        await host.aclose()

    async def test_checks_the_key_of_the_server(self, practice: str, folder: Path) -> None:
        host = await connect(practice)
        await stop_practice(folder)
        new_key(folder / "host_key")
        with pytest.raises(HostKeyChanged):
            await host.reconnect()
        with pytest.raises(HostKeyChanged):
            await connect(practice)
        await host.aclose()


class TestServer:
    async def test_is_one_for_all_who_come_at_once(self, practice: str, folder: Path) -> None:
        hosts = await asyncio.gather(*(connect(practice) for _ in range(4)))
        parents = {(await host.run(["sh", "-c", "echo $PPID"])).text.strip() for host in hosts}
        assert parents == {str(server_pid(folder))}
        for host in hosts:
            await host.aclose()

    async def test_outlives_a_client_that_is_killed(self, practice: str, folder: Path) -> None:
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CLIENT, practice, stdout=subprocess.PIPE
        )
        said, _ = await client.communicate()
        assert (said, client.returncode) == (b"hello\n", -signal.SIGKILL)
        pid = server_pid(folder)
        host = await connect(practice)
        assert server_pid(folder) == pid
        assert (await host.run(["true"])).status == 0
        await host.aclose()

    async def test_holds_no_output_of_its_client(self, practice: str, folder: Path) -> None:
        """A pipe on the wizard's output ends with the wizard, not with the server."""
        script = CLIENT.replace("os.kill(os.getpid(), signal.SIGKILL)", "")
        client = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, practice, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        async with asyncio.timeout(30):
            assert await client.communicate() == (b"hello\n", b"")
        assert server_pid(folder)

    async def test_is_started_again_after_a_crash(self, practice: str, folder: Path) -> None:
        host = await connect(practice)
        key = host.host_key
        os.kill(server_pid(folder), signal.SIGKILL)
        with pytest.raises(LinkLost):
            await host.run(["sleep", "600"])
        await host.reconnect()
        assert (await host.run(["true"])).status == 0
        assert host.host_key == key
        await host.aclose()

    async def test_stops_when_told(
        self, practice: str, folder: Path, dead: Callable[[int], bool], until: Until
    ) -> None:
        assert not await stop_practice(folder)
        host = await connect(practice)
        pid = server_pid(folder)
        assert await stop_practice(folder)
        await until(lambda: dead(pid))
        assert running_server(folder) is None
        await host.aclose()

    async def test_stopping_spares_what_runs(
        self, practice: str, folder: Path, dead: Callable[[int], bool], started: list[int]
    ) -> None:
        host = await connect(practice)
        script = "setsid nohup sleep 600 </dev/null >/dev/null 2>&1 & echo $!"
        started.append(int((await host.run(["sh", "-c", script])).text))
        await stop_practice(folder)
        assert not dead(started[0])
        await host.aclose()

    async def test_ends_when_its_folder_is_gone(
        self, practice: str, folder: Path, until: Until, dead: Callable[[int], bool]
    ) -> None:
        host = await connect(practice)
        pid = server_pid(folder)
        await host.aclose()
        shutil.rmtree(folder)
        await until(lambda: dead(pid))
        assert dead(pid)

    async def test_ends_when_nobody_comes(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(practice_server, "_LOOK_SECONDS", 0.02)
        server = practice_server.Server(folder)
        server.joined(self)
        monkeypatch.setattr(practice_server, "IDLE_SECONDS", 0.0)
        waiting = asyncio.create_task(server.needed())
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        server.left(self)
        await asyncio.wait_for(waiting, timeout=20)

    async def test_that_cannot_start_says_where_to_look(self, practice: str, folder: Path) -> None:
        (folder / "host_key").write_text("no key")
        with pytest.raises(HostUnreachable, match=r"does not start, see .*/server\.log"):
            await connect(practice)
        assert "Error" in (folder / "server.log").read_text()
