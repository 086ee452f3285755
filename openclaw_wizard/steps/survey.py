"""Identify: reads both machines and makes the plan. Writes nothing, on either."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from openclaw_wizard.errors import NothingToMove, StepFailed
from openclaw_wizard.events import (
    Event,
    GatewayChanged,
    Surveying,
)
from openclaw_wizard.hosts import Host
from openclaw_wizard.hosts.facts import probe
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import (
    Excluded,
    Facts,
    GatewayFacts,
    GatewayState,
    HostFacts,
    Installation,
    Plan,
    Role,
    Tree,
    Wishes,
)
from openclaw_wizard.openclaw import discover, layout, queries, releases, relocate, selection, service
from openclaw_wizard.steps import routing, trees

Tell = Callable[[Event], None]
Learn = Callable[[Facts], None]

HELPER_NODE: Final = ">=22.12.0"
"""The oldest Node that runs the helper, with `--experimental-sqlite` [measured]."""


def helper(host: Host, path: str) -> Helper:
    """The host-side helper with everything that this project knows to ask OpenClaw's files."""
    return Helper(host, path, queries())


async def survey(old: Host, new: Host, profile: str | None, wishes: Wishes, tell: Tell, learn: Learn) -> Plan:
    """The plan for moving one profile. Raises NothingToMove, HostError, StepFailed, UsageError."""
    tell(Surveying(what="reading both machines"))
    old_facts, new_facts = await asyncio.gather(probe(old), probe(new))
    facts = Facts(old=old_facts, new=new_facts)
    learn(facts)
    _need_node(old_facts, Role.OLD)
    old_helper = helper(old, old_facts.path)

    tell(Surveying(role=Role.OLD, what="looking for OpenClaw and measuring it"))
    seen = await discover.survey(old_helper, old_facts)
    found = seen.installations
    if not found:
        why, next = seen.why_nothing(old_facts.home), log_in_as(old_facts.address, seen.others)
        raise NothingToMove(host=old_facts.address, why=why, next=next)
    chosen = choose(found, profile, old_facts)
    tell(GatewayChanged(role=Role.OLD, state=chosen.gateway.state))
    others = tuple(each.profile or "default" for each in found if each is not chosen)
    facts = facts.model_copy(
        update={"installation": chosen, "other_profiles": others, **node_facts(old_facts, new_facts, chosen)}
    )
    learn(facts)
    tell(Surveying(role=Role.NEW, what="looking at what stands there"))
    facts = await _read_new(old_helper, new, new_facts, facts, chosen, wishes)
    tell(GatewayChanged(role=Role.NEW, state=_state_of(facts.target_gateway)))
    room = await old_helper.call("free", {"path": old_facts.home})
    facts = facts.model_copy(update={"archive_room": room, "old_gateway": None})
    learn(facts)
    unmatched = await _unmatched(old_helper, facts.trees or (), wishes)
    route = await routing.choose(old, new, (old_facts, new_facts), wishes)
    return make_plan(facts, wishes).model_copy(update={"unmatched": unmatched, "route": route})


def log_in_as(address: str, others: tuple[discover.Other, ...]) -> str | None:
    """The next step where the OpenClaw on a machine is another person's; None where it is nobody's."""
    if not others or address.startswith("practice:"):
        return None
    user, host = others[0].user, address.rpartition("@")[2]
    if host == "local":
        return f"Start the wizard as {user}, who owns it."
    return f"Log in as its owner: give OLD as {user}@{host}."


async def again(old: Host, new: Host, plan: Plan) -> Facts:
    """The facts of a resumed move: both machines probed anew, the rest as planned or not yet known."""
    old_facts, new_facts = await asyncio.gather(probe(old), probe(new))
    _need_node(old_facts, Role.OLD)
    return Facts(
        old=old_facts,
        new=new_facts,
        installation=plan.installation,
        trees=plan.trees,
        node_range=plan.node_range,
        node_fits=new_facts.node is not None and releases.in_range(new_facts.node, plan.node_range),
    )


def node_facts(old: HostFacts, new: HostFacts, chosen: Installation) -> dict[str, object]:
    """What OLD's OpenClaw asks of Node and whether NEW's fits; empty where the version is not known."""
    version = old.openclaw or chosen.version
    if version is None:
        return {}
    wanted = releases.node_range(version)
    fits = new.node is not None and releases.in_range(new.node, wanted)
    return {"node_range": wanted, "node_fits": fits}


def choose(found: tuple[Installation, ...], profile: str | None, old: HostFacts) -> Installation:
    """The installation with this profile, else the default one, else the only one. Raises NothingToMove."""
    if profile is not None:
        wanted = None if profile == "default" else profile
        named = next((each for each in found if each.profile == wanted), None)
        if named is None:
            there = ", ".join(each.profile or "default" for each in found) or "none"
            raise NothingToMove(host=old.address, why=f"no profile {profile!r}; found: {there}")
        return named
    chosen = next((each for each in found if each.profile is None), found[0])
    if chosen.config_problem and not chosen.has_agents:
        raise NothingToMove(
            host=old.address, why=f"{chosen.state_dir} is not a state directory: {chosen.config_problem}"
        )
    return chosen


def can_help(facts: HostFacts) -> bool:
    """Whether the wizard's own helper runs there; without it nothing but the probe can be read."""
    return facts.node is not None and releases.in_range(facts.node, HELPER_NODE)


def _need_node(facts: HostFacts, role: Role) -> None:
    if not can_help(facts):
        found = f"only Node {facts.node}" if facts.node else "no Node"
        raise StepFailed(
            what=f"{role.value.upper()} has {found} on the PATH of {facts.user}; 22.12 or later is needed.",
            safe="Nothing was changed on either machine.",
            next="Log in as the user that runs the gateway, or put Node on that user's PATH.",
        )


