"""Two inventories side by side, a row a subject; where they differ, the reason if a fact gives one.

EQUAL: NEW has the same. GREW: NEW has all of it and more. EXPECTED: it differs, and the detail names the
fact that is the reason. LOST and DIFFERS: nothing explains it, and the detail names what. UNKNOWN: one
side could not be counted. A reason is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from humanize import intcomma

from openclaw_wizard.model import Database, Inventory, Row, RowState
from openclaw_wizard.openclaw import layout
from openclaw_wizard.openclaw.inventory import NOT_READ
from openclaw_wizard.openclaw.releases import parse_version
from openclaw_wizard.openclaw.relocate import relocated

NAMED: Final = 5
"""So many missing names are told; the rest is a number."""

_ONE_TIME_KEY: Final = re.compile(r"whatsapp/[^/]+/pre-key-\d+\.json")
"""Deleted when somebody first writes with it; new ones are made when few are left [src Baileys]."""

REQUEST_LASTS: Final = 3600.0
"""Seconds that a request for pairing stands; below, one of a device [src pairing-store, device-pairing]."""
DEVICE_REQUEST_LASTS: Final = 300.0


def compare(old: Inventory, new: Inventory, *, changes: Iterable[tuple[str, str]] = ()) -> tuple[Row, ...]:
    """The two side by side. `changes` are old and new folders of what moved to another place."""
    stateful = _unread(old, new, layout.STATE_DATABASE)
    sessions = _unread(old, new, "agents/")
    return (
        _version_row(old.version, new.version),
        _schemas_row(old, new),
        _names_row("agents", old.agents, new.agents),
        sessions or _sessions_row(old, new),
        _relabelled(sessions, "messages") or _messages_row(old.messages, new.messages),
        _relabelled(stateful, "cron jobs") or _cron_row(old, new),
        _names_row("channels", old.channels, new.channels),
        _credentials_row(old, new),
        _relabelled(stateful, "devices") or _names_row("devices", old.devices, new.devices),
        _relabelled(stateful, "pairing requests") or _requests_row(old, new),
        _relabelled(stateful, "plugins") or _switches_row("plugins", old.plugins, new.plugins),
        _switches_row("skills", old.skills, new.skills),
        _workspaces_row(old.workspaces, new.workspaces, tuple(changes)),
        _names_row("memory files", old.memory_files, new.memory_files),
        _relabelled(sessions, "memory index") or _index_row(old.memory_index, new.memory_index),
        _names_row("config keys", old.config_keys, new.config_keys),
        _names_row("environment keys", old.env_keys, new.env_keys),
        _databases_row(old.databases, new.databases),
    )


def _unread(old: Inventory, new: Inventory, path: str) -> Row | None:
    """A row that knows nothing, where a database that it is counted from was not read."""
    for side, inventory in (("OLD", old), ("NEW", new)):
        for each in inventory.databases:
            if each.path.startswith(path) and each.detail.startswith(NOT_READ):
                return Row(
                    subject="sessions",
                    old="?",
                    new="?",
                    state=RowState.UNKNOWN,
                    detail=f"{each.path} on {side} was in use",
                )
    return None


def _relabelled(row: Row | None, subject: str) -> Row | None:
    return row and row.model_copy(update={"subject": subject})


def _version_row(old: str | None, new: str | None) -> Row:
    state = RowState.EQUAL if old == new else RowState.LOST
    before, after = (parse_version(each or "") for each in (old, new))
    if before is None or after is None:
        state = RowState.UNKNOWN
    elif before < after:
        state = RowState.GREW
    return Row(subject="OpenClaw version", old=old or "?", new=new or "?", state=state)


def _row(
    subject: str, counts: tuple[int, int], missing: Sequence[str], more: Sequence[str], also: str = ""
) -> Row:
    state = RowState.LOST if missing else RowState.GREW if more or also else RowState.EQUAL
    detail = _listed(missing, "missing on NEW") or _listed(more, "more on NEW") or also
    return Row(subject=subject, old=intcomma(counts[0]), new=intcomma(counts[1]), state=state, detail=detail)


def _listed(names: Sequence[str], what: str) -> str:
    if not names:
        return ""
    rest = len(names) - NAMED
    return f"{what}: {', '.join(names[:NAMED])}" + (f" and {intcomma(rest)} more" if rest > 0 else "")


def _without(names: Iterable[str], others: Collection[str]) -> list[str]:
    known = set(others)
    return [name for name in names if name not in known]


def _names_row(subject: str, old: Sequence[str], new: Sequence[str]) -> Row:
    return _row(subject, (len(old), len(new)), _without(old, new), _without(new, old))


def _messages_row(old: Mapping[str, int], new: Mapping[str, int]) -> Row:
    missing = [f"{k} ({new.get(k, 0)} of {n})" for k, n in sorted(old.items()) if new.get(k, 0) < n]
    more = [k for k, n in sorted(new.items()) if n > old.get(k, 0)]
    return _row("messages", (sum(old.values()), sum(new.values())), missing, more)


def _each(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {intcomma(n)}" for name, n in sorted(counts.items()))


def _tally(names: Iterable[str], depth: int) -> dict[str, int]:
    """How many of these paths begin with the same `depth` names."""
    found: dict[str, int] = {}
    for name in names:
        parts = name.split("/")
        key = "/".join(parts[:depth]) if len(parts) > depth else "files"
        found[key] = found.get(key, 0) + 1
    return found


def _with_detail(row: Row, detail: str) -> Row:
    """The row, with a breakdown where it has nothing to tell that matters more."""
    return row if row.detail else row.model_copy(update={"detail": detail})


def _sessions_row(old: Inventory, new: Inventory) -> Row:
    row = _names_row("sessions", old.sessions, new.sessions)
    return _with_detail(row, _each(_tally(new.sessions, 1)) if len(new.agents) > 1 else "")


def _cron_row(old: Inventory, new: Inventory) -> Row:
    row = _names_row("cron jobs", old.cron_jobs, new.cron_jobs)
    off = [job for job in new.cron_off if job in old.cron_jobs and job not in old.cron_off]
    on = [job for job in old.cron_off if job in new.cron_jobs and job not in new.cron_off]
    if row.explained and (off or on):
        said = _listed(off, "off on NEW") or _listed(on, "on on NEW")
        return row.model_copy(update={"state": RowState.DIFFERS, "detail": said})
    return _with_detail(row, f"{intcomma(len(new.cron_off))} of them off" if new.cron_off else "")


def _credentials_row(old: Inventory, new: Inventory) -> Row:
    """With the number of files by account: hundreds for WhatsApp, and one that lacks its own is dead."""
    row = _names_row("channel credentials", old.credentials, new.credentials)
    missing = _without(old.credentials, new.credentials)
    if missing and all(_ONE_TIME_KEY.fullmatch(name) for name in missing):
        said = f"{intcomma(len(missing))} one-time keys were used up on NEW; all arrived, by hash"
        return row.model_copy(update={"state": RowState.EXPECTED, "detail": said})
    return _with_detail(row, _each(_tally(new.credentials, 2)))


def _requests_row(old: Inventory, new: Inventory) -> Row:
    row = _names_row("pairing requests", tuple(old.pairing_requests), tuple(new.pairing_requests))
    missing = _without(old.pairing_requests, new.pairing_requests)
    if missing and all(_has_lapsed(name, old.pairing_requests[name], new.taken) for name in missing):
        said = f"{intcomma(len(missing))} of OLD lapsed before NEW was counted"
        return row.model_copy(update={"state": RowState.EXPECTED, "detail": said})
    return row


def _has_lapsed(name: str, made: float, now: float) -> bool:
    lasts = DEVICE_REQUEST_LASTS if name.startswith("device/") else REQUEST_LASTS
    return now - made > lasts


def _switches_row(subject: str, old: Mapping[str, bool], new: Mapping[str, bool]) -> Row:
    """Names, and which of them are on."""
    row = _names_row(subject, tuple(old), tuple(new))
    other = [name for name in old if name in new and old[name] != new[name]]
    row = row.model_copy(update={"old": _on(old), "new": _on(new)})
    if row.explained and other:
        words = [f"{name} is {'on' if new[name] else 'off'} on NEW" for name in other[:NAMED]]
        return row.model_copy(update={"state": RowState.DIFFERS, "detail": ", ".join(words)})
    return row


def _on(switches: Mapping[str, bool]) -> str:
    count = sum(switches.values())
    total = intcomma(len(switches))
    return total if count == len(switches) else f"{total}, {intcomma(count)} on"


def _workspaces_row(
    old: Mapping[str, str], new: Mapping[str, str], changes: Sequence[tuple[str, str]]
) -> Row:
    row = _names_row("workspaces", tuple(old), tuple(new))
    elsewhere = [agent for agent in old if agent in new and new[agent] != relocated(old[agent], changes)]
    if row.explained and elsewhere:
        said = ", ".join(f"{agent}: {new[agent]}" for agent in elsewhere[:NAMED])
        return row.model_copy(update={"state": RowState.DIFFERS, "detail": f"NEW leads elsewhere: {said}"})
    moved = [agent for agent in old if new.get(agent) != old[agent]]
    if row.state is RowState.EQUAL and moved:
        said = "their paths followed to the new place"
        return row.model_copy(update={"state": RowState.EXPECTED, "detail": said})
    return row


def _index_row(old: Mapping[str, int], new: Mapping[str, int]) -> Row:
    less = [f"{k} ({new.get(k, 0)} of {n})" for k, n in sorted(old.items()) if new.get(k, 0) < n]
    more = [k for k, n in sorted(new.items()) if n > old.get(k, 0)]
    row = _row("memory index", (sum(old.values()), sum(new.values())), less, more)
    if less:
        said = f"{row.detail}; `openclaw memory index --force` makes it again from the files"
        return row.model_copy(update={"state": RowState.DIFFERS, "detail": said})
    return row


def _schemas_row(old: Inventory, new: Inventory) -> Row:
    """By database; a newer OpenClaw raises them, nothing may lower them."""
    before, after = _schemas(old.databases), _schemas(new.databases)
    both = [path for path in before if path in after]
    lower = [f"{path} ({after[path]} for {before[path]})" for path in both if after[path] < before[path]]
    higher = [f"{path} ({after[path]} for {before[path]})" for path in both if after[path] > before[path]]
    row = Row(subject="schemas", old=_numbers(before), new=_numbers(after), state=RowState.EQUAL)
    if lower:
        return row.model_copy(update={"state": RowState.DIFFERS, "detail": _listed(lower, "lower on NEW")})
    if higher:
        newer = _version_row(old.version, new.version).state is RowState.GREW
        state = RowState.GREW if newer else RowState.EXPECTED
        said = _listed(higher, "raised by OpenClaw's own migrations")
        return row.model_copy(update={"state": state, "detail": said})
    return row


def _schemas(databases: Iterable[Database]) -> dict[str, int]:
    """What the file says, or else what OpenClaw wrote into it."""
    found = ((each.path, each.user_version or each.schema_version) for each in databases)
    return {path: number for path, number in found if number}


def _numbers(schemas: Mapping[str, int]) -> str:
    return ", ".join(map(str, sorted(set(schemas.values())))) or "none"


def _databases_row(old: Sequence[Database], new: Sequence[Database]) -> Row:
    subject = "databases intact"
    if any(each.detail.startswith(NOT_READ) for each in (*old, *new)):
        return Row(subject=subject, old=_intact(old), new=_intact(new), state=RowState.UNKNOWN)
    good = {each.path for each in new if each.ok}
    missing = [each.path for each in old if each.ok and each.path not in good]
    damaged = [f"{each.path} ({each.detail})" for each in new if not each.ok]
    more = sorted(good - {each.path for each in old})
    row = _row(subject, (0, 0), missing or damaged, more)
    return row.model_copy(update={"old": _intact(old), "new": _intact(new)})


def _intact(databases: Sequence[Database]) -> str:
    good = sum(each.ok for each in databases)
    return intcomma(good) if good == len(databases) else f"{intcomma(good)} of {intcomma(len(databases))}"
