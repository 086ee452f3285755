"""Real OpenClaw of every era, moved from one real machine to another by the whole program.

To the same version each; the oldest and the last that wrote JSONL are then updated on NEW, as a person
would after a move, and every message must still be there.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
NOT_ASKED = ("2026.7.1",)
"""Its command line is no paired device there, and a question would make it one."""
LAST = "before you go?"
"""The last thing that the person asks on OLD."""


@dataclass
class Move:
    """A move that ended, and both of its machines."""

    version: str
    lab: Lab
    providers: Providers
    before: Resident
    after: Resident
    messages: frozenset[str]
    """What every message of OLD says, read from its files before the wizard came."""
    newest: Path
    """The program of today, for an update."""
    checked: tuple[int, list[Event]]
    """What `check` said of OLD before the move: its exit code, and an object for each installation."""
    code: int
    events: list[Event]
    said: str


every_era = pytest.mark.parametrize(
    "moved",
    # Only the newest is part of every run.
    [pytest.param(version, marks=() if version == NEWEST else pytest.mark.matrix) for version in ERAS],
    indirect=True,
    scope="module",
)


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
        old.turn(LAST)
        messages = messages_of(old)
        checked = made.wizard.run("check", "--host", "old", "--json", timeout=120)[:2]
        code, events, said = made.wizard.run("run", "--from", "old", "--to", "new", "--json", "--yes")
        results.record(made.cache, "era", version, ABOUT[version], events)
        yield Move(version, made, providers, old, new, messages, newest, checked, code, events, said)


def cron_jobs(person: Resident) -> dict[str, str]:
    """The id of each job, by its name."""
    # A busy gateway of 2026.3 may close the connection.
    ask = "openclaw cron list --all --json"
    said = person.says(f"{ask} || {{ sleep 5; {ask}; }}")
    # Old versions print what plugins say before it.
    return {job["name"]: job["id"] for job in json.loads(said[said.index("{") :])["jobs"]}


def runs_of(person: Resident, job: str) -> Counter[str]:
    """How each of its runs ended, as the program says it."""
    said = person.says(f"openclaw cron runs --id {job} 2>/dev/null || true")
    entries = json.loads(said[said.index("{") :])["entries"] if "{" in said else []
    return Counter(entry.get("status", "") for entry in entries)


def turns_of(answer: str) -> int:
    """The stand-in counts the turns in the history that the gateway sent."""
    found = re.search(r"turn (\d+):", answer)
    assert found, answer
    return int(found[1])


def messages_of(person: Resident) -> frozenset[str]:
    """The text of every message in the transcripts, wherever that version keeps them."""
    return frozenset(text_of(each) for session in sessions_of(person) for each in session)


def asked_on_old(moved: Move) -> int:
    """The turns of the person in the conversation that went on last, as OLD's files hold them now."""
    sessions = [[text_of(m) for m in each if m["role"] == "user"] for each in sessions_of(moved.before)]
    (asked,) = (each for each in sessions if any(LAST in text for text in each))
    return len(asked)


def text_of(message: dict[str, Any]) -> str:
    return json.dumps(message.get("content"), sort_keys=True)


def sessions_of(person: Resident) -> list[list[dict[str, Any]]]:
    """The messages of each session."""
    found: list[list[dict[str, Any]]] = []
    for file in person.state.glob("agents/*/sessions/*.jsonl"):
        if ".trajectory" not in file.name:
            found.append(messages(file.read_text().splitlines()))
    for database in person.state.glob("agents/*/agent/openclaw-agent.sqlite"):
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
            if "transcript_events" in tables:
                rows: dict[str, list[str]] = defaultdict(list)
                for session, row in db.execute("SELECT session_id, event_json FROM transcript_events"):
                    rows[session].append(row)
                found += map(messages, rows.values())
    return found


def messages(lines: list[str]) -> list[dict[str, Any]]:
    return [entry["message"] for line in lines if (entry := json.loads(line)).get("type") == "message"]


@every_era
def test_nothing_is_wrong_with_a_machine_that_only_lived(moved: Move) -> None:
    code, installations = moved.checked
    worth = [
        (each["state_dir"], finding["pitfall"], finding["evidence"])
        for each in installations
        for finding in each["findings"]
        if finding["verdict"] in ("look", "blocks")
    ]
    assert worth == []
    assert (code, len(installations)) == (0, 2)


