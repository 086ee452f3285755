from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_wizard.errors import (
    Blocked,
    ContextChanged,
    Declined,
    ExitCode,
    LinkLost,
    MoveInUse,
    NeedsAnswer,
    NoRoom,
    NoSuchMove,
    PlanUnreadable,
    StepFailed,
    UsageError,
    WizardError,
)
from openclaw_wizard.events import (
    ActionFailed,
    Compared,
    DashboardOpened,
    Event,
    FindingsChanged,
    HostBack,
    HostLost,
    MoveStopped,
    QuestionAsked,
    Said,
    SurveyFailed,
)
from openclaw_wizard.model import (
    ActionState,
    Finding,
    GatewayState,
    Outcome,
    Role,
    Row,
    RowState,
    StepId,
    Verdict,
)
from openclaw_wizard.session import Wizard, load_plan
from openclaw_wizard.steps.action import AskFirst, Context, Done
from tests.builders import host_facts, plan
from tests.conftest import Until
from tests.moves import Folder, Ground


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


async def moved(wizard: Wizard) -> Outcome:
    await wizard.survey("old", "new")
    return await wizard.run()


async def test_a_move_runs_every_action_and_measures_the_downtime(ground: Ground) -> None:
    wizard = ground.wizard()
    assert await moved(wizard) is Outcome.DONE
    assert wizard.view.exit_code == 0
    assert wizard.view.downtime and wizard.view.downtime > 0
    assert wizard.view.gateways == {Role.OLD: GatewayState.STOPPED, Role.NEW: GatewayState.READY}
    report = Path(wizard.report_path or "").read_text()
    assert "make copy.stream" in report
    await wizard.aclose()


async def test_a_listener_hears_of_a_durable_event_only_when_it_is_in_the_journal(ground: Ground) -> None:
    wizard = ground.wizard()
    missing: list[str] = []

    def listen(event: Event) -> None:
        if type(event).durable and wizard.view.move:
            written = (ground.home / "migrations" / wizard.view.move / "journal.jsonl").read_text()
            if event.model_dump_json() not in written:
                missing.append(event.model_dump_json())

    wizard.subscribe(listen)
    await moved(wizard)
    assert missing == []
    await wizard.aclose()


async def test_an_action_whose_effect_is_not_there_afterwards_has_failed(ground: Ground) -> None:
    class Pretends(Folder):
        async def apply(self, ctx: Context) -> Done:
            return Done(fact="all fine")

    ground.actions = (Pretends(ground.world, "old.stop", StepId.BACK_UP),)
    wizard = ground.wizard()
    with pytest.raises(StepFailed, match="its effect is not there"):
        await moved(wizard)
    assert wizard.view.action("old.stop").state is ActionState.FAILED
    await wizard.aclose()


async def test_a_failure_says_what_is_safe_and_what_is_next(ground: Ground) -> None:
    class Breaks(Folder):
        async def apply(self, ctx: Context) -> Done:
            raise StepFailed(what="the disk is full; token=abcdef123456")

    ground.actions = (*ground.actions[:1], Breaks(ground.world, "copy.stream", StepId.COPY))
    wizard = ground.wizard()
    with pytest.raises(StepFailed):
        await moved(wizard)
    failure = wizard.view.failure
    assert isinstance(failure, ActionFailed)
    assert "OLD stopped" in failure.safe and "undo" in failure.safe
    assert "Resume" in failure.next
    assert "abcdef123456" not in failure.what
    await wizard.aclose()


async def test_a_bug_is_told_as_one_and_leaves_a_resumable_move(ground: Ground) -> None:
    class Bug(Folder):
        broken = True

        async def apply(self, ctx: Context) -> Done:
            secret = "hunter2-secret"  # must not reach the log
            if self.broken:
                raise KeyError("nothing under that name")
            assert secret
            return await super().apply(ctx)

    bug = Bug(ground.world, "copy.stream", StepId.COPY)
    ground.actions = (*ground.actions[:1], bug)
    wizard = ground.wizard()
    with pytest.raises(WizardError) as caught:
        await moved(wizard)
    assert caught.value.exit_code is ExitCode.BUG
    folder = ground.home / "migrations" / str(wizard.view.move)
    assert "KeyError" in (folder / "log.txt").read_text()
    await wizard.aclose()
    bug.broken = False
    again = ground.wizard()
    assert await again.resume() is Outcome.DONE
    assert ground.effects() == ["old.stop", "copy.stream"]
    await again.aclose()