def _state_of(found: GatewayFacts | None) -> GatewayState:
    return found.state if found else GatewayState.UNKNOWN


async def _measured(
    old_helper: Helper, planned: tuple[Tree, ...], facts: Facts, wishes: Wishes
) -> tuple[Tree, ...]:
    """The trees' sizes; the state directory was measured when it was found, with the default rules."""
    assert facts.old and facts.new and facts.installation
    stays = _staying(facts.old, facts.new, planned[0], wishes)
    inside = [w.path for w in facts.installation.workspaces if w.inside_state]
    asked = bool(wishes.exclude or wishes.include)
    sized = []
    for tree in planned if asked else planned[1:]:
        (place,) = await discover.places(old_helper, [tree.old], trees.rules_of(tree, stays, inside, wishes))
        problem = place.problem if tree is not planned[0] else None
        found = {"bytes": place.bytes, "files": place.files, "problem": problem}
        sized.append(tree.model_copy(update=found))
    return tuple(sized) if asked else (planned[0], *sized)


async def _unmatched(old_helper: Helper, planned: tuple[Tree, ...], wishes: Wishes) -> tuple[str, ...]:
    """The person's patterns that match nothing in any tree."""
    left = dict.fromkeys((*wishes.exclude, *wishes.include))
    for tree in planned:
        parts = {p: selection.within(p, tree.old, is_state=tree is planned[0]) for p in left}
        asked = [part for each in parts.values() for part in each]
        nowhere = await discover.unmatched(old_helper, tree.old, asked) if asked else frozenset()
        left = {p: None for p in left if nowhere.issuperset(parts[p])}
    return tuple(left)


async def _read_new(
    old_helper: Helper, new: Host, new_facts: HostFacts, facts: Facts, chosen: Installation, wishes: Wishes
) -> Facts:
    """What stands where the trees will go. Without Node on NEW it stays unknown, and a pitfall says so."""
    assert facts.old
    planned = plan_trees(chosen, facts.old, new_facts)
    selection.check(wishes.exclude, wishes.include, chosen.agents or ("main",))
    outside = [tree.old for tree in planned[1:]]
    selection.check_trees(wishes.exclude, planned[0].old, outside, chosen.agents or ("main",))
    planned = await _measured(old_helper, planned, facts, wishes)
    if not can_help(new_facts):
        return facts.model_copy(update={"trees": planned})
    new_helper = helper(new, new_facts.path)
    places = await discover.places(new_helper, [t.new for t in planned])
    planned = tuple(
        t.model_copy(update={"occupied": place.exists, "free_bytes": place.free})
        for t, place in zip(planned, places, strict=True)
    )
    found = await discover.discover(new_helper, new_facts)
    target = next((each for each in found if each.state_dir == planned[0].new), None)
    standing = target.gateway if target else GatewayFacts(state=GatewayState.ABSENT)
    return facts.model_copy(update={"trees": planned, "target": target, "target_gateway": standing})


def plan_trees(chosen: Installation, old: HostFacts, new: HostFacts) -> tuple[Tree, ...]:
    """The state directory and every workspace outside it; what lies in the old home goes to the new one."""
    state = Tree(
        name="state",
        old=chosen.state_dir,
        new=_moved(chosen.state_dir, old.home, new.home),
        bytes=chosen.state_bytes,
        files=chosen.state_files,
        occupied=False,
    )
    outside = {w.path: w for w in chosen.workspaces if w.exists and not w.inside_state}
    kept: list[str] = []
    for path in sorted(outside):
        if not any(path.startswith(f"{parent}/") for parent in kept):
            kept.append(path)
    return state, *(
        Tree(
            name=f"workspace-{number}",
            old=path,
            new=_moved(path, old.home, new.home),
            bytes=0,
            files=0,
            occupied=False,
        )
        for number, path in enumerate(kept, 1)
    )


def _moved(path: str, old_home: str, new_home: str) -> str:
    """The same place under the new home; a path outside the home stays what it is."""
    inside = path.removeprefix(f"{old_home}/")
    return f"{new_home}/{inside}" if inside != path else path


def make_plan(facts: Facts, wishes: Wishes) -> Plan:
    """Pure: the plan that follows from the facts. Raises StepFailed where the version is unknown."""
    assert facts.old and facts.new and facts.installation and facts.trees
    version = facts.old.openclaw or facts.installation.version
    if version is None:
        raise StepFailed(
            what="It is not known which OpenClaw version OLD runs: neither its command nor its config says.",
            safe="Nothing was changed on either machine.",
            next="Put the `openclaw` command on the PATH of OLD's user.",
        )
    return Plan(
        old=facts.old,
        new=facts.new,
        installation=facts.installation,
        version=version,
        node_range=releases.node_range(version),
        trees=facts.trees,
        excluded=(
            *(
                Excluded(path=p, reason=why)
                for p, why in _staying(facts.old, facts.new, facts.trees[0], wishes)
            ),
            *(Excluded(path=pattern, reason=selection.BY_WISH) for pattern in wishes.exclude),
        ),
        path_changes=relocate.pairs(facts.trees, facts.old.home, facts.new.home),
        service=service.service_kind(
            facts.new, profile=facts.installation.profile, state_dir=facts.trees[0].new
        ),
    )


def _staying(old: HostFacts, new: HostFacts, state: Tree, wishes: Wishes) -> selection.Rules:
    """What of the state directory stays behind unless a person asks for more or less."""
    stays = layout.excluded(plugin_code=layout.runs_same_code(old, new))
    return selection.staying(stays, selection.all_within(wishes.include, state.old, is_state=True))
