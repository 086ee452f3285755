from __future__ import annotations

from openclaw_wizard.events import SurveyFailed, Surveying
from openclaw_wizard.faces.tui.ear import Ear
from openclaw_wizard.faces.tui.scene import Doing
from openclaw_wizard.model import Role
from tests.tui.fake_wizard import FakeWizard


def test_what_was_being_read_when_it_failed_is_not_among_what_was_read() -> None:
    wizard = FakeWizard()
    ear = Ear(wizard, wizard.clock)
    wizard.subscribe(ear.hear)
    ear.begin(Doing.SURVEY)
    wizard.tell(
        Surveying(role=Role.OLD, what="connecting to old"),
        Surveying(role=Role.NEW, what="connecting to new"),
        SurveyFailed(code="HostUnreachable", what="no", safe="all", next="again", exit_code=6),
    )
    scene = ear.scene("identify", 0)
    assert scene.read == ("OLD: connecting to old",)
    assert scene.reading == "" and not scene.working
