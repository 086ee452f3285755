"""Every pitfall three times: clear, hit, not yet known."""

from __future__ import annotations

from typing import Any

import pytest

from openclaw_wizard.model import (
    Archive,
    Excluded,
    Facts,
    GatewayFacts,
    GatewayState,
    Losses,
    Moved,
    Paths,
    Relocation,
    SchemaFit,
    Staged,
    There,
    Verdict,
    Workspace,
)
from openclaw_wizard.paths import Mention, Mentions, PathChange, PathLeft
from openclaw_wizard.pitfalls import PITFALLS, judge_all
from openclaw_wizard.signs import ConfigSigns, Signs
from tests.builders import host_facts, installation, new_facts, tree

CLEAR, LOOK, BLOCKS, UNKNOWN = Verdict.CLEAR, Verdict.LOOK, Verdict.BLOCKS, Verdict.UNKNOWN
STATE = GatewayState
WHOLE = Staged(missing=0, different=0, foreign_owned=0, too_open=0)
KEPT = Archive(path="/home/alice/a.tar.zst", bytes=9, entries=3, mode=0o600, sha256="0" * 64)


GOOD = Signs(
    config=ConfigSigns(has_auth=True, bind="loopback"),
    cron_elsewhere=(),
    cron_unimported=0,
    plugins_unknown=(),
    plugins_elsewhere=(),
    gateways=1,
)
"""What was read of an installation with nothing wrong."""

CHANGED = PathChange(file="openclaw.json", where="a.b", old="/home/alice/x", new="/srv/bob/x", count=3)
LEFT = PathLeft(file="openclaw.json", where="plugins.load.paths.0", why="it does not move")
TYPED = Relocation(mentions=Mentions(first=(Mention(file="MEMORY.md", count=4),), files=1, count=4))
GONE = Moved(move="m1", when="2026-11-01T10:00:00+00:00", to="/srv/bob/.openclaw", address="bob@new-box")
CLOSED = (tree(new="/home/alice/.openclaw", makeable=False),)
OPEN = (tree(new="/home/alice/.openclaw", makeable=True),)
HALF = Relocation(problems=("openclaw.json is not JSON5 at line 3",))


def gateway(state: GatewayState, **environment: str) -> GatewayFacts:
    return GatewayFacts(state=state, environment=environment)


def facts(**changes: Any) -> Facts:
    """Everything known and well, after the copy and before NEW's start."""
    found = installation(signs=GOOD)
    good: dict[str, Any] = {
        "old": host_facts(),
        "new": new_facts(user_bus=True, linger=True),
        "installation": found,
        "installations": (found,),
        "neighbours": (),
        "there": There(account_home="/srv/bob"),
        "other_profiles": (),
        "node_range": ">=24.16.0 <25 || >=26.1.0",
        "node_fits": True,
        "target_gateway": gateway(STATE.ABSENT),
        "trees": (tree(),),
        "archive_room": 50_000_000_000,
        "archive": KEPT,
        "staged": WHOLE,
        "paths": Paths.REWRITE,
        "relocation": Relocation(changes=(CHANGED,)),
        "shared": (),
        "losses": Losses(count=0),
        "damaged": (),
        "schema_fit": SchemaFit(runs="2026.9.6"),
        "old_gateway": STATE.STOPPED,
    }
    return Facts(**{**good, **changes})


def test_a_good_move_is_clear_of_all() -> None:
    assert {f.verdict for f in judge_all(facts()).values()} == {CLEAR}


def test_without_facts_nothing_is_clear() -> None:
    assert {f.verdict for f in judge_all(Facts()).values()} == {UNKNOWN}


