"""The way to NEW's dashboard: a port of this machine that leads to NEW's gateway while the session lives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping

from openclaw_wizard.errors import LinkLost, UsageError, WizardError
from openclaw_wizard.events import DashboardOpened
from openclaw_wizard.hosts import Host
from openclaw_wizard.model import Role
from openclaw_wizard.view import View


async def lead_here(
    view: View, hosts: MutableMapping[Role, Host], connect: Callable[[str], Awaitable[Host]]
) -> DashboardOpened:
    """The address on this machine's loopback, or why there is none; it knows no token."""
    try:
        if view.plan is None:
            raise UsageError(what="There is no move whose dashboard could be shown.")
        if Role.NEW not in hosts:
            hosts[Role.NEW] = await connect(view.new)
        port = await _forward(hosts[Role.NEW], view.plan.installation.port)
    except WizardError as problem:
        return DashboardOpened(url=None, why=problem.what)
    return DashboardOpened(url=f"http://127.0.0.1:{port}/")


async def _forward(host: Host, port: int) -> int:
    """A link that was lost meanwhile is opened anew, once."""
    try:
        return await host.forward(port)
    except LinkLost:
        await host.reconnect()
        return await host.forward(port)
