"""The order of a move: all actions of all steps; undo goes through them backwards."""

from __future__ import annotations

from openclaw_wizard.model import Paths, Plan
from openclaw_wizard.steps import back_up, copy, doctor, install, mending, relocating, together, verify
from openclaw_wizard.steps.action import Action


def actions_for(plan: Plan) -> tuple[Action, ...]:
    """The same for every plan, but for what a person wanted: a link instead of new paths, something mended.

    Where several profiles move, each action is for all of them.
    """
    link = (relocating.CheckLink(),) if plan.wishes.paths is Paths.LINK else ()
    fixes = (mending.Mend(),) if plan.fixes else ()
    actions = (
        *back_up.ACTIONS,
        *fixes,
        *install.ACTIONS,
        *copy.ACTIONS,
        *link,
        *doctor.ACTIONS,
        *verify.DOCTOR_ACTIONS,
        *verify.ACTIONS,
    )
    return together.for_each(actions) if plan.beside else actions
