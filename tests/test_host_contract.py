"""One contract for every kind of host: this machine, a practice host, a real OpenSSH server."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from openclaw_wizard.errors import CommandFailed, CommandTimedOut, StepFailed, UsageError
from openclaw_wizard.hosts import Host, connect, shell
from openclaw_wizard.hosts.local import LocalHost
from tests.conftest import Sshd, Until, empty

BIG = 20_000_000

# Leaves the pids of a leader, a child and a grandchild in a file, then waits.
FAMILY = 'sh -c "sleep 600 & echo \\$! \\$\\$ $$ >pids.new; mv pids.new pids; wait"; wait'


@pytest.fixture(params=["local", "practice", pytest.param("sshd", marks=pytest.mark.sshd)])
def address(request: pytest.FixtureRequest, home: Path) -> str:
    if request.param == "local":
        return "local"
    if request.param == "practice":
        shared: str = request.getfixturevalue("shared_practice")
        empty(Path(shared.removeprefix("practice:")) / "home" / "alice")
        return shared
    server: Sshd = request.getfixturevalue("sshd")
    return server.address


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where process 1 fetches orphans late, their zombies make every kill last the whole grace."""
    monkeypatch.setattr(shell, "GRACE", 0.3)


@pytest.fixture
async def host(address: str) -> AsyncIterator[Host]:
    connected = await connect(address)
    yield connected
    await connected.aclose()


@pytest.fixture
async def place(host: Host) -> Path:
    """The folder in which the host's commands start, as this machine sees it."""
    return Path((await host.run(["pwd"])).text.rstrip("\n"))


class TestArguments:
    @pytest.mark.parametrize(
        "argument",
        [
            "",
            " ",
            "a b",
            "two\nlines\n",
            "'",
            '"',
            "\\",
            "$HOME",
            "`id`",
            "!!",
            "*",
            "~",
            "-n",
            "%s\\n",
            "ü",
            "\t",
        ],
    )
    async def test_arrive_as_they_are(self, host: Host, argument: str) -> None:
        completed = await host.run(["printf", "[%s]", argument, "next"])
        assert completed.stdout == b"[%s][next]" % argument.encode()

    async def test_need_not_be_utf_8(self, host: Host) -> None:
        completed = await host.run(["printf", "%s", os.fsdecode(b"caf\xe9 \xff\xfe")])
        assert completed.stdout == b"caf\xe9 \xff\xfe"

    async def test_cannot_hold_a_nul(self, host: Host) -> None:
        with pytest.raises(UsageError, match="NUL"):
            await host.run(["printf", "a\0b"])


class TestRun:
    async def test_gives_status_and_both_outputs(self, host: Host) -> None:
        completed = await host.run(["sh", "-c", "echo out; echo err >&2; exit 7"])
        assert (completed.status, completed.stdout, completed.stderr) == (7, b"out\n", b"err\n")
        assert completed.host == host.label

    async def test_starts_in_the_home_with_a_plain_environment(self, host: Host) -> None:
        completed = await host.run(
            ["sh", "-c", 'echo "$LC_ALL,$NO_COLOR"; [ "$(pwd -P)" = "$(cd; pwd -P)" ]']
        )
        assert (completed.status, completed.stdout) == (0, b"C,1\n")

    async def test_feeds_its_input(self, host: Host) -> None:
        assert (await host.run(["cat"], input=b"one\ntwo")).stdout == b"one\ntwo"

    async def test_ends_the_input_where_there_is_none(self, host: Host) -> None:
        assert (await host.run(["cat"])).stdout == b""

    async def test_unread_input_is_no_error(self, host: Host) -> None:
        assert (await host.run(["true"], input=b"x" * BIG)).status == 0

    async def test_big_input_and_big_output_at_once(self, host: Host) -> None:
        data = os.urandom(BIG)
        completed = await host.run(["cat"], input=data)
        assert hashlib.sha256(completed.stdout).digest() == hashlib.sha256(data).digest()

    async def test_much_on_both_outputs(self, host: Host) -> None:
        script = "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero; echo end >&2"
        completed = await host.run(["sh", "-c", script])
        assert len(completed.stdout) == 3_000_000
        assert completed.stderr.endswith(b"end\n")

    async def test_missing_command_is_127(self, host: Host) -> None:
        completed = await host.run(["there-is-no-such-command"])
        assert completed.status == 127
        assert b"there-is-no-such-command" in completed.stderr

    async def test_death_by_signal_is_negative(self, host: Host) -> None:
        assert (await host.run(["sh", "-c", "kill -KILL $$"])).status == -9

    async def test_several_at_once(self, host: Host) -> None:
        answers = await asyncio.gather(*(host.run(["printf", str(n)]) for n in range(5)))
        assert [each.text for each in answers] == ["0", "1", "2", "3", "4"]

    async def test_a_detached_child_lives_on(
        self, host: Host, place: Path, dead: Callable[[int], bool], started: list[int]
    ) -> None:
        script = "setsid nohup sleep 600 </dev/null >/dev/null 2>&1 & echo $!"
        started.append(int((await host.run(["sh", "-c", script], timeout=10)).text))
        assert not dead(started[0])


