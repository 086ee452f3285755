from __future__ import annotations

import typing

import pytest

from openclaw_wizard import events
from openclaw_wizard.events import (
    ActionDone,
    ActionFailed,
    ActionStarted,
    Advanced,
    AnyEvent,
    Event,
    HostBack,
    HostLost,
    MoveStopped,
    QuestionAnswered,
    QuestionAsked,
    Said,
    UndoStarted,
    decode,
    encode,
)
from openclaw_wizard.model import ActionState, Role, StepId
from openclaw_wizard.view import LOG_LINES, View, reduce
from tests.test_report import STORY, view

UNION = typing.get_args(typing.get_args(AnyEvent)[0])


@pytest.mark.parametrize("event", STORY, ids=lambda e: e.type)
def test_an_event_survives_its_line(event: Event) -> None:
    assert decode(encode(event)) == event
    assert b"\n" not in encode(event)


def test_every_event_class_is_in_the_union() -> None:
    concrete = {
        kind
        for kind in vars(events).values()
        if isinstance(kind, type) and issubclass(kind, Event) and "type" in kind.model_fields
    }
    assert concrete == set(UNION)


def test_every_event_has_a_rule() -> None:
    class Stranger(Event):
        pass

    with pytest.raises(TypeError):
        reduce(View(), Stranger())


def test_the_current_action_is_the_first_that_is_not_done() -> None:
    current = view().current
    assert current is None
    started = reduce(view(), ActionStarted(action="new.switch", time=5))
    assert started.current is not None and started.current.id == "new.switch"


def test_a_failure_is_gone_once_the_action_starts_again() -> None:
    failed = reduce(
        view(), ActionFailed(action="new.switch", code="C", what="w", safe="s", next="n", exit_code=1)
    )
    assert failed.failure is not None and failed.action("new.switch").state is ActionState.FAILED
    again = reduce(failed, ActionStarted(action="new.switch"))
    assert again.failure is None


def test_progress_keeps_where_it_began_so_that_a_rate_is_honest() -> None:
    folded = view()
    for at, done in ((100.0, 5_000), (101.0, 6_000), (102.0, 8_000)):
        folded = reduce(folded, Advanced(time=at, action="copy", done=done, total=10_000))
    assert folded.progress is not None
    assert (folded.progress.since, folded.progress.first, folded.progress.done) == (100.0, 5_000, 8_000)
    other = reduce(folded, Advanced(time=200.0, action="compare", done=1, total=2))
    assert other.progress is not None and other.progress.since == 200.0


def test_a_question_stands_until_it_is_answered() -> None:
    asked = reduce(view(), QuestionAsked(question="q", prompt="?", choices=("yes",), answered_by="--yes"))
    assert asked.question is not None
    answered = reduce(asked, QuestionAnswered(question="q", answer="yes"))
    assert answered.question is None and answered.answers == {"q": "yes"}


def test_small_rules() -> None:
    lost = reduce(view(), HostLost(role=Role.NEW, why="gone", retry_in=1))
    assert lost.lost is not None and reduce(lost, HostBack(role=Role.NEW)).lost is None
    assert reduce(view(), MoveStopped(reason="SIGTERM")).stopped == "SIGTERM"
    assert reduce(view(), UndoStarted()).undoing
    assert [a.id for a in view().step_actions(StepId.COPY)] == ["new.switch"]


def test_the_log_keeps_its_last_lines_only() -> None:
    folded = View()
    for number in range(700):
        folded = reduce(folded, Said(text=f"line {number}"))
    assert len(folded.log) == LOG_LINES and folded.log[-1] == "line 699"


def test_a_replayed_journal_shows_the_same_view() -> None:
    again = View()
    for event in STORY:
        again = reduce(again, decode(encode(event)))
    assert again == view()


def test_done_remembers_what_later_actions_need() -> None:
    folded = reduce(view(), ActionDone(action="old.archive", data={"path": "/x"}))
    assert folded.data["old.archive"] == {"path": "/x"}