HITS: tuple[tuple[str, Verdict, dict[str, Any], str], ...] = (
    ("remote-mode", BLOCKS, {"mode": "remote", "remote_url": "wss://gw.example.org:8443"}, "gw.example.org"),
    ("remote-mode", BLOCKS, {"mode": "remote", "remote_url": "wss://a:key@gw.org/x?t=key"}, "gw.org"),
    ("remote-mode", BLOCKS, {"mode": "remote"}, "another machine"),
    ("remote-mode", UNKNOWN, {"mode": None, "config_problem": "not JSON5"}, "could not be read"),
    ("remote-mode", UNKNOWN, {"mode": None}, "does not say"),
    (
        "profile-mismatch",
        BLOCKS,
        {"gateway": gateway(STATE.RUNNING, OPENCLAW_STATE_DIR="/srv/oc")},
        "/srv/oc",
    ),
    ("profile-mismatch", BLOCKS, {"config_path": "/etc/openclaw.json"}, "/etc/openclaw.json"),
    ("partial-copy", LOOK, {"has_agents": False, "has_credentials": False}, "no agents"),
    (
        "partial-copy",
        LOOK,
        {"workspaces": (Workspace(agent="main", path="/gone", inside_state=False, exists=False),)},
        "/gone",
    ),
    ("already-moved", LOOK, {"moved": (GONE,)}, "moved to bob@new-box (/srv/bob/.openclaw) on 2026-11-01"),
    ("comes-back-at-boot", LOOK, {"starts": ("a line of the crontab (crontab -e)",)}, "(crontab -e)"),
    ("ownership", BLOCKS, {"config_problem": "cannot be read by this user (EACCES)"}, "EACCES"),
)


@pytest.mark.parametrize(("pitfall", "verdict", "changes", "said"), HITS)
def test_what_the_installation_says(
    pitfall: str, verdict: Verdict, changes: dict[str, Any], said: str
) -> None:
    found = judge_all(facts(installation=installation(signs=GOOD, **changes)))[pitfall]
    # What holds the move until it is accepted is a look that blocks.
    holds = verdict is LOOK and pitfall in ("already-moved", "comes-back-at-boot")
    assert found.verdict is (BLOCKS if holds else verdict)
    assert said in found.evidence
    assert "key" not in found.evidence


