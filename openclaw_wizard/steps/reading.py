"""What can be read of a machine, and what NEW says of the places that the trees will take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openclaw_wizard.hosts import Host
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import GatewayFacts, GatewayState, HostFacts, Installation, There, Tree
from openclaw_wizard.openclaw import discover, queries, releases, signs
from openclaw_wizard.openclaw.found import Place
from openclaw_wizard.steps import relocating

HELPER_NODE: Final = ">=22.12.0"
"""The oldest Node that runs the helper, with `--experimental-sqlite` [measured]."""


def helper(host: Host, path: str) -> Helper:
    """The host-side helper with everything that this project knows to ask OpenClaw's files."""
    return Helper(host, path, queries())


def can_help(facts: HostFacts) -> bool:
    """Whether the wizard's own helper runs there; without it nothing but the probe can be read."""
    return facts.node is not None and releases.in_range(facts.node, HELPER_NODE)


async def standing_on(new: Host, new_facts: HostFacts) -> tuple[Installation, ...] | None:
    """What NEW has already; None where it is not known, since nothing but the probe runs there."""
    if not can_help(new_facts):
        return None
    return await discover.discover(helper(new, new_facts.path), new_facts)


async def places_on(
    new: Host, new_facts: HostFacts, trees: Sequence[Tree], standing: tuple[Installation, ...] | None
) -> tuple[Place, ...] | None:
    """What stands where the trees will go. Without Node on NEW it stays unknown, and a pitfall says so."""
    if standing is None:
        return None
    return await discover.places(helper(new, new_facts.path), [t.new for t in trees], sizes=False)


async def there_on(new: Host, new_facts: HostFacts, moving: Installation) -> There | None:
    """What else NEW says of itself; None without Node there."""
    if not can_help(new_facts):
        return None
    said = moving.signs.config if moving.signs else None
    models = said.local_models if said else ()
    asked = {"home": new_facts.home, "port": moving.port, "asked": models}
    return signs.there(await helper(new, new_facts.path).call("oc.there", asked))


def targets(
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
