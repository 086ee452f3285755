"""Names the two machines, and the profile where there is more than one."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from openclaw_wizard.faces.tui.messages import Survey
from openclaw_wizard.faces.tui.scene import Scene
from openclaw_wizard.faces.tui.screens.base import BACK, HELP, LEAVE, WizardScreen

FIELDS = (
    ("old", "OLD", "where OpenClaw runs now: local, an SSH alias, or user@host:port", "maria@atlas.local"),
    ("new", "NEW", "where it goes: local, an SSH alias, or user@host:port", "maria@192.168.1.20:22"),
    ("profile", "Profile", "only if OLD has several: names, or all", "leave empty to be asked"),
)
"""Id, title, hint and an example."""


class Address(Input):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Read both", tooltip="Read both machines")
    ]


class Field(Vertical):
    """A label with its hint, and the input under it."""

    def __init__(self, name: str, title: str, hint: str, placeholder: str, value: str) -> None:
        super().__init__(classes="field")
        self._label = Content.assemble((title, "bold $foreground"), ("   " + hint, "$muted"))
        self._input = Address(value, placeholder, id=name)

    def compose(self) -> ComposeResult:
        yield Static(self._label, markup=False)
        yield self._input


class MachinesScreen(WizardScreen):
    PLACE = "machines"
    HAS_CHECKLIST = False
    AUTO_FOCUS = "#old"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "read", "Read", show=False, tooltip="Read both machines"),
        BACK,
        Binding("ctrl+l", "app.log", "Log", show=False, tooltip="Open or close the log"),
        HELP,
        LEAVE,
    ]

    def compose_work(self) -> ComposeResult:
        scene = self.scene
        values = {"old": scene.old, "new": scene.new, "profile": scene.profile}
        for name, title, hint, placeholder in FIELDS:
            yield Field(name, title, hint, placeholder, values[name])
        yield Button("Read both machines", id="read", variant="primary", compact=True)
        yield Static(id="wanted", markup=False)

    def show_work(self, scene: Scene) -> None:
        self.query_one("#read").disabled = scene.working

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_read()

    @on(Button.Pressed, "#read")
    def _pressed(self) -> None:
        self.action_read()

    @on(Input.Changed)
    def _changed(self) -> None:
        self.query_one("#wanted", Static).update("")

    def action_read(self) -> None:
        """Reads the machines, or goes to the field that is still empty."""
        values = {name: self.query_one(f"#{name}", Input).value.strip() for name, *_ in FIELDS}
        for name in ("old", "new"):
            if not values[name]:
                self.query_one(f"#{name}", Input).focus()
                wanted = f"● Name the {name.upper()} machine first."
                self.query_one("#wanted", Static).update(Content.styled(wanted, "$warning"))
                return
        self.post_message(Survey(values["old"], values["new"], values["profile"] or None))
