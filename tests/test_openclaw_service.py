"""Names of services, how a gateway is asked to stop, and when it counts as down."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw_wizard.model import GatewayFacts, GatewayState
from openclaw_wizard.openclaw import service
from openclaw_wizard.openclaw.service import Listener, Lock, Process, Seen, StopPlan, Unit
from tests.builders import host_facts

STATE = GatewayState


def test_names_of_services() -> None:
    assert service.unit_name(None) == "openclaw-gateway.service"
    assert service.unit_name("work") == "openclaw-gateway-work.service"
    assert service.launchd_label(None) == "ai.openclaw.gateway"
    assert service.launchd_label("work") == "ai.openclaw.work"


@pytest.mark.parametrize(
    ("facts", "active", "plan"),
    [
        (GatewayFacts(state=STATE.RUNNING, pid=7, unit="u"), True, StopPlan("unit", unit="u")),
        (GatewayFacts(state=STATE.RUNNING, pid=7, unit="u"), None, StopPlan("unit", unit="u")),
        (GatewayFacts(state=STATE.RUNNING, pid=7, unit="u"), False, StopPlan("signal", pid=7)),
        (GatewayFacts(state=STATE.RUNNING, pid=7), None, StopPlan("signal", pid=7)),
        (GatewayFacts(state=STATE.STOPPED, unit="u"), None, StopPlan("nothing")),
        (GatewayFacts(state=STATE.ABSENT), None, StopPlan("nothing")),
        (GatewayFacts(state=STATE.UNKNOWN), None, StopPlan("unknown")),
    ],
)
def test_how_a_gateway_is_stopped(facts: GatewayFacts, active: bool | None, plan: StopPlan) -> None:
    assert service.stop_plan(facts, unit_active=active) == plan


@pytest.mark.parametrize(
    ("changes", "state_dir", "kind"),
    [
        ({"user_bus": True}, "/home/alice/.openclaw", "systemd"),
        ({"user_bus": False}, "/home/alice/.openclaw", "detached"),
        ({"user_bus": True, "system": "Darwin"}, "/home/alice/.openclaw", "detached"),
        ({"user_bus": True}, "/srv/openclaw", "detached"),
    ],
)
def test_how_a_gateway_is_started(changes: dict[str, Any], state_dir: str, kind: str) -> None:
    assert service.service_kind(host_facts(**changes), profile=None, state_dir=state_dir) == kind


def seen(**changes: Any) -> Seen:
    nothing: dict[str, Any] = {
        "exists": True,
        "pid": None,
        "locks": (),
        "holders": (),
        "port": 18789,
        "listening": False,
        "listener": None,
        "environment": {},
        "unit": None,
    }
    return Seen(**{**nothing, **changes})


def unit(active: str | None) -> Unit:
    return Unit(name="u.service", active=active, enabled=True)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, STATE.STOPPED),
        ({"exists": False}, STATE.ABSENT),
        ({"pid": 7}, STATE.RUNNING),
        ({"pid": 7, "unit": unit("active")}, STATE.RUNNING),
        ({"pid": 7, "unit": unit("deactivating")}, STATE.STOPPING),
        ({"unit": unit("activating")}, STATE.STARTING),
        ({"unit": unit("active")}, STATE.STARTING),
        ({"unit": unit("inactive")}, STATE.STOPPED),
        ({"unit": unit(None)}, STATE.STOPPED),
        ({"holders": (Process(pid=9, comm="node"),)}, STATE.UNKNOWN),
        ({"holders": None}, STATE.UNKNOWN),
        ({"locks": (Lock(file="l", pid=9, verdict="unknown"),)}, STATE.UNKNOWN),
        ({"locks": (Lock(file="l", pid=9, verdict="gone"),)}, STATE.STOPPED),
        ({"listening": True}, STATE.UNKNOWN),
        ({"listening": True, "listener": Listener(pid=9, comm="node", ours=False)}, STATE.STOPPED),
        ({"listening": None}, STATE.STOPPED),
    ],
)
def test_down_is_only_what_is_proven(changes: dict[str, Any], state: GatewayState) -> None:
    found = service.observed(seen(**changes))
    assert found.gateway.state is state
    assert service.is_down(found.gateway) is (state in (STATE.STOPPED, STATE.ABSENT))
    assert bool(found.why) is not service.is_down(found.gateway)


def test_what_is_seen_becomes_facts() -> None:
    found = service.observed(
        seen(pid=7, port=19001, unit=unit("active"), environment={"OPENCLAW_PROFILE": "work"})
    )
    assert found.gateway == GatewayFacts(
        state=STATE.RUNNING,
        pid=7,
        port=19001,
        unit="u.service",
        unit_enabled=True,
        environment={"OPENCLAW_PROFILE": "work"},
    )
    assert found.unit_active is True
    assert service.observed(seen(unit=unit(None))).unit_active is None
    assert service.observed(seen()).unit_active is None