async def test_a_lost_link_is_found_again_and_the_action_goes_on(ground: Ground) -> None:
    class Loses(Folder):
        times = 2

        async def apply(self, ctx: Context) -> Done:
            if self.times:
                self.times -= 1
                raise LinkLost(host="new", doing="copying")
            return await super().apply(ctx)

    ground.actions = (Loses(ground.world, "copy.stream", StepId.COPY),)
    events: list[Event] = []
    wizard = ground.wizard(events)
    assert await moved(wizard) is Outcome.DONE
    assert ground.hosts["new"].reconnects == 2 and ground.hosts["old"].reconnects == 0
    assert [e.role for e in events if isinstance(e, HostLost)] == [Role.NEW, Role.NEW]
    assert any(isinstance(e, HostBack) for e in events)
    await wizard.aclose()


async def test_a_link_that_stays_away_ends_resumable(ground: Ground) -> None:
    class Loses(Folder):
        async def apply(self, ctx: Context) -> Done:
            raise LinkLost(host="new", doing="copying")

    ground.actions = (Loses(ground.world, "copy.stream", StepId.COPY),)
    events: list[Event] = []
    wizard = ground.wizard(events)
    await wizard.survey("old", "new")
    ground.hosts["new"].refuse_reconnect = 1_000
    began = ground.clock.now
    with pytest.raises(LinkLost) as caught:
        await wizard.run()
    assert 300 <= ground.clock.now - began < 600
    tries = [(e.attempt, e.retry_in) for e in events if isinstance(e, HostLost)]
    assert tries[:4] == [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0)]
    assert [attempt for attempt, _ in tries] == list(range(1, len(tries) + 1))
    assert caught.value.exit_code is ExitCode.UNREACHABLE
    await wizard.aclose()


async def test_a_blocking_finding_holds_the_move_before_anything_is_written(ground: Ground) -> None:
    ground.findings = {
        "no-room": Finding(pitfall="no-room", title="No room", verdict=Verdict.BLOCKS, remedy="Make room.")
    }
    wizard = ground.wizard()
    await wizard.survey("old", "new")
    with pytest.raises(Blocked, match="no-room") as caught:
        await wizard.run()
    assert caught.value.exit_code is ExitCode.BLOCKED and caught.value.next == "Make room."
    assert wizard.moves() == [] and ground.effects() == []
    await wizard.aclose()


async def test_only_differences_of_findings_are_published(ground: Ground) -> None:
    events: list[Event] = []
    one = Finding(pitfall="a", title="A", verdict=Verdict.CLEAR)
    ground.findings = {"a": one, "b": Finding(pitfall="b", title="B", verdict=Verdict.UNKNOWN)}
    wizard = ground.wizard(events)
    wizard.learn(ground.facts)
    ground.findings = {"a": one, "b": Finding(pitfall="b", title="B", verdict=Verdict.LOOK)}
    wizard.learn(ground.facts)
    wizard.learn(ground.facts)
    changes = [[f.pitfall for f in e.findings] for e in events if isinstance(e, FindingsChanged)]
    assert changes == [["a", "b"], ["b"]]


async def test_a_question_without_anybody_to_answer_ends_with_its_id(ground: Ground) -> None:
    wizard = ground.wizard(yes=False, answers={"confirm-plan": "yes"})
    await wizard.survey("old", "new")
    await wizard.confirm_plan()
    with pytest.raises(NeedsAnswer, match="start-new") as caught:
        await wizard.run()
    assert caught.value.exit_code is ExitCode.NEEDS_ANSWER and "--yes" in caught.value.next
    await wizard.aclose()
    again = ground.wizard(answers={"start-new": "yes"}, yes=False)
    assert await again.resume() is Outcome.DONE
    await again.aclose()


