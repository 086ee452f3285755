"""What is found below a home, in services and of running gateways; on real folders with the real helper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openclaw_wizard.model import GatewayState, Workspace
from openclaw_wizard.openclaw import discover, inventory
from openclaw_wizard.openclaw.found import Other
from openclaw_wizard.steps.survey import log_in_as
from tests.openclaw_states import config, facts, gateway, helper, today, write

pytestmark = pytest.mark.node


async def survey(home: Path, **environment: str) -> discover.Survey:
    return await discover.survey(helper(), facts(home), environment)


async def test_an_installation_with_everything_about_it(home: Path) -> None:
    state = today(home)
    write(state / "cache/big.js", "x" * 10_000)
    (found,) = (await survey(home)).installations
    assert (found.profile, found.state_dir, found.config_path) == (
        None,
        str(state),
        f"{state}/openclaw.json",
    )
    assert (found.version, found.mode, found.port, found.config_problem) == (
        "2026.9.6",
        "local",
        28123,
        None,
    )
    assert (found.agents, found.channels) == (("main", "research"), ("telegram",))
    assert (found.has_agents, found.has_credentials) == (True, True)
    sizes = [p.stat().st_size for p in state.rglob("*") if p.is_file() and "cache" not in p.parts]
    assert (found.state_files, found.state_bytes) == (len(sizes), sum(sizes))
    assert found.workspaces == (
        Workspace(agent="main", path=f"{state}/workspace", inside_state=True, exists=True),
        Workspace(agent="research", path=f"{home}/research", inside_state=False, exists=True),
    )
    assert found.gateway.state is GatewayState.STOPPED


async def test_profiles_but_no_leftovers(home: Path) -> None:
    for name in (".openclaw", ".openclaw-work", ".openclaw-a_b"):
        write(home / name / "openclaw.json", "{}")
    leftovers = (
        ".openclaw.bak",
        ".openclaw.before-7",
        ".openclaw-work.incoming-7",
        ".openclaw.undone-7",
        ".openclaw_backup_7",
        ".openclaw.update-captures",
        ".openclaw-wizard.old",
        ".clawdbot",
    )
    for name in leftovers:
        write(home / name / "openclaw.json", "{}")
    found = (await survey(home)).installations
    assert [each.profile for each in found] == [None, "a_b", "work"]


@pytest.mark.parametrize("mark", ["openclaw.json", "state/openclaw.sqlite", "agents/main/x"])
async def test_any_mark_makes_a_state_directory(home: Path, mark: str) -> None:
    write(home / ".openclaw" / mark, "{}")
    (found,) = (await survey(home)).installations
    assert found.state_dir == str(home / ".openclaw")


async def test_a_place_that_only_looks_like_one(home: Path) -> None:
    write(home / ".openclaw/notes.txt", "x")
    seen = await survey(home)
    assert seen.installations == ()
    assert "holds no config, no agents and no database" in seen.why_nothing(str(home))
    assert str(home / ".openclaw") in seen.why_nothing(str(home))


async def test_a_file_in_its_place_and_nothing_at_all(home: Path) -> None:
    assert "no state directory" in (await survey(home)).why_nothing(str(home))
    write(home / ".openclaw", "x")
    assert "is no folder" in (await survey(home)).why_nothing(str(home))


async def test_what_belongs_to_other_people_is_told(tmp_path: Path) -> None:
    for owner in ("alice", "carl", "root"):
        write(tmp_path / owner / ".openclaw/openclaw.json", "{}")
    write(tmp_path / "alice/.openclaw-work/openclaw.json", "{}")
    write(tmp_path / "dora/.openclaw/notes.txt", "no state")
    lines = [f"{name}:x:1:1::{tmp_path}/{name}:/bin/sh" for name in ("root", "alice", "dora")]
    passwd = write(tmp_path / "passwd", "\n".join([*lines, "sync:x:4:65534:sync:/nonexistent:/bin/sync", ""]))
    asked = {"home": f"{tmp_path}/root", "passwd": str(passwd), "people": f"{tmp_path}"}
    answer = await helper().call("oc.discover", asked)
    others = tuple(Other.model_validate(each) for each in answer["others"])
    assert sorted((each.user, each.path) for each in others) == [
        ("alice", f"{tmp_path}/alice/.openclaw"),
        ("alice", f"{tmp_path}/alice/.openclaw-work"),
        ("carl", f"{tmp_path}/carl/.openclaw"),
    ]
    why = discover.Survey((), (), others).why_nothing("/root")
    assert f"{tmp_path}/alice/.openclaw belongs to alice" in why


@pytest.mark.parametrize(
    ("address", "told"),
    [("old", "alice@old"), ("root@192.0.2.1:2222", "alice@192.0.2.1:2222"), ("local", "as alice")],
)
def test_the_next_step_is_to_log_in_as_the_owner(address: str, told: str) -> None:
    others = (Other(user="alice", path="/home/alice/.openclaw"),)
    assert told in (log_in_as(address, others) or "")
    assert log_in_as(address, ()) is None
    assert log_in_as("practice:/tmp/old", others) is None


async def test_the_legacy_folder_counts_only_alone(home: Path) -> None:
    write(home / ".clawdbot/clawdbot.json", "{ gateway: { mode: 'local' } }")
    (found,) = (await survey(home)).installations
    assert (found.state_dir, found.profile, found.mode) == (str(home / ".clawdbot"), None, "local")
    assert found.config_path.endswith("/clawdbot.json")
    (home / ".openclaw").symlink_to(home / ".clawdbot")
    (found,) = (await survey(home)).installations
    assert found.state_dir == str(home / ".openclaw")


async def test_state_directories_that_services_and_variables_name(home: Path) -> None:
    for name in ("far", "farther", "told"):
        write(home / name / "openclaw.json", "{}")
    units = home / ".config/systemd/user"
    write(
        units / "openclaw-gateway.service",
        f'[Service]\nEnvironment=HOME={home} "OPENCLAW_STATE_DIR={home}/far" OPENCLAW_GATEWAY_TOKEN=secret\n'
        "Environment=OPENCLAW_GATEWAY_PORT=19001\n",
    )
    write(units / "openclaw-gateway-work.service", "[Service]\nEnvironment=OPENCLAW_PROFILE=work\n")
    write(
        units / "openclaw-gateway-work.service.d/place.conf",
        "[Service]\nEnvironment='OPENCLAW_STATE_DIR=%h/farther'\n",
    )
    write(units / "openclaw-node.service", f"[Service]\nEnvironment=OPENCLAW_STATE_DIR={home}/node\n")
    write(home / "bin/systemctl", "#!/bin/sh\necho ActiveState=inactive\n", 0o755)
    asking = helper()
    asking.path = f"{home}/bin:{asking.path}"
    seen = await discover.survey(asking, facts(home), {"OPENCLAW_STATE_DIR": f"{home}/told"})
    found = {each.state_dir: each for each in seen.installations}
    assert set(found) == {f"{home}/far", f"{home}/farther", f"{home}/told"}
    far = found[f"{home}/far"]
    assert (far.gateway.unit, far.port) == ("openclaw-gateway.service", 19001)
    assert far.gateway.environment["OPENCLAW_STATE_DIR"] == f"{home}/far"
    assert "secret" not in far.model_dump_json()
    assert found[f"{home}/farther"].profile == "work"
    assert found[f"{home}/farther"].gateway.unit == "openclaw-gateway-work.service"


async def test_a_running_gateway_shows_its_state_directory(home: Path, tmp_path: Path) -> None:
    far = tmp_path / "far"
    today(far)
    other = tmp_path / "other"
    today(other)
    with (
        gateway(far / ".openclaw", environment={"HOME": str(home)}) as (pid, _),
        gateway(other / ".openclaw", environment={"HOME": str(other)}),
    ):
        (found,) = (await survey(home)).installations
        assert found.state_dir == str(far / ".openclaw")
        assert (found.gateway.state, found.gateway.pid) == (GatewayState.RUNNING, pid)


# --------------------------------------------------------------------------- configs that are not plain


async def test_a_config_in_parts(home: Path) -> None:
    state = home / ".openclaw"
    write(
        state / "openclaw.json",
        "// parts\n{ agents: { $include: './agents.json5' }, gateway: { mode: 'local' } }",
    )
    write(state / "agents.json5", f"{{ entries: {{ main: {{ workspace: '{home}/ws' }}, b: {{}} }} }}")
    (found,) = (await survey(home)).installations
    assert found.config_problem is None
    assert found.agents == ("main", "b")
    assert [(w.path, w.exists) for w in found.workspaces] == [
        (f"{home}/ws", False),
        (f"{state}/workspace-b", False),
    ]


@pytest.mark.parametrize(
    ("text", "problem"), [("{ token: 'secret-token'", "not JSON5"), (None, "there is no config file")]
)
async def test_a_config_that_cannot_be_used_is_told(home: Path, text: str | None, problem: str) -> None:
    state = today(home)
    (state / "openclaw.json").unlink()
    if text is not None:
        write(state / "openclaw.json", text)
    (found,) = (await survey(home)).installations
    assert problem in (found.config_problem or "")
    assert "secret-token" not in found.model_dump_json()
    assert (found.has_agents, found.mode, found.agents, found.workspaces) == (True, None, (), ())


async def test_a_workspace_that_is_a_link_moves_by_its_folder(home: Path) -> None:
    state = today(home)
    (state / "workspace").rename(home / "clawd")
    (state / "workspace").symlink_to(home / "clawd")
    (found,) = (await survey(home)).installations
    assert found.workspaces[0] == Workspace(
        agent="main", path=str(home / "clawd"), inside_state=False, exists=True
    )


async def test_an_agent_folder_outside_the_state_moves_too(home: Path) -> None:
    far = home / "agents/main"
    agents = {"entries": {"main": {"workspace": f"{home}/ws", "agentDir": str(far)}}}
    state = today(home, agents=agents)
    far.parent.mkdir()
    (state / "agents/main/agent").rename(far)
    machine = facts(home)
    (found,) = await discover.discover(helper(), machine)
    assert [(w.agent, w.path, w.inside_state) for w in found.workspaces] == [
        ("main", f"{home}/ws", False),
        ("main (agent folder)", str(far), False),
    ]
    counted = await inventory.take(helper(), found, machine, version=None)
    assert counted.messages["main/main-s1"] == 3
    assert counted.workspaces == {}


async def test_an_empty_config_is_a_config(home: Path) -> None:
    write(home / ".openclaw/openclaw.json", "{}")
    (found,) = (await survey(home)).installations
    assert (found.config_problem, found.agents) == (None, ("main",))


async def test_an_old_profile_has_its_workspace_with_the_default_one(home: Path) -> None:
    made = config(home, agents={"list": [{"id": "main"}]}, meta={"lastTouchedVersion": "2026.6.11"})
    write(home / ".openclaw-work/openclaw.json", json.dumps(made))
    write(home / ".openclaw/workspace-work/SOUL.md", "x")
    (found,) = [each for each in (await survey(home)).installations if each.profile == "work"]
    assert found.workspaces == (
        Workspace(agent="main", path=f"{home}/.openclaw/workspace-work", inside_state=False, exists=True),
    )


async def test_reading_leaves_no_trace(home: Path) -> None:
    state = today(home)
    before = {p: p.lstat().st_mtime_ns for p in home.rglob("*")}
    await survey(home)
    assert {p: p.lstat().st_mtime_ns for p in home.rglob("*")} == before
    assert not list(state.rglob("*-shm"))


async def test_places(home: Path) -> None:
    today(home)
    found = await discover.places(
        helper(), [f"{home}/.openclaw/workspace", f"{home}/not/there"], [("*.none", "")]
    )
    assert [(p.exists, p.folder, p.files) for p in found] == [(True, True, 3), (False, False, 0)]
    written = [p for p in (home / ".openclaw/workspace").rglob("*") if p.is_file()]
    assert found[0].bytes == sum(p.stat().st_size for p in written)
    assert all(p.free and p.free > 0 for p in found)


async def test_the_config_is_read_again(home: Path) -> None:
    state = today(home)
    (found,) = await discover.discover(helper(), facts(home))
    write(state / "openclaw.json", json.dumps(config(home, extra={"a": 1})))
    assert (await discover.read_config(helper(), found))["extra"] == {"a": 1}
