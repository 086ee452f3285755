from __future__ import annotations

import io
import json

from openclaw_wizard.events import (
    ActionFailed,
    Advanced,
    FindingsChanged,
    MoveFinished,
    QuestionAsked,
    Said,
    Surveyed,
    Surveying,
)
from openclaw_wizard.faces.jsonlines import JsonFace
from openclaw_wizard.faces.plain import PlainFace
from openclaw_wizard.model import Finding, Outcome, Verdict
from tests.builders import plan, tree
from tests.test_report import STORY, view


def plain() -> tuple[PlainFace, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    titles = {action.id: action.title for action in view().actions}
    return PlainFace(out, err, terminal=False, title=lambda name: titles.get(name, name)), out, err


def test_plain_tells_the_whole_story_in_words() -> None:
    face, out, _ = plain()
    for event in STORY:
        face(event)
    text = out.getvalue()
    for words in ("old → new", "Keep a safety copy: 1 MB", "gateway on NEW: ready", "sessions", "lost"):
        assert words in text
    assert "END   done with problems, downtime 1 minute and" in text


def test_plain_ends_with_the_way_to_the_dashboard() -> None:
    face, out, _ = plain()
    way = "ssh -N -L 18789:127.0.0.1:18789 bob@new-box"
    face(MoveFinished(outcome=Outcome.DONE, downtime=60.0, dashboard=way))
    assert out.getvalue() == f"END   done, downtime 1 minute\n      NEW's dashboard: {way}\n"
    face(MoveFinished(outcome=Outcome.PUT_BACK))
    assert out.getvalue().endswith("\nEND   put back\n")


def test_plain_shows_the_plan_before_anything_happens() -> None:
    face, out, _ = plain()
    finding = Finding(pitfall="x", title="Room", verdict=Verdict.UNKNOWN)
    face(Surveyed(plan=plan(trees=(tree(occupied=True),), findings=(finding,))))
    text = out.getvalue()
    assert "/home/alice/.openclaw → /srv/bob/.openclaw" in text
    assert "moved aside, never merged" in text
    assert "?     Room: not yet known" in text


def test_plain_puts_failures_on_standard_error() -> None:
    face, out, err = plain()
    face(ActionFailed(action="x", code="C", what="it broke", safe="all", next="resume", exit_code=1))
    assert err.getvalue() == "FAILED it broke\n  safe: all\n  next: resume\n"
    assert "FAIL" in out.getvalue()


def test_plain_progress_is_rare_where_nobody_looks() -> None:
    face, out, _ = plain()
    for tick in range(100):
        face(Advanced(time=1000 + tick / 5, action="copy", done=tick * 1000, total=100_000))
    assert 2 <= len(out.getvalue().splitlines()) <= 3


def test_plain_questions_reach_who_asks() -> None:
    asked: list[QuestionAsked] = []
    face = PlainFace(io.StringIO(), io.StringIO(), terminal=True, ask=asked.append)
    question = QuestionAsked(question="q", prompt="Really?", choices=("yes", "no"), answered_by="--yes")
    face(question)
    assert asked == [question]


def test_plain_names_only_findings_that_matter() -> None:
    face, out, _ = plain()
    clear = Finding(pitfall="a", title="Fine", verdict=Verdict.CLEAR)
    look = Finding(pitfall="b", title="Look here", verdict=Verdict.LOOK, evidence="seen")
    face(FindingsChanged(findings=(clear, look)))
    assert out.getvalue() == "look  Look here: seen\n"


def test_json_lines_are_events_and_narration_stays_apart() -> None:
    out, err = io.BytesIO(), io.StringIO()
    face = JsonFace(out, err)
    for event in (*STORY, Surveying(what="x"), Said(text="narrated")):
        face(event)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(lines) == len(STORY) + 2
    assert lines[0]["type"] == "move-created"
    assert err.getvalue() == "narrated\n"


def test_json_progress_is_limited_to_five_a_second() -> None:
    out = io.BytesIO()
    face = JsonFace(out, io.StringIO())
    for tick in range(1000):
        face(Advanced(time=1000 + tick / 1000, action="copy", done=tick, total=None))
    assert 5 <= len(out.getvalue().splitlines()) <= 6
