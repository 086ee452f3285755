"""Questions that need an answer before an irreversible moment, and who gives it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from openclaw_wizard.errors import Declined, NeedsAnswer, NoRoom
from openclaw_wizard.events import (
    QuestionAnswered,
    QuestionAsked,
)
from openclaw_wizard.model import GatewayState, Role
from openclaw_wizard.session.board import Board
from openclaw_wizard.steps.action import AskFirst

CONFIRM_PLAN: Final = AskFirst(
    question="confirm-plan",
    prompt="Carry out this plan? OLD is stopped during the move and can be started again at any time.",
    answered_by="--yes",
)
MADE_ROOM: Final = "made room: go on"


@dataclass(frozen=True, slots=True)
class Policy:
    """How questions are answered where nobody is asked."""

    interactive: bool = False
    yes: bool = False
    answers: Mapping[str, str] = field(default_factory=dict)
    accept: frozenset[str] = frozenset()


class Questions:
    def __init__(self, board: Board, policy: Policy) -> None:
        self._board = board
        self._policy = policy
        self._open: asyncio.Future[str] | None = None

    def answer(self, question: str, answer: str) -> None:
        """Answers the question that is open; a late answer to another one is ignored."""
        asked = self._board.view.question
        if asked and asked.question == question and self._open and not self._open.done():
            self._open.set_result(answer)

    async def ask(self, ask: AskFirst | None) -> None:
        """Returns once it is answered with yes. Raises Declined, or NeedsAnswer where nobody can answer."""
        if ask is None or (not ask.accepts and self._board.view.answers.get(ask.question) == "yes"):
            return
        answer = self._given(ask)
        if answer is None:
            answer = await self._ask_person(ask)
        self._board.tell(QuestionAnswered(question=ask.question, answer=answer))
        if answer != "yes":
            next = f"Resume and answer yes ({ask.answered_by}), or put back."
            raise Declined(
                question=ask.question,
                answer=answer,
                safe=self._safe(),
                next=next if self._board.view.move else "Start again whenever you like.",
            )

    async def choose(self, asked: QuestionAsked) -> str | None:
        """One of its choices, or what was answered beforehand; None where nobody is there to choose."""
        answer = self._policy.answers.get(asked.question)
        if answer is None and self._policy.interactive and not self._policy.yes:
            answer = await self._asked(asked)
            self._board.tell(QuestionAnswered(question=asked.question, answer=answer))
        return answer

    async def made_room(self, full: NoRoom) -> bool:
        """Whether a person made room on NEW; False where nobody is there to do it."""
        if not self._policy.interactive:
            return False
        asked = QuestionAsked(
            question="make-room",
            prompt=f"{full.what} Make room there, then let it go on from where it was.",
            choices=(MADE_ROOM, "stop"),
            answered_by="a person",
        )
        answer = await self._asked(asked)
        self._board.tell(QuestionAnswered(question=asked.question, answer=answer))
        return answer == MADE_ROOM

    def _given(self, ask: AskFirst) -> str | None:
        """The answer that was given beforehand. A person at hand is shown what a yes would accept."""
        if answer := self._policy.answers.get(ask.question):
            return answer
        if not ask.accepts:
            return "yes" if self._policy.yes else None
        before = frozenset() if self._policy.interactive else self._board.view.accepted
        return "yes" if ask.accepts in self._policy.accept | before else None

    async def _asked(self, asked: QuestionAsked) -> str:
        self._open = asyncio.get_running_loop().create_future()
        self._board.tell(asked)
        return await self._open

    async def _ask_person(self, ask: AskFirst) -> str:
        asked = QuestionAsked(
            question=ask.question,
            prompt=ask.prompt,
            choices=("yes", "no"),
            answered_by=ask.answered_by,
            irreversible=not ask.accepts,
        )
        if self._policy.interactive:
            return await self._asked(asked)
        self._board.tell(asked)
        raise NeedsAnswer(
            question=ask.question,
            prompt=ask.prompt,
            safe=self._safe(),
            next=f"Answer it with {ask.answered_by}.",
        )

    def _safe(self) -> str:
        view = self._board.view
        return gateways_said(view.gateways) if view.move else NeedsAnswer.safe


def gateways_said(gateways: Mapping[Role, GatewayState]) -> str:
    """Both gateways' states as a sentence, for failure panels."""
    words = ", ".join(f"{role.value.upper()} {state.value}" for role, state in gateways.items())
    stopped = gateways[Role.OLD] in (GatewayState.STOPPED, GatewayState.DISABLED)
    return f"Gateways: {words}." + (" `undo` starts OLD's gateway again." if stopped else "")