async def test_a_person_is_asked_once_and_the_answer_is_kept(ground: Ground) -> None:
    events: list[Event] = []
    wizard = ground.wizard(events, yes=False, interactive=True)

    def answer(event: Event) -> None:
        if isinstance(event, QuestionAsked):
            asyncio.get_running_loop().call_soon(wizard.answer, event.question, "yes")

    wizard.subscribe(answer)
    assert await moved(wizard) is Outcome.DONE
    assert wizard.view.answers == {"start-new": "yes"}
    assert sum(isinstance(e, QuestionAsked) for e in events) == 1
    await wizard.aclose()


@pytest.mark.parametrize("question", ["confirm-plan", "start-new"])
async def test_a_no_is_not_a_missing_answer(ground: Ground, question: str) -> None:
    answers = {"confirm-plan": "yes", "start-new": "yes", question: "no"}
    wizard = ground.wizard(yes=False, answers=answers)
    await wizard.survey("old", "new")
    with pytest.raises(Declined, match=question) as caught:
        await wizard.confirm_plan()
        await wizard.run()
    assert caught.value.exit_code is ExitCode.NEEDS_ANSWER
    assert ("Resume" in caught.value.next) == (question == "start-new")
    await wizard.aclose()


async def test_stopping_is_journaled_and_resumable(ground: Ground) -> None:
    reached = asyncio.Event()

    class Waits(Folder):
        patient = True

        async def apply(self, ctx: Context) -> Done:
            if self.patient:
                reached.set()
                await asyncio.Event().wait()
            return await super().apply(ctx)

    slow = Waits(ground.world, "copy.stream", StepId.COPY)
    ground.actions = (ground.actions[0], slow)
    events: list[Event] = []
    wizard = ground.wizard(events)
    await wizard.survey("old", "new")
    wizard.begin_run()
    await reached.wait()
    await wizard.stop("SIGTERM")
    assert [e.reason for e in events if isinstance(e, MoveStopped)] == ["SIGTERM"]
    await wizard.aclose()
    slow.patient = False
    again = ground.wizard()
    assert again.moves()[0].step is StepId.COPY
    assert await again.resume() is Outcome.DONE
    await again.aclose()


@pytest.mark.parametrize(
    ("field", "value"), [("machine_id", "another"), ("home", "/home/eve"), ("user", "eve")]
)
async def test_a_resume_on_another_machine_is_refused_by_the_name_of_the_field(
    ground: Ground, field: str, value: str
) -> None:
    wizard = ground.wizard()
    await moved(wizard)
    await wizard.aclose()
    ground.facts = ground.facts.model_copy(update={"old": host_facts(**{field: value})})
    again = ground.wizard()
    with pytest.raises(ContextChanged, match=f"OLD .*{field} was .*is now {value}|OLD.*{field}"):
        await again.undo()
    assert again.view.outcome is Outcome.DONE
    await again.aclose()


async def test_a_changed_host_key_on_resume_is_refused(ground: Ground) -> None:
    wizard = ground.wizard()
    await moved(wizard)
    await wizard.aclose()
    ground.hosts["new"].host_key = "SHA256:somebody-else"
    with pytest.raises(ContextChanged, match="host_key"):
        await ground.wizard().undo()


async def test_undo_puts_back_last_first_and_twice_is_once(ground: Ground) -> None:
    wizard = ground.wizard()
    await moved(wizard)
    assert await wizard.undo() is Outcome.PUT_BACK
    names = [action.id for action in ground.actions]
    assert ground.effects() == names + [f"-{name}" for name in reversed(names)]
    assert await wizard.undo() is Outcome.PUT_BACK
    assert len(ground.effects()) == 2 * len(names)
    await wizard.aclose()


async def test_a_move_that_is_done_is_not_done_again(ground: Ground) -> None:
    wizard = ground.wizard()
    move = await moved(wizard) and wizard.view.move
    await wizard.aclose()
    again = ground.wizard()
    assert await again.resume(move) is Outcome.DONE
    assert len(ground.effects()) == len(ground.actions)
    await again.aclose()


async def test_two_wizards_on_one_move(ground: Ground) -> None:
    wizard = ground.wizard()
    await moved(wizard)
    with pytest.raises(MoveInUse):
        await ground.wizard().undo()
    await wizard.aclose()