CASES: tuple[tuple[str, Verdict, dict[str, Any], str], ...] = (
    ("paths-inside", CLEAR, {}, "3 will be rewritten"),
    ("paths-inside", CLEAR, {"relocation": TYPED}, "old places (4 times) and stay"),
    ("paths-inside", LOOK, {"relocation": Relocation(left=(LEFT,))}, "openclaw.json plugins.load.paths.0"),
    ("paths-inside", BLOCKS, {"relocation": HALF}, "line 3"),
    ("paths-inside", UNKNOWN, {"relocation": None}, "once OLD and NEW are read"),
    ("paths-another-way", LOOK, {"paths": Paths.LINK}, "root must link /home/alice/.openclaw"),
    ("paths-another-way", BLOCKS, {"paths": Paths.KEEP}, "nothing leads from the old places"),
    ("paths-another-way", BLOCKS, {"paths": Paths.SAME, "trees": CLOSED}, "may not make /home/alice"),
    ("paths-another-way", LOOK, {"paths": Paths.SAME, "trees": OPEN}, "OPENCLAW_STATE_DIR"),
    ("paths-another-way", UNKNOWN, {"paths": Paths.SAME}, "may make there"),
    ("paths-another-way", UNKNOWN, {"paths": None}, ""),
    ("shared-workspace", LOOK, {"shared": ("/mnt/nas/ws",)}, "/mnt/nas/ws"),
    ("shared-workspace", UNKNOWN, {"shared": None}, "once OLD and NEW are read"),
    ("remote-mode", UNKNOWN, {"installation": None}, ""),
    ("profile-mismatch", LOOK, {"other_profiles": ("work", "rescue")}, "work, rescue"),
    ("profile-mismatch", UNKNOWN, {"other_profiles": None}, "not yet known"),
    ("profile-mismatch", UNKNOWN, {"installation": None}, ""),
    (
        "profile-mismatch",
        CLEAR,
        {
            "installation": installation(
                gateway=gateway(STATE.RUNNING, OPENCLAW_STATE_DIR="/home/alice/.openclaw/")
            )
        },
        "one profile",
    ),
    (
        "gateway-still-running",
        BLOCKS,
        {"target_gateway": gateway(STATE.RUNNING), "old_gateway": STATE.READY},
        "both",
    ),
    (
        "gateway-still-running",
        BLOCKS,
        {"target_gateway": gateway(STATE.RUNNING), "old_gateway": None, "staged": None, "archive": None},
        "on NEW",
    ),
    ("gateway-still-running", CLEAR, {"target_gateway": gateway(STATE.READY)}, "down"),
    ("gateway-still-running", LOOK, {"old_gateway": STATE.RUNNING}, "again"),
    (
        "gateway-still-running",
        UNKNOWN,
        {"old_gateway": STATE.RUNNING, "archive": None, "staged": None},
        "not stopped yet",
    ),
    ("gateway-still-running", UNKNOWN, {"old_gateway": None}, "Back up"),
    ("gateway-still-running", UNKNOWN, {"old_gateway": STATE.UNKNOWN}, "Back up"),
    ("gateway-still-running", UNKNOWN, {"target_gateway": None}, "NEW"),
    ("node-out-of-range", BLOCKS, {"new": new_facts(node=None)}, "NEW has no Node"),
    ("node-out-of-range", BLOCKS, {"new": new_facts(node="v22.11.0")}, "22.11.0"),
    ("node-out-of-range", BLOCKS, {"old": host_facts(node="18.20.1")}, "OLD has Node 18.20.1"),
    ("node-out-of-range", CLEAR, {"old": host_facts(node="22.12.0")}, "24.19.0"),
    ("node-out-of-range", UNKNOWN, {"new": None}, ""),
    ("node-out-of-range", UNKNOWN, {"node_fits": None}, "not known"),
    ("node-out-of-range", BLOCKS, {"node_fits": False}, "this OpenClaw needs >=24.16.0"),
    ("node-out-of-range", BLOCKS, {"new": new_facts(npm=None)}, "no npm"),
    ("node-out-of-range", CLEAR, {"new": new_facts(npm=None, openclaw="2026.9.6")}, "24.19.0"),
    ("different-openclaw-on-new", LOOK, {"new": new_facts(openclaw="2026.7.1")}, "2026.7.1"),
    ("different-openclaw-on-new", CLEAR, {"new": new_facts(openclaw="2026.9.6")}, "both"),
    ("different-openclaw-on-new", UNKNOWN, {"new": None}, ""),
    (
        "different-openclaw-on-new",
        UNKNOWN,
        {"old": host_facts(openclaw=None), "installation": installation(version=None)},
        "not known",
    ),
    ("not-enough-room", BLOCKS, {"trees": (tree(free_bytes=1_000_000),), "staged": None}, "NEW needs"),
    (
        "not-enough-room",
        BLOCKS,
        {
            "trees": (
                tree(bytes=300_000_000, free_bytes=700_000_000),
                tree(bytes=300_000_000, free_bytes=700_000_000),
            ),
            "staged": None,
        },
        "NEW needs 800.0 MB",
    ),
    ("not-enough-room", BLOCKS, {"archive_room": 1_000, "archive": None, "staged": None}, "OLD"),
    ("not-enough-room", UNKNOWN, {"trees": (tree(free_bytes=None),), "staged": None}, "NEW"),
    ("not-enough-room", UNKNOWN, {"archive_room": None, "archive": None, "staged": None}, "OLD"),
    ("not-enough-room", UNKNOWN, {"trees": None}, ""),
    ("not-enough-room", CLEAR, {"archive": None, "staged": None}, "2.0 MB"),
    ("target-not-empty", LOOK, {"trees": (tree(occupied=True),)}, "/srv/bob/.openclaw"),
    ("target-not-empty", UNKNOWN, {"trees": None}, ""),
    ("partial-copy", BLOCKS, {"staged": WHOLE.model_copy(update={"missing": 2})}, "2 entries are missing"),
    ("partial-copy", BLOCKS, {"staged": WHOLE.model_copy(update={"different": 1})}, "1 differ"),
    ("partial-copy", UNKNOWN, {"staged": None}, "compared"),
    ("partial-copy", UNKNOWN, {"installation": None}, ""),
    ("ownership", BLOCKS, {"staged": WHOLE.model_copy(update={"foreign_owned": 4})}, "4 entries"),
    ("ownership", BLOCKS, {"staged": WHOLE.model_copy(update={"too_open": 3})}, "3 entries"),
    ("ownership", UNKNOWN, {"staged": None}, "compared"),
    ("ownership", UNKNOWN, {"installation": None}, ""),
    (
        "lost-entries",
        LOOK,
        {"losses": Losses(count=9, first=(Excluded(path="a/b", reason="its disk has a read error"),))},
        "9 cannot come along: a/b (its disk has a read error), …",
    ),
    (
        "damaged-database",
        LOOK,
        {"damaged": (Excluded(path="state/openclaw.sqlite", reason="malformed"),)},
        "state/openclaw.sqlite (malformed)",
    ),
    (
        "newer-schema",
        BLOCKS,
        {"schema_fit": SchemaFit(runs="2026.7.1", newer=(Excluded(path="a.sqlite", reason="schema 23"),))},
        "2026.7.1 on NEW would refuse a.sqlite (schema 23)",
    ),
    (
        "newer-schema",
        UNKNOWN,
        {"schema_fit": SchemaFit(runs="2026.8.1", unsure=(Excluded(path="a.sqlite", reason="schema 9"),))},
        "2026.8.1 reads a.sqlite (schema 9)",
    ),
    ("already-moved", UNKNOWN, {"installation": None}, ""),
    ("comes-back-at-boot", UNKNOWN, {"installation": None}, ""),
    ("newer-schema", UNKNOWN, {"schema_fit": None}, "OLD and NEW"),
    ("damaged-database", UNKNOWN, {"damaged": None}, "counted"),
    ("lost-entries", UNKNOWN, {"losses": None}, "compared"),
    ("secrets-in-backups", BLOCKS, {"archive": KEPT.model_copy(update={"mode": 0o640})}, "0640"),
    ("secrets-in-backups", UNKNOWN, {"archive": None}, "safety copy"),
)


