"""Carries out actions, forwards or back: asks `holds`, journals intent and outcome, survives lost links."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from openclaw_wizard.errors import Blocked, HostError, NoRoom, StepFailed, WizardError
from openclaw_wizard.events import (
    ActionDone,
    ActionFailed,
    ActionReverted,
    ActionStarted,
    GatewayChanged,
    HostBack,
    HostLost,
)
from openclaw_wizard.hosts import Host
from openclaw_wizard.model import ActionState, Finding, Role, Verdict
from openclaw_wizard.session.board import Board
from openclaw_wizard.session.questions import Questions, gateways_said
from openclaw_wizard.steps.action import Action, Context, Done

T = TypeVar("T")

RECONNECT_FOR: Final = 300.0
"""Seconds of trying to get a lost link back before the move stops, resumable."""
_BEGAN: Final = {ActionState.DONE, ActionState.RUNNING, ActionState.FAILED}


class Runner:
    def __init__(self, board: Board, questions: Questions, hosts: Mapping[Role, Host]) -> None:
        self._board = board
        self._questions = questions
        self._hosts = hosts

    async def forward(self, actions: tuple[Action, ...], ctx: Context) -> None:
        """Until every action holds. Raises WizardError after it was journaled as a failure."""
        for action in actions:
            await self._or_fail(action, ctx, self._attempt)

    async def back(self, actions: tuple[Action, ...], ctx: Context) -> None:
        """Reverts, last first, whatever began. Raises WizardError after it was journaled as a failure."""
        for action in reversed(actions):
            if self._board.view.action(action.id).state in _BEGAN:
                await self._or_fail(action, ctx, self._revert)

    async def _or_fail(
        self, action: Action, ctx: Context, work: Callable[[Action, Context], Awaitable[None]]
    ) -> None:
        ctx.done = self._board.view.data
        try:
            await self._with_link(lambda: self._with_room(lambda: work(action, ctx)))
        except WizardError as problem:
            self._fail(action, problem)
            raise
        except Exception as bug:
            # A bug must still leave a journal that says where, and a move that can be resumed.
            ours = self._board.bug(bug)
            self._fail(action, ours)
            raise ours from bug

    async def _attempt(self, action: Action, ctx: Context) -> None:
        was_done = self._board.view.action(action.id).state is ActionState.DONE
        if await action.holds(ctx):
            if not was_done:
                self._board.tell(ActionDone(action=action.id, found=True))
            self._gateway(action, done=True)
            return
        hold_where_blocked(tuple(self._board.view.findings.values()))
        await self._questions.ask(action.asks(ctx))
        self._board.tell(ActionStarted(action=action.id))
        self._gateway(action, done=False)
        done = await action.apply(ctx)
        if not await action.holds(ctx):
            raise StepFailed(what=f"“{action.title}” ran, but its effect is not there.", safe=action.safe)
        self._finish(action, done)

    def _finish(self, action: Action, done: Done) -> None:
        self._board.tell(ActionDone(action=action.id, fact=done.fact, data=dict(done.data)))
        self._gateway(action, done=True)

    async def _revert(self, action: Action, ctx: Context) -> None:
        done = await action.revert(ctx)
        self._board.tell(ActionReverted(action=action.id, fact=done.fact if done else ""))

    def _gateway(self, action: Action, *, done: bool) -> None:
        if action.gateway is None:
            return
        role, during, after = action.gateway
        state = after if done else during
        # A later action may have taken this gateway further already; a found effect must not take it back.
        known = self._board.view.gateways[role]
        if known is not state and not (done and known in action.beyond):
            self._board.tell(GatewayChanged(role=role, state=state))

    def _fail(self, action: Action, problem: WizardError) -> None:
        fields = failure_fields(problem)
        if problem.safe is WizardError.safe:
            fields["safe"] = f"{action.safe} {gateways_said(self._board.view.gateways)}"
        if problem.next is WizardError.next:
            fields["next"] = "Resume when the cause is gone; nothing is done twice."
        self._board.tell(ActionFailed(action=action.id, **fields))

    async def _with_link(self, work: Callable[[], Awaitable[T]]) -> T:
        """Runs `work`; on a lost link reconnects with growing pauses and runs it again from the top."""
        while True:
            try:
                return await work()
            except HostError as problem:
                if not problem.retryable:
                    raise
                await self._get_back(problem)

    async def _with_room(self, work: Callable[[], Awaitable[T]]) -> T:
        """Runs `work`; where NEW is full and a person has made room, runs it again from the top."""
        while True:
            try:
                return await work()
            except NoRoom as full:
                if not await self._questions.made_room(full):
                    raise

    async def _get_back(self, problem: HostError) -> None:
        clock = self._board.clock
        pause, waited, attempt = 1.0, 0.0, 1
        label = str(problem.fields.get("host", ""))
        lost = [role for role, host in self._hosts.items() if host.label == label] or list(self._hosts)
        while True:
            self._board.tell(HostLost(role=lost[0], why=problem.what, retry_in=pause, attempt=attempt))
            await clock.sleep(pause)
            waited += pause
            try:
                for role in lost:
                    await self._hosts[role].reconnect()
            except HostError as still:
                if not still.retryable or waited >= RECONNECT_FOR:
                    raise
                problem, pause, attempt = still, min(pause * 2, 30.0), attempt + 1
            else:
                self._board.tell(HostBack(role=lost[0]))
                return


def hold_where_blocked(findings: tuple[Finding, ...]) -> None:
    """Raises Blocked for the first finding that blocks."""
    for finding in findings:
        if finding.verdict is Verdict.BLOCKS:
            why = finding.evidence or finding.title
            mend = f"Let the move mend it (--fix {finding.pitfall}), or: " if finding.fixes else ""
            raise Blocked(pitfall=finding.pitfall, why=why, remedy=f"{mend}{finding.remedy}")


def failure_fields(problem: WizardError) -> dict[str, Any]:
    """The fields of a `Failure` event."""
    return {
        "code": problem.code,
        "what": problem.what,
        "safe": problem.safe,
        "next": problem.next,
        "exit_code": int(problem.exit_code),
        "retryable": problem.retryable,
    }
