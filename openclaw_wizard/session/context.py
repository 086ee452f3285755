"""What must still be true when a move is resumed: the same machines, users, homes, keys and version."""

from __future__ import annotations

from collections.abc import Mapping

from openclaw_wizard.errors import ContextChanged
from openclaw_wizard.hosts import Host
from openclaw_wizard.model import Plan, Role


def context_of(plan: Plan, hosts: Mapping[Role, Host]) -> dict[str, str]:
    """The context record: what the plan says, with the host keys that both machines showed."""
    return {**planned_context(plan), **{f"{role}.host_key": host.host_key for role, host in hosts.items()}}


def require_same(was: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raises ContextChanged for the first field that differs; one that is not known any more does not."""
    for key, value in was.items():
        if now.get(key, value) != value:
            role, _, name = key.partition(".")
            raise ContextChanged(
                role=role.upper(),
                field=name,
                was=value,
                now=now[key],
                safe="Nothing more was changed; the journal is kept.",
            )


def planned_context(plan: Plan) -> dict[str, str]:
    """By name such as `old.machine_id`; values are shown to a person where they differ."""
    states = ", ".join(each.installation.state_dir for each in plan.each)
    context = {"old.version": plan.version, "old.state_dir": states}
    for role, facts in ((Role.OLD, plan.old), (Role.NEW, plan.new)):
        context |= {
            f"{role}.machine_id": facts.machine_id or "",
            f"{role}.user": facts.user,
            f"{role}.home": facts.home,
        }
    return context
