"""What goes wrong with SSH, on a real OpenSSH server: each with its own error, nothing accepted silently."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_wizard.errors import (
    CommandTimedOut,
    ExitCode,
    HostError,
    HostUnreachable,
    LinkLost,
    UsageError,
)
from openclaw_wizard.hosts import connect, running
from openclaw_wizard.hosts.ssh import SSHHost, connect_ssh
from tests.conftest import Sshd, Until, start_sshd, stop_sshd

pytestmark = pytest.mark.sshd


def write_config(home: Path, text: str) -> None:
    (home / ".ssh").mkdir(exist_ok=True)
    (home / ".ssh" / "config").write_text(text)


def address_of(server: asyncio.Server) -> str:
    return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def session_process(host: SSHHost) -> int:
    """The server's process behind the connection for commands."""
    return int((await host.run(["sh", "-c", "echo $PPID"])).text)


class TestUnreachable:
    async def test_a_name_that_does_not_resolve(self) -> None:
        with pytest.raises(HostUnreachable, match=r"no-such-host\.invalid does not resolve") as caught:
            await connect("there-is-no-such-host.invalid")
        assert caught.value.exit_code is ExitCode.UNREACHABLE

    async def test_a_port_on_which_nothing_listens(self, unused_port: int) -> None:
        with pytest.raises(HostUnreachable, match=f"nothing listens on port {unused_port}"):
            await connect(f"127.0.0.1:{unused_port}")

    async def test_a_server_that_speaks_no_ssh(self) -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail\r\n")
            writer.close()

        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        async with server:
            with pytest.raises(HostUnreachable, match="cannot be reached: "):
                await connect(address_of(server))

    async def test_a_server_that_never_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("openclaw_wizard.hosts.ssh_login.CONNECT_TIMEOUT", 0.5)

        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
        async with server:
            with pytest.raises(HostUnreachable, match=r"no answer within 0\.5 s"):
                await connect(address_of(server))

    async def test_settings_that_cannot_be_read(self, home: Path) -> None:
        write_config(home, "Host *\n  Port many\n")
        with pytest.raises(UsageError, match="settings cannot be used"):
            await connect("box")


class TestNoise:
    async def test_of_start_up_files_stays_out_of_the_output(self, sshd: Sshd) -> None:
        (sshd.home / ".bashrc").write_text("echo welcome; printf 'no newline'; echo grumble >&2; cd /\n")
        host = await connect(sshd.address)
        data = bytes(range(256)) * 1000
        completed = await host.run(["cat"], input=data)
        assert completed.stdout == data
        async with host.reader(["pwd"]) as source:
            assert await source.read() == f"{sshd.home}\n".encode()
        await host.aclose()

    async def test_start_up_files_that_never_end(self, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("openclaw_wizard.hosts.ssh.START_TIMEOUT", 0.5)
        (sshd.home / ".bashrc").write_text("exec sleep 20\n")
        host = await connect(sshd.address)
        with pytest.raises(HostError, match="start-up files did not end"):
            await host.run(["true"])
        await host.aclose()


class TestLinkLost:
    async def test_while_reading_then_back(self, sshd: Sshd) -> None:
        host = await connect_ssh(sshd.address)
        async with host.reader(["sh", "-c", "echo $PPID; cat /dev/zero"]) as source:
            server = int((await source.read()).split(b"\n")[0])
            os.kill(server, signal.SIGKILL)
            with pytest.raises(LinkLost, match="lost while reading") as caught:
                async with asyncio.timeout(30):
                    while await source.read():
                        pass
        assert caught.value.retryable
        await host.reconnect()
        async with host.reader(["printf", "back"]) as source:
            assert await source.read() == b"back"
            assert (await source.finish()).status == 0
        await host.aclose()

    async def test_while_writing(self, sshd: Sshd) -> None:
        host = await connect_ssh(sshd.address)
        async with host.writer(["sh", "-c", "echo $PPID >server; cat >/dev/null"]) as sink:
            with pytest.raises(LinkLost):
                async with asyncio.timeout(30):
                    while True:
                        await sink.write(bytes(1 << 20))
                        file = sshd.home / "server"
                        if file.exists() and (said := file.read_text()):
                            os.kill(int(said), signal.SIGKILL)
                            file.unlink()
        await host.reconnect()
        assert (await host.run(["true"])).status == 0
        await host.aclose()

    async def test_while_a_command_runs(self, sshd: Sshd) -> None:
        host = await connect_ssh(sshd.address)
        with pytest.raises(LinkLost):
            await host.run(["sh", "-c", "echo some; kill -9 $PPID; exec sleep 20"])
        with pytest.raises(LinkLost, match="while starting true"):
            await host.run(["true"])
        await host.reconnect()
        assert (await host.run(["true"])).status == 0
        await host.aclose()

    async def test_in_the_middle_of_lines(self, sshd: Sshd) -> None:
        host = await connect_ssh(sshd.address)
        found = []
        with pytest.raises(LinkLost):
            async for line in host.lines(["sh", "-c", "echo one; kill -9 $PPID; exec sleep 20"]):
                found.append(line)
        assert found in ([b"one"], [])
        await host.aclose()

    async def test_of_the_data_leaves_the_commands(
        self, sshd: Sshd, dead: Callable[[int], bool], until: Until, started: list[int]
    ) -> None:
        host = await connect_ssh(sshd.address)
        script = "echo $$ $PPID; exec sleep 600"
        async with host.reader(["sh", "-c", script]) as source:
            command, server = (int(word) for word in (await source.read()).split())
            started.append(command)
            os.kill(server, signal.SIGKILL)
            with pytest.raises(LinkLost):
                await source.read()
        # The command that was cut off is ended over the other connection.
        await until(lambda: dead(command))
        assert (await host.run(["true"])).status == 0
        await host.aclose()

    async def test_server_that_went_away_and_came_back(self, own_sshd: Sshd) -> None:
        host = await connect_ssh(own_sshd.address)
        connection = await session_process(host)
        stop_sshd(own_sshd)
        os.kill(connection, signal.SIGKILL)
        with pytest.raises(LinkLost):
            await host.run(["true"])
        with pytest.raises(HostUnreachable):
            await host.reconnect()
        with pytest.raises(LinkLost):
            await host.run(["true"])
        own_sshd.process = start_sshd_again(own_sshd)
        await host.reconnect()
        assert (await host.run(["true"])).status == 0
        await host.aclose()

    async def test_several_may_ask_for_the_way_back(self, sshd: Sshd) -> None:
        host = await connect_ssh(sshd.address)
        os.kill(await session_process(host), signal.SIGKILL)
        await asyncio.gather(*(host.reconnect() for _ in range(3)))
        assert (await host.run(["true"])).status == 0
        await host.aclose()

    async def test_a_silent_link_does_not_hold_a_timeout_up(
        self, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(running, "PATIENCE", 0.2)
        host = await connect_ssh(sshd.address)
        server = await session_process(host)
        os.kill(server, signal.SIGSTOP)
        try:
            with pytest.raises(CommandTimedOut):
                await host.run(["true"], timeout=0.5)
        finally:
            os.kill(server, signal.SIGKILL)
        await host.aclose()


def start_sshd_again(server: Sshd) -> subprocess.Popen[bytes]:
    keys = (server.folder / "authorized_keys").read_text()
    again = start_sshd(server.folder, server.port)
    (server.folder / "authorized_keys").write_text(keys)
    return again.process
