"""Which schemas an OpenClaw reads: the table, the judgement, and the numbers of real state."""

from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_wizard.model import Verdict
from openclaw_wizard.openclaw import schemas
from openclaw_wizard.pitfalls import judge_all
from openclaw_wizard.steps.survey import node_facts
from tests.builders import new_facts
from tests.openclaw_states import early, facts, today
from tests.test_openclaw_discover import survey
from tests.test_pitfalls import facts as known

STATE, AGENT = "state/openclaw.sqlite", "agents/main/agent/openclaw-agent.sqlite"


@pytest.mark.parametrize(
    ("version", "least", "most"),
    [
        ("2026.9.6", 23, 23),
        ("2026.7.1", 1, 1),
        ("2026.8.1", 4, 23),
        ("2026.9.7", 23, None),
        ("2026.2.9", 0, 1),
    ],
)
def test_what_a_version_reads(version: str, least: int, most: int | None) -> None:
    assert schemas.reads(schemas.AGENT_SCHEMAS, version) == (least, most)


def test_what_is_newer_what_may_be_and_what_is_not() -> None:
    found = schemas.fit("2026.8.1", {STATE: 1, AGENT: 9, "memory/x.sqlite": 99}, "2026.8.1")
    assert (found.newer, [each.path for each in found.unsure]) == ((), [AGENT])
    older = schemas.fit("2026.7.1", {STATE: 18, AGENT: 23}, "2026.9.6")
    assert [(each.path, each.reason) for each in older.newer] == [
        ("openclaw.json", "written by 2026.9.6"),
        (AGENT, "schema 23, it reads 1 at most"),
    ]
    assert [each.path for each in older.unsure] == [STATE]


@pytest.mark.node
async def test_the_numbers_of_real_state_hold_the_move_to_an_openclaw_that_stays_older(home: Path) -> None:
    today(home)
    (found,) = (await survey(home)).installations
    agents = {AGENT.replace("main", agent): 23 for agent in ("main", "research")}
    assert found.schemas == {STATE: 18, **agents}
    old = facts(home, openclaw="2026.9.6")
    stays = new_facts(openclaw="2026.7.1", npm=None)
    verdict = judge_all(known(**node_facts(old, stays, found)))["newer-schema"]
    assert verdict.verdict is Verdict.BLOCKS and f"{AGENT} (schema 23" in verdict.evidence
    # With npm there, OLD's version is installed beside it.
    fits = judge_all(known(**node_facts(old, new_facts(openclaw="2026.7.1"), found)))["newer-schema"]
    assert fits.verdict is Verdict.CLEAR
    # A command on OLD that is older than what wrote the state would be what NEW gets.
    behind = judge_all(known(**node_facts(facts(home, openclaw="2026.7.1"), new_facts(), found)))
    assert behind["newer-schema"].verdict is Verdict.BLOCKS


@pytest.mark.node
async def test_state_without_such_databases_is_read_by_any(home: Path) -> None:
    early(home)
    (found,) = (await survey(home)).installations
    assert found.schemas == {}
    assert not schemas.fit("2026.2.9", found.schemas, found.version).newer
