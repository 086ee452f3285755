"""Two profiles of a real OpenClaw move in one go between real machines, each with a service of its own."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.lab import furnished, programs
from tests.lab.furnish import PORT, READY_SECONDS, Resident
from tests.lab.lab import NEW, OLD, lab
from tests.lab.programs import NEWEST
from tests.lab.providers import Providers
from tests.program import gateways, last, table

pytestmark = [pytest.mark.lab, pytest.mark.openclaw, pytest.mark.matrix]

PORTS = {"openclaw-gateway": PORT, "openclaw-gateway-work": PORT + 1000}
"""Of each profile's unit."""
SHARED = "research-notes"
"""The workspace of an agent of the default profile; here that of the other profile too."""


def share_a_workspace(person: Resident) -> None:
    file = person.machine.home / ".openclaw-work/openclaw.json"
    config = json.loads(file.read_text())
    agents = config.setdefault("agents", {})
    place = f"{person.machine.shape.home}/{SHARED}"
    agents.setdefault("defaults", {})["workspace"] = place
    for entry in agents.get("entries", {}).values():
        entry["workspace"] = place
    person.owns(file, json.dumps(config, indent=2))


def wait_until_ready(person: Resident, port: int) -> None:
    ask = f"curl -fs -o /dev/null -m 3 http://127.0.0.1:{port}/readyz"
    person.says(f"for i in $(seq {READY_SECONDS}); do {ask} && exit 0; sleep 1; done; exit 1", timeout=400)


def test_both_run_on_new_and_neither_comes_back_on_old() -> None:
    disk, program = furnished.layer(NEWEST), programs.openclaw(NEWEST)
    with lab() as made:
        providers = Providers(made)
        made.add(replace(OLD, openclaw=program, layers=(disk,)))
        made.add(replace(NEW, openclaw=program))
        old, new = (Resident(made, providers, NEWEST, name) for name in ("old", "new"))
        old.wait_until_ready()
        share_a_workspace(old)
        old.openclaw("--profile work gateway install --json")
        for port in PORTS.values():
            wait_until_ready(old, port)

        both = ("--profile", "default", "--profile", "work")
        code, events, said = made.wizard.run("run", "--from", "old", "--to", "new", *both, "--json", "--yes")
        assert code == 0, said
        plan = last(events, "surveyed")["plan"]
        carried = [tree["old"] for each in (plan, *plan["beside"]) for tree in each["trees"]]
        assert carried.count(f"{OLD.home}/{SHARED}") == 1 and f"{OLD.home}/.openclaw-work" in carried
        rows = table(events)
        assert [row for row in rows if row[3] not in ("equal", "grew", "expected")] == []
        seen = {subject: (was, now, state) for subject, was, now, state in rows}
        for name in ("default", "work"):
            assert seen[f"{name}: gateway"] == (f"{NEWEST}, answers", f"{NEWEST}, answers", "equal")
            assert seen[f"{name}: dashboard"] == ("opens", "opens", "equal")
        assert gateways(events) == {"old": "disabled", "new": "ready"}
        for unit, port in PORTS.items():
            assert new.says(f"systemctl --user is-active {unit}").strip() == "active"
            assert new.says(f"systemctl --user is-enabled {unit}").strip() == "enabled"
            wait_until_ready(new, port)

        made.machines["old"].reboot()
        for unit, port in PORTS.items():
            assert old.says(f"systemctl --user is-enabled {unit}; true").strip() == "disabled"
            assert old.says(f"curl -s -m 3 http://127.0.0.1:{port}/; echo $?").strip() == "7"