@every_era
def test_it_moves_and_every_row_is_equal(moved: Move) -> None:
    assert moved.code == 0, moved.said
    assert [row for row in table(moved.events) if row[3] not in ("equal", "grew", "expected")] == []
    counted = {subject: old for subject, old, _, _ in table(moved.events)}
    assert counted["agents"] == "3" and int(counted["cron jobs"]) >= 2
    assert int(counted["sessions"]) >= 2 and int(counted["messages"]) > 5
    assert int(counted["plugins"].split()[0]) >= 1 and int(counted["memory files"]) >= 2
    assert gateways(moved.events) == {"old": "disabled", "new": "ready"}


@every_era
def test_gateway_channels_and_dashboard_were_seen_on_both(moved: Move) -> None:
    seen = {subject: (old, new, state) for subject, old, new, state in table(moved.events)}
    assert seen["dashboard"] == ("opens", "opens", "equal")
    if moved.version in NOT_ASKED:
        assert seen["gateway"] == ("ready", "ready", "equal") and "sessions in the dashboard" not in seen
        return
    assert seen["gateway"][2] == "equal" and "answers" in seen["gateway"][1]
    assert seen["sessions in the dashboard"][2] in ("equal", "grew")
    if furnish.has_telegram(moved.version):
        assert seen["channel telegram/default"] == ("connected", "connected", "equal")


@every_era
def test_every_message_arrived(moved: Move) -> None:
    assert len(moved.messages) >= 6
    assert moved.messages - messages_of(moved.after) == set()


@every_era
def test_the_agent_goes_on_where_it_was(moved: Move) -> None:
    found = turns_of(moved.after.turn("and after the move?"))
    # Exactly one more, unless a busy gateway made the person ask again.
    before = asked_on_old(moved)
    assert before < found <= before + moved.after.asked, sessions_of(moved.after)


@every_era
def test_the_plugin_came_with_its_native_module(moved: Move) -> None:
    assert moved.after.plugin_is_loaded()


@every_era
def test_cron_jobs_are_seen_by_the_program(moved: Move) -> None:
    assert {"nightly", "weekly"} <= cron_jobs(moved.after).keys()


@every_era
def test_a_cron_job_fires_on_new(moved: Move) -> None:
    person = moved.after
    job = cron_jobs(person)["nightly"]
    # A gateway whose state was made before its hour catches the missed run up at its start.
    before = runs_of(person, job)
    # Old versions want `--force` where it is not due, new ones do not know it.
    person.says(f"openclaw cron run {job} --force || openclaw cron run {job}")
    assert person.until(lambda: runs_of(person, job) - before) == Counter(["ok"])


@every_era
def test_the_agents_are_at_their_new_places(moved: Move) -> None:
    said = moved.after.says("openclaw agents list --json")
    assert NEW.home in said and OLD.home not in said


@every_era
@pytest.mark.only(*(version for version in ERAS if furnish.has_telegram(version)))
def test_two_gateways_never_polled_at_once(moved: Move) -> None:
    log = moved.providers.telegram_log()
    assert log["conflicts"] == []
    assert log["polls"].keys() == {OLD.address, NEW.address}
    sent = len(log["sent"])
    moved.providers.telegram_says("are you there?")
    moved.after.asked += 1
    moved.after.until(lambda: len(moved.providers.telegram_log()["sent"]) > sent)
    assert moved.providers.telegram_log()["sent"][-1]["from"] == NEW.address


@every_era
def test_old_does_not_come_back_with_its_machine(moved: Move) -> None:
    moved.lab.machines["old"].reboot()
    enabled = moved.before.says("systemctl --user is-enabled openclaw-gateway; true")
    assert enabled.strip() == "disabled"
    assert moved.before.says(f"curl -s -m 3 http://127.0.0.1:{PORT}/; echo $?").strip() == "7"


@every_era
@pytest.mark.only(*UPDATED)
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
    found = turns_of(person.turn("and after the update?"))
    before = asked_on_old(moved)
    assert before + 1 < found <= before + person.asked, sessions_of(person)
    assert {"nightly", "weekly"} <= cron_jobs(person).keys()
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
