"""Check: one machine, read only, as the OLD of a move that nobody has planned yet."""

from __future__ import annotations

from openclaw_wizard.errors import NothingToMove
from openclaw_wizard.hosts import Host
from openclaw_wizard.hosts.facts import probe
from openclaw_wizard.model import Facts
from openclaw_wizard.openclaw import discover
from openclaw_wizard.steps import choosing, reading, survey


async def check(host: Host, profile: str | None) -> tuple[Facts, ...]:
    """What is known of each installation there, or of the named one; without Node, of the machine alone.

    Raises NothingToMove, HostError.
    """
    machine = await probe(host)
    if not reading.can_help(machine):
        return (Facts(old=machine),)
    seen = await discover.survey(reading.helper(host, machine.path), machine)
    found = seen.installations
    if not found:
        next = survey.log_in_as(machine.address, seen.others)
        raise NothingToMove(host=machine.address, why=seen.why_nothing(machine.home), next=next)
    wanted = found if profile is None else (choosing.choose(found, profile, machine),)
    known = Facts(old=machine, installations=found, noticed=seen.noticed, other_profiles=())
    return tuple(known.model_copy(update={"installation": each}) for each in wanted)
