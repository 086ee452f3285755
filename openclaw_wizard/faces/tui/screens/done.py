"""How the move ended: the comparison, the measured downtime, the report, and what is left to do."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive

from openclaw_wizard.faces import figures
from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.screens.base import BACK, HELP, LEAVE, QUIET_LOG, WizardScreen
from openclaw_wizard.faces.tui.signs import OUTCOMES, ROWS
from openclaw_wizard.faces.tui.widgets.fitted import Column, Fitted, hanging, rows_of, table, wrapped
from openclaw_wizard.faces.tui.widgets.section import Section
from openclaw_wizard.model import Outcome, Row
from openclaw_wizard.report import left_for_you

COUNTS = (Column(cap=22), Column(cap=16), Column(cap=16), Column(cap=11))
SHARED = (Column(flex=4), Column(flex=3), Column(flex=3), Column(cap=11))
NARROW, WIDE = 72, 100
"""Cells from which counts have their own width, and from which a detail stands beside its row."""
INDENT = "  "


class Ending(Fitted):
    """The outcome in one line, and under it what follows from it."""

    outcome: reactive[Outcome | None] = reactive(None, layout=True)
    said: reactive[tuple[str, ...]] = reactive((), layout=True)

    def lines(self, width: int) -> list[Content]:
        if self.outcome is None:
            return []
        sign = OUTCOMES[self.outcome]
        head = Content.styled(f"{sign.glyph} {sign.word}", f"bold {sign.colour}")
        return [head, *(line for part in self.said for line in wrapped(Content(part), width))]


class Comparison(Fitted):
    """Both inventories side by side."""

    rows: reactive[tuple[Row, ...]] = reactive((), layout=True)

    def lines(self, width: int) -> list[Content]:
        if not self.rows:
            return []
        head = tuple(Content.styled(t, "bold $primary") for t in ("Counted", "OLD", "NEW", "", ""))
        cells = [head, *(_cells(row) for row in self.rows)]
        if width >= WIDE:
            return table(cells, (*COUNTS, Column(flex=1)), width)
        details = [[], *(_below(row, width) for row in self.rows)]
        columns = COUNTS if width >= NARROW else SHARED
        counted = rows_of([each[:-1] for each in cells], columns, width)
        return [line for row, detail in zip(counted, details, strict=True) for line in (*row, *detail)]


def _below(row: Row, width: int) -> list[Content]:
    return hanging(Content(INDENT), _detail(row), width) if row.detail else []


def _detail(row: Row) -> Content:
    return Content.styled(one_line(row.detail), "$muted")


def _cells(row: Row) -> tuple[Content, ...]:
    return (
        Content(one_line(row.subject)),
        Content(one_line(row.old)),
        Content(one_line(row.new)),
        ROWS[row.state].both,
        _detail(row),
    )


class DoneScreen(WizardScreen):
    PLACE = "done"
    HAS_CHECKLIST = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "app.dashboard", "Dashboard", tooltip="Lead NEW's dashboard here, and open a browser"),
        Binding("u", "app.put_back", "Put back", tooltip="Undo the move; asks first"),
        BACK,
        QUIET_LOG,
        HELP,
        LEAVE,
    ]

    def compose_head(self) -> ComposeResult:
        yield Ending()

    def compose_work(self) -> ComposeResult:
        yield Comparison()
        yield Section("way-in", "NEW's dashboard")
        yield Section("remains", "What is left")

    def show_work(self, scene: Scene) -> None:
        put_back = scene.outcome is Outcome.PUT_BACK
        end, table_of_rows = self.query_one(Ending), self.query_one(Comparison)
        end.outcome, end.said = scene.outcome, ending(scene)
        table_of_rows.rows = () if put_back else scene.view.rows
        table_of_rows.display = bool(table_of_rows.rows)
        self.query_one("#way-in", Section).show(tuple((_dot(), Content(t)) for t in way_in(scene)))
        self.query_one("#remains", Section).show(tuple((_dot(), Content(t)) for t in remains(scene)))


def _dot() -> Content:
    return Content.styled("▸", "$primary")


def ending(scene: Scene) -> tuple[str, ...]:
    """What the outcome means, and the measured downtime."""
    downtime = scene.view.downtime
    away = () if downtime is None else (f"The gateway was away for {figures.duration(downtime)}, measured.",)
    if scene.outcome is Outcome.DONE:
        return ("NEW runs and nothing was lost: both machines were counted.", *away)
    if scene.outcome is Outcome.PROBLEMS:
        bad = sum(not row.explained for row in scene.view.rows)
        return (f"NEW runs, but {figures.count(bad, 'line')} below want your eye.", *away)
    if scene.outcome is Outcome.PUT_BACK:
        return ("Both machines are as they were before the move.",)
    return ("The move can be resumed from here.",)


def way_in(scene: Scene) -> list[str]:
    """Where the dashboard is, or how it can be reached; the token is OpenClaw's, and never shown."""
    view = scene.view
    if not view.dashboard or scene.outcome is Outcome.PUT_BACK:
        return []
    if view.dashboard_url:
        return [f"{one_line(view.dashboard_url)} leads to NEW while the wizard is open; sign in as on OLD."]
    failed = [f"It could not be opened here: {one_line(view.dashboard_problem)}"]
    way = f"D opens it here. Without the wizard: {one_line(view.dashboard)}"
    return [*(failed if view.dashboard_problem else []), way]


def remains(scene: Scene) -> list[str]:
    """What the person still has, and may want to do."""
    plan, view = scene.view.plan, scene.view
    lines = [f"The report of this move: {one_line(scene.report_path)}"] if scene.report_path else []
    if scene.outcome is Outcome.PUT_BACK:
        kept = [tree.undone(view.move or "") for tree in plan.all_trees] if plan else []
        return lines + [f"The moved copy is kept on NEW: {one_line(path)}" for path in kept]
    if plan:
        lines += [one_line(line) for line in left_for_you(view, plan)]
    return [*lines, "Use NEW for some days before you clear OLD. Until then U puts everything back."]
