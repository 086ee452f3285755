"""Which way the data will go from OLD to NEW: tried while both machines are only read."""

from __future__ import annotations

from typing import Final

from openclaw_wizard.errors import CommandTimedOut, UsageError
from openclaw_wizard.hosts import Host
from openclaw_wizard.hosts.onward import NoWay, who_is_at
from openclaw_wizard.model import HostFacts, Route, Wishes

RELAY: Final = "through the wizard"


async def choose(old: Host, new: Host, facts: tuple[HostFacts, HostFacts], wishes: Wishes) -> Route:
    """The route for OLD's and NEW's facts. Raises UsageError for an address that is none, LinkLost."""
    if wishes.direct is None:
        return Route()
    if not old.place or not (wishes.direct or new.place):
        return Route(why=f"{RELAY}, which is on one of the two: no other way is shorter")
    place = wishes.direct or new.place
    try:
        user, machine = await who_is_at(old, facts[0].path, place)
    except NoWay as none:
        return _relayed(f"OLD has no way of its own: {none.fields['why']}")
    except CommandTimedOut as late:
        return _relayed(f"OLD's ssh to {place} did not end within {late.fields['seconds']} s")
    return _judged(facts[1], place, user, machine)


def check(place: str) -> None:
    """Raises UsageError where it is no `[user@]host[:port]`."""
    from openclaw_wizard.hosts.ssh_login import parse_address

    if place == "local" or place.startswith("practice:"):
        what = f"--direct {place!r} is no host that OLD's ssh can name."
        raise UsageError(what=what, next="Give [user@]host[:port] as OLD reaches NEW.")
    parse_address(place)


def _judged(new: HostFacts, place: str, user: str, machine: str | None) -> Route:
    """Nothing is sent to what is not the very machine and user of the plan."""
    if machine is None or new.machine_id is None:
        return _relayed(f"it cannot be told whether {place} is NEW: it has no machine id")
    if machine != new.machine_id:
        return _relayed(f"what OLD reaches at {place} is another machine than NEW")
    if user != new.user:
        return _relayed(f"OLD gets in at {place} as {user}, and not as {new.user}")
    return Route(direct=place, why=f"from OLD to NEW directly, by OLD's own ssh to {place}")


def _relayed(why: str) -> Route:
    return Route(why=f"{RELAY}, since {why}")
