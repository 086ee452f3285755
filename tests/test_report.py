from __future__ import annotations

import json

from openclaw_wizard import report
from openclaw_wizard.events import (
    ActionDone,
    ActionName,
    Compared,
    Event,
    GatewayChanged,
    MoveCreated,
    MoveFinished,
    Relocated,
)
from openclaw_wizard.model import (
    Excluded,
    GatewayState,
    Outcome,
    Paths,
    Relocation,
    Role,
    Row,
    RowState,
    StepId,
    Wishes,
)
from openclaw_wizard.paths import Mention, Mentions, PathChange, PathLeft
from openclaw_wizard.view import View, reduce
from tests.builders import plan

STORY: tuple[Event, ...] = (
    MoveCreated(
        time=1_800_000_000.0,
        format=1,
        wizard="0",
        move="20270115-080000-abcd",
        old="old",
        new="new",
        context={},
        plan_sha256="",
        actions=(
            ActionName(id="old.archive", step=StepId.BACK_UP, title="Keep a safety copy"),
            ActionName(id="new.switch", step=StepId.COPY, title="Switch"),
            ActionName(id="new.start", step=StepId.VERIFY, title="Start"),
        ),
    ),
    GatewayChanged(time=10.0, role=Role.OLD, state=GatewayState.STOPPING),
    GatewayChanged(time=12.0, role=Role.OLD, state=GatewayState.STOPPED),
    ActionDone(action="old.archive", fact="1 MB", data={"path": "/home/alice/.openclaw-wizard/x.tar.zst"}),
    ActionDone(action="new.switch", data={"state": "/srv/bob/.openclaw.before-x"}),
    ActionDone(action="new.start", fact="detached"),
    GatewayChanged(time=75.5, role=Role.NEW, state=GatewayState.READY),
    Compared(
        rows=(
            Row(subject="sessions", old="3", new="3", state=RowState.EQUAL),
            Row(subject="<b>|cron", old="2", new="1", state=RowState.LOST, detail="nightly\n| gone"),
        )
    ),
    MoveFinished(outcome=Outcome.PROBLEMS, downtime=65.5, exit_code=3),
)


def view() -> View:
    folded = View()
    for event in STORY:
        folded = reduce(folded, event)
    return folded


def test_downtime_is_from_stopping_to_ready() -> None:
    assert report.downtime(STORY) == 65.5


def test_downtime_is_unknown_where_new_never_was_ready() -> None:
    assert report.downtime(STORY[:3]) is None


def test_markdown_holds_every_row_and_breaks_no_table() -> None:
    text = report.markdown(view(), plan(excluded=(Excluded(path="cache/", reason="rebuilt"),)))
    assert "| sessions | 3 | 3 | equal |  |" in text
    assert "| <b>\\|cron | 2 | 1 | lost | nightly⏎\\| gone |" in text
    assert "done with problems" in text and "cache/" in text
    assert "1 minute and 6 seconds" in text or "1 minute and 5 seconds" in text


def test_html_escapes_what_came_from_a_host() -> None:
    text = report.html(view(), plan())
    assert "&lt;b&gt;|cron" in text and "<b>|cron" not in text


def test_json_is_the_same_story() -> None:
    found = json.loads(report.as_json(view(), plan()))
    assert found["outcome"] == "done with problems"
    assert ["sessions", "3", "3", "equal", ""] in found["Nothing lost?"]


def test_what_is_left_for_the_person_comes_from_this_move() -> None:
    left = " ".join(report.left_for_you(view(), plan()))
    assert "/home/alice/.openclaw-wizard/x.tar.zst" in left
    assert "/srv/bob/.openclaw.before-x" in left
    assert "after a reboot" in left
    assert "after a reboot" not in " ".join(report.left_for_you(view(), plan(service="systemd")))


def test_every_changed_path_is_told_and_what_was_left() -> None:
    changed = PathChange(
        file="openclaw.json", where="a.workspace", old="/home/a/ws", new="/srv/b/ws", count=2
    )
    left = PathLeft(file="openclaw.json", where="b", why="it does not move", old="/home/a/x")
    named = Mentions(first=(Mention(file="MEMORY.md", count=4),), files=3, count=9)
    planned = plan(relocation=Relocation(mentions=named))
    told = reduce(view(), Relocated(relocation=Relocation(changes=(changed,), left=(left,))))
    text = report.markdown(told, planned)
    assert "| openclaw.json | a.workspace | /home/a/ws | /srv/b/ws | 2 |" in text
    assert "| openclaw.json | b | /home/a/x | it does not move |" in text
    assert "| MEMORY.md | text |  | names old places (4 times); what people wrote is never changed |" in text
    assert "| 2 more files | text |  | names old places (5 times);" in text


def test_what_another_way_with_paths_leaves_for_the_person() -> None:
    linked = plan(links=("mkdir -p /home/alice && ln -s /srv/bob/.openclaw /home/alice/.openclaw",))
    assert "keep them: mkdir -p /home/alice && ln -s" in " ".join(report.left_for_you(view(), linked))
    kept = plan(wishes=Wishes(paths=Paths.KEEP))
    assert "No path was rewritten" in " ".join(report.left_for_you(view(), kept))
    assert "No path was rewritten" not in " ".join(report.left_for_you(view(), plan()))
