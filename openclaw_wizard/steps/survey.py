"""Identify: reads both machines and makes the plan. Writes nothing, on either."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

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
    Tree,
    Wishes,
    Workspace,
)
from openclaw_wizard.openclaw import discover, layout, releases, schemas, selection, service
from openclaw_wizard.openclaw.found import Other
from openclaw_wizard.steps import relocating, routing, trees
from openclaw_wizard.steps.action import Ask
from openclaw_wizard.steps.choosing import foremost, name_of, which
from openclaw_wizard.steps.reading import can_help, helper, places_on, standing_on, targets, there_on

Tell = Callable[[Event], None]
Learn = Callable[[Facts], None]


async def survey(
    old: Host,
    new: Host,
    profiles: tuple[str, ...],
    tell: Tell,
    learn: Learn,
    wishes: Wishes | None = None,
    ask: Ask | None = None,
) -> Plan:
    """The plan for moving these profiles; see `choosing.which`.

    Raises NothingToMove, HostError, StepFailed, UsageError.
    """
    wishes = wishes or Wishes()
    tell(Surveying(what="reading both machines"))
    old_facts, new_facts = await asyncio.gather(probe(old), probe(new))
    facts = Facts(old=old_facts, new=new_facts, paths=wishes.paths)
    learn(facts)
    _need_node(old_facts, Role.OLD)
    old_helper = helper(old, old_facts.path)

    tell(Surveying(role=Role.OLD, what="looking for OpenClaw and measuring it"))
    seen, standing = await asyncio.gather(discover.survey(old_helper, old_facts), standing_on(new, new_facts))
    found = seen.installations
    if not found:
        why, next = seen.why_nothing(old_facts.home), log_in_as(old_facts.address, seen.others)
        raise NothingToMove(host=old_facts.address, why=why, next=next)
    chosen = await which(found, profiles, old_facts, ask)
    tell(GatewayChanged(role=Role.OLD, state=foremost(each.gateway.state for each in chosen)))
    parts = _parts(facts.model_copy(update={"installations": found, "noticed": seen.noticed}), chosen)
    learn(Facts.joined(parts))
    tell(Surveying(role=Role.NEW, what="looking at what stands there"))
    real = await _led_to(old_helper, chosen)
    guests = [relocating.guests(chosen, each, real) for each in chosen]
    planned = relocating.plan_all(chosen, old_facts, new_facts, wishes.paths, real)
    room, *there = await asyncio.gather(
        old_helper.call("free", {"path": old_facts.home}),
        *(
            _targets(old_helper, new, *one, wishes, standing)
            for one in zip(parts, planned, guests, strict=True)
        ),
    )
    parts = [
        one.model_copy(update=seen | {"archive_room": room}) for one, seen in zip(parts, there, strict=True)
    ]
    facts = Facts.joined(parts)
    tell(GatewayChanged(role=Role.NEW, state=foremost(_state_of(each.target_gateway) for each in parts)))
    learn(facts)
    tell(Surveying(role=Role.OLD, what="looking for paths that change"))
    plan, unmatched, route = await asyncio.gather(
        _previewed(old_helper, make_plan(facts, wishes), guests),
        _unmatched(old_helper, [each.trees or () for each in parts], wishes),
        routing.choose(old, new, (old_facts, new_facts), wishes),
    )
    known = zip(parts, plan.each, strict=True)
    learn(Facts.joined([one.model_copy(update={"relocation": its.relocation}) for one, its in known]))
    same = {"unmatched": unmatched, "route": route}
    return Plan.joined([each.model_copy(update=same) for each in plan.each])


def _parts(facts: Facts, chosen: Sequence[Installation]) -> list[Facts]:
    """What is known of each profile that moves."""
    assert facts.old and facts.new
    home = facts.old.home
    others = tuple(name_of(each, home) for each in facts.installations or () if each not in chosen)
    return [
        facts.model_copy(
            update={
                "installation": each,
                "other_profiles": others,
                "name": name_of(each, home) if len(chosen) > 1 else "",
                **node_facts(facts.old, facts.new, each),
            }
        )
        for each in chosen
    ]


async def _led_to(old_helper: Helper, chosen: Sequence[Installation]) -> dict[str, str]:
    """Where links lead from the state directories; asked only where one might lie in another."""
    if len(chosen) == 1:
        return {}
    states = [each.state_dir for each in chosen]
    places = await discover.places(old_helper, states, sizes=False)
    return {state: place.real for state, place in zip(states, places, strict=True)}


async def _targets(
    old_helper: Helper,
    new: Host,
    facts: Facts,
    planned: tuple[Tree, ...],
    guests: tuple[Workspace, ...],
    wishes: Wishes,
    standing: tuple[Installation, ...] | None,
) -> dict[str, object]:
    """What the trees of one profile measure, and what stands in their places. Raises UsageError."""
    assert facts.old and facts.new and facts.installation
    _check_patterns(facts.installation, planned, wishes)
    rules = _rules(facts.old, facts.new, (facts.installation, guests), planned, wishes)
    (measured, marks), places, there = await asyncio.gather(
        relocating.measured(old_helper, planned, rules),
        places_on(new, facts.new, planned, standing),
        there_on(new, facts.new, facts.installation),
    )
    return targets(measured, marks, places, standing, there)


async def _previewed(old_helper: Helper, plan: Plan, guests: Sequence[tuple[Workspace, ...]]) -> Plan:
    plans = [each.model_copy(update={"guests": of_it}) for each, of_it in zip(plan.each, guests, strict=True)]
    return Plan.joined(await asyncio.gather(*(relocating.previewed(old_helper, each) for each in plans)))


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
    fits = new_facts.node is not None and releases.in_range(new_facts.node, plan.node_range)
    return Facts.joined(
        [
            Facts(
                old=old_facts,
                new=new_facts,
                installation=each.installation,
                trees=each.trees,
                paths=each.wishes.paths,
                relocation=each.relocation,
                shared=each.shared,
                node_range=each.node_range,
                node_fits=fits,
                schema_fit=schemas.fit(
                    _runs_on_new(new_facts, each.version),
                    each.installation.schemas,
                    each.installation.version,
                ),
                name=each.name,
            )
            for each in plan.each
        ]
    )


def node_facts(old: HostFacts, new: HostFacts, chosen: Installation) -> dict[str, object]:
    """What OLD's OpenClaw asks of Node and whether NEW's fits; empty where the version is not known."""
    version = old.openclaw or chosen.version
    if version is None:
        return {}
    fit = schemas.fit(_runs_on_new(new, version), chosen.schemas, chosen.version)
    wanted = releases.node_range(version)
    fits = new.node is not None and releases.in_range(new.node, wanted)
    return {"node_range": wanted, "node_fits": fits, "schema_fit": fit}


def _runs_on_new(new: HostFacts, version: str) -> str:
    """The OpenClaw that will run there: without npm the wizard cannot replace one that is there."""
    return new.openclaw if new.openclaw and new.npm is None else version


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


def _check_patterns(chosen: Installation, planned: tuple[Tree, ...], wishes: Wishes) -> None:
    """Raises UsageError for patterns that would leave out or take along what must not be."""
    agents = chosen.agents or ("main",)
    selection.check(wishes.exclude, wishes.include, agents)
    selection.check_trees(wishes.exclude, planned[0].old, [tree.old for tree in planned[1:]], agents)


def _rules(
    old: HostFacts,
    new: HostFacts,
    moving: tuple[Installation, tuple[Workspace, ...]],
    planned: tuple[Tree, ...],
    wishes: Wishes,
) -> tuple[selection.Rules | None, ...]:
    """What each tree is measured without; None for the state directory where that is known already.

    `moving` is what moves, and the workspaces of other profiles in it.
    """
    stays = _staying(old, new, planned[0], wishes)
    chosen, guests = moving
    inside = [w.path for w in (*chosen.workspaces, *guests) if w.inside_state or w in guests]
    first, *others = (trees.rules_of(tree, stays, inside, wishes) for tree in planned)
    return first if wishes.exclude or wishes.include else None, *others


async def _unmatched(
    old_helper: Helper, planned: Sequence[tuple[Tree, ...]], wishes: Wishes
) -> tuple[str, ...]:
    """The person's patterns that match nothing in any tree of any profile."""
    left = dict.fromkeys((*wishes.exclude, *wishes.include))
    for tree in (tree for each in planned for tree in each):
        parts = {p: selection.within(p, tree.old, is_state=tree.name == "state") for p in left}
        asked = [part for each in parts.values() for part in each]
        nowhere = await discover.unmatched(old_helper, tree.old, asked) if asked else frozenset()
        left = {p: None for p in left if nowhere.issuperset(parts[p])}
    return tuple(left)


