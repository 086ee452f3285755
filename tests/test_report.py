from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from openclaw_wizard import report
from openclaw_wizard.events import (
    ActionDone,
    ActionName,
    ActionStarted,
    Compared,
    Event,
    FindingAccepted,
    FindingsChanged,
    GatewayChanged,
    MoveCreated,
    MoveFinished,
    Relocated,
)
from openclaw_wizard.model import (
    Arrived,
    Excluded,
    Finding,
    GatewayState,
    Outcome,
    Paths,
    Plan,
    Proof,
    Relocation,
    Role,
    Row,
    RowState,
    StaysBehind,
    StepId,
    Verdict,
    Wishes,
)
from openclaw_wizard.paths import Mention, Mentions, PathChange, PathLeft
from openclaw_wizard.report import Kept
from openclaw_wizard.report.posted import posted
from openclaw_wizard.view import View, reduce
from tests.builders import host_facts, new_facts, plan

BOT = "123456789:AAstand_in_token_of_the_lab_0123456789a"
TOKEN = "0123456789abcdef0123456789abcdef0123456789abcdef"
KEY = "sk-stand-in-000000000000"
SECRETS = (BOT, TOKEN, KEY, "hunter2hunter2", "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2lnbmF0dXJl")
LEAK = f"fetch {BOT} failed; Authorization: Bearer {TOKEN}; apiKey={KEY}; password: {SECRETS[3]} {SECRETS[4]}"

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
    FindingsChanged(
        findings=(
            Finding(pitfall="occupied", title="NEW holds one", verdict=Verdict.LOOK, evidence=LEAK),
            Finding(pitfall="fine", title="No worry", verdict=Verdict.CLEAR),
        )
    ),
    FindingAccepted(pitfall="occupied"),
    GatewayChanged(time=10.0, role=Role.OLD, state=GatewayState.STOPPING),
    GatewayChanged(time=12.0, role=Role.OLD, state=GatewayState.STOPPED),
    ActionStarted(time=12.0, action="old.archive"),
    ActionDone(
        time=14.5,
        action="old.archive",
        fact=f"1 MB {LEAK}",
        data={"path": "/home/alice/.openclaw-wizard/x.tar.zst"},
    ),
    ActionStarted(time=15.0, action="new.switch"),
    ActionDone(time=16.0, action="new.switch", data={"state": "/srv/bob/.openclaw.before-x"}),
    ActionDone(action="new.start", fact="detached"),
    GatewayChanged(time=75.5, role=Role.NEW, state=GatewayState.READY),
    Compared(
        rows=(
            Row(subject="sessions", old="3", new="3", state=RowState.EQUAL),
            Row(subject="<b>|cron", old="2", new="1", state=RowState.LOST, detail="nightly\n| gone"),
            Row(
                subject="channel whatsapp/+15555550100",
                old="connected",
                new="not connected",
                state=RowState.LOST,
                detail=f"alice@example.org at 198.51.100.12 and 2001:db8::17 said {LEAK}",
            ),
        )
    ),
    MoveFinished(outcome=Outcome.PROBLEMS, downtime=65.5, exit_code=3),
)

STORE = "/.openclaw/cron/jobs.json"
CHANGES = Relocation(
    changes=(
        PathChange(
            file="openclaw.json", where="agents.defaults.workspace", old="/home/alice/w", new="/srv/bob/w"
        ),
        PathChange(
            file="state/openclaw.sqlite",
            where="cron_jobs.store_key",
            old=f"/home/alice{STORE}",
            new=f"/srv/bob{STORE}",
            count=1200,
        ),
    )
)
PROOF = Proof(
    trees=(Arrived(name="state", files=4211, bytes=2_000_000, old_sha256="ab" * 32, new_sha256="ab" * 32),),
    rows=(),
)
FOLDER = {"changes.json": CHANGES.model_dump_json().encode(), "proof.json": PROOF.model_dump_json().encode()}
KEPT = Kept.load(FOLDER.get)


def view() -> View:
    folded = View()
    for event in STORY:
        folded = reduce(folded, event)
    return folded


def the_plan() -> Plan:
    return plan(
        old=host_facts(address="alice@198.51.100.11:22"),
        new=new_facts(address="bob@new-box"),
        excluded=(Excluded(path="cache/", reason="rebuilt"),),
    )


FORMS = {"md": report.markdown, "html": report.html, "json": report.as_json}


def test_downtime_is_from_stopping_to_ready() -> None:
    assert report.downtime(STORY) == 65.5


def test_downtime_is_unknown_where_new_never_was_ready() -> None:
    assert report.downtime(STORY[:4]) is None


@pytest.mark.parametrize("form", FORMS)
def test_no_secret_and_nobodys_name_is_in_any_form(form: str) -> None:
    text = FORMS[form](view(), the_plan(), KEPT)
    assert [secret for secret in SECRETS if secret in text] == []
    for name in ("alice", "bob", "old-box", "new-box", "198.51.100", "2001:db8", "5555550100", "example.org"):
        assert name not in text, name
    assert "OLD:~/w" in text.replace("\\", "") and "NEW:~/w" in text.replace("\\", "")
    assert "replaced" in text


@pytest.mark.parametrize("form", FORMS)
def test_with_names_the_paths_are_real_and_secrets_still_are_not_there(form: str) -> None:
    text = FORMS[form](view(), the_plan(), KEPT, names=True)
    assert "/home/alice/w" in text and "alice@old-box" in text
    assert [secret for secret in SECRETS if secret in text] == []
    assert "look through it before you post it" in text


