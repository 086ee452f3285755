"""What was tried on the lab's machines and what came of it, written by the run itself.

A test calls `record` with the events of its move; `python -m tests.lab.results` writes RESULTS.md from
what was recorded since `--clear`. No cell is filled by hand.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal

from openclaw_wizard.model import StepId
from tests.lab.base import lab_cache
from tests.program import Event, table

Kind = Literal["era", "userland"]
RESULTS: Final = Path(__file__).with_name("RESULTS.md")
STEPS: Final = tuple(StepId)
NOT_REACHED: Final = "–"
THERE_ALREADY: Final = "held"


@dataclass(slots=True)
class Line:
    """One row of the table."""

    kind: Kind
    name: str
    about: str
    cells: dict[str, str] = field(default_factory=dict)
    """By step: seconds, or `held`, `refused`, `failed`, `–` where it was not reached."""
    comparison: str = NOT_REACHED
    why: str = ""
    """What the wizard said where it did not move; else what else was seen."""


def folder(cache: Path) -> Path:
    return cache / "results"


def record(cache: Path, kind: Kind, name: str, about: str, events: list[Event], *, also: str = "") -> Line:
    """Keeps a row made from the events of `run --json`; `also` is a sentence on what was seen besides."""
    line = Line(kind, name, about, cells(events), comparison(events), why(events) or also)
    place = folder(cache)
    place.mkdir(parents=True, exist_ok=True)
    _file(cache, kind, name).write_text(json.dumps(asdict(line)))
    return line


def note(cache: Path, kind: Kind, name: str, also: str) -> None:
    """Adds a sentence to a row that was recorded."""
    file = _file(cache, kind, name)
    line = Line(**json.loads(file.read_text()))
    line.why = f"{line.why} {also}".strip()
    file.write_text(json.dumps(asdict(line)))


def _file(cache: Path, kind: Kind, name: str) -> Path:
    return folder(cache) / f"{kind}-{re.sub(r'[^a-z0-9.]+', '-', name)}.json"


def cells(events: list[Event]) -> dict[str, str]:
    """Seconds of each step by the time stamps of its actions; Identify ends with the plan."""
    found = {step.value: NOT_REACHED for step in STEPS}
    created = [event for event in events if event["type"] == "move-created"]
    if not created:
        return found | {StepId.IDENTIFY.value: "refused"}
    found[StepId.IDENTIFY.value] = f"{created[0]['time'] - events[0]['time']:.0f} s"
    steps = {each["id"]: each["step"] for each in created[0]["actions"]}
    began: dict[str, float] = {}
    for event in events:
        step = steps.get(event.get("action", ""), "")
        if event["type"] == "action-started":
            began.setdefault(step, event["time"])
        elif event["type"] == "action-done":
            found[step] = f"{event['time'] - began[step]:.0f} s" if step in began else THERE_ALREADY
        elif event["type"] == "action-failed" and step:
            found[step] = "failed"
    return found


def comparison(events: list[Event]) -> str:
    """`12 of 12 equal`, with the names of the rows that are not."""
    if not any(event["type"] == "compared" for event in events):
        return NOT_REACHED
    rows = table(events)
    other = [f"{subject} {state} ({old} → {new})" for subject, old, new, state in rows if state != "equal"]
    return "; ".join([f"{len(rows) - len(other)} of {len(rows)} equal", *other])


def why(events: list[Event]) -> str:
    """What the wizard said of its last failure."""
    failures = [event for event in events if event["type"] in ("action-failed", "survey-failed")]
    return str(failures[-1]["what"]) if failures else ""


def lines(cache: Path) -> list[Line]:
    return [Line(**json.loads(each.read_text())) for each in sorted(folder(cache).glob("*.json"))]


def page(found: list[Line]) -> str:
    """The whole of RESULTS.md."""
    parts = [
        "# What was tried on two real machines\n\n"
        "Written by the tests that moved them (`bash tests/run.sh --matrix`), never by hand. A time is that "
        "of the step, two machines on one computer; `held` is a step whose work was found done, `refused` "
        "a stop before anything was touched, with what the wizard said.\n"
    ]
    for kind, title in (("era", "Eras of OpenClaw"), ("userland", "Userlands")):
        rows = [_row(line) for line in found if line.kind == kind]
        head = ["", "what", *(step.value for step in STEPS), "comparison", "seen"]
        parts.append("\n".join([f"## {title}\n", _cells(head), _cells(["---"] * len(head)), *rows, ""]))
    return "\n".join(parts)


def _row(line: Line) -> str:
    times = [line.cells[step.value] for step in STEPS]
    return _cells([f"`{line.name}`", line.about, *times, line.comparison, line.why])


def _cells(words: list[str]) -> str:
    return "| " + " | ".join(word.replace("|", "\\|").replace("\n", " ") for word in words) + " |"


def main(words: list[str]) -> int:
    cache = lab_cache()
    if words == ["--clear"]:
        for each in folder(cache).glob("*.json"):
            each.unlink()
        return 0
    found = lines(cache)
    if not found:
        print("nothing was recorded", file=sys.stderr)
        return 1
    RESULTS.write_text(page(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