def make_plan(facts: Facts, wishes: Wishes | None = None) -> Plan:
    """Pure: the plan that follows from the facts. Raises StepFailed where the version is unknown."""
    version = _version(facts)
    moving = [each.installation for each in facts.each]
    others = tuple(each for each in facts.installations or () if each not in moving)
    same = {
        "version": version,
        "node_range": releases.node_range(version),
        "path_changes": relocating.path_changes(facts),
        "others": others,
    }
    return Plan.joined(
        [
            _plan_of(each, wishes or Wishes()).model_copy(
                update={**same, "folder": f"profile-{number}" if number > 1 else ""}
            )
            for number, each in enumerate(facts.each, 1)
        ]
    )


def _version(facts: Facts) -> str:
    """That of OLD's command; without it the newest that wrote a config, as no older one reads its state."""
    moving = [each.installation for each in facts.each if each.installation]
    written = [each.version for each in moving if each.version]
    version = (facts.old.openclaw if facts.old else None) or max(written, key=_age, default=None)
    if version is None:
        raise StepFailed(
            what="It is not known which OpenClaw version OLD runs: neither its command nor its config says.",
            safe="Nothing was changed on either machine.",
            next="Put the `openclaw` command on the PATH of OLD's user.",
        )
    return version


def _age(version: str) -> tuple[object, ...]:
    known = releases.parse_version(version)
    return (known.numbers, known.stage) if known else ((),)


def _plan_of(facts: Facts, wishes: Wishes) -> Plan:
    assert facts.old and facts.new and facts.installation and facts.trees
    staying = _staying(facts.old, facts.new, facts.trees[0], wishes)
    return Plan(
        old=facts.old,
        new=facts.new,
        installation=facts.installation,
        version="",
        node_range="",
        trees=facts.trees,
        excluded=(
            *(Excluded(path=p, reason=why) for p, why in staying),
            *(Excluded(path=pattern, reason=selection.BY_WISH) for pattern in wishes.exclude),
        ),
        path_changes=(),
        shared=facts.shared or (),
        links=relocating.links(facts),
        wishes=wishes,
        service=service.service_kind(
            facts.new, profile=facts.installation.profile, state_dir=facts.trees[0].new
        ),
        stays=(*facts.installation.stays, *_on_network(facts.installation)),
        noticed=facts.noticed,
        name=facts.name,
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
