"""Who runs a gateway: real processes, locks with their padding, recycled numbers, open databases."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.model import GatewayFacts, GatewayState, Installation
from openclaw_wizard.openclaw import discover, service
from openclaw_wizard.openclaw.service import Observed, Process, Seen
from tests.builders import installation
from tests.openclaw_states import bystander, facts, gateway, helper, lock_of, today, write

pytestmark = pytest.mark.node


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return today(tmp_path / "home")


def moving(state: Path, port: int = 1) -> Installation:
    return installation(state_dir=str(state), port=port, gateway=GatewayFacts(state=GatewayState.UNKNOWN))


async def observe(state: Path, port: int = 1) -> Observed:
    return await discover.observe(helper(), moving(state, port), facts(state.parent))


async def look(state: Path, **params: Any) -> Seen:
    asked = {"stateDir": str(state), "home": str(state.parent), **params}
    return Seen.model_validate(await helper().call("oc.gateway", asked))


def payload(state: Path, pid: int, **changes: Any) -> str:
    made = {"pid": pid, "configPath": f"{state}/openclaw.json", "stateDir": str(state), "port": 28123}
    return json.dumps({**made, **changes}) + "\n" + " \t" * 100


async def test_nothing_runs(state: Path) -> None:
    found = await observe(state)
    assert found.gateway.state is GatewayState.STOPPED
    assert found.why == ""


async def test_no_state_directory(tmp_path: Path) -> None:
    assert (await observe(tmp_path / "home/.openclaw")).gateway.state is GatewayState.ABSENT


async def test_a_gateway_with_its_lock(state: Path) -> None:
    with gateway(state, lock_of(state)) as (pid, port):
        seen = await look(state)
        assert (seen.pid, seen.port, seen.listening) == (pid, port, True)
        assert [lock.verdict for lock in seen.locks] == ["ours"]
        assert seen.holders is not None
        assert pid in {each.pid for each in seen.holders}
        assert seen.listener is not None
        assert seen.listener.ours
        assert service.observed(seen).gateway.state is GatewayState.RUNNING


async def test_a_gateway_without_a_lock_is_found_by_its_open_database(state: Path) -> None:
    with gateway(state) as (pid, _):
        found = await observe(state)
        assert (found.gateway.state, found.gateway.pid) == (GatewayState.RUNNING, pid)


async def test_only_the_variables_that_place_the_state_are_told(state: Path) -> None:
    variables = {"OPENCLAW_STATE_DIR": str(state), "OPENCLAW_GATEWAY_TOKEN": "secret", "OPENAI_API_KEY": "k"}
    with gateway(state, environment=variables):
        found = (await observe(state)).gateway.environment
    assert found == {"HOME": str(state.parent), "OPENCLAW_STATE_DIR": str(state)}


async def test_the_gateway_of_another_state_is_not_this_one(state: Path, tmp_path: Path) -> None:
    other = today(tmp_path / "other")
    with gateway(other, lock_of(other)) as (_, port):
        found = await observe(state, port)
        assert found.gateway.state is GatewayState.STOPPED
        assert (await look(state, port=port)).listener is not None


async def test_a_dead_lock_is_no_gateway(state: Path) -> None:
    with bystander() as pid:
        pass
    write(lock_of(state), payload(state, pid, startTime=1))
    seen = await look(state)
    assert [lock.verdict for lock in seen.locks] == ["gone"]
    assert service.observed(seen).gateway.state is GatewayState.STOPPED


@pytest.mark.parametrize("start_time", [1, None])
async def test_a_recycled_number_is_no_gateway(state: Path, start_time: int | None) -> None:
    with bystander() as pid:
        write(lock_of(state), payload(state, pid, startTime=start_time))
        seen = await look(state)
        assert [lock.verdict for lock in seen.locks] == ["gone"]
        assert seen.pid is None
        said = await discover.signal(helper(), moving(state), facts(state.parent), pid=pid)
        assert "no gateway" in said
        os.kill(pid, 0)


async def test_a_lock_without_a_start_time_goes_by_the_command_line(state: Path) -> None:
    with bystander("/usr/lib/node_modules/openclaw/dist/index.js", "gateway", "--port", "28123") as pid:
        write(lock_of(state), payload(state, pid))
        assert (await look(state)).pid == pid
    with bystander("/usr/lib/node_modules/openclaw/dist/index.js", "gateway", "status") as pid:
        write(lock_of(state), payload(state, pid))
        assert (await look(state)).pid is None


async def test_a_process_that_starts_is_seen_before_it_has_a_lock(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = today(state.parent / "elsewhere").rename(state.parent / ".openclaw-work")
    monkeypatch.setenv("HOME", str(state.parent))
    with bystander("/opt/openclaw.mjs", "--profile", "work", "gateway", "run") as pid:
        assert (await look(work)).pid == pid
        assert (await look(state)).pid is None


async def test_locks_of_older_versions_stand_in_the_shared_folder(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / f"shared/openclaw-{os.getuid()}"
    monkeypatch.setenv("TMPDIR", str(tmp_path / "shared"))
    write(shared / "gateway.12345678.lock", payload(tmp_path / "other/.openclaw", os.getpid()))
    with gateway(state, shared / "gateway.abcdef01.lock") as (pid, _):
        seen = await look(state)
        assert [lock.pid for lock in seen.locks] == [pid]
        assert seen.pid == pid


async def test_half_a_lock_file_is_passed_over(state: Path) -> None:
    write(lock_of(state), '{"pid": 12')
    assert (await observe(state)).gateway.state is GatewayState.STOPPED


async def test_a_program_that_holds_a_database_keeps_it_from_being_down(state: Path) -> None:
    script = "import sqlite3, sys, time; db = sqlite3.connect(sys.argv[1])\n"
    script += "db.execute('SELECT count(*) FROM sqlite_master').fetchone()\n"
    script += "print('up', flush=True)\ntime.sleep(600)"
    argv = [sys.executable, "-c", script, str(state / "state/openclaw.sqlite")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            found = await observe(state)
            assert found.gateway.state is GatewayState.UNKNOWN
            assert str(process.pid) in found.why
            assert not service.is_down(found.gateway)
        finally:
            process.kill()


async def test_a_lock_of_a_process_that_hides_its_files_is_seen(state: Path, tmp_path: Path) -> None:
    stat = (state / "state/openclaw.sqlite").stat()
    name = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}:{stat.st_ino}"
    proc = tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    write(proc / "locks", f"1: POSIX  ADVISORY  READ 4242 {name} 1073741826 1073742335\n")
    seen = await look(state, proc=str(proc))
    assert seen.holders == (Process(pid=4242, comm="?"),)
    write(proc / "locks", f"1: POSIX  ADVISORY  READ 4242 {name}9 1073741826 1073742335\n")
    assert (await look(state, proc=str(proc))).holders == ()


async def test_a_database_that_is_read_shows_in_the_list_of_locks(state: Path) -> None:
    with closing(sqlite3.connect(state / "state/openclaw.sqlite")) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM cron_jobs").fetchone()
        locks = Path("/proc/locks").read_text()
        inode = (state / "state/openclaw.sqlite-shm").stat().st_ino
        assert f":{inode} " in locks
        assert os.getpid() in {each.pid for each in (await look(state)).holders or ()}


async def test_a_port_that_another_program_has_says_nothing(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = await observe(state, server.getsockname()[1])
        assert found.gateway.state is GatewayState.STOPPED


async def test_without_a_view_of_processes_it_is_unknown_never_down(state: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    node = shutil.which("node", path=helper().path)
    assert node is not None
    (bare / "node").symlink_to(node)
    asking = helper()
    asking.path = str(bare)
    asked = {"stateDir": str(state), "home": str(state.parent), "proc": "/not/there"}
    seen = Seen.model_validate(await asking.call("oc.gateway", asked))
    assert seen.holders is None
    assert service.observed(seen).gateway.state is GatewayState.UNKNOWN
    with bystander() as pid:
        write(lock_of(state), payload(state, pid))
        seen = Seen.model_validate(await asking.call("oc.gateway", asked))
    assert [lock.verdict for lock in seen.locks] == ["unknown"]
    assert "cannot be looked at" in service.observed(seen).why


async def test_a_signal_reaches_that_gateway_and_it_is_down(state: Path) -> None:
    with gateway(state, lock_of(state)) as (pid, _), bystander() as other:
        asking, machine = helper(), facts(state.parent)
        said = await discover.signal(asking, moving(state), machine, pid=other)
        assert str(pid) in said
        os.kill(other, 0)
        assert await discover.signal(asking, moving(state), machine, pid=pid) == ""
        deadline = time.monotonic() + 20
        while not service.is_down((found := await observe(state)).gateway):
            assert time.monotonic() < deadline, found.why
        assert not lock_of(state).exists()


async def test_a_unit_is_told_even_where_no_bus_answers_but_not_where_no_systemd_runs(
    state: Path, tmp_path: Path
) -> None:
    write(
        state.parent / ".config/systemd/user/openclaw-gateway.service",
        "[Service]\nExecStart=/usr/bin/node index.js gateway\nEnvironment=OPENCLAW_GATEWAY_PORT=19001\n",
    )
    write(tmp_path / "bin/systemctl", "#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n", 0o755)
    asking = helper()
    asking.path = f"{tmp_path / 'bin'}:{asking.path}"
    asked = {"stateDir": str(state), "home": str(state.parent)}
    silent = await asking.call("oc.gateway", {**asked, "systemd": str(tmp_path)})
    assert silent["unit"] == {"name": "openclaw-gateway.service", "active": None, "enabled": None}
    without = await asking.call("oc.gateway", {**asked, "systemd": str(tmp_path / "none")})
    assert without["unit"] is None
    assert silent["environment"] == without["environment"] == {"OPENCLAW_GATEWAY_PORT": "19001"}


async def test_a_unit_by_the_words_of_systemctl(state: Path, tmp_path: Path) -> None:
    write(state.parent / ".config/systemd/user/openclaw-gateway.service", "[Service]\n")
    said = "LoadState=loaded\nActiveState=deactivating\nUnitFileState=enabled\nMainPID=0\n"
    script = "#!/bin/sh\n" + "".join(f"echo {line}\n" for line in said.splitlines())
    write(tmp_path / "bin/systemctl", script, 0o755)
    asking = helper()
    asking.path = f"{tmp_path / 'bin'}:{asking.path}"
    found = await discover.observe(asking, moving(state), facts(state.parent))
    assert found.gateway.state is GatewayState.STOPPING
    assert (found.gateway.unit_enabled, found.unit_active) == (True, True)
