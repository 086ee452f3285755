"""Step 5: OpenClaw checks and repairs its config on NEW, and the service is prepared."""

from __future__ import annotations

from openclaw_wizard.faces.tui.screens.work import StepScreen
from openclaw_wizard.model import StepId


class DoctorScreen(StepScreen):
    PLACE = "doctor"
    STEP = StepId.DOCTOR