async def test_the_same_machine_twice_is_refused(ground: Ground) -> None:
    events: list[Event] = []
    with pytest.raises(UsageError, match="same machine"):
        await ground.wizard(events).survey("local", "local")
    assert isinstance(events[-1], SurveyFailed) and events[-1].exit_code == 2


async def test_resume_without_any_move(ground: Ground) -> None:
    with pytest.raises(NoSuchMove):
        await ground.wizard().resume()


async def test_what_other_programs_say_is_redacted_in_the_log(ground: Ground) -> None:
    class Chatty(Folder):
        async def apply(self, ctx: Context) -> Done:
            ctx.tell(Said(role=Role.NEW, text="botToken: 123456789:AAabcdefghijklmnopqrstuvwxyz0123456"))
            return await super().apply(ctx)

    ground.actions = (Chatty(ground.world, "new.doctor", StepId.DOCTOR),)
    wizard = ground.wizard()
    await moved(wizard)
    text = (ground.home / "migrations" / str(wizard.view.move) / "log.txt").read_text()
    assert "botToken" in text and "AAabcdef" not in text
    await wizard.aclose()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"format": 99}', b'{"format": 1}', plan().model_dump_json().encode()[:-5]],
)
def test_a_plan_of_another_version_is_refused(content: bytes) -> None:
    with pytest.raises(PlanUnreadable) as caught:
        load_plan(content, "plan.json")
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_plan_survives_its_file() -> None:
    assert load_plan(plan().model_dump_json().encode(), "plan.json") == plan()


async def test_a_plan_file_for_another_machine_is_refused(ground: Ground) -> None:
    other = plan(old=host_facts(machine_id="elsewhere"))
    with pytest.raises(ContextChanged, match="machine_id"):
        await ground.wizard().survey_as_planned(other)


def test_status_json_is_plain_data(ground: Ground) -> None:
    wizard = ground.wizard()
    asyncio.run(moved(wizard))
    asyncio.run(wizard.aclose())
    (summary,) = ground.wizard().moves()
    kept = json.loads(summary.model_dump_json())
    assert kept["outcome"] == "done" and kept["actions_done"] == kept["actions"] == 5


# ------------------------------------------------------------------ losses, and no room


class Lossy(Folder):
    """Its effect is a consent; what it is about can change."""

    about = "one"

    async def holds(self, ctx: Context) -> bool:
        return ctx.shelf.load("agreed.json") == self.about.encode()

    def asks(self, ctx: Context) -> AskFirst | None:
        return AskFirst("accept-losses", f"{self.about} is lost", "--accept lost-entries", "lost-entries")

    async def apply(self, ctx: Context) -> Done:
        ctx.shelf.save("agreed.json", self.about.encode())
        return Done(fact=self.about)


async def test_yes_to_everything_is_no_yes_to_a_loss(ground: Ground) -> None:
    lossy = Lossy(ground.world, "copy.losses", StepId.COPY)
    ground.actions = (lossy,)
    wizard = ground.wizard()
    with pytest.raises(NeedsAnswer, match="one is lost") as caught:
        await moved(wizard)
    assert caught.value.exit_code is ExitCode.NEEDS_ANSWER
    assert "--accept lost-entries" in caught.value.next
    await wizard.aclose()
    again = ground.wizard(accept=frozenset({"lost-entries"}))
    assert await again.resume() is Outcome.DONE
    await again.aclose()


async def test_a_yes_to_one_loss_is_none_to_another_for_who_is_there_to_be_asked(ground: Ground) -> None:
    lossy = Lossy(ground.world, "copy.losses", StepId.COPY)
    ground.actions = (lossy, Folder(ground.world, "fails", StepId.COPY))
    (ground.world / "fails").write_text("in the way")
    events: list[Event] = []
    wizard = ground.wizard(events, interactive=True, answers={"confirm-plan": "yes"})
    wizard.subscribe(answering(wizard, "accept-losses", "yes"))
    with pytest.raises(WizardError, match="FileExists"):
        await moved(wizard)
    lossy.about = "another"
    (ground.world / "fails").unlink()
    assert await wizard.run() is Outcome.DONE
    asked = [event for event in events if isinstance(event, QuestionAsked)]
    assert [each.prompt for each in asked] == ["one is lost", "another is lost"]
    assert not any(each.irreversible for each in asked)
    await wizard.aclose()


