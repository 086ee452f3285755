"""The live checklist of findings: by gravity, then by subject; a filter, a search, enter for the detail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import groupby
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.faces.tui.messages import FindingChosen
from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.signs import ACCEPTED, FIXING, VERDICTS, Sign
from openclaw_wizard.faces.tui.widgets.fitted import hanging
from openclaw_wizard.model import Finding, Verdict
from openclaw_wizard.pitfalls import SUBJECTS

TWO_LINES = 60
"""Below this width the findings stand in groups under their word."""


ONLY: Final = (None, Verdict.BLOCKS, Verdict.LOOK, Verdict.UNKNOWN)
"""What the filter shows, in the order in which its key goes through them; None is everything."""


class Findings(OptionList):
    """The list itself; enter opens a finding."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open", tooltip="Open the finding"),
        Binding(
            "f", "filter", "Filter", tooltip="Show all, only what blocks, what to look at, what is unknown"
        ),
        Binding("slash", "search", "Search", key_display="/", tooltip="Show only what has these words"),
    ]

    def __init__(self, *, filter: Callable[[], None], search: Callable[[], None]) -> None:
        super().__init__(id="checklist-list", compact=True, markup=False)
        self._filter, self._search = filter, search

    def action_filter(self) -> None:
        self._filter()

    def action_search(self) -> None:
        self._search()


class Sought(Input):
    """The words to look for; enter goes back to the list, escape takes them away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "No search"),
        Binding("down", "submit", "To the list", show=False),
    ]

    def action_leave(self) -> None:
        self.value = ""
        self.post_message(self.Submitted(self, ""))


class Checklist(Vertical):
    """Rebuilt only when a judgement, the filter or the words that are sought change."""

    def __init__(self) -> None:
        super().__init__()
        self._findings: tuple[Finding, ...] = ()
        self._width = 0
        self._only: Verdict | None = None
        self._words = ""

    def compose(self) -> ComposeResult:
        yield Static(id="checklist-head", markup=False)
        yield Sought(placeholder="words to look for", compact=True, id="sought")
        yield Findings(filter=self.next_filter, search=self.seek)

    def show(self, scene: Scene) -> None:
        if scene.findings != self._findings or not self._width:
            self._findings = scene.findings
            self._build()

    def on_resize(self, event: Resize) -> None:
        if event.size.width != self._width:
            self._width = event.size.width
            self._build()

    def next_filter(self) -> None:
        """Goes on to the next of `ONLY` that shows something."""
        at = ONLY.index(self._only)
        order = (*ONLY[at + 1 :], *ONLY[: at + 1])
        held = {f.verdict for f in self._findings}
        self._only = next(each for each in order if each is None or each in held)
        self._build()

    def seek(self) -> None:
        self.add_class("-seeking")
        self.query_one(Sought).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._words = event.value
        self._build()

    @on(Input.Submitted)
    def _sought(self, event: Input.Submitted) -> None:
        event.stop()
        self.set_class(bool(self._words), "-seeking")
        self.query_one(Findings).focus()

    def _build(self) -> None:
        room = max(20, self._width - 5)
        lying = room >= TWO_LINES
        seen = tuple(f for f in self._findings if self._is_shown(f))
        head = summary(self._findings, words=lying)
        if len(seen) < len(self._findings):
            head = head.append_text(f"   {len(seen)} shown", "$primary")
        self.query_one("#checklist-head", Static).update(head)
        options = self.query_one(OptionList)
        kept = options.highlighted_option.id if options.highlighted_option else None
        made = _lying(seen, room) if lying else _grouped(seen, room)
        options.set_options(made)
        names = [option.id for option in made]
        first = next((i for i, option in enumerate(made) if not option.disabled), None)
        stays = options.has_focus and kept in names
        options.highlighted = names.index(kept) if stays else first
        if not options.has_focus:
            options.scroll_home(animate=False)

    def _is_shown(self, finding: Finding) -> bool:
        said = " ".join((finding.pitfall, finding.title, finding.evidence, finding.why)).lower()
        wanted = self._only in (None, finding.verdict)
        return wanted and all(word in said for word in self._words.lower().split())

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id:
            self.post_message(FindingChosen(event.option_id))


def sign_of(finding: Finding) -> Sign:
    if finding.fixing:
        return FIXING
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


Group = tuple[Sign, str, list[Finding]]


def _groups(findings: tuple[Finding, ...]) -> list[Group]:
    """(sign, heading of the subject or "", findings), by gravity and then in the order of the subjects."""
    subjects = list(SUBJECTS)

    def place(finding: Finding) -> int:
        return subjects.index(finding.subject) if finding.subject in SUBJECTS else -1

    groups: list[Group] = []
    for sign, alike in groupby(findings, key=sign_of):
        for at, group in groupby(sorted(alike, key=place), key=place):
            groups.append((sign, SUBJECTS[subjects[at]] if at >= 0 else "", list(group)))
    return groups


def _lying(findings: tuple[Finding, ...], room: int) -> list[Option]:
    """A line each, under the heading of its subject."""
    options: list[Option] = []
    for _, heading, group in _groups(findings):
        if heading:
            options.append(Option(Content.styled(heading, "bold $muted"), disabled=True))
        options += [_row(finding, room) for finding in group]
    return options


def _grouped(findings: tuple[Finding, ...], room: int) -> list[Option]:
    """Under each word and subject its findings; those that want a person's eye say what was seen."""
    options: list[Option] = []
    word = ""
    for sign, heading, group in _groups(findings):
        if sign.word != word:
            word, before = sign.word, "\n" if options else ""
            head = Content.assemble(before, (sign.word, f"bold {sign.colour}"))
            options.append(Option(head, disabled=True))
        if heading:
            options.append(Option(Content.styled(heading, "$muted"), disabled=True))
        options += [_two_lines(finding, sign, room) for finding in group]
    return options


def _two_lines(finding: Finding, sign: Sign, room: int) -> Option:
    lines = hanging(Content.assemble(sign.mark, " "), _title(finding), room)
    if finding.verdict in (Verdict.BLOCKS, Verdict.LOOK) and finding.evidence:
        lines += hanging(Content("  "), Content.styled(one_line(finding.evidence), "$muted"), room)
    return Option(Content("\n").join(lines), id=finding.pitfall)


def summary(findings: tuple[Finding, ...], *, words: bool) -> Content:
    """`Checklist   ✖ 1 blocks  ● 2 look  … 1 not yet known  ✔ 6 clear`."""
    counted = Counter(sign_of(f).word for f in findings)
    parts = [
        Content.styled(f"{sign.glyph} {counted[sign.word]}{' ' + sign.word if words else ''}", sign.colour)
        for sign in (*list(VERDICTS.values())[:2], FIXING, ACCEPTED, *list(VERDICTS.values())[2:])
        if counted[sign.word]
    ]
    head = Content.styled("Checklist", "bold $foreground")
    return Content("  ").join([head, *parts]) if parts else head.append_text("  nothing judged yet", "$muted")
