"""Which of the installations on OLD move: by name, all of them, or as a person answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Final

from openclaw_wizard.errors import NothingToMove, UsageError
from openclaw_wizard.events import QuestionAsked
from openclaw_wizard.model import GatewayState, HostFacts, Installation
from openclaw_wizard.openclaw import layout
from openclaw_wizard.steps.action import Ask

ALL: Final = "all"
"""Names every profile; one that is called so is named by its folder."""
QUESTION: Final = "which-profiles"

_FOREMOST: Final = (
    GatewayState.READY,
    GatewayState.RUNNING,
    GatewayState.STARTING,
    GatewayState.STOPPING,
    GatewayState.UNKNOWN,
    GatewayState.STOPPED,
    GatewayState.DISABLED,
    GatewayState.ABSENT,
)


def foremost(states: Iterable[GatewayState]) -> GatewayState:
    """The one that says most of several gateways of a machine: as long as one runs, that it runs."""
    return min(states, key=_FOREMOST.index)


async def which(
    found: Sequence[Installation], profiles: tuple[str, ...], old: HostFacts, ask: Ask | None
) -> tuple[Installation, ...]:
    """Those with these names or profiles; where none is named and there are several, a person is asked.

    Where nobody answers, the default one, else the first. Raises NothingToMove.
    """
    if not profiles and ask is not None and len(found) > 1:
        answer = await ask(_question(found, old))
        profiles = (answer,) if answer else ()
    if not profiles:
        return (choose(found, None, old),)
    if ALL in profiles:
        return _apart([each for each in found if _is_sound(each)] or [choose(found, None, old)])
    chosen = [choose(found, name, old) for name in profiles]
    return _apart([each for each in found if each in chosen])


def _apart(chosen: Sequence[Installation]) -> tuple[Installation, ...]:
    """Raises UsageError where two would have the same service or the same port on NEW."""
    for one, other in combinations(chosen, 2):
        both = f"{one.state_dir} and {other.state_dir}"
        if one.profile == other.profile:
            raise UsageError(
                what=f"{both} are both the profile {one.profile or 'default'}, which has one service on NEW.",
                safe="Nothing was changed on either machine.",
                next="Name those that move with --profile, one of the two by its folder.",
            )
        if one.port == other.port:
            raise UsageError(
                what=f"The gateways of {both} have the same port, {one.port}: they cannot both run on NEW.",
                safe="Nothing was changed on either machine.",
                next="Give one of them another `gateway.port` on OLD; or move them one at a time.",
            )
    return tuple(chosen)


def _is_sound(found: Installation) -> bool:
    return found.has_agents or not found.config_problem


def _question(found: Sequence[Installation], old: HostFacts) -> QuestionAsked:
    names = [name_of(each, old.home) for each in found]
    names = [
        each.state_dir if names.count(name) > 1 else name for each, name in zip(found, names, strict=True)
    ]
    return QuestionAsked(
        question=QUESTION,
        prompt=f"OLD has {len(found)} profiles: {', '.join(names)}. Which move? All of them go in one move.",
        choices=(ALL, *names),
        answered_by="--profile",
    )


def name_of(found: Installation, home: str) -> str:
    """How a person names an installation: by its profile, or by a folder that is not the usual one."""
    own = {layout.canonical_state_dir(home, found.profile)}
    if found.profile is None:
        own |= {f"{home}/{name}" for name in layout.LEGACY_STATE_DIR_NAMES}
    return (found.profile or "default") if found.state_dir in own else found.state_dir


def choose(found: Sequence[Installation], profile: str | None, old: HostFacts) -> Installation:
    """The installation with this name, profile or folder, else the default one, else the first.

    Raises NothingToMove.
    """
    if profile is not None:
        wanted = None if profile == "default" else profile
        names = [name_of(each, old.home) for each in found]
        named = next((each for each in found if each.profile == wanted), None)
        named = next((each for each, name in zip(found, names, strict=True) if name == profile), named)
        named = next((each for each in found if each.state_dir == profile), named)
        if named is None:
            there = ", ".join(names) or "none"
            raise NothingToMove(host=old.address, why=f"no profile {profile!r}; found: {there}")
        return named
    chosen = next((each for each in found if each.profile is None), found[0])
    if not _is_sound(chosen):
        raise NothingToMove(
            host=old.address, why=f"{chosen.state_dir} is not a state directory: {chosen.config_problem}"
        )
    return chosen
