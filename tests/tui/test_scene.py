from __future__ import annotations

from dataclasses import replace

from openclaw_wizard.events import (
    Advanced,
    Event,
    HostLost,
    Surveyed,
)
from openclaw_wizard.faces.tui.scene import Doing, Scene
from openclaw_wizard.faces.tui.signs import ROWS, Phase
from openclaw_wizard.model import Outcome, Role, Row, RowState, StepId, Verdict, Wishes
from openclaw_wizard.view import View, reduce
from tests.tui import story

Told = list[tuple[float, Event]]


def view_after(told: Told) -> View:
    view, now = View(), 1000.0
    for seconds, event in told:
        now += seconds
        view = reduce(view, event.model_copy(update={"time": now}))
    return view


def planned() -> Told:
    return [(0.1, event) for event in story.survey()]


def running(told: Told, **changes: object) -> Scene:
    scene = Scene(view=view_after(told), doing=Doing.RUN, working=True, now=2000.0)
    return replace(scene, **changes)  # type: ignore[arg-type]


def test_the_screen_shown_is_the_first_action_that_is_not_done() -> None:
    assert running(planned() + story.until("copy.stream")).target == "copy"
    assert running(planned() + story.until("new.start")).target == "verify"
    assert running(planned()).target is None


def test_a_move_that_ended_is_shown_as_done_until_it_is_put_back() -> None:
    told = planned() + story.until("") + story.finish()
    assert running(told).target == "done"
    undone = running(told, doing=Doing.UNDO)
    assert undone.outcome is None
    assert undone.target == "put_back"


def test_before_the_move_the_person_leads() -> None:
    assert Scene().reachable == ("welcome", "machines")
    surveyed = Scene(view=view_after(planned()), doing=Doing.SURVEY, place="identify")
    assert surveyed.beside(1) == "review"
    assert replace(surveyed, working=True).beside(1) is None
    assert surveyed.beside(-1) == "machines"


def test_looking_stops_where_the_work_is() -> None:
    scene = running(planned() + story.until("new.node"), place="install")
    assert scene.reachable == ("identify", "review", "back_up", "install")
    assert scene.beside(1) is None
    assert replace(scene, place="welcome").beside(1) == "install"


def test_a_step_is_paused_where_an_action_was_left_running() -> None:
    told = planned() + story.until("copy.stream") + story.copying()
    step = StepId.COPY.value
    phases = {m.name: m.phase for m in running(told, working=False).steps()}
    assert phases[step] is Phase.PAUSED
    assert {m.name: m.phase for m in running(told).steps()}[step] is Phase.RUNNING


def test_an_interrupted_action_shows_no_time_since_yesterday() -> None:
    told = planned() + story.until("copy.stream") + story.copying()
    resumed = running(told, begun=90_000.0, now=90_005.0)
    mark = next(m for m in resumed.marks(StepId.COPY) if m.phase is Phase.RUNNING)
    assert mark.seconds is None


def test_what_is_tried_again_is_not_shown_as_failed() -> None:
    told = [*planned(), *story.until("copy.stream"), *story.copying(), (0.1, story.FAILED)]
    failed = running(told, working=False)
    assert failed.failure is not None
    assert {m.name: m.phase for m in failed.steps()}["copy"] is Phase.FAILED
    again = replace(failed, working=True)
    assert again.failure is None
    assert {m.name: m.phase for m in again.steps()}["copy"] is Phase.RUNNING


def test_findings_come_gravest_first_and_accepted_ones_after_the_others() -> None:
    view = view_after(planned())
    blocked = story.finding("room-on-new", "There is not enough room on NEW", Verdict.BLOCKS)
    look = story.finding("another", "Another one", Verdict.LOOK)
    view = replace(
        view,
        findings={**view.findings, "room-on-new": blocked, "another": look},
        accepted=frozenset({"target-not-empty"}),
    )
    names = [f.pitfall for f in Scene(view=view).findings]
    assert names[:3] == ["room-on-new", "another", "target-not-empty"]
    verdicts = [f.verdict for f in Scene(view=view).findings]
    assert verdicts.index(Verdict.UNKNOWN) < verdicts.index(Verdict.CLEAR)