def answering(wizard: Wizard, question: str, answer: str) -> Callable[[Event], None]:
    """A person who answers that question as soon as it is asked."""

    def hear(event: Event) -> None:
        if isinstance(event, QuestionAsked) and event.question == question:
            asyncio.get_running_loop().call_soon(wizard.answer, question, answer)

    return hear


class Full(Folder):
    """NEW is full so many times."""

    times = 2

    async def apply(self, ctx: Context) -> Done:
        if self.times:
            self.times -= 1
            raise NoRoom(what="The disk of NEW (new) is full: about 3 MB are missing.")
        return await super().apply(ctx)


@pytest.mark.parametrize("answer", ["made room: go on", "stop"])
async def test_where_new_is_full_a_person_is_asked_to_make_room(ground: Ground, answer: str) -> None:
    ground.actions = (Full(ground.world, "copy.stream", StepId.COPY),)
    events: list[Event] = []
    wizard = ground.wizard(events, interactive=True)
    wizard.subscribe(answering(wizard, "make-room", answer))
    if answer == "stop":
        with pytest.raises(NoRoom, match="3 MB"):
            await moved(wizard)
        assert wizard.view.action("copy.stream").state is ActionState.FAILED
    else:
        assert await moved(wizard) is Outcome.DONE
    asked = [event for event in events if isinstance(event, QuestionAsked)]
    assert asked[0].choices == ("made room: go on", "stop") and "about 3 MB" in asked[0].prompt
    assert len(asked) == (1 if answer == "stop" else 2)
    await wizard.aclose()


async def test_where_nobody_is_there_a_full_disk_is_a_failure(ground: Ground) -> None:
    ground.actions = (Full(ground.world, "copy.stream", StepId.COPY),)
    events: list[Event] = []
    wizard = ground.wizard(events)
    with pytest.raises(NoRoom) as caught:
        await moved(wizard)
    assert caught.value.exit_code is ExitCode.FAILED
    assert not any(isinstance(event, QuestionAsked) for event in events)


async def test_the_dashboard_is_led_here_after_the_move_also_over_a_new_link(
    ground: Ground, until: Until
) -> None:
    events: list[Event] = []
    wizard = ground.wizard(events)
    assert await wizard.open_dashboard() is None
    assert isinstance(events[-1], DashboardOpened) and "no move" in events[-1].why
    await moved(wizard)
    assert wizard.view.dashboard == "ssh -N -L 18789:127.0.0.1:18789 new"
    ground.hosts["new"].lost_forwards = 1
    wizard.begin_dashboard()
    await until(lambda: wizard.view.dashboard_url is not None)
    assert wizard.view.dashboard_url == "http://127.0.0.1:18789/"
    assert ground.hosts["new"].reconnects == 1
    ground.hosts["new"].lost_forwards = 2
    assert await wizard.open_dashboard() is None
    assert "connection" in wizard.view.dashboard_problem
    assert wizard.view.outcome is Outcome.DONE and wizard.view.failure is None
    await wizard.aclose()


@pytest.mark.parametrize("state", RowState)
async def test_one_row_that_nothing_explains_makes_the_move_one_with_problems(
    ground: Ground, state: RowState
) -> None:
    row = Row(subject="sessions", old="2", new="2", state=state)

    class Compares(Folder):
        async def holds(self, ctx: Context) -> bool:
            ctx.tell(Compared(rows=(row,)))
            return await super().holds(ctx)

    ground.actions = (Compares(ground.world, "new.compare", StepId.VERIFY),)
    wizard = ground.wizard()
    good = state in (RowState.EQUAL, RowState.GREW, RowState.EXPECTED)
    assert await moved(wizard) is (Outcome.DONE if good else Outcome.PROBLEMS)
    assert wizard.view.exit_code == (ExitCode.DONE if good else ExitCode.PROBLEMS)
    await wizard.aclose()
