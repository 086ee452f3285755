"""Pitfalls that are really there on NEW: folders, modes, ports, another installation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw_wizard.model import GatewayFacts, GatewayState, Verdict
from openclaw_wizard.openclaw import discover, signs
from tests.builders import new_facts, tree
from tests.openclaw_states import config, helper, today, write
from tests.openclaw_states import facts as local
from tests.planted import hits, judged, listening, silent_port
from tests.two_hosts import TwoHosts

pytestmark = pytest.mark.node


@pytest.fixture
def listener() -> Iterator[int]:
    with listening() as port:
        yield port


async def test_what_is_read_of_new(home: Path, listener: int) -> None:
    write(home / ".clawdbot/clawdbot.json", "{}")
    units = home / ".config/systemd/user"
    units.mkdir(parents=True)
    units.chmod(0o775)
    places = [f"127.0.0.1:{listener}", f"127.0.0.1:{silent_port()}"]
    asked = {"home": str(home), "port": listener, "asked": places}
    there = signs.there(await helper().call("oc.there", asked))
    assert (there.unit_folder, there.unit_folder_mode, there.legacy, there.answering) == (
        str(units),
        0o775,
        (f"{home}/.clawdbot",),
        (places[0],),
    )
    assert "127.0.0.1" in there.addresses
    state = today(home)
    made = config(home)
    made["models"] = {"providers": {"ollama": {"baseUrl": f"http://{places[1]}/v1"}}}
    made["gateway"] |= {"bind": "custom", "customBindHost": "192.0.2.7"}
    write(state / "openclaw.json", json.dumps(made))
    new = new_facts(home=str(home), user_bus=True, linger=False)
    found = hits(await judged(home, new=new, there=there, neighbours=(), trees=(tree(new=f"{home}/x"),)))
    assert found >= {
        *("legacy-folder-on-new", "service-folder-open", "home-differs", "no-linger"),
        *("local-models", "bind-address", "port-taken-on-new"),
    }


async def test_the_folder_that_openclaw_leads_to_is_none_of_an_older_name(home: Path) -> None:
    today(home)
    (home / ".clawdbot").symlink_to(".openclaw")
    asked = {"home": str(home), "port": silent_port()}
    assert signs.there(await helper().call("oc.there", asked)).legacy == ()
    (home / ".clawdbot").unlink()
    (home / ".openclaw").rename(home / ".clawdbot")
    (home / ".openclaw").symlink_to(".clawdbot")
    assert signs.there(await helper().call("oc.there", asked)).legacy == ()


async def test_a_free_port_and_a_clean_home_on_new(home: Path) -> None:
    there = signs.there(await helper().call("oc.there", {"home": str(home), "port": silent_port()}))
    today(home)
    found = await judged(home, new=new_facts(home=there.account_home), there=there, neighbours=())
    for name in ("legacy-folder-on-new", "service-folder-open", "home-differs", "port-taken-on-new"):
        assert found[name].verdict is Verdict.CLEAR, name


async def test_another_installation_on_new_with_the_same_port_and_channels(
    home: Path, tmp_path: Path
) -> None:
    today(home)
    (neighbour,) = await discover.discover(helper(), local(_second_home(tmp_path)))
    running = neighbour.model_copy(update={"gateway": GatewayFacts(state=GatewayState.RUNNING)})
    found = hits(await judged(home, neighbours=(running,)))
    assert found == {"port-of-a-neighbour", "neighbour-with-channels"}


async def test_the_survey_reads_new_for_its_pitfalls_and_changes_nothing(
    tmp_path: Path, listener: int
) -> None:
    hosts = TwoHosts(tmp_path)
    state, new = hosts.furnish(), hosts.new_home
    made = config(hosts.old_home)
    made["gateway"] |= {"port": listener, "bind": "custom", "customBindHost": "192.0.2.7"}
    made["models"] = {"providers": {"ollama": {"baseUrl": f"http://127.0.0.1:{silent_port()}/v1"}}}
    write(state / "openclaw.json", json.dumps(made))
    write(new / ".moltbot/clawdbot.json", "{}")
    write(new / ".openclaw-x/openclaw.json", json.dumps({"gateway": {"mode": "local", "port": listener}}))
    before = [hosts.snapshot(home) for home in (hosts.old_home, new)]
    wizard = hosts.wizard()
    try:
        plan = await wizard.survey(hosts.old, hosts.new)
    finally:
        await wizard.aclose()
        await hosts.close()
    told = {each.pitfall: each for each in plan.findings}
    wanted = {
        "legacy-folder-on-new",
        "port-taken-on-new",
        "port-of-a-neighbour",
        "bind-address",
        "local-models",
    }
    assert hits(told) >= {*wanted, "no-service", "no-openclaw-command", "port-taken"}
    assert told["port-taken-on-new"].verdict is Verdict.BLOCKS
    assert str(listener) in told["port-of-a-neighbour"].evidence
    assert [hosts.snapshot(home) for home in (hosts.old_home, new)] == before


def _second_home(folder: Path) -> Path:
    today(folder / "second")
    return folder / "second"