def test_put_back_lists_what_was_begun_in_reverse() -> None:
    told = planned() + story.until("new.node")
    marks = running(told, doing=Doing.UNDO).reversed_marks()
    assert [m.name for m in marks] == ["old.archive", "old.check-databases", "old.stop", "old.inventory"]
    assert [m.phase for m in marks] == [Phase.RUNNING, Phase.WAITING, Phase.WAITING, Phase.WAITING]


def test_progress_says_amount_pace_and_range() -> None:
    told = planned() + story.until("copy.stream") + story.copying(share=0.5)
    scene = running(told, rate=41_000_000.0, left=(22.0, 29.0))
    assert scene.progress_line == "1.1 of 2.1 GB · 41 MB/s · 20-30 s left"
    assert scene.percent == "50 %"
    assert replace(scene, rate=None, left=None).progress_line == "1.1 of 2.1 GB"


def test_the_rail_says_the_same_in_fewer_cells() -> None:
    told = planned() + story.until("copy.stream") + story.copying(share=0.5)
    scene = running(told, rate=41_000_000.0, left=(370.0, 530.0))
    copy = next(mark for mark in scene.steps() if mark.name == "copy")
    assert copy.fact == "1.1/2.1 GB · 41 MB/s · 6-9 min"
    assert copy.brief == "50 %"


def test_counts_and_what_was_there_already() -> None:
    told = planned() + story.until("copy.stream") + story.copying(share=0.5, already=300_000_000)
    scene = running(told)
    assert scene.progress_counts == "2,151 of 4,302 entries"
    assert scene.already == "300 MB was there already"


def test_while_the_link_is_lost_nothing_is_promised() -> None:
    lost = HostLost(role=Role.NEW, why="refused", retry_in=8.0, attempt=2)
    told = [*planned(), *story.until("copy.stream"), *story.copying(share=0.5), (0.1, lost)]
    view = view_after(told)
    assert view.lost is not None
    scene = Scene(view=view, working=True, now=view.lost.time + 3, rate=41e6, left=(22.0, 29.0))
    assert scene.progress_line == "1.1 of 2.1 GB"
    assert scene.slow_because == "no link to NEW, try 2 in 5 s"


def test_a_copy_that_is_held_back_as_asked_says_so() -> None:
    plan = story.the_plan(wishes=Wishes(bwlimit=4_000_000))
    told: Told = [(0.1, Surveyed(plan=plan)), *story.until("copy.stream"), *story.copying(share=0.5)]
    scene = running(told, rate=4e6, slow="slower than before")
    assert scene.slow_because == "held to 4.0 MB/s, as asked"
    assert replace(scene, rate=None).slow_because == ""
    finished = running([*told, *story.copying(share=1.0)], rate=4e6, slow="nothing came for 9 s")
    assert finished.slow_because == ""


def test_waiting_with_a_limit_is_no_share_of_anything() -> None:
    waiting = Advanced(action="new.ready", done=14, total=300, unit="seconds")
    told = [*planned(), *story.until("new.ready"), (0.1, waiting)]
    scene = running(told, left=(240.0, 300.0))
    assert scene.progress_line == "14 s, at most 300 s"
    assert scene.share is None
    assert scene.percent == ""


def test_what_cannot_be_counted_is_named() -> None:
    fetching = Advanced(action="new.openclaw", done=0, total=None, unit="steps", label="npm gets openclaw")
    told = [*planned(), *story.until("new.openclaw"), (0.1, fetching)]
    assert running(told).progress_line == "npm gets openclaw"


def test_the_end_of_a_put_back_move_is_its_end() -> None:
    told = planned() + story.until("") + story.finish(Outcome.PUT_BACK)
    assert running(told, doing=Doing.UNDO, working=False).target == "done"


def test_every_state_of_a_row_has_a_sign_and_only_what_is_explained_looks_calm() -> None:
    assert set(ROWS) == set(RowState)
    for state, sign in ROWS.items():
        row = Row(subject="x", old="1", new="1", state=state)
        assert (sign.colour in ("$success", "$secondary")) is row.explained
