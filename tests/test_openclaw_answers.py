"""What OpenClaw's own answers mean, and both machines' side by side; the shapes were printed by 2026.9.6."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openclaw_wizard.model import Row, RowState, Seen
from openclaw_wizard.openclaw import answers, command

TELEGRAM: dict[str, Any] = {
    "accountId": "default",
    "enabled": True,
    "configured": True,
    "running": True,
    "connected": True,
    "lifecycle": "running",
    "lastError": None,
    "probe": {"ok": True, "elapsedMs": 20},
}
DEAD = {
    **TELEGRAM,
    "running": False,
    "connected": False,
    "lastError": "fetch failed 123456789:AAstand_in_token_of_the_lab_0123456789a",
    "probe": {"ok": False, "status": None, "error": "cooling down"},
}


def status(**accounts: dict[str, Any]) -> dict[str, Any]:
    return {"channelOrder": list(accounts), "channelAccounts": {k: [v] for k, v in accounts.items()}}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "connected"),
        ({"connected": False}, "not connected"),
        ({"probe": {"ok": False}}, "not connected"),
        ({"connected": None}, "connected"),
        ({"connected": None, "probe": None}, "running"),
        ({"running": False, "connected": False}, "not running"),
        ({"enabled": False, "running": False}, "off"),
        ({"linked": True, "connected": False, "probe": None}, "linked, not connected"),
    ],
)
def test_connected_is_only_what_was_reached(changes: dict[str, Any], word: str) -> None:
    assert answers.account_word({**TELEGRAM, **changes}) == word


def test_channels_by_account_without_secrets() -> None:
    found, troubles = answers.channels(status(telegram=TELEGRAM, signal=DEAD, irc={"configured": False}))
    assert found == {"telegram/default": "connected", "signal/default": "not running"}
    assert troubles == {"signal/default": "fetch failed [secret]"}


def test_a_gateway_that_is_down_tells_nothing_of_channels() -> None:
    offline = {"gatewayReachable": False, "configOnly": True, "configuredChannels": ["telegram"]}
    assert answers.channels(offline) == (None, {})
    assert answers.channels({"status": "starting"}) == (None, {})
    assert answers.sessions({"ok": False}) is None


def test_the_gateway_in_words() -> None:
    good = {"gateway": {"version": "2026.9.6"}, "rpc": {"ok": True, "kind": "read"}}
    assert answers.gateway(good) == (True, "2026.9.6, answers")
    assert answers.gateway({"rpc": {"ok": False, "error": "refused"}}) == (False, "does not answer")
    assert answers.gateway({"service": {}}) == (None, None)
    assert answers.gateway(None) == (None, None)


def test_json_is_found_behind_what_a_plugin_says() -> None:
    text = 'lab-notes loaded\n{"sessions": [{"key": "agent:main:b"}, {"key": "agent:main:a"}], "count": 2}\n'
    assert answers.sessions(answers.parsed(text)) == ("agent:main:a", "agent:main:b")
    assert (
        answers.parsed("no answer") is None and answers.parsed("[1]") is None and answers.parsed("{") is None
    )


def test_each_version_is_asked_what_it_knows() -> None:
    assert command.gateway_status("2026.3.13")[:3] == ("gateway", "status", "--json")
    assert command.gateway_status("2026.6.11")[-1] == "--require-rpc"
    assert json.loads(command.SESSIONS_LIST[-1]) == {"limit": 100000}


# --------------------------------------------------------------------------- compare


def seen(**changes: Any) -> Seen:
    made = Seen(
        gateway="2026.9.6, answers",
        answers=True,
        channels={"telegram/default": "connected"},
        sessions=("agent:main:main", "agent:main:old"),
        dashboard=True,
    )
    return made.model_copy(update=changes)


def row(subject: str, old: Seen, new: Seen) -> Row:
    (found,) = (each for each in answers.compare(old, new) if each.subject == subject)
    return found


def test_what_was_not_asked_for_is_no_row_and_said() -> None:
    quiet = Seen(gateway="ready", answers=True, dashboard=True, asked=False, why_not="not asked for: why")
    rows = answers.compare(quiet, quiet)
    assert [(each.subject, each.state, each.detail) for each in rows] == [
        ("gateway", RowState.EQUAL, "not asked for: why"),
        ("dashboard", RowState.EQUAL, ""),
    ]
    dead = quiet.model_copy(update={"gateway": "not ready", "answers": False})
    assert row("gateway", quiet, dead).state is RowState.DIFFERS


def test_the_same_is_equal_in_every_row() -> None:
    rows = answers.compare(seen(), seen())
    assert [each.subject for each in rows] == [
        "gateway",
        "channel telegram/default",
        "dashboard",
        "sessions in the dashboard",
    ]
    assert {each.state for each in rows} == {RowState.EQUAL}


@pytest.mark.parametrize(
    ("was", "now", "state"),
    [
        ("connected", "not connected", RowState.LOST),
        ("connected", "linked, not connected", RowState.LOST),
        ("connected", "?", RowState.LOST),
        ("not running", "not connected", RowState.EXPECTED),
        ("not running", "connected", RowState.GREW),
        ("running", "running", RowState.EQUAL),
        ("?", "connected", RowState.EXPECTED),
        ("?", "not running", RowState.UNKNOWN),
    ],
)
def test_channels_are_held_against_what_they_were_on_old(was: str, now: str, state: RowState) -> None:
    old, new = ({} if word == "?" else {"telegram/default": word} for word in (was, now))
    found = row("channel telegram/default", seen(channels=old), seen(channels=new))
    assert (found.old, found.new, found.state) == (was, now, state)


def test_what_openclaw_says_of_a_lost_channel_is_told() -> None:
    new = seen(channels={"telegram/default": "not running"}, troubles={"telegram/default": "409: Conflict"})
    assert row("channel telegram/default", seen(), new).detail == "409: Conflict"


def test_what_was_not_asked_is_not_claimed() -> None:
    dark = Seen(why_not="not asked")
    rows = answers.compare(seen(), dark)
    assert {each.state for each in rows} == {RowState.UNKNOWN}
    assert {each.detail for each in rows} == {"not asked"}
    off = Seen(gateway="stopped", answers=False, why_not="OLD's gateway did not run")
    states = {each.subject: each.state for each in answers.compare(off, seen())}
    assert states == {
        "gateway": RowState.EQUAL,
        "channel telegram/default": RowState.EXPECTED,
        "dashboard": RowState.EQUAL,
        "sessions in the dashboard": RowState.EXPECTED,
    }


def test_a_gateway_or_dashboard_that_does_not_answer_differs() -> None:
    down = seen(gateway="does not answer", answers=False, dashboard=False)
    assert row("gateway", seen(), down).state is RowState.DIFFERS
    assert row("dashboard", seen(), down).state is RowState.DIFFERS
    assert row("dashboard", seen(dashboard=False), down).state is RowState.EXPECTED


def test_sessions_of_the_dashboard_by_key() -> None:
    subject = "sessions in the dashboard"
    less = row(subject, seen(), seen(sessions=("agent:main:main",)))
    assert (less.state, less.detail) == (RowState.LOST, "missing on NEW: agent:main:old")
    more = (*(seen().sessions or ()), "agent:main:new")
    assert row(subject, seen(), seen(sessions=more)).state is RowState.GREW
