"""The live checklist of findings: the gravest first, glyph and word, enter for the detail."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.faces.tui.messages import FindingChosen
from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.signs import ACCEPTED, VERDICTS, Sign
from openclaw_wizard.faces.tui.widgets.fitted import hanging
from openclaw_wizard.model import Finding, Verdict

TWO_LINES = 60
"""Below this width the findings stand in groups under their word."""


class Findings(OptionList):
    """The list itself; enter opens a finding."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", "Open", tooltip="Open the finding")]


class Checklist(Vertical):
    """Rebuilt only when a judgement changes."""

    def __init__(self) -> None:
        super().__init__()
        self._findings: tuple[Finding, ...] = ()
        self._width = 0

    def compose(self) -> ComposeResult:
        yield Static(id="checklist-head", markup=False)
        yield Findings(id="checklist-list", compact=True, markup=False)

    def show(self, scene: Scene) -> None:
        if scene.findings != self._findings or not self._width:
            self._findings = scene.findings
            self._build()

    def on_resize(self, event: Resize) -> None:
        if event.size.width != self._width:
            self._width = event.size.width
            self._build()

    def _build(self) -> None:
        room = max(20, self._width - 5)
        lying = room >= TWO_LINES
        self.query_one("#checklist-head", Static).update(summary(self._findings, words=lying))
        options = self.query_one(OptionList)
        kept = options.highlighted_option.id if options.highlighted_option else None
        made = [_row(f, room) for f in self._findings] if lying else _grouped(self._findings, room)
        options.set_options(made)
        names = [option.id for option in made]
        first = next((i for i, option in enumerate(made) if not option.disabled), None)
        stays = options.has_focus and kept in names
        options.highlighted = names.index(kept) if stays else first
        if not options.has_focus:
            options.scroll_home(animate=False)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id:
            self.post_message(FindingChosen(event.option_id))


def sign_of(finding: Finding) -> Sign:
    accepted = finding.accepted and finding.verdict is Verdict.LOOK
    return ACCEPTED if accepted else VERDICTS[finding.verdict]


def _title(finding: Finding) -> Content:
    quiet = finding.verdict in (Verdict.CLEAR, Verdict.UNKNOWN) or finding.accepted
    return Content.styled(one_line(finding.title), "$muted" if quiet else "$foreground")


def _row(finding: Finding, room: int) -> Option:
    """Glyph, word and title on one line."""
    sign = sign_of(finding)
    head = Content.assemble(sign.both, " " * (15 - len(sign.word)))
    return Option(Content("\n").join(hanging(head, _title(finding), room)), id=finding.pitfall)


def _grouped(findings: tuple[Finding, ...], room: int) -> list[Option]:
    """Under each word its findings; those that want a person's eye say what was seen."""
    options: list[Option] = []
    word = ""
    for finding in findings:
        sign = sign_of(finding)
        if sign.word != word:
            word, before = sign.word, "\n" if options else ""
            head = Content.assemble(before, (sign.word, f"bold {sign.colour}"))
            options.append(Option(head, disabled=True))
        lines = hanging(Content.assemble(sign.mark, " "), _title(finding), room)
        if finding.verdict in (Verdict.BLOCKS, Verdict.LOOK) and finding.evidence:
            lines += hanging(Content("  "), Content.styled(one_line(finding.evidence), "$muted"), room)
        options.append(Option(Content("\n").join(lines), id=finding.pitfall))
    return options


def summary(findings: tuple[Finding, ...], *, words: bool) -> Content:
    """`Checklist   ✖ 1 blocks  ● 2 look  … 1 not yet known  ✔ 6 clear`."""
    counted = Counter(sign_of(f).word for f in findings)
    parts = [
        Content.styled(f"{sign.glyph} {counted[sign.word]}{' ' + sign.word if words else ''}", sign.colour)
        for sign in (*list(VERDICTS.values())[:2], ACCEPTED, *list(VERDICTS.values())[2:])
        if counted[sign.word]
    ]
    head = Content.styled("Checklist", "bold $foreground")
    return Content("  ").join([head, *parts]) if parts else head.append_text("  nothing judged yet", "$muted")
