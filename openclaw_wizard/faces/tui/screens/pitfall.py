"""One finding in full: what was seen, why it matters, what to do; each way out is one key."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Button

from openclaw_wizard.faces.tui.hosttext import literal, one_line
from openclaw_wizard.faces.tui.screens.dialog import Dialog, text
from openclaw_wizard.faces.tui.widgets.checklist import sign_of
from openclaw_wizard.model import Finding, Verdict

Choice = Literal["close", "accept", "fix", "instead"]


class PitfallDialog(Dialog[Choice]):
    """Closes with what the person wants: to accept it, to have the move mend it (or not), another OLD."""

    AUTO_FOCUS = "#close"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "choose('close')", "Close", show=False),
        Binding("a", "choose('accept')", "Accept", show=False),
        Binding("x", "choose('fix')", "Mend", show=False),
        Binding("o", "choose('instead')", "Other OLD", show=False),
    ]

    def __init__(self, finding: Finding, *, before_the_move: bool = False) -> None:
        """Only `before_the_move` its plan can still be changed."""
        super().__init__()
        self.finding = finding
        self._choices: dict[Choice, tuple[str, str]] = {}
        """The words of the button, and what its key does."""
        if before_the_move and finding.fixes:
            self._choices["fix"] = (
                ("Do not mend", "X leaves it as it is.")
                if finding.fixing
                else ("Mend", "X has the move mend it; putting back undoes it.")
            )
        if before_the_move and finding.instead:
            self._choices["instead"] = ("Other OLD", f"O makes {one_line(finding.instead)} the OLD machine.")
        if finding.verdict is Verdict.LOOK and not (finding.accepted or finding.fixing):
            self._choices["accept"] = ("Accept", "A accepts it; it then stands in the report.")

    def heading(self) -> str:
        return one_line(self.finding.title)

    def hint(self) -> str:
        return " ".join((*(said for _, said in self._choices.values()), "Escape closes."))

    def compose_text(self) -> ComposeResult:
        yield text(sign_of(self.finding).both)
        parts = (
            ("What was seen", self.finding.evidence or "Nothing is known about it yet."),
            ("Why it matters", self.finding.why),
            ("What the move can do", "\n".join(fix.says() for fix in self.finding.fixes)),
            ("What to do", self.finding.remedy),
        )
        for title, said in parts:
            if said:
                yield text(Content.assemble((title, "bold $primary"), "\n", literal(said)))

    def compose_buttons(self) -> ComposeResult:
        yield Button("Close", id="close", variant="primary", compact=True)
        for choice, (words, _) in self._choices.items():
            yield Button(words, id=choice, compact=True)

    def action_choose(self, choice: Choice) -> None:
        if choice == "close" or choice in self._choices:
            self.dismiss(choice)

    @on(Button.Pressed)
    async def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.run_action(f"choose('{event.button.id}')")
