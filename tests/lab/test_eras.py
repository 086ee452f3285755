"""Real OpenClaw of every era, moved from one real machine to another by the whole program.

To the same version each; the oldest and the last that wrote JSONL are then updated on NEW, as a person
would after a move, and every message must still be there.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.lab import furnish, furnished, programs, results
from tests.lab.furnish import PORT, Resident
from tests.lab.lab import NEW, OLD, Lab, lab
from tests.lab.programs import ERAS, NEWEST
from tests.lab.providers import Providers
from tests.program import Event, gateways, table

pytestmark = [pytest.mark.lab, pytest.mark.openclaw]

ABOUT = {
    "2026.1.30": "the guide's own time: JSON and JSONL",
    "2026.3.13": "JSONL; `config validate`, `/readyz`",
    "2026.6.11": "cron jobs in SQLite, sessions in JSONL",
    "2026.7.1": "the last with sessions in JSONL",
    "2026.9.6": "all in SQLite",
}
UPDATED = ("2026.1.30", "2026.7.1")


@dataclass
class Move:
    """A move that ended, and both of its machines."""

    version: str
    lab: Lab
    providers: Providers
    before: Resident
    after: Resident
    turns: int
    """How many turns the agent's conversation had on OLD, as the model saw it."""
    messages: frozenset[str]
    """What every message of OLD says, read from its files before the wizard came."""
    newest: Path
    """The program of today, for an update."""
    code: int
    events: list[Event]
    said: str


def eras(versions: tuple[str, ...]) -> pytest.MarkDecorator:
    """The move of each of these versions; only the newest is part of every run."""
    params = [pytest.param(v, marks=() if v == NEWEST else pytest.mark.matrix) for v in versions]
    return pytest.mark.parametrize("moved", params, indirect=True, scope="module")


every_era = eras(ERAS)


@pytest.fixture(scope="module")
def moved(request: pytest.FixtureRequest) -> Iterator[Move]:
    version = str(request.param)
    # All before a test has an environment, and so a cache, of its own.
    disk, program, newest = furnished.layer(version), programs.openclaw(version), programs.openclaw(NEWEST)
    with lab() as made:
        providers = Providers(made)
        made.add(replace(OLD, openclaw=program, layers=(disk,)))
        made.add(replace(NEW, openclaw=program))
        old, new = (Resident(made, providers, version, name) for name in ("old", "new"))
        old.wait_until_ready()
        turns = turns_of(old.turn("before you go?"))
        messages = messages_of(old)
        code, events, said = made.wizard.run("run", "--from", "old", "--to", "new", "--json", "--yes")
        results.record(made.cache, "era", version, ABOUT[version], events)
        yield Move(version, made, providers, old, new, turns, messages, newest, code, events, said)


def cron_jobs(person: Resident) -> set[str]:
    said = person.openclaw("cron list --all --json")
    # Old versions print what plugins say before it.
    return {job["name"] for job in json.loads(said[said.index("{") :])["jobs"]}


def turns_of(answer: str) -> int:
    """The stand-in counts the turns in the history that the gateway sent."""
    found = re.search(r"turn (\d+):", answer)
    assert found, answer
    return int(found[1])


def messages_of(person: Resident) -> frozenset[str]:
    """The text of every message in the transcripts, wherever that version keeps them."""
    found: set[str] = set()
    for file in person.state.glob("agents/*/sessions/*.jsonl"):
        if ".trajectory" not in file.name:
            found |= texts(file.read_text().splitlines())
    for database in person.state.glob("agents/*/agent/openclaw-agent.sqlite"):
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
            if "transcript_events" in tables:
                found |= texts([row for (row,) in db.execute("SELECT event_json FROM transcript_events")])
    return frozenset(found)


def texts(lines: list[str]) -> set[str]:
    messages = [entry["message"] for line in lines if (entry := json.loads(line)).get("type") == "message"]
    return {json.dumps(each.get("content"), sort_keys=True) for each in messages}


@every_era
def test_it_moves_and_every_row_is_equal(moved: Move) -> None:
    assert moved.code == 0, moved.said
    assert [row for row in table(moved.events) if row[3] not in ("equal", "grew")] == []
    counted = {subject: old for subject, old, _, _ in table(moved.events)}
    assert counted["agents"] == "3" and int(counted["cron jobs"]) >= 2
    assert int(counted["sessions"]) >= 2 and int(counted["messages"]) > 5
    assert gateways(moved.events) == {"old": "disabled", "new": "ready"}


@every_era
def test_every_message_arrived(moved: Move) -> None:
    assert len(moved.messages) >= 6
    assert moved.messages - messages_of(moved.after) == set()


@every_era
def test_the_agent_goes_on_where_it_was(moved: Move) -> None:
    # More where a turn had to be asked again; a history that stayed behind would make it the first.
    assert turns_of(moved.after.turn("and after the move?")) > moved.turns


@every_era
def test_the_plugin_came_with_its_native_module(moved: Move) -> None:
    assert moved.after.plugin_is_loaded()


@every_era
def test_cron_jobs_are_seen_by_the_program(moved: Move) -> None:
    assert {"nightly", "weekly"} <= cron_jobs(moved.after)


@eras(tuple(version for version in ERAS if furnish.has_telegram(version)))
def test_two_gateways_never_polled_at_once(moved: Move) -> None:
    log = moved.providers.telegram_log()
    assert log["conflicts"] == []
    assert log["polls"].keys() == {OLD.address, NEW.address}
    sent = len(log["sent"])
    moved.providers.telegram_says("are you there?")
    moved.after.until(lambda: len(moved.providers.telegram_log()["sent"]) > sent)
    assert moved.providers.telegram_log()["sent"][-1]["from"] == NEW.address


@every_era
def test_old_does_not_come_back_with_its_machine(moved: Move) -> None:
    moved.lab.machines["old"].reboot()
    enabled = moved.before.says("systemctl --user is-enabled openclaw-gateway; true")
    assert enabled.strip() == "disabled"
    assert moved.before.says(f"curl -s -m 3 http://127.0.0.1:{PORT}/; echo $?").strip() == "7"


@eras(UPDATED)
def test_after_an_update_to_the_newest_every_message_is_still_there(moved: Move) -> None:
    new, person = moved.lab.machines["new"], moved.after
    person.says("systemctl --user disable --now openclaw-gateway")
    new.power_off()
    new.shape = replace(new.shape, openclaw=moved.newest)
    new.power_on()
    person.version = NEWEST
    assert NEWEST in person.openclaw("--version")
    runs = doctor_until_it_is_content(person)
    person.openclaw("gateway install --force --json")
    person.wait_until_ready()
    missing = moved.messages - messages_of(person)
    assert missing == set()
    assert turns_of(person.turn("and after the update?")) > moved.turns + 1
    assert {"nightly", "weekly"} <= cron_jobs(person)
    told = f"Updated to {NEWEST} on NEW: every message is there; runs of doctor: {runs}."
    results.note(moved.lab.cache, "era", moved.version, told)


def doctor_until_it_is_content(person: Resident) -> int:
    """How many runs of `doctor --fix` it took: each stops at the first migration that it refuses."""
    said = ""
    for run in range(1, 6):
        said = person.says("openclaw doctor --fix --non-interactive 2>&1; echo status=$?", timeout=900)
        if said.strip().endswith("status=0"):
            return run
    raise AssertionError(said[-3000:])
