"""Plugins after a move: what they lack is found, then mended or named with its command."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.model import HostFacts, Installation
from openclaw_wizard.openclaw import discover, plugins
from openclaw_wizard.openclaw.plugins import Plugin, install_words
from openclaw_wizard.steps.plugins import LEFT, Plugins, left_to_do, rows
from tests.lab.carry import Carry
from tests.odd_trees import PATH
from tests.openclaw_states import facts, helper, today, write

pytestmark = pytest.mark.node
OLD_HOME = "/home/alice"


def record(home: str, name: str, source: str = "npm") -> dict[str, str]:
    path = f"{home}/.openclaw/npm/projects/{name}/node_modules/@openclaw/{name}"
    return {
        "source": source,
        "spec": f"@openclaw/{name}",
        "resolvedSpec": f"@openclaw/{name}@1.0.0",
        "installPath": path,
    }


def put_plugin(home: Path, name: str, *, packages: tuple[str, ...] = (), peer: str | None = None) -> Path:
    """The code of a plugin that asks for two packages, with those of `packages` there."""
    folder = home / f".openclaw/npm/projects/{name}/node_modules/@openclaw/{name}"
    asks = {"name": f"@openclaw/{name}", "dependencies": {"one": "1", "two": "2"}}
    write(folder / "package.json", json.dumps(asks))
    for each in packages:
        write(folder / "node_modules" / each / "package.json", "{}")
    if peer is not None:
        (folder / "node_modules").mkdir(exist_ok=True)
        (folder / "node_modules/openclaw").symlink_to(peer)
    return folder


def keep_index(home: Path, records: dict[str, Any]) -> None:
    """As OpenClaw 2026.9.6 keeps it [measured]."""
    with closing(sqlite3.connect(home / ".openclaw/state/openclaw.sqlite")) as db:
        value = json.dumps({"revision": 1, "index": {"version": 1, "installRecords": records, "plugins": []}})
        db.execute(
            "INSERT OR REPLACE INTO config_machine_state VALUES ('plugins.installedIndex', ?, 1)", (value,)
        )
        db.commit()


async def installation(home: Path) -> tuple[Installation, HostFacts]:
    machine = facts(home)
    (found,) = await discover.discover(helper(), machine)
    return found, machine


async def test_what_a_plugin_lacks_is_found(tmp_path: Path) -> None:
    today(tmp_path)
    put_plugin(tmp_path, "slack", packages=("one", "two"), peer="/nowhere/openclaw")
    put_plugin(tmp_path, "matrix", packages=("two",))
    names = ("slack", "matrix", "gone")
    # Records may still name OLD's home; what stands on this machine is what counts.
    keep_index(tmp_path, {name: record(OLD_HOME, name) for name in names})
    there, _ = await installation(tmp_path)
    found = await plugins.installed(helper(), there, [(OLD_HOME, str(tmp_path))])
    assert [(p.id, p.code, p.missing, len(p.lost_peers)) for p in found] == [
        ("gone", False, (), 0),
        ("matrix", True, ("one",), 0),
        ("slack", True, (), 1),
    ]
    assert [p.id for p in found if p.is_whole] == ["slack"]
    assert all(p.spec == f"@openclaw/{p.id}@1.0.0" for p in found)


@pytest.mark.parametrize("where", ["table", "file", "config"])
async def test_every_era_is_read(tmp_path: Path, where: str) -> None:
    today(tmp_path)
    state, found = tmp_path / ".openclaw", {"notes": record(str(tmp_path), "notes", "path")}
    if where == "file":
        write(state / "plugins/installs.json", json.dumps({"records": found}))
    elif where == "config":
        config = json.loads((state / "openclaw.json").read_text())
        write(state / "openclaw.json", json.dumps(config | {"plugins": {"installs": found}}))
    else:
        with closing(sqlite3.connect(state / "state/openclaw.sqlite")) as db:
            db.execute("CREATE TABLE installed_plugin_index (index_key TEXT, install_records_json TEXT)")
            db.execute("INSERT INTO installed_plugin_index VALUES ('installed', ?)", (json.dumps(found),))
            db.commit()
    there, _ = await installation(tmp_path)
    (plugin,) = await plugins.installed(helper(), there)
    assert (plugin.id, plugin.source, plugin.can_be_fetched) == ("notes", "path", False)


async def test_a_lost_link_to_openclaw_leads_to_the_one_on_this_machine(tmp_path: Path) -> None:
    today(tmp_path)
    folder = put_plugin(tmp_path, "slack", packages=("one", "two"), peer="/nowhere/openclaw")
    keep_index(tmp_path, {"slack": record(str(tmp_path), "slack")})
    package = tmp_path / "prefix/lib/node_modules/openclaw"
    write(package / "package.json", '{"name": "openclaw"}')
    program = write(package / "openclaw.mjs", "", 0o755)
    (tmp_path / "prefix/bin").mkdir()
    (tmp_path / "prefix/bin/openclaw").symlink_to(program)
    there, machine = await installation(tmp_path)
    found = await plugins.installed(helper(), there)
    on_path = machine.model_copy(update={"path": f"{tmp_path}/prefix/bin:{PATH}"})
    assert await plugins.relink(helper(), on_path, found) == str(package)
    assert (folder / "node_modules/openclaw").readlink() == package
    assert [p.lost_peers for p in await plugins.installed(helper(), there)] == [()]


@pytest.mark.parametrize(
    ("version", "flags"),
    [
        ("2026.3.13", ()),
        ("2026.7.1", ("--force",)),
        ("2026.9.6", ("--force", "--accept-capabilities")),
    ],
)
def test_only_flags_that_the_version_knows_are_given(version: str, flags: tuple[str, ...]) -> None:
    plugin = Plugin(id="x", source="npm", spec="x@1", path="/p", code=True, missing=("y",), lost_peers=())
    assert install_words(plugin, version) == ("plugins", "install", "x@1", *flags)


OPENCLAW = """#!/bin/sh
# A stand-in for `openclaw plugins install`: brings what slack lacks, and does not reach the source of matrix.
case "$*" in
*slack*) mkdir -p "$HERE/one" "$HERE/two" ;;
*) echo "npm error 404" >&2; exit 1 ;;
esac
"""


async def test_what_cannot_be_fetched_is_left_to_the_person_with_its_command(tmp_path: Path) -> None:
    home = tmp_path / "bob"
    today(home)
    slack = put_plugin(home, "slack")
    put_plugin(home, "matrix", packages=("one",))
    sources = {"slack": "npm", "matrix": "npm", "notes": "path"}
    keep_index(home, {name: record(str(home), name, source) for name, source in sources.items()})
    script = OPENCLAW.replace("$HERE", str(slack / "node_modules"))
    write(tmp_path / "bin/openclaw", script, 0o755)
    carry = Carry(tmp_path / "old", home / ".openclaw")
    there, machine = await installation(home)
    tree = carry.tree.model_copy(update={"name": "state", "new": f"{home}/.openclaw"})
    new = machine.model_copy(update={"path": f"{tmp_path}/bin:{PATH}", "npm_prefix": None})
    carry.ctx.plan = carry.ctx.plan.model_copy(
        update={"installation": there, "trees": (tree,), "new": new, "version": "2026.9.6"}
    )
    carry.ctx.facts = carry.ctx.facts.model_copy(update={"new": new})
    carry.ctx.new_helper = helper()
    await carry.does(Plugins())
    left = left_to_do(carry.ctx.shelf.load(LEFT))
    assert {each.subject: each.why for each in left} == {
        "plugin matrix": "its packages two are not there; it could not be fetched",
        "plugin notes": "it is not there; it came from a path on OLD",
    }
    assert left[0].command == "openclaw plugins install @openclaw/matrix@1.0.0 --force --accept-capabilities"
    (row,) = rows(carry.ctx)
    assert not row.explained and "matrix" in row.detail and left[0].command in row.detail
    assert any("npm error 404" in str(event) for event in carry.events)
