"""Two profiles in one plan, as the screens name them."""

from __future__ import annotations

from openclaw_wizard.faces.tui import plan_lines
from openclaw_wizard.faces.tui.screens.identify import found_rows
from openclaw_wizard.faces.tui.widgets.sizes import size_lines
from openclaw_wizard.model import Plan
from openclaw_wizard.paths import PathChange, Relocation
from tests.builders import installation, plan, tree

WORK = "/home/alice/.openclaw-work"


def both() -> Plan:
    changed = PathChange(file="openclaw.json", where="a", old=WORK, new="/srv/bob/.openclaw-work")
    other = plan(
        name="work",
        folder="profile-2",
        installation=installation(profile="work", state_dir=WORK, port=19789),
        trees=(tree(old=WORK, new="/srv/bob/.openclaw-work"),),
        relocation=Relocation(changes=(changed,)),
    )
    return plan(name="default", beside=(other,), relocation=Relocation(changes=(changed,)))


def test_identify_shows_both_with_their_ports_and_sizes() -> None:
    texts = [text.plain for _, text in found_rows(both())]
    runs = [text for text in texts if text.startswith("profile ")]
    assert [text.split(",")[0] for text in runs] == ["profile default", "profile work"]
    assert runs[1].endswith("port 19789")
    assert [line.name for line in size_lines(both()) if line.strong] == ["~/.openclaw", "~/.openclaw-work"]


def test_review_shows_both_trees_and_whose_paths_change() -> None:
    assert [text.plain.partition("\n")[0] for _, text in plan_lines.trees(both())] == [
        "/home/alice/.openclaw",
        WORK,
    ]
    changes = "\n".join(text.plain for _, text in plan_lines.path_changes(both()))
    assert "default: openclaw.json" in changes and "work: openclaw.json" in changes
    assert "every profile: default, work." in plan_lines.will(both())[0][1].plain
