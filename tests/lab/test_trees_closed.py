"""What the gateway's own user cannot read: said by name before anything stops, never left out quietly.

Two machines, since an ordinary user has to be one: root reads everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import openclaw_states
from tests.lab.lab import NEW, OLD, Lab, lab
from tests.lab.machine import Machine
from tests.odd_trees import seen
from tests.program import Event

pytestmark = [pytest.mark.lab, pytest.mark.node, pytest.mark.sshd]

MOVE = ("--from", "old", "--to", "new", "--json")


@pytest.fixture(scope="module")
def pair() -> Iterator[Lab]:
    """OLD has a small state directory of alice's; neither has OpenClaw."""
    with lab() as made:
        old = made.add(OLD)
        made.add(NEW)
        openclaw_states.today(old.home, called=Path(OLD.home))
        old.root_runs("chown -R alice:alice ~alice")
        yield made


@pytest.fixture
def old(pair: Lab) -> Iterator[Machine]:
    """OLD; what a test closes is open again after it."""
    machine = pair.machines["old"]
    yield machine
    machine.root_runs(
        "cd ~alice && rm -rf .openclaw/hostile .openclaw/tmp research/secret && chmod -R u+rwX .openclaw"
    )
    machine.root_runs("chown -R alice:alice ~alice")


def planned(pair: Lab) -> tuple[int, dict[str, Event]]:
    """The exit code of `plan`, and its findings by their names."""
    code, events, said = pair.wizard.run("plan", *MOVE, timeout=120)
    findings = {f["pitfall"]: f for event in events for f in event.get("findings", ())}
    assert findings, said
    return code, findings


def close(machine: Machine, commands: str) -> None:
    machine.root_runs(f"cd ~alice/.openclaw && mkdir -p hostile && chown alice hostile && {commands}")


CLOSED = {
    "own-file": ("echo x >hostile/mine && chown alice hostile/mine && chmod 0 hostile/mine", "hostile/mine"),
    "own-folder": ("mkdir hostile/in && chown alice hostile/in && chmod 0 hostile/in", "hostile/in"),
    "listed-only": ("mkdir hostile/in && echo x >hostile/in/x && chmod 744 hostile/in", "hostile/in/x"),
    "another's": ("echo x >hostile/theirs && chmod 600 hostile/theirs", "hostile/theirs"),
    # It does not move, but the safety copy holds it.
    "left-behind": ("mkdir -p tmp && echo x >tmp/theirs && chmod 600 tmp/theirs", "tmp/theirs"),
    "no-utf-8": ('f=$(printf \'hostile/\\377\\n.\') && echo x >"$f" && chmod 0 "$f"', "hostile/\\xff\n."),
}


@pytest.mark.parametrize(("commands", "name"), CLOSED.values(), ids=CLOSED.keys())
def test_what_is_closed_blocks_by_name_before_anything_is_done(
    pair: Lab, old: Machine, commands: str, name: str
) -> None:
    close(old, commands)
    before = seen(old.home)
    _, findings = planned(pair)
    finding = findings["ownership"]
    assert finding["verdict"] == "blocks"
    assert "1 entry in /home/alice/.openclaw cannot be read" in finding["evidence"]
    assert f"{name} (EACCES)" in finding["evidence"]
    assert "chmod -R u+rX" in finding["remedy"]
    code, events, _ = pair.wizard.run("run", *MOVE, "--yes", timeout=120)
    assert code == 4
    assert not [event for event in events if event["type"] == "action-started"]
    assert seen(old.home) == before
    assert not (pair.machines["new"].home / ".openclaw").exists()


def test_many_are_counted_and_the_first_are_named(pair: Lab, old: Machine) -> None:
    close(old, "for n in 1 2 3 4 5 6 7; do echo x >hostile/$n; chmod 0 hostile/$n; done")
    _, findings = planned(pair)
    evidence = findings["ownership"]["evidence"]
    assert "7 entries in" in evidence and evidence.endswith(", and 4 more")
    assert all(f"hostile/{n} (EACCES)" in evidence for n in (1, 2, 3))


def test_a_closed_config_is_named_too(pair: Lab, old: Machine) -> None:
    close(old, "chmod 0 openclaw.json")
    code, events, _ = pair.wizard.run("plan", *MOVE, timeout=120)
    assert code in (1, 4)
    assert "openclaw.json (EACCES)" in str(events)


def test_a_closed_workspace_elsewhere_is_seen_as_well(pair: Lab, old: Machine) -> None:
    old.root_runs("install -m 000 /dev/null ~alice/research/secret")
    _, findings = planned(pair)
    assert "1 entry in /home/alice/research cannot be read" in findings["ownership"]["evidence"]
    assert "secret (EACCES)" in findings["ownership"]["evidence"]


def test_once_it_is_opened_nothing_holds_the_plan(pair: Lab, old: Machine) -> None:
    close(old, "echo x >hostile/mine && chown alice hostile/mine && chmod 0 hostile/mine")
    assert planned(pair)[1]["ownership"]["verdict"] == "blocks"
    pair.ssh("old", "chmod -R u+rX ~/.openclaw")
    _, findings = planned(pair)
    assert findings["ownership"]["verdict"] == "unknown"
    assert "once the copy is compared" in findings["ownership"]["evidence"]