@pytest.mark.parametrize(("pitfall", "verdict", "changes", "said"), CASES)
def test_what_the_facts_say(pitfall: str, verdict: Verdict, changes: dict[str, Any], said: str) -> None:
    found = judge_all(facts(**changes))[pitfall]
    assert found.verdict is verdict
    assert said in found.evidence


def test_the_catalogue_is_whole() -> None:
    assert len({each.id for each in PITFALLS}) == len(PITFALLS)
    for each in PITFALLS:
        assert all((each.title, each.why, each.source, each.remedy)), each.id
    wanted = {
        *("profile-mismatch", "partial-copy", "ownership", "remote-mode", "secrets-in-backups"),
        *("gateway-still-running", "target-not-empty", "not-enough-room"),
    }
    assert wanted <= {each.id for each in PITFALLS}


def test_only_a_look_can_be_accepted() -> None:
    everything = frozenset(each.id for each in PITFALLS)
    found = judge_all(facts(trees=(tree(occupied=True),), archive=None), everything)
    assert found["target-not-empty"].accepted
    assert not found["secrets-in-backups"].accepted
    assert not found["remote-mode"].accepted
    assert list(found) == [each.id for each in PITFALLS]
    assert found["target-not-empty"].remedy


def test_paths_that_lead_nowhere_hold_the_move_until_they_are_accepted() -> None:
    kept = facts(paths=Paths.KEEP)
    assert judge_all(kept)["paths-another-way"].verdict is BLOCKS
    accepted = judge_all(kept, frozenset({"paths-another-way"}))["paths-another-way"]
    assert (accepted.verdict, accepted.accepted) == (LOOK, True)
    # What really blocks is not taken away by accepting it.
    closed = facts(paths=Paths.SAME, trees=CLOSED)
    assert judge_all(closed, frozenset({"paths-another-way"}))["paths-another-way"].verdict is BLOCKS
