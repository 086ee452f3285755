"""`--exclude` and `--include`: what is refused, what a pattern means where, and what then moves."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from openclaw_wizard.errors import UsageError
from openclaw_wizard.events import Event
from openclaw_wizard.faces import plain
from openclaw_wizard.model import Wishes
from openclaw_wizard.openclaw import layout, selection
from openclaw_wizard.steps import trees
from tests.odd_trees import local_helper, put
from tests.two_hosts import TwoHosts


@pytest.mark.parametrize(
    "pattern",
    [
        "openclaw.json",
        "*.json",
        "**/*.json",
        ".env",
        "credentials/",
        "credentials/whatsapp/",
        "credentials/**/x.json",
        "agents/",
        "agents/other/",
        "agents/*/sessions/*.jsonl",
        "agents/main/sessions/",
        "**/sessions/",
        "**/*.jsonl",
        "state/",
        "state/*",
        "**/*.sqlite",
        "**/*-wal",
        "agents/main/agent/openclaw-agent.sqlite-journal",
        "workspace/data.sqlite",
        "/home/alice/notes/data.sqlite-wal",
        "**",
    ],
)
def test_what_an_installation_is_cannot_be_left_out(pattern: str) -> None:
    with pytest.raises(UsageError, match="would leave out"):
        selection.check([pattern], [])


@pytest.mark.parametrize(
    "pattern",
    [
        "workspace/**/node_modules/",
        "**/node_modules/",
        "**/*.log",
        "*.bak",
        "workspace/data/*",
        "agents/*/agent/*.tmp",
        "agents/**/node_modules/",
        "media/",
        "/home/alice/notes/**/node_modules/",
    ],
)
def test_what_is_a_persons_own_can_be_left_out(pattern: str) -> None:
    selection.check([pattern], [])


@pytest.mark.parametrize(
    ("pattern", "why"),
    [("", "empty"), ("/", "empty"), ("a//b", "empty part"), ("../x", r"`\.\.`"), ("~/x", "only a shell")],
)
def test_what_is_no_pattern_is_said(pattern: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        selection.check([pattern], [])
    with pytest.raises(UsageError, match=why):
        selection.check([], [pattern])


@pytest.mark.parametrize("pattern", ["gateway.1.lock", "agents/main/sessions/a.lock", "x.sqlite-shm"])
def test_locks_are_never_taken_along(pattern: str) -> None:
    with pytest.raises(UsageError, match="belongs to a process"):
        selection.check([], [pattern])


@pytest.mark.parametrize(
    ("pattern", "folder", "means"),
    [
        ("/home/a/notes/**/node_modules/", "/home/a/notes", ("**/node_modules/",)),
        ("/home/*/notes/x", "/home/a/notes", ("x",)),
        ("/home/**/x", "/home/a/notes", ("**/x",)),
        ("/home/a/", "/home/a/notes", ("**", "**/")),
        ("/home/b/notes/x", "/home/a/notes", ()),
        ("x", "/home/a/notes", ()),
        ("/home/a/[b]/x?", "/home/a/[b]", ("x?",)),
    ],
)
def test_what_begins_with_a_slash_means_that_place(pattern: str, folder: str, means: tuple[str, ...]) -> None:
    assert set(selection.within(pattern, folder, is_state=False)) == set(means)


def test_all_of_a_tree_cannot_be_left_out() -> None:
    with pytest.raises(UsageError, match="all of /home/a/notes"):
        selection.check_trees(["/home/a/notes/"], "/home/a/.openclaw", ["/home/a/notes"], ["main"])
    with pytest.raises(UsageError, match="credentials"):
        selection.check_trees(["/home/a/.openclaw/credentials/"], "/home/a/.openclaw", [], ["main"])


FILES = (
    b"openclaw.json",
    b"logs/gateway.log",
    b"logs/old/gateway.log",
    b"cache/models/big.bin",
    b"cache/other/x",
    b"cache/y",
    b"credentials/whatsapp/a.log",
    b"agents/main/sessions/s.lock",
    b"workspace/a.log",
    b"workspace/tool/node_modules/x",
    b"workspace/tool/data.sqlite",
    b"gateway.1.lock",
)


@pytest.mark.node
@pytest.mark.parametrize(
    ("exclude", "include", "more", "less"),
    [
        ([], [], set(), set()),
        # What a name finds among the credentials is kept all the same.
        (["**/*.log"], [], set(), {"logs/old/gateway.log", "workspace/a.log"}),
        (["**/node_modules/"], [], set(), {"workspace/tool/node_modules/x"}),
        ([], ["logs/"], {"logs/gateway.log"}, set()),
        ([], ["cache/"], {"cache/models/big.bin", "cache/other/x", "cache/y"}, set()),
        ([], ["cache/models/"], {"cache/models/big.bin"}, set()),
        ([], ["cache/y"], {"cache/y"}, set()),
        ([], ["cache/**"], {"cache/models/big.bin", "cache/other/x", "cache/y"}, set()),
        (["cache/other/"], ["cache/"], {"cache/models/big.bin", "cache/y"}, set()),
        (["workspace/tool/*"], [], set(), set()),
    ],
)
async def test_what_moves_then(
    tmp_path: Path, exclude: list[str], include: list[str], more: set[str], less: set[str]
) -> None:
    usual = {
        "openclaw.json",
        "logs/old/gateway.log",
        "credentials/whatsapp/a.log",
        "workspace/a.log",
        "workspace/tool/node_modules/x",
        "workspace/tool/data.sqlite",
    }
    for name in FILES:
        put(tmp_path, name)
    rules = selection.rules(layout.EXCLUDED, exclude, include, is_state=True)
    asked = {"root": str(tmp_path), "rules": [{"pattern": p, "reason": why} for p, why in rules]}
    items = [each async for each in local_helper().stream("tree", asked)]
    found = {b64decode(each["p"]).decode() for each in items if each.get("k") == "f"}
    assert found == (usual | more) - less


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[TwoHosts]:
    made = TwoHosts(tmp_path)
    yield made
    await made.close()


@pytest.mark.node
async def test_a_plan_keeps_to_the_wishes_and_says_so(hosts: TwoHosts) -> None:
    state = hosts.furnish()
    notes = hosts.old_home / "research"
    put(state, b"workspace/tool/node_modules/x", b"x" * 4000)
    put(state, b"logs/gateway.log", b"x" * 500)
    put(notes, b"deep/node_modules/y", b"y" * 3000)
    events: list[Event] = []
    wizard = hosts.wizard(events)
    try:
        before = await wizard.survey(hosts.old, hosts.new)
        outside = f"{hosts.old_home}/research/**/node_modules/"
        wishes = Wishes(exclude=("workspace/**/node_modules/", outside, "*.bak"), include=("logs/",))
        plan = await wizard.survey(hosts.old, hosts.new, (), wishes)
    finally:
        await wizard.aclose()
    assert plan.trees[0].bytes == before.trees[0].bytes - 4000 + 500
    assert plan.trees[1].bytes == before.trees[1].bytes - 3000
    assert plan.unmatched == ("*.bak",)
    assert ("**/node_modules/", selection.BY_WISH) in trees.rules(plan, plan.trees[1])
    said = plain.plan_text(plan)
    assert f"stays behind: {outside} (excluded by --exclude)" in said
    assert "taken along by --include: logs/" in said and "nothing on OLD matches *.bak" in said
