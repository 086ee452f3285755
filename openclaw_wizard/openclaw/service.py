"""The gateway as a service: its names, how it is stopped, and when it really is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from openclaw_wizard.model import GatewayFacts, GatewayState, HostFacts
from openclaw_wizard.openclaw import layout

STOP_BUDGET: Final = 340.0
"""Seconds: it may drain for 315 s and has 330 s in its unit [src gateway-shutdown-budget]."""

DOWN: Final = frozenset({GatewayState.STOPPED, GatewayState.DISABLED, GatewayState.ABSENT})


def unit_name(profile: str | None) -> str:
    """The systemd user unit of a profile [src daemon/constants.ts]."""
    return f"openclaw-gateway{f'-{profile}' if profile else ''}.service"


def launchd_label(profile: str | None) -> str:
    """The launchd label of a profile [src daemon/constants.ts]."""
    return f"ai.openclaw.{profile or 'gateway'}"


@dataclass(frozen=True, slots=True)
class StopPlan:
    """How to ask a gateway to stop. Success of the asking says nothing: ask `is_down` until it is."""

    way: Literal["unit", "signal", "nothing", "unknown"]
    unit: str = ""
    pid: int = 0


def stop_plan(gateway: GatewayFacts, *, unit_active: bool | None = None) -> StopPlan:
    """Through its unit where one runs it, else by a signal to the process that holds the lock.

    `openclaw gateway stop` is not used: without a terminal 2026.9.6 refuses and older ones lack
    `--force`. A unit that is not active did not start the process that runs. One signal is enough;
    a second one cuts the drain short.
    """
    if gateway.state in DOWN:
        return StopPlan("nothing")
    if gateway.unit and unit_active is not False:
        return StopPlan("unit", unit=gateway.unit)
    if gateway.pid is not None:
        return StopPlan("signal", pid=gateway.pid)
    return StopPlan("unknown")


def is_down(gateway: GatewayFacts) -> bool:
    """Whether the gateway is proven to be gone: process, lock, port and open databases."""
    return gateway.state in DOWN


def service_kind(facts: HostFacts, *, profile: str | None, state_dir: str) -> Literal["systemd", "detached"]:
    """How the gateway is started there.

    `gateway install` refuses a state directory that is not the profile's own [measured].
    """
    own = state_dir == layout.canonical_state_dir(facts.home, profile)
    return "systemd" if facts.system == "Linux" and facts.user_bus and own else "detached"


# ------------------------------------------------------------------ observing


class _Seen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Process(_Seen):
    pid: int
    comm: str


class Lock(_Seen):
    file: str
    pid: int
    verdict: Literal["ours", "gone", "unknown"]


class Listener(Process):
    ours: bool


class Unit(_Seen):
    name: str
    active: str | None
    """`ActiveState`, or None where `systemctl --user` did not answer."""
    enabled: bool | None


class Seen(_Seen):
    """What `oc.gateway` saw; None is "could not be seen"."""

    exists: bool
    pid: int | None
    locks: tuple[Lock, ...]
    holders: tuple[Process, ...] | None
    """Who has databases of the state directory open."""
    gateways: int | None = None
    """How many gateways of it run."""
    port: int | None
    listening: bool | None
    listener: Listener | None
    environment: dict[str, str]
    unit: Unit | None


@dataclass(frozen=True, slots=True)
class Observed:
    """A gateway's facts with what they were judged from."""

    gateway: GatewayFacts
    why: str
    """What keeps it from being down, for a person; empty where it is."""
    unit_active: bool | None


_UNIT_STATES: Final = {
    "activating": GatewayState.STARTING,
    "reloading": GatewayState.STARTING,
    "active": GatewayState.STARTING,
    "deactivating": GatewayState.STOPPING,
}


def observed(seen: Seen) -> Observed:
    """The judgement of what was seen."""
    state, why = _judged(seen)
    unit = seen.unit
    return Observed(
        GatewayFacts(
            state=state,
            pid=seen.pid,
            port=seen.port,
            unit=unit.name if unit else None,
            unit_enabled=unit.enabled if unit else None,
            environment=seen.environment,
        ),
        why,
        None if unit is None or unit.active is None else unit.active in _UNIT_STATES,
    )


def _judged(seen: Seen) -> tuple[GatewayState, str]:
    unit_state = _UNIT_STATES.get(seen.unit.active or "") if seen.unit else None
    if seen.pid is not None:
        # A unit that is active says nothing of how far its process is; the process is there.
        known = unit_state if seen.unit and seen.unit.active in ("activating", "deactivating") else None
        return known or GatewayState.RUNNING, f"process {seen.pid} runs it"
    if unit_state is not None and seen.unit is not None:
        return unit_state, f"{seen.unit.name} is {seen.unit.active}"
    if doubt := _doubt(seen):
        return GatewayState.UNKNOWN, doubt
    return (GatewayState.STOPPED if seen.exists else GatewayState.ABSENT), ""


def _doubt(seen: Seen) -> str:
    """Why "no process was found" does not prove that none runs."""
    if unsure := [lock.pid for lock in seen.locks if lock.verdict == "unknown"]:
        return f"a lock names process {unsure[0]}, which cannot be looked at"
    if not seen.exists:
        return ""
    if seen.holders is None:
        return "it cannot be seen who has the databases open"
    if seen.holders:
        names = ", ".join(f"{each.comm} ({each.pid})" for each in seen.holders[:3])
        return f"databases are still open in {names}"
    # A port that another program has is no sign of this gateway; one whose owner is hidden may be.
    if seen.listening and seen.listener is None:
        return f"something that cannot be seen answers on port {seen.port}"
    return ""
