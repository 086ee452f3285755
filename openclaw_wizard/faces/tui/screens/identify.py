"""Step 1: what was found on both machines, live while they are read."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive

from openclaw_wizard.faces import figures
from openclaw_wizard.faces.tui import plan_lines
from openclaw_wizard.faces.tui.hosttext import one_line
from openclaw_wizard.faces.tui.scene import Doing, Scene
from openclaw_wizard.faces.tui.screens.base import HELP, LEAVE, QUIET_LOG, WizardScreen
from openclaw_wizard.faces.tui.widgets.fitted import Fitted, hanging
from openclaw_wizard.faces.tui.widgets.pairs import Pairs, Rows, label
from openclaw_wizard.faces.tui.widgets.section import Section
from openclaw_wizard.faces.tui.widgets.sizes import Sizes, from_home, size_lines
from openclaw_wizard.model import HostFacts, Installation, Plan, StepId, Workspace


class Trail(Fitted):
    """What was read so far, newest last."""

    read: reactive[tuple[str, ...]] = reactive((), layout=True)

    def lines(self, width: int) -> list[Content]:
        tick = Content.assemble(("✔", "$success"), " ")
        return [line for text in self.read[-10:] for line in hanging(tick, _muted(one_line(text)), width)]


class IdentifyScreen(WizardScreen):
    PLACE = "identify"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,ctrl+n", "app.look_ahead", "Review", tooltip="Go on to the plan"),
        Binding("r", "app.again", "Try again", tooltip="Read both machines again"),
        Binding("m", "app.look('machines')", "Machines", tooltip="Name other machines"),
        Binding("ctrl+b", "app.look_back", "Back", show=False, tooltip="The screen before"),
        Binding("f5", "app.survey", "Read again", tooltip="Read both machines again"),
        QUIET_LOG,
        HELP,
        LEAVE,
    ]

    @property
    def counted(self) -> str:
        return f"step 1 of {len(StepId)}"

    def compose_work(self) -> ComposeResult:
        yield Trail()
        yield Pairs(id="machines", head=("", "OLD", "NEW"))
        yield Pairs(id="found")
        yield Sizes()
        yield Section("stays", plan_lines.STAYS)
        yield Section("noticed", plan_lines.NOTICED)

    def show_work(self, scene: Scene) -> None:
        reading = scene.working and scene.doing is Doing.SURVEY
        plan = None if reading else scene.view.plan
        trail = self.query_one(Trail)
        trail.read = scene.read
        trail.display = reading or plan is None
        self.query_one("#machines", Pairs).show(machine_rows(plan) if plan else ())
        self.query_one("#found", Pairs).show(found_rows(plan) if plan else ())
        self.query_one(Sizes).show(size_lines(plan) if plan else ())
        self.query_one("#stays", Section).show(plan_lines.stays(plan) if plan else ())
        self.query_one("#noticed", Section).show(plan_lines.noticed(plan) if plan else ())


def _muted(text: str) -> Content:
    return Content.styled(text, "$muted")


def machine_rows(plan: Plan) -> Rows:
    """Both machines side by side."""
    old, new = plan.old, plan.new
    return (
        (label("Machine"), _machine(old), _machine(new)),
        (label("User"), Content(one_line(old.user)), Content(one_line(new.user))),
        (label("Home"), Content(one_line(old.home)), Content(one_line(new.home))),
        (label("OpenClaw"), _programs(old, plan.version), _programs(new, None)),
        (label("Free room"), _room(old), _room(new)),
    )


def _machine(host: HostFacts) -> Content:
    return Content(one_line(f"{host.hostname}, {host.system} {host.arch}"))


def _programs(host: HostFacts, version: str | None) -> Content:
    node = f"on Node {host.node}" if host.node else "no Node yet"
    return Content(one_line(f"{host.openclaw or version or 'not there yet'}, {node}"))


def _room(host: HostFacts) -> Content:
    return Content(figures.size(host.free_bytes)) if host.free_bytes is not None else _muted("not known")


def found_rows(plan: Plan) -> Rows:
    """What OLD holds: the installations that move, and those that stay."""
    rows = [row for each in plan.each for row in _installation(each)]
    rows.append(("Also there", "; ".join(_other(each, plan.old.home) for each in plan.others)))
    return tuple((label(name), Content(one_line(text))) for name, text in rows if text)


def _installation(plan: Plan) -> list[tuple[str, str]]:
    what, home = plan.installation, plan.old.home
    size = f"{figures.size(what.state_bytes)}, {figures.files(what.state_files)}"
    return [
        ("State", f"{from_home(what.state_dir, home)} ({size})"),
        ("Runs as", f"profile {what.profile or 'default'}, mode {what.mode or 'not set'}, port {what.port}"),
        ("Agents", ", ".join(what.agents) or "none"),
        ("Channels", ", ".join(what.channels) or "none configured"),
        ("Workspaces", "; ".join(_workspace(each, home) for each in what.workspaces) or "none"),
        ("Found by", "; ".join(from_home(how, home) for how in what.found_by)),
    ]


def _other(other: Installation, home: str) -> str:
    size = figures.size(other.state_bytes)
    return f"{other.profile or 'default'} in {from_home(other.state_dir, home)} ({size})"


def _workspace(workspace: Workspace, home: str) -> str:
    missing = "" if workspace.exists else " (missing)"
    network = f" on {workspace.network}" if workspace.network else ""
    return f"{workspace.agent} in {from_home(workspace.path, home)}{missing}{network}"
