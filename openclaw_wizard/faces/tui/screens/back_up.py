"""Step 2: count what OLD holds, stop its gateway, make the safety archive."""

from __future__ import annotations

from openclaw_wizard.faces.tui.screens.work import StepScreen
from openclaw_wizard.model import StepId


class BackUpScreen(StepScreen):
    PLACE = "back_up"
    STEP = StepId.BACK_UP
