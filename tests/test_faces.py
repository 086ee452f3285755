from __future__ import annotations

import io
import json
from typing import Any

from openclaw_wizard.events import (
    ActionFailed,
    Advanced,
    FindingsChanged,
    HostBack,
    HostLost,
    MoveFinished,
    QuestionAsked,
    Said,
    Surveyed,
    Surveying,
)
from openclaw_wizard.faces.jsonlines import JsonFace
from openclaw_wizard.faces.plain import PlainFace
from openclaw_wizard.model import Finding, Outcome, Role, StaysBehind, Verdict
from tests.builders import installation, plan, tree
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
    room = Finding(pitfall="x", title="Room", verdict=Verdict.UNKNOWN)
    look = Finding(pitfall="y", title="Owner", verdict=Verdict.LOOK, evidence="2 of root")
    face(Surveyed(plan=plan(trees=(tree(occupied=True),), findings=(room, look, room))))
    text = out.getvalue()
    assert "/home/alice/.openclaw → /srv/bob/.openclaw" in text
    assert "moved aside, never merged" in text
    assert "look  Owner: 2 of root\n?     2 not yet known" in text


def test_plain_shows_every_profile_that_moves_and_asks_which() -> None:
    face, out, _ = plain()
    work = "/home/alice/.openclaw-work"
    other = plan(
        name="work",
        folder="profile-2",
        installation=installation(profile="work", state_dir=work, found_by=("its unit",)),
        trees=(tree(old=work, new="/srv/bob/.openclaw-work", bytes=1000, files=3),),
        service="systemd",
    )
    face(Surveyed(plan=plan(name="default", beside=(other,))))
    lines = out.getvalue().splitlines()
    for line in (
        "plan  OpenClaw 2026.9.6, profile default, work",
        f"      {work} → /srv/bob/.openclaw-work (1.0 kB, 3 files)",
        "      work was found by its unit",
        "      the gateway of default on NEW is started detached (there is no user service manager)",
        "      the gateway of work on NEW is started by systemd, as a user service",
    ):
        assert line in lines, lines
    asked = {"prompt": "Which move?", "choices": ("all", "default", "work"), "answered_by": "--profile"}
    face(QuestionAsked.model_validate({"question": "which-profiles", **asked}))
    assert out.getvalue().endswith("\n?     Which move? (answered by --profile)\n")


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


def sending(second: float, share: float, **more: Any) -> Advanced:
    total = 2_100_000_000
    return Advanced(
        time=1000 + second,
        action="copy.stream",
        done=int(total * share),
        total=total,
        entries=int(4302 * share),
        of_entries=4302,
        path=f"agents/main/{second:.0f}.jsonl",
        **more,
    )


def test_plain_tells_how_far_how_fast_and_what_is_sent() -> None:
    face, out, _ = plain()
    for second in range(21):
        face(sending(second, second / 40))
    assert out.getvalue().splitlines()[-1] == (
        "      1.1 of 2.1 GB (50 %), 52 MB/s, 15-25 s left, 2,151 of 4,302 entries, now agents/main/20.jsonl"
    )


def test_plain_says_what_need_not_be_sent_once_for_each_sending() -> None:
    face, out, _ = plain()
    for second in range(30):
        face(sending(second, 0.5 + second / 100, already=1_050_000_000))
    assert out.getvalue().count("1.1 GB is on NEW already and is not sent again\n") == 1


def test_plain_tells_a_copy_of_hours_by_its_percents_and_by_the_minute() -> None:
    face, out, _ = plain()
    for second in range(0, 3600, 5):
        face(sending(second, second / 360_000))
    assert len(out.getvalue().splitlines()) == 60


def test_plain_names_the_reason_the_try_and_the_wait_of_a_lost_link() -> None:
    face, out, _ = plain()
    face(HostLost(role=Role.NEW, why="claw@new cannot be reached: refused.", retry_in=4.0, attempt=3))
    face(HostBack(role=Role.NEW))
    assert out.getvalue() == (
        "lost  the link to NEW: claw@new cannot be reached: refused; try 3 in 4 s\n"
        "back  the connection to NEW is there again\n"
    )


def test_json_has_what_is_sent_in_fields_of_its_own() -> None:
    out = io.BytesIO()
    JsonFace(out, io.StringIO())(sending(1.0, 0.5, already=7))
    line = json.loads(out.getvalue())
    assert (line["entries"], line["of_entries"], line["already"]) == (2151, 4302, 7)
    assert line["path"] == "agents/main/1.jsonl"


def test_plain_questions_reach_who_asks() -> None:
    asked: list[QuestionAsked] = []
    face = PlainFace(io.StringIO(), io.StringIO(), terminal=True, ask=asked.append)
    question = QuestionAsked(question="q", prompt="Really?", choices=("yes", "no"), answered_by="--yes")
    face(question)
    assert asked == [question]


def test_plain_tells_what_does_not_move_and_what_was_not_read() -> None:
    face, out, _ = plain()
    left = StaysBehind(what="the models of ollama", reason="served on OLD", remedy="install it on NEW")
    other = installation(profile="work", state_dir="/home/alice/.openclaw-work")
    found = installation(found_by=("the home folder", "process 4711"))
    noticed = ("unit a names /far, which is not there",)
    face(Surveyed(plan=plan(stays=(left,), others=(other,), installation=found, noticed=noticed)))
    for text in (
        "found by the home folder, process 4711\n",
        "stays the models of ollama: served on OLD; install it on NEW\n",
        "/home/alice/.openclaw-work is another profile, which stays\n",
        "not read: unit a names /far, which is not there\n",
    ):
        assert text in out.getvalue() + "\n"


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
