"""The core behind every face: one survey or move at a time, its task owned here and not by a screen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from openclaw_wizard import report
from openclaw_wizard.errors import ExitCode, UsageError, WizardError
from openclaw_wizard.events import (
    ActionFailed,
    Event,
    FindingAccepted,
    FindingsChanged,
    FixChosen,
    GatewayChanged,
    MoveCreated,
    MoveFinished,
    MoveOpened,
    MoveStopped,
    Surveyed,
    SurveyFailed,
    Surveying,
    UndoStarted,
)
from openclaw_wizard.hosts import Host, connect
from openclaw_wizard.journal import Journal, Moves, new_move_id
from openclaw_wizard.model import (
    ActionState,
    Facts,
    MoveSummary,
    Outcome,
    Plan,
    Role,
    Verdict,
    Wishes,
)
from openclaw_wizard.session import fixing, records
from openclaw_wizard.session.board import Board
from openclaw_wizard.session.clock import SystemClock
from openclaw_wizard.session.context import context_of, planned_context, require_same
from openclaw_wizard.session.dashboard import lead_here
from openclaw_wizard.session.handed import Survey
from openclaw_wizard.session.questions import CONFIRM_PLAN, Policy, Questions
from openclaw_wizard.session.runner import Runner, failure_fields, hold_where_blocked
from openclaw_wizard.steps.action import Clock, Context
from openclaw_wizard.view import View, reduce


class Wizard:
    def __init__(
        self,
        home: Path,
        survey: Survey,
        *,
        policy: Policy | None = None,
        connect_to: Callable[[str], Awaitable[Host]] = connect,
        clock: Clock | None = None,
    ) -> None:
        self.store = Moves(home)
        self.facts = Facts()
        self.stop_reason = ""
        self._survey = survey
        self._policy = policy or Policy()
        self._connect = connect_to
        self._board = Board(clock or SystemClock())
        self._questions = Questions(self._board, self._policy)
        self._hosts: dict[Role, Host] = {}
        self._task: asyncio.Task[None] | None = None
        self._side: asyncio.Task[None] | None = None

    # --------------------------------------------------------- for the faces

    @property
    def view(self) -> View:
        return self._board.view

    @property
    def report_path(self) -> str | None:
        """The HTML report of the open move, once it has ended."""
        if self._board.journal is None:
            return None
        path = self._board.journal.folder / "report.html"
        return str(path) if path.exists() else None

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """See `Board.subscribe`."""
        return self._board.subscribe(listener)

    def moves(self) -> list[MoveSummary]:
        """All moves that this machine knows, newest first; reads only."""
        return records.summaries(self.store)

    def begin_survey(
        self, old: str, new: str, profiles: tuple[str, ...] = (), wishes: Wishes | None = None
    ) -> None:
        self._begin(self.survey(old, new, profiles, wishes))

    def begin_run(self) -> None:
        self._begin(self.run())

    def begin_resume(self, move: str | None) -> None:
        self._begin(self.resume(move))

    def begin_undo(self, move: str | None) -> None:
        self._begin(self.undo(move))

    def begin_dashboard(self) -> None:
        """Leads a port of this machine to NEW's gateway; `DashboardOpened` tells."""
        if self._side is None or self._side.done():
            self._side = asyncio.create_task(self._guarded(self.open_dashboard()))

    def answer(self, question: str, answer: str) -> None:
        """Answers the question that is open; a late answer to another one is ignored."""
        self._questions.answer(question, answer)

    def accept(self, pitfall: str) -> None:
        """Accepts a finding that says *look*; it is journaled and stands in the report."""
        finding = self.view.findings.get(pitfall)
        if finding and finding.verdict is Verdict.LOOK and pitfall not in self.view.accepted:
            self._board.tell(FindingAccepted(pitfall=pitfall))
            self.learn(self.facts)

    def fix(self, pitfall: str) -> None:
        """Has the move mend it on NEW, or not after all; only before there is a move, and where it can."""
        finding = self.view.findings.get(pitfall)
        if finding and finding.fixes and self._board.journal is None:
            self._board.tell(FixChosen(pitfall=pitfall, wanted=not finding.fixing))
            self.learn(self.facts)

    async def stop(self, reason: str) -> None:
        """Cancels what runs; the journal says so, and the move can be resumed."""
        if self._task and not self._task.done():
            self.stop_reason = self.stop_reason or reason
            self._task.cancel()
            await asyncio.wait({self._task})

    async def aclose(self) -> None:
        """Stops, ends the connections, frees the journal."""
        await self.stop("closed")
        if self._side is not None:
            self._side.cancel()
            await asyncio.wait({self._side})
        for host in self._hosts.values():
            await host.aclose()
        self._hosts.clear()
        self._board.close()

    async def wait(self) -> None:
        """Until what was begun has ended."""
        if self._task:
            await asyncio.wait({self._task})

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        if self._task and not self._task.done():
            work.close()
            return
        self.stop_reason = ""
        self._task = asyncio.create_task(self._guarded(work))

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> None:
        """Errors never escape to a face; they are in the view already."""
        with contextlib.suppress(WizardError, asyncio.CancelledError):
            await work

    def learn(self, facts: Facts) -> None:
        """Keeps `facts`, judges every pitfall again and publishes only the differences."""
        self.facts = facts
        judged = self._survey.judge(facts, self.view.accepted | self._policy.accept)
        judged = {name: fixing.marked(found, self.view) for name, found in judged.items()}
        changed = tuple(f for name, f in judged.items() if self.view.findings.get(name) != f)
        if changed:
            self._board.tell(FindingsChanged(findings=changed))

    @contextlib.contextmanager
    def _telling_failure(self) -> Iterator[None]:
        """Turns every error outside an action into an event; a bug is written to the log."""
        try:
            yield
        except WizardError as problem:
            if not isinstance(self.view.failure, ActionFailed):
                self._board.tell(SurveyFailed(**failure_fields(problem)))
            problem.shown = True
            raise
        except Exception as bug:
            # The last place before the faces: nothing but a WizardError may get past it.
            ours = self._board.bug(bug)
            self._board.tell(SurveyFailed(**failure_fields(ours)))
            ours.shown = True
            raise ours from bug

    # ---------------------------------------------------------------- survey

    async def survey(
        self, old: str, new: str, profiles: tuple[str, ...] = (), wishes: Wishes | None = None
    ) -> Plan:
        """Reads both machines and makes the plan; writes nothing. Raises WizardError.

        `profiles` are those that move in one go; where none is named and OLD has several, a person who is
        there chooses, else the default one moves.
        """
        with self._telling_failure():
            for choice in fixing.wished(self.view, old, new, wishes or Wishes()):
                self._board.tell(choice)
            await self._reach(old, new)
            plan = await self._survey.read(
                self._hosts[Role.OLD],
                self._hosts[Role.NEW],
                profiles,
                self._board.tell,
                self.learn,
                wishes or Wishes(),
                self._questions.choose,
            )
            wanted = {"findings": tuple(self.view.findings.values()), "wishes": wishes or Wishes()}
            plan = plan.model_copy(update=wanted)
            self._board.view = replace(self.view, old=old, new=new, profile=plan.profile)
            self._board.tell(Surveyed(plan=plan))
            return plan

    async def survey_as_planned(self, planned: Plan) -> Plan:
        """Surveys anew what a plan file names; raises ContextChanged where the machines differ from it."""
        old, new = planned.old.address, planned.new.address
        states = tuple(each.installation.state_dir for each in planned.each)
        plan = await self.survey(old, new, states, planned.wishes)
        with self._telling_failure():
            require_same(planned_context(planned), planned_context(plan))
        return plan

    async def confirm_plan(self) -> None:
        """Raises Blocked, Declined, or NeedsAnswer where nobody can answer; nothing has been written yet."""
        with self._telling_failure():
            hold_where_blocked(tuple(self.view.findings.values()))
            await self._questions.ask(CONFIRM_PLAN)

    async def _reach(self, old: str, new: str) -> None:
        if old == new:
            raise UsageError(what=f"OLD and NEW are the same machine: {old}", next="Name two machines.")
        for role, address in ((Role.OLD, old), (Role.NEW, new)):
            before = self._hosts.pop(role, None)
            if before is not None:
                await before.aclose()
            self._board.tell(Surveying(role=role, what=f"connecting to {address}"))
            self._hosts[role] = await self._connect(address)

    # ------------------------------------------------------------ run, resume

    async def run(self) -> Outcome:
        """Carries out the surveyed plan, or goes on with the move that is open. Raises WizardError."""
        with self._telling_failure():
            if self._board.journal is None:
                self._create()
            return await self._work(undo=self.view.undoing)

    async def resume(self, move: str | None = None) -> Outcome:
        """Goes on where a move stopped, forwards or putting back. Raises WizardError."""
        with self._telling_failure():
            await self._open(move)
            if self.view.outcome in records.ENDED:
                return self.view.outcome
            return await self._work(undo=self.view.undoing)

    async def undo(self, move: str | None = None) -> Outcome:
        """Puts everything back as it was before the move. Raises WizardError."""
        with self._telling_failure():
            await self._open(move)
            if self.view.outcome is Outcome.PUT_BACK:
                return self.view.outcome
            if not self.view.undoing:
                self._board.tell(UndoStarted())
            return await self._work(undo=True)

    def _create(self) -> None:
        plan = self.view.plan
        if plan is None:
            raise UsageError(what="There is no plan yet.", next="Survey both machines first.")
        hold_where_blocked(tuple(self.view.findings.values()))
        plan = plan.model_copy(update={"fixes": fixing.chosen(self.view)})
        self._board.view = replace(self.view, plan=plan)
        move = new_move_id(self._board.clock.time())
        journal = Journal(self.store.create(move), create=True)
        digest = journal.save("plan.json", plan.model_dump_json(indent=1).encode())
        gateways, accepted = dict(self.view.gateways), self._policy.accept | self.view.accepted
        self._board.journal = journal
        context, actions = context_of(plan, self._hosts), self._survey.actions(plan)
        created = records.created(move, self.view, context, digest, actions)
        self._board.tell(created)
        for role, state in gateways.items():
            self._board.tell(GatewayChanged(role=role, state=state))
        for pitfall in sorted(accepted):
            self._board.tell(FindingAccepted(pitfall=pitfall))

    async def _open(self, move: str | None) -> None:
        """Replays the journal, reaches both machines again and checks that they are still the same."""
        journal = self._board.journal
        if journal is None or (move is not None and journal.folder.name != move):
            journal = self._replay(move or records.latest(self.store))
        created = next(e for e in journal.events if isinstance(e, MoveCreated))
        plan = records.stored_plan(journal.folder)
        self._board.view = replace(self.view, plan=plan)
        await self._reach(created.old, created.new)
        self.learn(await self._survey.again(self._hosts[Role.OLD], self._hosts[Role.NEW], plan))
        now = plan.model_copy(update={"old": self.facts.old, "new": self.facts.new})
        require_same(created.context, context_of(now, self._hosts))
        view = self.view
        opened = MoveOpened(
            move=created.move,
            old=created.old,
            new=created.new,
            gateways=dict(view.gateways),
            done=tuple(a.id for a in view.actions if a.state is ActionState.DONE),
            undoing=view.undoing,
        )
        self._board.tell(opened)

    def _replay(self, move: str) -> Journal:
        self._board.close()
        self._board.view = View()
        journal = Journal(self.store.folder_of(move))
        if not any(isinstance(event, MoveCreated) for event in journal.events):
            journal.close()
            raise UsageError(
                what=f"The move {move} never began: it was stopped before its first record.",
                next="Start a new one.",
            )
        self._board.journal = journal
        for event in journal.events:
            self._board.view = reduce(self._board.view, event)
        return journal

    async def open_dashboard(self) -> str | None:
        """The address of NEW's dashboard on this machine's loopback, until `aclose`; None where it fails."""
        opened = await lead_here(self.view, self._hosts, self._connect)
        self._board.tell(opened)
        return opened.url

    # ------------------------------------------------------------------- work

    async def _work(self, *, undo: bool) -> Outcome:
        plan, journal, move = self.view.plan, self._board.journal, self.view.move
        assert plan is not None and journal is not None and move is not None
        actions = self._survey.actions(plan)
        ctx = self._make_context(plan, journal, move)
        runner = Runner(self._board, self._questions, self._hosts)
        try:
            if undo:
                await runner.back(actions, ctx)
                return self._finish(Outcome.PUT_BACK, ExitCode.DONE, plan, journal)
            await runner.forward(actions, ctx)
        except asyncio.CancelledError:
            self._board.tell(MoveStopped(reason=self.stop_reason or "cancelled"))
            raise
        if not all(row.explained for row in self.view.rows):
            return self._finish(Outcome.PROBLEMS, ExitCode.PROBLEMS, plan, journal)
        return self._finish(Outcome.DONE, ExitCode.DONE, plan, journal)

    def _make_context(self, plan: Plan, journal: Journal, move: str) -> Context:
        old, new = self._hosts[Role.OLD], self._hosts[Role.NEW]

        def learned(facts: Facts) -> None:
            ctx.facts = facts
            self.learn(facts)

        ctx = Context(
            move=move,
            plan=plan,
            old=old,
            new=new,
            old_helper=self._survey.helper(old, (self.facts.old or plan.old).path),
            new_helper=self._survey.helper(new, (self.facts.new or plan.new).path),
            shelf=journal,
            clock=self._board.clock,
            tell=self._board.tell,
            learn=learned,
            facts=self.facts,
        )
        return ctx

    def _finish(self, outcome: Outcome, code: ExitCode, plan: Plan, journal: Journal) -> Outcome:
        downtime = report.downtime(journal.events)
        finished = MoveFinished(
            outcome=outcome,
            downtime=downtime,
            gateways=dict(self.view.gateways),
            dashboard="" if outcome is Outcome.PUT_BACK else report.way_in(self.view.new, plan),
            exit_code=int(code),
        )
        # The report is written first: who hears of the end may open it at once.
        after = reduce(self.view, finished)
        records.keep_reports(journal, after, plan)
        self._board.tell(finished)
        return outcome