def test_placeholders_take_whole_words_only() -> None:
    change = posted(plan(old=host_facts(user="al", home="/home/al", hostname="box", address="al@box")))
    assert change("/home/al/x, /home/alice/x, box, boxes, al") == "OLD:~/x, /home/alice/x, OLD, boxes, al"
    plain = "127.0.0.1, ::1 and version 2026.9.6 took 14:02:11 of 1:02"
    assert change(plain) == plain
    assert change("10.0.0.7:22, fe80::1") == "[address]:22, [address]"
    same = posted(plan(old=host_facts(home="/home/x"), new=new_facts(home="/home/x")))
    assert same("/home/x/.openclaw") == "~/.openclaw"


def test_markdown_holds_every_row_and_breaks_no_table() -> None:
    text = report.markdown(view(), the_plan(), KEPT)
    assert "| sessions | 3 | 3 | equal |  |" in text
    assert "| &lt;b>\\|cron | 2 | 1 | lost | nightly⏎\\| gone |" in text
    assert "done with problems" in text and "cache/" in text
    assert "| 1 min 6 s, measured |" in text.replace("Downtime ", "")
    for part in text.replace("\\|", "").split("\n\n"):
        assert len({line.count("|") for line in part.splitlines() if line.startswith("|")}) <= 1


class Page(HTMLParser):
    """What a browser would fetch, and what it would leave open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [f"{name}={value}" for name, value in attrs if name in ("src", "href", "srcset")]
        self.fetched += [tag] if tag in ("script", "link", "img", "iframe") else []
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_html_is_whole_fetches_nothing_and_escapes_what_came_from_a_host() -> None:
    text = report.html(view(), the_plan(), KEPT)
    page = Page(text)
    assert page.fetched == [] and page.open == []
    assert not re.search(r"url\(|@import|https?://", text)
    assert "&lt;b&gt;|cron" in text and "<b>|cron" not in text
    assert "prefers-color-scheme: dark" in text
    said = [word.strip() for word in page.words]
    assert "✖ lost" in said and "✔ equal" in said and "✖ done with problems" not in said


def test_json_is_the_same_story() -> None:
    found = json.loads(report.as_json(view(), the_plan(), KEPT))
    assert (found["outcome"], found["downtime"], found["format"]) == ("done with problems", 65.5, 1)
    sections = {each["title"]: each for each in found["sections"]}
    assert ["sessions", "3", "3", "equal", ""] in sections["Nothing lost?"]["rows"]
    assert sections["Every changed path"]["rows"][1] == [
        "state/openclaw.sqlite",
        "cron_jobs.store_key",
        "OLD:~/.openclaw/cron/jobs.json",
        "NEW:~/.openclaw/cron/jobs.json",
        "1,200 ×",
    ]
    (moved,) = sections["What moved"]["rows"]
    assert moved == ["OLD:~/.openclaw", "NEW:~/.openclaw", "4,211", "2.0 MB", "ab" * 8, "ab" * 8, "equal"]
    assert ["Back up", "2.5 s"] in sections["Time by step"]["rows"]
    assert sections["Worth knowing"]["rows"][0][:3] == ["NEW holds one", "look", "accepted"]
    assert len(sections["Worth knowing"]["rows"]) == 1


def test_a_report_needs_nothing_but_the_journal_and_the_plan() -> None:
    found = json.loads(report.as_json(view(), the_plan()))
    sections = {each["title"]: each for each in found["sections"]}
    assert "Every changed path" not in sections
    assert sections["What moved"]["rows"][0][4:] == ["?", "?", "unknown"]


def test_what_does_not_move_and_what_was_not_read_stand_in_it() -> None:
    left = StaysBehind(what="the models of ollama", reason="served on OLD", remedy="install it on NEW")
    text = report.markdown(view(), plan(stays=(left,), noticed=("unit a names /far, which is not there",)))
    assert "| the models of ollama | served on OLD | install it on NEW |" in text
    assert "unit a names /far, which is not there" in text


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
    assert "| openclaw.json | a.workspace | /home/a/ws | /srv/b/ws | 2 × |" in text
    assert "| openclaw.json | b | /home/a/x | it does not move |" in text
    assert "| MEMORY.md | text |  | names places of OLD (4 times) |" in text
    assert "| 2 more files | text |  | names places of OLD (5 times) |" in text


def test_the_way_to_the_dashboard() -> None:
    assert report.way_in("bob@new-box:2222", plan()) == "ssh -N -L 18789:127.0.0.1:18789 -p 2222 bob@new-box"
    assert report.way_in("local", plan()) == "http://127.0.0.1:18789/"


def test_what_another_way_with_paths_leaves_for_the_person() -> None:
    linked = plan(links=("mkdir -p /home/alice && ln -s /srv/bob/.openclaw /home/alice/.openclaw",))
    assert "keep them: mkdir -p /home/alice && ln -s" in " ".join(report.left_for_you(view(), linked))
    kept = plan(wishes=Wishes(paths=Paths.KEEP))
    assert "No path was rewritten" in " ".join(report.left_for_you(view(), kept))
    assert "No path was rewritten" not in " ".join(report.left_for_you(view(), plan()))
