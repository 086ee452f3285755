"""Identify: reads both machines and makes the plan. Writes nothing, on either."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
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
    StaysBehind,
    There,
    Tree,
    Wishes,
)
from openclaw_wizard.openclaw import discover, layout, queries, releases, selection, service, signs
from openclaw_wizard.openclaw.found import Other, Place
from openclaw_wizard.steps import relocating, routing, trees

Tell = Callable[[Event], None]
Learn = Callable[[Facts], None]

HELPER_NODE: Final = ">=22.12.0"
"""The oldest Node that runs the helper, with `--experimental-sqlite` [measured]."""


def helper(host: Host, path: str) -> Helper:
    """The host-side helper with everything that this project knows to ask OpenClaw's files."""
    return Helper(host, path, queries())


async def survey(
    old: Host, new: Host, profile: str | None, tell: Tell, learn: Learn, wishes: Wishes | None = None
) -> Plan:
    """The plan for moving one profile. Raises NothingToMove, HostError, StepFailed, UsageError."""
    wishes = wishes or Wishes()
    tell(Surveying(what="reading both machines"))
    old_facts, new_facts = await asyncio.gather(probe(old), probe(new))
    facts = Facts(old=old_facts, new=new_facts, paths=wishes.paths)
    learn(facts)
    _need_node(old_facts, Role.OLD)
    old_helper = helper(old, old_facts.path)

    tell(Surveying(role=Role.OLD, what="looking for OpenClaw and measuring it"))
    seen, standing = await asyncio.gather(discover.survey(old_helper, old_facts), _standing(new, new_facts))
    found = seen.installations
    if not found:
        why, next = seen.why_nothing(old_facts.home), log_in_as(old_facts.address, seen.others)
        raise NothingToMove(host=old_facts.address, why=why, next=next)
    chosen = choose(found, profile, old_facts)
    tell(GatewayChanged(role=Role.OLD, state=chosen.gateway.state))
    others = tuple(name_of(each, old_facts.home) for each in found if each is not chosen)
    facts = facts.model_copy(
        update={
            "installation": chosen,
            "installations": found,
            "noticed": seen.noticed,
            "other_profiles": others,
            **node_facts(old_facts, new_facts, chosen),
        }
    )
    learn(facts)
    tell(Surveying(role=Role.NEW, what="looking at what stands there"))
    planned = relocating.plan_trees(chosen, old_facts, new_facts, wishes.paths)
    _check_patterns(chosen, planned, wishes)
    (measured, marks), places, room, there = await asyncio.gather(
        relocating.measured(old_helper, planned, _rules(old_facts, new_facts, chosen, planned, wishes)),
        _places_on_new(new, new_facts, planned, standing),
        old_helper.call("free", {"path": old_facts.home}),
        _there(new, new_facts, chosen),
    )
    seen_there = _on_new(measured, marks, places, standing, there)
    facts = facts.model_copy(update={**seen_there, "archive_room": room, "old_gateway": None})
    tell(GatewayChanged(role=Role.NEW, state=_state_of(facts.target_gateway)))
    learn(facts)
    tell(Surveying(role=Role.OLD, what="looking for paths that change"))
    plan, unmatched, route = await asyncio.gather(
        relocating.previewed(old_helper, make_plan(facts, wishes)),
        _unmatched(old_helper, facts.trees or (), wishes),
        routing.choose(old, new, (old_facts, new_facts), wishes),
    )
    learn(facts.model_copy(update={"relocation": plan.relocation}))
    return plan.model_copy(update={"unmatched": unmatched, "route": route})


def log_in_as(address: str, others: tuple[Other, ...]) -> str | None:
    """The next step where the OpenClaw on a machine is another person's; None where it is nobody's."""
    if not others or address.startswith("practice:"):
        return None
    user, host = others[0].user, address.rpartition("@")[2]
    if host == "local":
        return f"Start the wizard as {user}, who owns it; or as root, with {user}/local for OLD."
    return f"Log in as its owner: give OLD as {user}@{host}; or as root: {user}/root@{host}."


