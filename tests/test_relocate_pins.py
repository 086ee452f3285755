"""Workspaces that a version resolves by its own rule, pinned into the config of the copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.openclaw import config as configs
from openclaw_wizard.openclaw import relocate
from openclaw_wizard.openclaw.config import Setting
from openclaw_wizard.paths import Pin, Relocation
from tests.builders import installation, workspace
from tests.relocating import NEW, OLD, again, left, relocated

pytestmark = pytest.mark.node

PIN = Pin(keys=("agents", "defaults", "workspace"), value=f"{NEW}/.openclaw/workspace-work", why="elsewhere")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{"agents": {"defaults":{"workspace":"W"}}}'),
        ("{ // mine\n a: 1 }", '{"agents": {"defaults":{"workspace":"W"}},  // mine\n a: 1 }'),
        ("{agents: {defaults: {x: 1,},},}", '{agents: {defaults: {"workspace": "W", x: 1,},},}'),
        (
            "{agents: {$include: 'a.json5'}}",
            '{agents: {"defaults": {"workspace":"W"}, $include: \'a.json5\'}}',
        ),
    ],
)
async def test_a_workspace_is_pinned_into_the_config(tmp_path: Path, before: str, after: str) -> None:
    files = {"openclaw.json": before, "a.json5": "{ defaults: { y: 2 } }"}
    found = await relocated(tmp_path, files, pins=[PIN])
    assert (tmp_path / "openclaw.json").read_text() == after.replace("W", PIN.value)
    assert [(each.where, each.old, each.new) for each in found.changes] == [
        ("agents.defaults.workspace", PIN.why, PIN.value)
    ]
    included = {str(tmp_path / "a.json5"): files["a.json5"]}
    text = (tmp_path / "openclaw.json").read_text()
    read = configs.parse(text, included=included, path=str(tmp_path / "openclaw.json"))
    assert configs.lookup(read, *map(str, PIN.keys)) == PIN.value
    assert await again(tmp_path, pins=[PIN], dry_run=True) == Relocation()


async def test_a_pin_beside_something_else_is_told_and_not_forced(tmp_path: Path) -> None:
    text = '{"agents": {"defaults": {"workspace": "~/mine"}}}'
    found = await relocated(tmp_path, {"openclaw.json": text}, pins=[PIN])
    assert (tmp_path / "openclaw.json").read_text() == text
    assert "cannot be added" in left(found)["openclaw.json", "agents.defaults.workspace"][0]
    pair = [PIN.model_copy(update={"keys": ("agents", "entries", name, "workspace")}) for name in ("a", "b")]
    found = await relocated(tmp_path, {"openclaw.json": '{"agents": {"x": 1}}'}, pins=pair)
    assert [each.where for each in found.changes] == ["agents.entries.a.workspace"]
    assert "cannot be added" in left(found)["openclaw.json", "agents.entries.b.workspace"][0]
    list_pin = PIN.model_copy(update={"keys": ("agents", "list", 0, "workspace")})
    found = await relocated(
        tmp_path, {"openclaw.json": '{"agents": {"$include": "a.json"}}'}, pins=[list_pin]
    )
    assert "cannot be added" in left(found)["openclaw.json", "agents.list.0.workspace"][0]


def pinned(config: Any, spaces: dict[str, str], *, profile: str | None, version: str) -> dict[str, str]:
    """The pins for a move of /home/al to /srv/bo, by key path."""
    name = f".openclaw-{profile}" if profile else ".openclaw"
    trees = (
        (f"{OLD}/{name}", f"{NEW}/{name}"),
        *((path, path.replace(OLD, NEW)) for path in spaces.values()),
    )
    moving = installation(workspaces=tuple(workspace(agent, path) for agent, path in spaces.items()))
    setting = Setting(f"{NEW}/{name}", NEW, profile, version)
    found = relocate.pins(config, moving, tuple(trees), setting)
    return {".".join(map(str, pin.keys)): pin.value for pin in found}


def test_an_older_profile_keeps_its_workspace_after_an_update() -> None:
    spaces = {"main": f"{OLD}/.openclaw/workspace-work"}
    assert pinned({}, spaces, profile="work", version="2026.3.13") == {
        "agents.defaults.workspace": f"{NEW}/.openclaw/workspace-work"
    }
    listed = {"agents": {"list": [{"id": "Main"}]}}
    assert list(pinned(listed, spaces, profile="work", version="2026.3.13")) == ["agents.list.0.workspace"]


def test_what_every_version_finds_is_not_pinned() -> None:
    usual = {"main": f"{OLD}/.openclaw/workspace"}
    assert pinned({}, usual, profile=None, version="2026.3.13") == {}
    named = {"agents": {"entries": {"main": {"workspace": f"{OLD}/ws"}}}}
    assert pinned(named, {"main": f"{OLD}/ws"}, profile="work", version="2026.3.13") == {}


def test_a_workspace_that_only_a_variable_named_is_pinned() -> None:
    """OPENCLAW_WORKSPACE_DIR belongs to OLD's service."""
    found = pinned(
        {"agents": {"entries": {"main": {}}}}, {"main": f"{OLD}/ws"}, profile=None, version="2026.9.6"
    )
    assert found == {"agents.entries.main.workspace": f"{NEW}/ws"}


def test_the_first_of_several_in_a_list_keeps_the_default_workspace() -> None:
    config = {"agents": {"defaults": {"workspace": f"{OLD}/ws"}, "list": [{"id": "main"}, {"id": "b"}]}}
    found = pinned(config, {"main": f"{OLD}/ws", "b": f"{OLD}/ws/b"}, profile=None, version="2026.7.1")
    assert found == {"agents.list.0.workspace": f"{NEW}/ws"}