class TestTerminal:
    async def test_is_one(self, host: Host) -> None:
        completed = await host.run(["sh", "-c", "test -t 0 && test -t 1 && test -t 2"], pty=True)
        assert completed.status == 0

    async def test_is_the_controlling_one(self, host: Host) -> None:
        assert (await host.run(["sh", "-c", "echo yes >/dev/tty"], pty=True)).stdout == b"yes\n"

    async def test_joins_both_outputs_and_types_the_input(self, host: Host) -> None:
        completed = await host.run(["sh", "-c", "cat; echo err >&2; exit 3"], input=b"typed\nhalf", pty=True)
        assert (completed.status, completed.stdout, completed.stderr) == (3, b"typed\nhalferr\n", b"")


class TestStreams:
    async def test_reader_gives_all_bytes(self, host: Host) -> None:
        data = os.urandom(BIG)
        digest, size = hashlib.sha256(), 0
        async with asyncio.timeout(120), host.reader(["cat"], input=data) as source:
            while part := await source.read(100_000):
                assert len(part) <= 100_000
                digest.update(part)
                size += len(part)
            completed = await source.finish()
        assert (completed.status, completed.stdout, size) == (0, b"", BIG)
        assert digest.digest() == hashlib.sha256(data).digest()

    async def test_reader_tells_how_it_ended(self, host: Host) -> None:
        async with host.reader(["sh", "-c", "echo some; echo why >&2; exit 4"]) as source:
            assert await source.read() == b"some\n"
            completed = await source.finish()
        assert (completed.status, completed.stderr) == (4, b"why\n")

    async def test_writer_takes_all_bytes(self, host: Host) -> None:
        data = os.urandom(BIG)
        async with asyncio.timeout(120), host.writer(["sha256sum"]) as sink:
            for start in range(0, BIG, 1_000_000):
                await sink.write(data[start : start + 1_000_000])
            completed = await sink.finish()
        assert completed.text.split()[0] == hashlib.sha256(data).hexdigest()

    async def test_writer_tells_that_the_command_ended_early(self, host: Host) -> None:
        with pytest.raises(CommandFailed, match="disk full"):
            async with asyncio.timeout(60), host.writer(["sh", "-c", "echo disk full >&2; exit 9"]) as sink:
                while True:
                    await sink.write(bytes(1 << 20))

    async def test_writer_waits_where_the_other_end_is_slow(self, host: Host, place: Path) -> None:
        sent = 0
        async with host.writer(["sh", "-c", "until [ -e go ]; do sleep 0.02; done; wc -c"]) as sink:
            # Window, pipe and buffers take a few MB; then a write must block.
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2):
                    while sent < 10 * BIG:
                        await sink.write(bytes(1 << 18))
                        sent += 1 << 18
            (place / "go").touch()
        assert sent < 10 * BIG

    async def test_reader_tells_that_its_input_failed(self, host: Host) -> None:
        """Instead of waiting for the rest, or taking half of it for all."""

        async def half() -> AsyncIterator[bytes]:
            yield b"some"
            raise StepFailed(what="the other half is gone")

        async with asyncio.timeout(60), host.reader(["cat"], input=half()) as source:
            with pytest.raises(StepFailed, match="the other half is gone"):
                while await source.read():
                    pass

    async def test_a_slow_reader_holds_a_fast_sender(self, host: Host, place: Path) -> None:
        """However little is taken at a time; else all that OLD has gathers in the wizard's memory."""
        script = "for i in $(seq 200); do head -c 1000000 /dev/zero; echo >>sent; done"
        taken = 0
        async with asyncio.timeout(120), host.reader(["sh", "-c", script]) as source:
            for _ in range(100):
                taken += len(await source.read(1 << 16))
                await asyncio.sleep(0.01)
            sent = 1_000_000 * (place / "sent").stat().st_size
        assert sent < taken + 16_000_000

    async def test_relay_from_a_reader_to_a_writer(self, host: Host) -> None:
        count = BIG
        async with asyncio.timeout(120):
            async with host.reader(["head", "-c", str(count), "/dev/zero"]) as source:
                async with host.writer(["wc", "-c"]) as sink:
                    while part := await source.read():
                        await sink.write(part)
                    completed = await sink.finish()
                await source.finish()
        assert int(completed.stdout) == count


