"""An action for every profile of a plan: in what order, with what side files, asked and told as one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_wizard.events import Advanced, Compared, Event, QuestionAsked
from openclaw_wizard.model import Facts, Outcome, Row, RowState, StepId
from openclaw_wizard.steps import together
from openclaw_wizard.steps.action import Action, AskFirst, Context, Done
from tests.builders import plan
from tests.moves import Ground


class Mark(Action):
    """Its effect is a side file of each profile; `order` keeps what was done for whom."""

    step = StepId.COPY

    def __init__(self, name: str, order: list[str], ask: Callable[[str], str] | None = None) -> None:
        self.id = self.title = name
        self._order, self._ask = order, ask

    async def holds(self, ctx: Context) -> bool:
        return bool(ctx.shelf.load(f"{self.id}.mark"))

    def asks(self, ctx: Context) -> AskFirst | None:
        if self._ask is None:
            return None
        return AskFirst(question="agree", prompt=self._ask(ctx.plan.name), answered_by="--yes")

    async def apply(self, ctx: Context) -> Done:
        self._order.append(f"{self.id} {ctx.plan.name}")
        ctx.tell(Advanced(action=self.id, done=1, total=2))
        row = Row(subject="things", old="1", new="1", state=RowState.EQUAL, detail=ctx.plan.name)
        ctx.tell(Compared(rows=(row,)))
        ctx.learn(ctx.facts.model_copy(update={"noticed": (ctx.plan.name,)}))
        ctx.shelf.save(f"{self.id}.mark", b"done")
        return Done(fact=f"by {ctx.plan.name}", data={"path": f"/{ctx.plan.name}"})

    async def revert(self, ctx: Context) -> Done | None:
        self._order.append(f"undo {self.id} {ctx.plan.name}")
        return None if ctx.plan.name == "default" else Done(fact="back")


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    made = Ground(tmp_path)
    made.plan = plan(name="default", beside=(plan(name="work", folder="profile-2"),))
    made.facts = Facts.joined([made.facts, made.facts])
    return made


async def moved(ground: Ground, *actions: Action) -> tuple[list[Event], Path]:
    events: list[Event] = []
    ground.actions = together.for_each(actions)
    wizard = ground.wizard(events)
    await wizard.survey("old", "new")
    assert await wizard.run() is Outcome.DONE
    folder = wizard.store.folder / str(wizard.view.move)
    assert wizard.facts.noticed == ("default",) and wizard.facts.beside[0].noticed == ("work",)
    assert wizard.view.data["copy"] == {"default: path": "/default", "work: path": "/work"}
    assert wizard.view.action("copy").fact == "default: by default; work: by work"
    assert await wizard.undo() is Outcome.PUT_BACK
    assert wizard.view.action("copy").fact == "back"
    await wizard.aclose()
    return events, folder


async def test_each_action_is_done_for_all_before_the_next_and_put_back_the_other_way(ground: Ground) -> None:
    order: list[str] = []
    events, folder = await moved(ground, Mark("copy", order), Mark("switch", order))
    done = ["copy default", "copy work", "switch default", "switch work"]
    assert order == [*done, *(f"undo {each}" for each in reversed(done))]
    for kept in (folder / "copy.mark", folder / "profile-2" / "copy.mark"):
        assert kept.read_bytes() == b"done" and kept.stat().st_mode & 0o077 == 0
    assert (folder / "profile-2").stat().st_mode & 0o777 == 0o700
    assert {event.label for event in events if isinstance(event, Advanced)} == {"default", "work"}
    rows = [[row.subject for row in event.rows] for event in events if isinstance(event, Compared)]
    assert rows[-1] == ["default: things", "work: things"]


async def test_one_that_is_done_is_left_alone_unless_they_belong_together(ground: Ground) -> None:
    order: list[str] = []
    apart, bound = Mark("copy", order), Mark("stop", order)
    bound.together = True
    ground.actions = together.for_each((apart, bound))
    wizard = ground.wizard()
    await wizard.survey("old", "new")
    await wizard.run()
    folder = wizard.store.folder / str(wizard.view.move)
    await wizard.aclose()
    order.clear()
    for name in ("copy", "stop"):
        (folder / "profile-2" / f"{name}.mark").unlink()
    again = (folder / "journal.jsonl").read_text().splitlines(keepends=True)
    (folder / "journal.jsonl").write_text("".join(line for line in again if "move-finished" not in line))
    wizard = ground.wizard()
    assert await wizard.resume() is Outcome.DONE
    await wizard.aclose()
    assert order == ["copy work", "stop default", "stop work"]
    assert wizard.view.data["copy"] == {"default: path": "/default", "work: path": "/work"}
    assert wizard.view.action("copy").fact == "default: by default; work: by work"


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda name: "Start?", "Start?"),
        (lambda name: f"{name} loses 1.", "default: default loses 1.\nwork: work loses 1."),
    ],
)
async def test_one_question_says_what_it_is_for_each(
    ground: Ground, ask: Callable[[str], str], said: str
) -> None:
    ground.actions = together.for_each((Mark("copy", [], ask),))
    events: list[Event] = []
    wizard = ground.wizard(events, yes=False, interactive=True)

    def answer(event: Event) -> None:
        if isinstance(event, QuestionAsked):
            wizard.answer(event.question, "yes")

    wizard.subscribe(answer)
    await wizard.survey("old", "new")
    assert await wizard.run() is Outcome.DONE
    await wizard.aclose()
    assert [event.prompt for event in events if isinstance(event, QuestionAsked)] == [said]
