"""Step 3: the same OpenClaw on NEW, with Node where it lacks."""

from __future__ import annotations

from openclaw_wizard.faces.tui.screens.work import StepScreen
from openclaw_wizard.model import StepId


class InstallScreen(StepScreen):
    PLACE = "install"
    STEP = StepId.INSTALL
