"""The name in large letters, where there is room for it."""

from __future__ import annotations

from textual.content import Content

from openclaw_wizard.faces.tui.widgets.fitted import Fitted
from openclaw_wizard.faces.tui.words import PRODUCT

TOP = "█▀█ █▀█ █▀▀ █▄ █ █▀▀ █   ▄▀█ █   █"
LOW = "█▄█ █▀▀ ██▄ █ ▀█ █▄▄ █▄▄ █▀█ ▀▄▀▄▀"
WIZARD_TOP = "█   █ █ ▀▀█ ▄▀█ █▀█ █▀▄"
WIZARD_LOW = "▀▄▀▄▀ █ █▄▄ █▀█ █▀▄ █▄▀"


class Logo(Fitted):
    def lines(self, width: int) -> list[Content]:
        if width < len(TOP) + len(WIZARD_TOP) + 3:
            return [Content.styled(PRODUCT, "bold $claw")]
        pairs = ((TOP, WIZARD_TOP), (LOW, WIZARD_LOW))
        return [Content.assemble((a, "$claw"), "   ", (b, "$foreground")) for a, b in pairs]