async def again(old: Host, new: Host, plan: Plan) -> Facts:
    """The facts of a resumed move: both machines probed anew, the rest as planned or not yet known."""
    old_facts, new_facts = await asyncio.gather(probe(old), probe(new))
    _need_node(old_facts, Role.OLD)
    return Facts(
        old=old_facts,
        new=new_facts,
        installation=plan.installation,
        trees=plan.trees,
        paths=plan.wishes.paths,
        relocation=plan.relocation,
        shared=plan.shared,
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


def name_of(found: Installation, home: str) -> str:
    """How a person names an installation: by its profile, or by a folder that is not the usual one."""
    own = {layout.canonical_state_dir(home, found.profile)}
    if found.profile is None:
        own |= {f"{home}/{name}" for name in layout.LEGACY_STATE_DIR_NAMES}
    return (found.profile or "default") if found.state_dir in own else found.state_dir


def choose(found: tuple[Installation, ...], profile: str | None, old: HostFacts) -> Installation:
    """The installation with this name or profile, else the default one, else the first.

    Raises NothingToMove.
    """
    if profile is not None:
        wanted = None if profile == "default" else profile
        names = [name_of(each, old.home) for each in found]
        named = next((each for each in found if each.profile == wanted), None)
        named = next((each for each, name in zip(found, names, strict=True) if name == profile), named)
        if named is None:
            there = ", ".join(names) or "none"
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


async def _standing(new: Host, new_facts: HostFacts) -> tuple[Installation, ...] | None:
    """What NEW has already; None where it is not known, since nothing but the probe runs there."""
    if not can_help(new_facts):
        return None
    return await discover.discover(helper(new, new_facts.path), new_facts)


def _check_patterns(chosen: Installation, planned: tuple[Tree, ...], wishes: Wishes) -> None:
    """Raises UsageError for patterns that would leave out or take along what must not be."""
    agents = chosen.agents or ("main",)
    selection.check(wishes.exclude, wishes.include, agents)
    selection.check_trees(wishes.exclude, planned[0].old, [tree.old for tree in planned[1:]], agents)


def _rules(
    old: HostFacts, new: HostFacts, chosen: Installation, planned: tuple[Tree, ...], wishes: Wishes
) -> tuple[selection.Rules | None, ...]:
    """What each tree is measured without; None for the state directory where that is known already."""
    stays = _staying(old, new, planned[0], wishes)
    inside = [w.path for w in chosen.workspaces if w.inside_state]
    first, *others = (trees.rules_of(tree, stays, inside, wishes) for tree in planned)
    return first if wishes.exclude or wishes.include else None, *others


async def _unmatched(old_helper: Helper, planned: tuple[Tree, ...], wishes: Wishes) -> tuple[str, ...]:
    """The person's patterns that match nothing in any tree."""
    left = dict.fromkeys((*wishes.exclude, *wishes.include))
    for tree in planned:
        parts = {p: selection.within(p, tree.old, is_state=tree is planned[0]) for p in left}
        asked = [part for each in parts.values() for part in each]
        nowhere = await discover.unmatched(old_helper, tree.old, asked) if asked else frozenset()
        left = {p: None for p in left if nowhere.issuperset(parts[p])}
    return tuple(left)


async def _places_on_new(
    new: Host, new_facts: HostFacts, trees: Sequence[Tree], standing: tuple[Installation, ...] | None
) -> tuple[Place, ...] | None:
    """What stands where the trees will go. Without Node on NEW it stays unknown, and a pitfall says so."""
    if standing is None:
        return None
    return await discover.places(helper(new, new_facts.path), [t.new for t in trees], sizes=False)


async def _there(new: Host, new_facts: HostFacts, moving: Installation) -> There | None:
    """What else NEW says of itself; None without Node there."""
    if not can_help(new_facts):
        return None
    said = moving.signs.config if moving.signs else None
    models = said.local_models if said else ()
    asked = {"home": new_facts.home, "port": moving.port, "asked": models}
    return signs.there(await helper(new, new_facts.path).call("oc.there", asked))


def _on_new(
    trees: tuple[Tree, ...],
    marks: Sequence[relocating.Mark],
    places: tuple[Place, ...] | None,
    standing: tuple[Installation, ...] | None,
    there: There | None,
) -> dict[str, object]:
    """Facts about the targets: the trees that move, what both machines see, what stands there and runs."""
    if places is None or standing is None or there is None:
        return {"trees": trees}
    kept, shared = relocating.as_on_new(trees, marks, places)
    target = next((each for each in standing if each.state_dir == kept[0].new), None)
    gateway = target.gateway if target else GatewayFacts(state=GatewayState.ABSENT)
    networks = tuple(dict.fromkeys(place.network for place in places if place.network))
    return {
        "trees": kept,
        "shared": shared,
        "target": target,
        "target_gateway": gateway,
        "neighbours": tuple(each for each in standing if each is not target),
        "there": there.model_copy(update={"networks": networks}),
    }


def make_plan(facts: Facts, wishes: Wishes | None = None) -> Plan:
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
                for p, why in _staying(facts.old, facts.new, facts.trees[0], wishes or Wishes())
            ),
            *(Excluded(path=pattern, reason=selection.BY_WISH) for pattern in (wishes or Wishes()).exclude),
        ),
        path_changes=relocating.path_changes(facts),
        shared=facts.shared or (),
        links=relocating.links(facts),
        wishes=wishes or Wishes(),
        service=service.service_kind(
            facts.new, profile=facts.installation.profile, state_dir=facts.trees[0].new
        ),
        stays=(*facts.installation.stays, *_on_network(facts.installation)),
        others=tuple(each for each in facts.installations or () if each != facts.installation),
        noticed=facts.noticed,
    )


def _on_network(moving: Installation) -> tuple[StaysBehind, ...]:
    return tuple(
        StaysBehind(
            what=f"the workspace of {w.agent} ({w.path})",
            reason=f"it is on a disk of another machine ({w.network}), which OLD does not own",
            remedy="mount the same disk at the same place on NEW before its gateway starts",
        )
        for w in moving.workspaces
        if w.network
    )


def _staying(old: HostFacts, new: HostFacts, state: Tree, wishes: Wishes) -> selection.Rules:
    """What of the state directory stays behind unless a person asks for more or less."""
    stays = layout.excluded(plugin_code=layout.runs_same_code(old, new))
    return selection.staying(stays, selection.all_within(wishes.include, state.old, is_state=True))