class TestLines:
    async def test_gives_them_without_the_newline(self, host: Host) -> None:
        found = [line async for line in host.lines(["printf", "a\\n\\nb\\xff\\nlast"])]
        assert found == [b"a", b"", b"b\xff", b"last"]

    async def test_gives_them_as_they_come(self, host: Host, place: Path) -> None:
        script = "echo first; until [ -e go ]; do sleep 0.02; done; echo second"
        found = []
        async for line in host.lines(["sh", "-c", script]):
            found.append(line)
            (place / "go").touch()
        assert found == [b"first", b"second"]

    async def test_many_and_long_ones(self, host: Host) -> None:
        script = "head -c 3000000 /dev/zero | tr '\\0' x; echo; yes | head -n 100000"
        sizes = [len(line) async for line in host.lines(["sh", "-c", script])]
        assert sizes == [3_000_000] + [1] * 100_000

    async def test_a_bad_status_is_an_error_at_the_end(self, host: Host) -> None:
        found = []
        with pytest.raises(CommandFailed, match="oh no"):
            async for line in host.lines(["sh", "-c", "echo one; echo oh no >&2; exit 2"]):
                found.append(line)
        assert found == [b"one"]

    async def test_time_runs_out(self, host: Host) -> None:
        with pytest.raises(CommandTimedOut):
            async for _ in host.lines(["sh", "-c", "echo one; sleep 600"], timeout=0.5):
                pass


