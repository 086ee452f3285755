"""The real OpenClaw: what the wizard reads from it, stops of it, and moves of it to another home."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openclaw_wizard.demo.runtime import VERSION, Runtime, free_port, prepare
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.model import GatewayState, HostFacts, Installation, Inventory, RowState
from openclaw_wizard.openclaw import command, comparison, discover, inventory, layout, relocate, service
from tests.builders import tree
from tests.openclaw_states import facts, helper

pytestmark = [pytest.mark.openclaw, pytest.mark.node, pytest.mark.xdist_group("openclaw")]


@pytest.fixture(scope="session")
def runtime() -> Runtime:
    """Made once, before a test has its own empty environment: the cache is to be kept."""
    return asyncio.run(prepare(lambda _: None))


class Machine:
    """A home of its own with the real OpenClaw on its PATH."""

    def __init__(self, home: Path, runtime: Runtime) -> None:
        home.mkdir(parents=True)
        self.home, self.host, self.ask = home, LocalHost(), helper()
        path = f"{runtime.openclaw}/bin:{runtime.node.parent}:/usr/bin:/bin"
        self.facts: HostFacts = facts(home, path=path, openclaw=VERSION)
        self.environment = {"HOME": str(home)}

    async def openclaw(self, *words: str) -> str:
        argv = command.openclaw(self.facts, *words, environment=self.environment)
        return (await self.host.run(argv, timeout=300)).check().text

    async def installation(self) -> Installation:
        (found,) = await discover.discover(self.ask, self.facts)
        return found

    async def count(self) -> Inventory:
        return await inventory.take(self.ask, await self.installation(), self.facts, version=VERSION)

    async def start(self) -> Installation:
        argv = command.start_detached(
            self.facts, state_dir=f"{self.home}/.openclaw", environment=self.environment
        )
        (await self.host.run(argv, timeout=30)).check()
        found = await self.installation()
        await self._until_ready(found.port)
        return found

    async def _until_ready(self, port: int) -> None:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            answer = await self.ask.call("http", {"port": port, "path": "/readyz", "timeoutMs": 3000})
            if answer["status"] == 200:
                return
            await asyncio.sleep(0.3)
        pytest.fail((self.home / ".openclaw" / layout.DETACHED_LOG).read_text()[-2000:])

    async def stop(self) -> None:
        """Asks once in the way that the plan says, and waits for the proof."""
        found = await self.installation()
        seen = await discover.observe(self.ask, found, self.facts)
        plan = service.stop_plan(seen.gateway, unit_active=seen.unit_active)
        if plan.way == "nothing":
            return
        assert plan.way == "signal"
        assert await discover.signal(self.ask, found, self.facts, pid=plan.pid) == ""
        deadline = time.monotonic() + service.STOP_BUDGET
        while not service.is_down((seen := await discover.observe(self.ask, found, self.facts)).gateway):
            assert time.monotonic() < deadline, seen.why
            await asyncio.sleep(0.3)


@pytest.fixture
async def machines(tmp_path: Path, runtime: Runtime) -> AsyncIterator[tuple[Machine, Machine]]:
    made = Machine(tmp_path / "home/al", runtime), Machine(tmp_path / "srv/bo", runtime)
    yield made
    for each in made:
        if (each.home / ".openclaw").exists():
            await each.stop()


async def onboard(machine: Machine) -> None:
    await machine.openclaw(
        *("onboard", "--non-interactive", "--accept-risk", "--mode", "local", "--auth-choice", "skip"),
        *("--gateway-port", str(free_port()), "--gateway-bind", "loopback", "--no-install-daemon"),
        *("--skip-health", "--skip-channels", "--skip-skills", "--skip-search", "--skip-ui", "--json"),
    )
    await machine.openclaw("config", "set", "agents.defaults.heartbeat.every", "0m")
    research = ("agents", "add", "research", "--workspace", f"{machine.home}/research")
    await machine.openclaw(*research, "--non-interactive", "--json")


async def test_a_real_state_moves_to_another_home(machines: tuple[Machine, Machine]) -> None:
    old, new = machines
    await onboard(old)
    running = await old.start()
    assert (await discover.gateway(old.ask, running, old.facts)).state is GatewayState.RUNNING
    job = ("--cron", "17 3 * * *", "--session", "isolated", "--message", "nightly", "--no-deliver", "--json")
    await old.openclaw("cron", "add", "--name", "nightly", *job)

    living = await old.count()
    assert all(each.ok for each in living.databases)
    await old.stop()
    before = await old.count()
    assert before.agents == ("main", "research")
    assert len(before.cron_jobs) >= 1
    assert before.devices

    stage = new.home / ".openclaw.incoming-7"
    left_behind = shutil.ignore_patterns("cache", "plugin-skills", "tmp", "*.sqlite-shm")
    shutil.copytree(old.home / ".openclaw", stage, symlinks=True, ignore=left_behind)
    shutil.copytree(old.home / "research", new.home / "research", symlinks=True)
    old.home.rename(old.home.with_name("gone"))
    state = tree(old=f"{old.home}/.openclaw", new=f"{new.home}/.openclaw")
    outside = tree(name="workspace-1", old=f"{old.home}/research", new=f"{new.home}/research")
    placed = [relocate.Placed(state, str(stage)), relocate.Placed(outside, f"{new.home}/research")]
    pairs = relocate.pairs((state, outside))
    done = await relocate.relocate(new.ask, placed, pairs, homes=[str(old.home)])
    assert done.changes and not done.problems
    again = await relocate.relocate(new.ask, placed, pairs, homes=[str(old.home)], dry_run=True)
    assert again.changes == ()
    stage.rename(new.home / ".openclaw")

    config = await discover.read_config(new.ask, await new.installation())
    assert '"valid":true' in await new.openclaw(*command.VALIDATE)
    await new.openclaw(*command.DOCTOR_FIX)
    switched_off = await relocate.restore_skills(new.ask, f"{new.home}/.openclaw/openclaw.json", config)
    assert switched_off
    await new.openclaw(*command.DOCTOR_LINT)
    await new.start()
    after = await new.count()
    rows = comparison.compare(before, after, changes=((str(old.home), str(new.home)),))
    assert [each for each in rows if not each.explained] == []
    kept = {each.subject: each.state for each in rows}
    assert kept["cron jobs"] is RowState.EQUAL
    # A workspace that is new to OpenClaw would have lost it.
    assert (new.home / ".openclaw/workspace/BOOTSTRAP.md").exists()
    assert '"nightly"' in await new.openclaw("cron", "list", "--all", "--json")
    await new.stop()
    assert (await new.installation()).gateway.state is GatewayState.STOPPED
