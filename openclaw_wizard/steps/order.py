"""The order of a move: all actions of all steps; undo goes through them backwards."""

from __future__ import annotations

from openclaw_wizard.model import Plan
from openclaw_wizard.steps import back_up, copy, doctor, install, verify
from openclaw_wizard.steps.action import Action


def actions_for(plan: Plan) -> tuple[Action, ...]:
    """The same for every plan today; the plan is given so that a step can leave itself out."""
    return (
        *back_up.ACTIONS,
        *install.ACTIONS,
        *copy.ACTIONS,
        *doctor.ACTIONS,
        *verify.DOCTOR_ACTIONS,
        *verify.ACTIONS,
    )
