"""What OpenClaw's own commands answer about a running gateway, read into few words; pure.

The shapes are those of 2026.9.6 [measured]; of older versions only what is common to all of them is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from openclaw_wizard.model import Row, RowState, Seen
from openclaw_wizard.redact import redact

CONNECTED: Final = "connected"
TITLE: Final = "<title>OpenClaw"
"""Of the control UI, from 2026.1.30 to 2026.9.6 [old dist/control-ui/index.html]."""
LONGEST: Final = 160
"""Characters of an error that are kept."""


def parsed(text: str) -> Mapping[str, Any] | None:
    """The JSON object that a command printed, past what plugins of old versions say before it."""
    at = text.find("{")
    try:
        found = json.loads(text[at:]) if at >= 0 else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def gateway(answer: Mapping[str, Any] | None) -> tuple[bool | None, str | None]:
    """Whether the RPC of `gateway status` answers, and that in words."""
    rpc = answer.get("rpc") if answer else None
    if not isinstance(rpc, Mapping):
        return None, None
    running = answer.get("gateway") if answer else None
    version = running.get("version") if isinstance(running, Mapping) else None
    if rpc.get("ok") is True:
        return True, f"{version}, answers" if version else "answers"
    return False, "does not answer"


def channels(answer: Mapping[str, Any] | None) -> tuple[dict[str, str] | None, dict[str, str]]:
    """What each `<channel>/<account>` is, and what OpenClaw says of those that are not connected.

    None where the gateway did not answer itself (then only the config was read).
    """
    accounts = answer.get("channelAccounts") if answer else None
    if not isinstance(accounts, Mapping):
        return None, {}
    found: dict[str, str] = {}
    troubles: dict[str, str] = {}
    for name, account in _accounts(accounts):
        found[name] = account_word(account)
        if found[name] != CONNECTED and (said := _trouble(account)):
            troubles[name] = said
    return found, troubles


def _accounts(accounts: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for channel, listed in accounts.items():
        for each in listed if isinstance(listed, list) else []:
            if isinstance(each, Mapping) and each.get("configured") is not False:
                yield f"{channel}/{each.get('accountId', 'default')}", each


def account_word(account: Mapping[str, Any]) -> str:
    """`connected` only where the channel itself was reached; `linked` is files alone (#119584)."""
    probe = account.get("probe")
    probed = probe.get("ok") if isinstance(probe, Mapping) else None
    if account.get("enabled") is False:
        return "off"
    if account.get("running") is not True:
        return "not running"
    if account.get("connected") is False or probed is False:
        return "linked, not connected" if account.get("linked") is True else "not connected"
    if account.get("connected") is True or probed is True:
        return CONNECTED
    return "running"


def _trouble(account: Mapping[str, Any]) -> str:
    probe = account.get("probe")
    said = account.get("lastError") or (probe.get("error") if isinstance(probe, Mapping) else None)
    return redact(str(said))[:LONGEST] if said else ""


def sessions(answer: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    listed = answer.get("sessions") if answer else None
    if not isinstance(listed, list):
        return None
    return tuple(sorted(str(each["key"]) for each in listed if isinstance(each, Mapping) and "key" in each))


# ------------------------------------------------------------------- compare


def compare(old: Seen, new: Seen) -> tuple[Row, ...]:
    """What a person would look at after the move, beside what OLD showed before its stop."""
    shown = _gateway_row(old, new), *_channel_rows(old, new), _dashboard_row(old, new)
    return (*shown, _sessions_row(old, new)) if new.asked else shown


def _unknown(subject: str, old: str, new: str, seen: Seen) -> Row:
    return Row(subject=subject, old=old, new=new, state=RowState.UNKNOWN, detail=seen.why_not)


def _gateway_row(old: Seen, new: Seen) -> Row:
    was, now = old.gateway or "?", new.gateway or "?"
    if new.answers is None:
        return _unknown("gateway", was, now, new)
    state = RowState.EQUAL if new.answers else RowState.DIFFERS
    return Row(subject="gateway", old=was, new=now, state=state, detail="" if new.asked else new.why_not)


def _channel_rows(old: Seen, new: Seen) -> Iterator[Row]:
    before, after = old.channels or {}, new.channels or {}
    for name in sorted({**before, **after}):
        subject, was, now = f"channel {name}", before.get(name, "?"), after.get(name, "?")
        if new.channels is None:
            yield _unknown(subject, was, now, new)
        else:
            state, said = _channel_state(old, was, now)
            detail = said or new.troubles.get(name, "")
            yield Row(subject=subject, old=was, new=now, state=state, detail=detail)


def _channel_state(old: Seen, was: str, now: str) -> tuple[RowState, str]:
    if was == now:
        return RowState.EQUAL, ""
    if was == "?":
        reason = old.why_not or "OLD does not know it"
        return (RowState.EXPECTED if now == CONNECTED else RowState.UNKNOWN), reason
    if was == CONNECTED:
        return RowState.LOST, ""
    if now == CONNECTED:
        return RowState.GREW, ""
    return RowState.EXPECTED, "it was not connected on OLD either"


def _dashboard_row(old: Seen, new: Seen) -> Row:
    was, now = _answers(old.dashboard), _answers(new.dashboard)
    if new.dashboard is None:
        return _unknown("dashboard", was, now, new)
    state = RowState.EQUAL
    if not new.dashboard:
        state = RowState.EXPECTED if old.dashboard is False else RowState.DIFFERS
    said = "it did not answer on OLD either" if state is RowState.EXPECTED else ""
    return Row(subject="dashboard", old=was, new=now, state=state, detail=said)


def _answers(there: bool | None) -> str:
    return "?" if there is None else "opens" if there else "does not open"


def _sessions_row(old: Seen, new: Seen) -> Row:
    subject = "sessions in the dashboard"
    was, now = (str(len(s.sessions)) if s.sessions is not None else "?" for s in (old, new))
    if new.sessions is None:
        return _unknown(subject, was, now, new)
    if old.sessions is None:
        reason = old.why_not or "OLD did not say"
        return Row(subject=subject, old=was, new=now, state=RowState.EXPECTED, detail=reason)
    missing = sorted(set(old.sessions) - set(new.sessions))
    more = set(new.sessions) - set(old.sessions)
    state = RowState.LOST if missing else RowState.GREW if more else RowState.EQUAL
    said = f"missing on NEW: {', '.join(missing[:5])}" if missing else ""
    return Row(subject=subject, old=was, new=now, state=state, detail=said)