class TestNothingLivesOn:
    """Whatever ends a command early ends its whole process group."""

    async def wait_for_family(self, place: Path, until: Until, started: list[int]) -> list[int]:
        await until((place / "pids").exists)
        started += [int(pid) for pid in (place / "pids").read_text().split()]
        assert len(started) == 3
        return started

    async def gone(self, pids: list[int], until: Until, dead: Callable[[int], bool]) -> None:
        await until(lambda: all(dead(pid) for pid in pids))
        assert all(dead(pid) for pid in pids)

    async def test_timeout(
        self, host: Host, place: Path, until: Until, dead: Callable[[int], bool], started: list[int]
    ) -> None:
        with pytest.raises(CommandTimedOut, match="did not end within 1 s"):
            await host.run(["sh", "-c", FAMILY], timeout=1)
        await self.gone(await self.wait_for_family(place, until, started), until, dead)

    async def test_cancel(
        self, host: Host, place: Path, until: Until, dead: Callable[[int], bool], started: list[int]
    ) -> None:
        running = asyncio.create_task(host.run(["sh", "-c", FAMILY]))
        pids = await self.wait_for_family(place, until, started)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await self.gone(pids, until, dead)

    async def test_cancel_twice(
        self, host: Host, place: Path, until: Until, dead: Callable[[int], bool], started: list[int]
    ) -> None:
        running = asyncio.create_task(host.run(["sh", "-c", f"trap '' TERM; {FAMILY}"]))
        pids = await self.wait_for_family(place, until, started)
        for _ in range(2):
            running.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await running
        await self.gone(pids, until, dead)

    async def test_one_that_ignores_term(
        self, host: Host, place: Path, until: Until, dead: Callable[[int], bool], started: list[int]
    ) -> None:
        with pytest.raises(CommandTimedOut):
            await host.run(["sh", "-c", f"trap '' TERM; {FAMILY}"], timeout=1)
        await self.gone(await self.wait_for_family(place, until, started), until, dead)

    async def test_on_a_terminal(
        self, host: Host, place: Path, until: Until, dead: Callable[[int], bool], started: list[int]
    ) -> None:
        with pytest.raises(CommandTimedOut):
            await host.run(["sh", "-c", FAMILY], timeout=1, pty=True)
        await self.gone(await self.wait_for_family(place, until, started), until, dead)

    async def test_a_reader_that_is_left(
        self, host: Host, place: Path, until: Until, dead: Callable[[int], bool], started: list[int]
    ) -> None:
        async with host.reader(["sh", "-c", f"echo begun; {FAMILY}"]) as source:
            assert await source.read() == b"begun\n"
            pids = await self.wait_for_family(place, until, started)
        await self.gone(pids, until, dead)

    async def test_a_reader_that_is_left_with_its_output_unread(
        self, host: Host, until: Until, dead: Callable[[int], bool], started: list[int]
    ) -> None:
        async with host.reader(["sh", "-c", "echo $$; exec cat /dev/zero"]) as source:
            started.append(int((await source.read(1 << 10)).split(b"\n")[0]))
        await self.gone(started, until, dead)

    async def test_a_writer_that_is_left(
        self, host: Host, place: Path, until: Until, dead: Callable[[int], bool], started: list[int]
    ) -> None:
        with pytest.raises(RuntimeError, match="mine"):
            async with host.writer(["sh", "-c", FAMILY]) as sink:
                await sink.write(b"some")
                await self.wait_for_family(place, until, started)
                raise RuntimeError("mine")
        await self.gone(started, until, dead)

    async def test_lines_that_are_left(
        self, host: Host, place: Path, until: Until, dead: Callable[[int], bool], started: list[int]
    ) -> None:
        script = f"echo one; {FAMILY}"
        async with aclosing(host.lines(["sh", "-c", script])) as lines:  # type: ignore[type-var]
            async for _ in lines:
                await self.wait_for_family(place, until, started)
                break
        await self.gone(started, until, dead)

    async def test_closing_the_host(
        self, host: Host, place: Path, until: Until, dead: Callable[[int], bool], started: list[int]
    ) -> None:
        running = asyncio.create_task(host.run(["sh", "-c", FAMILY]))
        pids = await self.wait_for_family(place, until, started)
        await host.aclose()
        await self.gone(pids, until, dead)
        await asyncio.wait([running], timeout=20)
        assert running.done()


async def test_a_local_home_that_is_missing_is_said(tmp_path: Path) -> None:
    from openclaw_wizard.errors import HostUnreachable

    with pytest.raises(HostUnreachable, match="no command can be started"):
        await LocalHost(tmp_path / "missing").run(["true"])


async def test_a_local_host_can_have_another_home_and_environment(tmp_path: Path) -> None:
    host = LocalHost(tmp_path, {"COLOUR": "blue"})
    completed = await host.run(["sh", "-c", 'printf "%s " "$HOME" "$PWD" "$COLOUR"'])
    assert completed.text.split() == [str(tmp_path), str(tmp_path), "blue"]


class TestForward:
    async def test_a_port_of_the_host_can_be_reached_from_here_alone(self, host: Host, address: str) -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello " + await reader.readline())
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
            there = server.sockets[0].getsockname()[1]
            here = await host.forward(there)
            assert here == await host.forward(there)
            assert (here == there) is (address == "local")
            reader, writer = await asyncio.open_connection("127.0.0.1", here)
            writer.write(b"world\n")
            assert await reader.read() == b"hello world\n"
            writer.close()
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.2", here)
            await host.aclose()
            if address != "local":
                with pytest.raises(OSError):
                    await asyncio.open_connection("127.0.0.1", here)

    async def test_after_a_new_connection_it_is_opened_again(self, host: Host, unused_port: int) -> None:
        assert await host.forward(unused_port) == unused_port
        await host.reconnect()
        assert await host.forward(unused_port) > 0


@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("local", None),
        ("practice:/tmp/x", None),
        ("box", "ssh -N -L 18789:127.0.0.1:18789 box"),
        ("bob@new-box:2222", "ssh -N -L 18789:127.0.0.1:18789 -p 2222 bob@new-box"),
        ("[2001:db8::1]:22", "ssh -N -L 18789:127.0.0.1:18789 -p 22 2001:db8::1"),
    ],
)
def test_what_a_person_types_for_the_same(address: str, command: str | None) -> None:
    assert shell.forward_command(address, 18789) == command
