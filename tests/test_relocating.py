"""Paths over a whole move between two real hosts: previewed on OLD, done in the copy, told, put back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard import report
from openclaw_wizard.errors import Blocked, StepFailed
from openclaw_wizard.events import Event, Relocated
from openclaw_wizard.faces.plain import plan_text
from openclaw_wizard.model import Outcome, Plan, RowState, Verdict, Wishes
from openclaw_wizard.openclaw import relocate
from openclaw_wizard.openclaw.found import Place
from openclaw_wizard.paths import Paths, Relocation
from openclaw_wizard.steps import back_up, copy, relocating, verify
from openclaw_wizard.steps.action import Action
from tests.builders import host_facts, installation, new_facts, tree, workspace
from tests.openclaw_states import config, helper, write
from tests.test_comparison_of_a_move import WITHOUT_A_GATEWAY
from tests.two_hosts import TwoHosts

pytestmark = pytest.mark.node

COUNTED: tuple[Action, ...] = (back_up.CheckDatabases(), *copy.ACTIONS, verify.Compare())


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[TwoHosts]:
    made = TwoHosts(tmp_path)
    yield made
    await made.close()


def agents(hosts: TwoHosts, **spaces: Path) -> dict[str, Any]:
    entries = {name: {"workspace": str(path)} for name, path in spaces.items()}
    return {"ownership": "explicit", "entries": entries}


def below(snapshot: dict[str, Any], folder: str) -> dict[str, Any]:
    return {name: each for name, each in snapshot.items() if name.startswith(f"{folder}/")}


def config_on_new(hosts: TwoHosts) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((hosts.new_home / ".openclaw/openclaw.json").read_text())
    return found


async def test_the_preview_is_what_is_done_and_can_be_put_back(hosts: TwoHosts) -> None:
    state = hosts.furnish(plugins={"load": {"paths": [f"{hosts.old_home}/src/mine"]}})
    write(state / "workspace/MEMORY.md", f"Look in {hosts.old_home}/research.\n", 0o644)
    write(hosts.new_home / ".openclaw/openclaw.json", '{"what": "stood there"}')
    before = hosts.snapshot(hosts.old_home), hosts.snapshot(hosts.new_home)
    events: list[Event] = []
    wizard = hosts.wizard(events, actions=COUNTED)
    plan = await wizard.survey(hosts.old, hosts.new)
    assert (hosts.snapshot(hosts.old_home), hosts.snapshot(hosts.new_home)) == before
    assert plan.relocation is not None and plan.relocation.count == 14
    assert [each.where for each in plan.relocation.left] == ["plugins.load.paths.0"]
    assert [each.file for each in plan.relocation.mentions.first] == ["workspace/MEMORY.md"]
    assert wizard.view.findings["paths-inside"].verdict is Verdict.LOOK
    said = plan_text(plan)
    assert f"- {hosts.old_home}/research\n        + {hosts.new_home}/research" in said
    assert (
        f"plugins.load.paths.0  {hosts.old_home}/src/mine: it points at something that does not move" in said
    )

    assert await wizard.run() is Outcome.PROBLEMS
    assert {row.subject for row in wizard.view.rows if not row.explained} == WITHOUT_A_GATEWAY
    (folder,) = (hosts.wizard_home / "migrations").iterdir()
    kept = Relocation.model_validate_json((folder / "changes.json").read_bytes())
    assert kept.changes == plan.relocation.changes
    assert [each.relocation for each in events if isinstance(each, Relocated)] == [kept]
    told = json.loads(report.as_json(wizard.view, plan, report.Kept.of(folder), names=True))
    (changed,) = (each["rows"] for each in told["sections"] if each["title"] == "Every changed path")
    assert [row[:4] for row in changed] == [[e.file, e.where, e.old, e.new] for e in kept.changes]
    assert (
        "secret-token"
        not in (folder / "report.md").read_text() + (folder / "changes.json").read_text() + said
    )
    assert config_on_new(hosts)["agents"]["entries"]["research"]["workspace"] == f"{hosts.new_home}/research"
    assert (hosts.new_home / ".openclaw/workspace/MEMORY.md").read_text() == (
        f"Look in {hosts.old_home}/research.\n"
    )

    assert await wizard.undo() is Outcome.PUT_BACK
    await wizard.aclose()
    assert below(hosts.snapshot(hosts.new_home), ".openclaw") == below(before[1], ".openclaw")
    assert hosts.snapshot(hosts.old_home) == before[0]


async def test_paths_that_are_kept_are_accepted_first_and_missed_by_the_comparison(hosts: TwoHosts) -> None:
    hosts.furnish()
    wishes = Wishes(paths=Paths.KEEP)
    careful = hosts.wizard(actions=COUNTED)
    await careful.survey(hosts.old, hosts.new, wishes=wishes)
    with pytest.raises(Blocked, match="nothing leads from the old places"):
        await careful.run()
    await careful.aclose()
    wizard = hosts.wizard(actions=COUNTED, accept=frozenset({"paths-another-way"}))
    await wizard.survey(hosts.old, hosts.new, wishes=wishes)
    assert await wizard.run() is Outcome.PROBLEMS
    await wizard.aclose()
    # The same move with its paths rewritten is equal in every row: see the test above.
    assert [row.subject for row in wizard.view.rows if row.state is RowState.LOST] == ["cron jobs"]


async def test_one_workspace_with_several_names_has_one_tree(hosts: TwoHosts) -> None:
    """Two agents share it, a third has a part of it, and the state directory holds only a link to it."""
    home, new = hosts.old_home, hosts.new_home
    inside = home / ".openclaw/workspace"
    hosts.furnish(agents=agents(hosts, main=inside, b=home / "other", c=home / "other/sub"))
    inside.rename(home / "clawd")
    (home / "clawd/sub").mkdir()
    for link in (inside, home / "other"):
        link.symlink_to(home / "clawd")
    wizard = hosts.wizard(actions=copy.ACTIONS)
    plan = await wizard.survey(hosts.old, hosts.new)
    assert [each.old for each in plan.trees] == [f"{home}/.openclaw", f"{home}/clawd"]
    await wizard.run()
    await wizard.aclose()
    entries = config_on_new(hosts)["agents"]["entries"]
    assert [entries[name]["workspace"] for name in ("main", "b", "c")] == [
        f"{new}/.openclaw/workspace",
        f"{new}/clawd",
        f"{new}/clawd/sub",
    ]
    assert (new / ".openclaw/workspace").readlink() == new / "clawd"
    assert (new / ".openclaw/workspace/MEMORY.md").exists()
    assert not (new / "other").exists()


async def test_a_workspace_that_both_machines_see_stays_and_is_not_copied(hosts: TwoHosts) -> None:
    nas = hosts.folder / "nas/ws"
    write(nas / "MEMORY.md", "kept on the NAS\n", 0o644)
    state = hosts.furnish(agents=agents(hosts, main=hosts.old_home / ".openclaw/workspace", b=nas))
    (state / "workspace").rename(hosts.old_home / "gone")
    (state / "workspace").symlink_to(nas)
    before = hosts.snapshot(nas)
    wizard = hosts.wizard(actions=copy.ACTIONS)
    plan = await wizard.survey(hosts.old, hosts.new)
    assert (plan.shared, [each.name for each in plan.trees]) == ((str(nas),), ["state"])
    assert str(nas) in wizard.view.findings["shared-workspace"].evidence
    assert "seen by both machines" in plan_text(plan)
    await wizard.run()
    await wizard.aclose()
    assert (hosts.snapshot(nas), [each.name for each in nas.parent.iterdir()]) == (before, ["ws"])
    assert (hosts.new_home / ".openclaw/workspace").readlink() == nas
    assert config_on_new(hosts)["agents"]["entries"]["b"]["workspace"] == str(nas)


BAD = {
    "{ agents: { ": "openclaw.json is not JSON5 at line 1",
    '{ "$include": "./a.json5" }': "a.json5 includes itself by way of b.json5",
}


@pytest.mark.parametrize("text", list(BAD))
async def test_a_config_that_cannot_be_read_holds_the_move(hosts: TwoHosts, text: str) -> None:
    write(hosts.folder / "bin/openclaw", "#!/bin/sh\necho OpenClaw 2026.9.6\n", 0o755)
    state = hosts.furnish()
    write(state / "openclaw.json", text)
    write(state / "a.json5", "{ $include: 'b.json5' }")
    write(state / "b.json5", "{ $include: 'a.json5' }")
    before = hosts.snapshot(hosts.old_home), hosts.snapshot(hosts.new_home)
    wizard = hosts.wizard(actions=copy.ACTIONS)
    await wizard.survey(hosts.old, hosts.new)
    with pytest.raises(Blocked) as caught:
        await wizard.run()
    await wizard.aclose()
    assert BAD[text] in caught.value.what
    assert (hosts.snapshot(hosts.old_home), hosts.snapshot(hosts.new_home)) == before


async def test_an_older_profile_gets_its_workspace_pinned(hosts: TwoHosts) -> None:
    home = hosts.old_home
    space = home / ".openclaw/workspace-work"
    made = config(home, agents={"list": [{"id": "main"}]}, meta={"lastTouchedVersion": "2026.3.13"})
    write(home / ".openclaw-work/openclaw.json", json.dumps(made, indent=2))
    write(home / ".openclaw-work/agents/main/sessions/sessions.json", "{}")
    write(space / "SOUL.md", "who I am\n", 0o644)
    wizard = hosts.wizard(actions=copy.ACTIONS)
    plan = await wizard.survey(hosts.old, hosts.new, ("work",))
    assert plan.relocation is not None
    assert [(each.where, each.new) for each in plan.relocation.changes] == [
        ("agents.list.0.workspace", f"{hosts.new_home}/.openclaw/workspace-work")
    ]
    await wizard.run()
    await wizard.aclose()
    moved = json.loads((hosts.new_home / ".openclaw-work/openclaw.json").read_text())
    assert moved["agents"]["list"] == [
        {"workspace": f"{hosts.new_home}/.openclaw/workspace-work", "id": "main"}
    ]
    assert (hosts.new_home / ".openclaw/workspace-work/SOUL.md").exists()


# --------------------------------------------------------------------------- other ways


async def test_the_same_state_directory_on_both_machines_is_refused(hosts: TwoHosts) -> None:
    hosts.furnish()
    wizard = hosts.wizard()
    with pytest.raises(StepFailed, match="Both machines see the same state directory"):
        await wizard.survey(hosts.old, hosts.new, wishes=Wishes(paths=Paths.SAME))
    await wizard.aclose()


def test_the_same_path_is_kept_and_whether_it_can_be_made_is_known() -> None:
    chosen = installation(workspaces=(workspace("main", "/home/alice/ws"),))
    found = relocating.plan_trees(chosen, host_facts(), new_facts(), Paths.SAME)
    assert [each.new for each in found] == ["/home/alice/.openclaw", "/home/alice/ws"]
    nothing = Place(
        exists=False, folder=False, link=False, real="", bytes=0, files=0, problem=None, free=1, network=None
    )
    places = [nothing.model_copy(update={"makeable": may}) for may in (True, False)]
    kept, shared = relocating.as_on_new(found, [("1", "2"), None], places)
    assert ([each.makeable for each in kept], shared) == ([True, False], ())


async def test_a_link_is_seen_before_new_starts(tmp_path: Path) -> None:
    moved = tree(old=str(tmp_path / "home/al ice/.openclaw"), new=str(tmp_path / "srv/bo/.openclaw"))
    Path(moved.new).mkdir(parents=True)
    assert await relocate.unlinked(helper(), [moved]) == (moved.old,)
    (command,) = relocate.link_commands([moved])
    assert command == f"mkdir -p '{tmp_path}/home/al ice' && ln -s {moved.new} '{moved.old}'"
    Path(moved.old).parent.mkdir(parents=True)
    Path(moved.old).symlink_to(moved.new)
    assert await relocate.unlinked(helper(), [moved]) == ()


async def test_with_links_the_move_waits_for_root_before_anything_of_openclaw_runs(hosts: TwoHosts) -> None:
    hosts.furnish()
    chosen: tuple[Action, ...] = (*copy.ACTIONS, relocating.CheckLink())
    wizard = hosts.wizard(actions=chosen)
    plan: Plan = await wizard.survey(hosts.old, hosts.new, wishes=Wishes(paths=Paths.LINK))
    assert f"as root on NEW: {plan.links[0]}" in plan_text(plan)
    with pytest.raises(StepFailed, match="does not lead to the moved copy") as caught:
        await wizard.run()
    assert plan.links[0] in caught.value.next
    await wizard.aclose()
    for moved in plan.trees:
        Path(moved.old).rename(f"{moved.old}.as-it-was")
        Path(moved.old).symlink_to(moved.new)
    assert await relocate.unlinked(helper(), plan.trees) == ()
    text = json.dumps(config_on_new(hosts))
    assert str(hosts.old_home) in text and str(hosts.new_home) not in text
