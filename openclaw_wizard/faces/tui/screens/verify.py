"""Step 6: the gateway starts on NEW, both inventories are compared, OLD is kept from coming back."""

from __future__ import annotations

from openclaw_wizard.faces.tui.screens.work import StepScreen
from openclaw_wizard.model import StepId


class VerifyScreen(StepScreen):
    PLACE = "verify"
    STEP = StepId.VERIFY
