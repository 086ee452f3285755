"""Step 4: one stream into a folder beside the target, every file compared, switched by renaming."""

from __future__ import annotations

from openclaw_wizard.faces.tui.screens.work import StepScreen
from openclaw_wizard.model import StepId


class CopyScreen(StepScreen):
    PLACE = "copy"
    STEP = StepId.COPY
