"""Paths in OpenClaw's texts: exactly those that move, nothing else, and every other byte as it was."""

from __future__ import annotations

import json
import stat
from itertools import accumulate
from pathlib import Path
from typing import Any

import json5
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from openclaw_wizard.openclaw import config as configs
from openclaw_wizard.openclaw import relocate
from openclaw_wizard.paths import Relocation
from tests.builders import tree
from tests.openclaw_states import early, helper
from tests.relocating import NEW, OLD, PAIRS, STATE, again, left, relocated

pytestmark = pytest.mark.node


# --------------------------------------------------------------------------- the config's own form

CONFIG = """\ufeff// my config, from /home/al/.openclaw
{
  agents: { list: [{ id: 'main', workspace: '/home/al/ws', }], }, /* "/home/al/ws" */
  "/home/al/ws/key": "/home/al/ws",\t// a key stays
  miss: ["/home/alice/ws", "/srv/home/al/ws", "~/ws", "${HOME}/ws", "/home/al/ws.old", "~/home/al/ws"],
  'quoted': '/home/al/ws/it\\'s',
  "escaped": "\\/home\\/al\\/\\u0077s", n: [+1, .5, 0xA, -Infinity, NaN, true, null], /* 'unclosed */
  cut: '/home/al/\\
ws', dir: '/home/al/ws/with "spaces"',
}
"""


async def test_a_json5_config_keeps_its_form(tmp_path: Path) -> None:
    found = await relocated(tmp_path, {"openclaw.json": CONFIG})
    assert (tmp_path / "openclaw.json").read_text() == (
        CONFIG.replace("'/home/al/ws', }", "'/srv/bo/ws', }")
        .replace('": "/home/al/ws"', '": "/srv/bo/ws"')
        .replace("'/home/al/ws/it", "'/srv/bo/ws/it")
        .replace('"\\/home\\/al\\/\\u0077s"', '"/srv/bo/ws"')
        .replace("'/home/al/\\\nws'", "'/srv/bo/ws'")
        .replace("'/home/al/ws/with", "'/srv/bo/ws/with")
    )
    assert stat.S_IMODE((tmp_path / "openclaw.json").stat().st_mode) == 0o640
    assert {each.name for each in tmp_path.iterdir()} - {"home"} == {"openclaw.json"}
    assert ("agents.list.0.workspace", "/home/al/ws", "/srv/bo/ws") in {
        (each.where, each.old, each.new) for each in found.changes
    }
    assert left(found) == {
        ("openclaw.json", "/home/al/ws/key"): ("a key is not changed", ""),
        ("openclaw.json", "miss.4"): ("it points at something that does not move", "/home/al/ws.old"),
    }


LEFT = {
    "/home/al/other/x": ("it points at something that does not move", True),
    "/home/al": ("it points at something that does not move", True),
    "/home/al/ws/../secret": ("it leads out of what moves", True),
    "/home/al/ws/run --token abc": ("it holds more than one path", False),
    "/home/al/ws/bin:/usr/bin": ("it holds more than one path", False),
    "file:///home/al/ws/x": ("it names an old folder inside other text", False),
    "see /home/al/ws.": ("it names an old folder inside other text", False),
}
"""Why each is left, and whether it is shown: what is more than a path may hold a secret."""


async def test_what_is_no_path_that_moves_is_left_and_told(tmp_path: Path) -> None:
    text = json.dumps({"a": list(LEFT)})
    found = await relocated(tmp_path, {"openclaw.json": text})
    assert found.changes == ()
    assert (tmp_path / "openclaw.json").read_text() == text
    assert left(found) == {
        ("openclaw.json", f"a.{at}"): (why, value if shown else "")
        for at, (value, (why, shown)) in enumerate(LEFT.items())
    }


async def test_two_rules_with_different_results_change_nothing_at_all(tmp_path: Path) -> None:
    text = json.dumps({"x": f"{OLD}/.openclaw/deep/x", "y": f"{OLD}/.openclaw/y"})
    pairs = ((f"{OLD}/.openclaw/deep", "/data/deep"), STATE)
    found = await relocated(tmp_path, {"openclaw.json": text, ".env": f"A={OLD}/.openclaw/a\n"}, pairs=pairs)
    assert "two rules fit: /data/deep/x or /srv/bo/.openclaw/deep/x" in found.problems[0]
    assert (tmp_path / "openclaw.json").read_text() == text
    assert (tmp_path / ".env").read_text() == f"A={OLD}/.openclaw/a\n"


BROKEN = ("{", "{ a: }", "{ a: 'b }", "{ a: 1 b: 2 }", "[,]", "{} x", '{ a: "\n" }', "", "{ a: undefined }")


async def test_a_config_that_does_not_parse_holds_everything(tmp_path: Path) -> None:
    parts = {f"part-{at}": f"// secret-7\n{text}" for at, text in enumerate(BROKEN)}
    files = {"openclaw.json": json.dumps({"$include": list(parts), "a": f"{OLD}/ws"}), **parts}
    found = await relocated(tmp_path, files)
    assert [each.partition(" at line ")[0] for each in found.problems] == [
        f"{name} is not JSON5" for name in parts
    ]
    assert "secret-7" not in "".join(found.problems)
    assert {name: (tmp_path / name).read_text() for name in files} == files


async def test_new_names_are_escaped(tmp_path: Path) -> None:
    odd = "/srv/b'o\"\\"
    files = {"openclaw.json": """{ a: '/home/al/ws/x', b: "/home/al/ws/x" }"""}
    await relocated(tmp_path, files, pairs=((f"{OLD}/ws", odd),))
    read = configs.parse((tmp_path / "openclaw.json").read_text())
    assert read == {"a": f"{odd}/x", "b": f"{odd}/x"}


# --------------------------------------------------------------------------- hypothesis

HEADS = st.sampled_from(
    [*(old for old, _ in PAIRS), OLD, "/home/alice", "/srv/home/al/ws", "~/ws", "", "${HOME}"]
)
TAILS = st.lists(st.sampled_from(["x", ".", "..", "ws", "é", "a b", "al", "'", '"', "\\", ":"]), max_size=3)
VALUES = st.builds(lambda head, tail, glue: head + "".join(glue + each for each in tail), HEADS, TAILS,
                   st.sampled_from(["/", "", "2", "-"]))  # fmt: skip
JSON = st.recursive(
    VALUES | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc/ "), inner, max_size=3),
    max_leaves=12,
)


def expected(value: Any) -> Any:
    """The same rule, said plainly: a path in a folder that moves, and nothing but that path."""
    if isinstance(value, dict):
        return {key: expected(each) for key, each in value.items()}
    if isinstance(value, list):
        return [expected(each) for each in value]
    if not isinstance(value, str):
        return value
    for old, new in PAIRS:
        tail = value.removeprefix(old)
        if (value == old or value.startswith(f"{old}/")) and not set(tail) & set(" :"):
            depths = accumulate({"..": -1, ".": 0, "": 0}.get(part, 1) for part in tail.split("/"))
            return value if min(depths) < 0 else new + tail
    return value


@settings(
    max_examples=4,
    deadline=None,
    # Shrinking hundreds of files would take minutes; the file that differs is named.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), JSON, min_size=1), min_size=60, max_size=60))
async def test_every_value_is_as_the_plain_rule_says(tmp_path: Path, made: list[dict[str, Any]]) -> None:
    """Hundreds of configs in a few processes: each is a file that the first one includes."""
    files = {f"part-{at}.json": json.dumps(each, ensure_ascii=at % 2 == 0) for at, each in enumerate(made)}
    await relocated(tmp_path, {"openclaw.json": json.dumps({"$include": list(files)}), **files})
    for name, each in zip(files, made, strict=True):
        assert json5.loads((tmp_path / name).read_text()) == expected(each), name
    once = {name: (tmp_path / name).read_bytes() for name in files}
    assert (await again(tmp_path)).changes == ()
    assert {name: (tmp_path / name).read_bytes() for name in files} == once


async def test_where_nothing_moves_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace/MEMORY.md").write_text(f"{STATE[0]}/workspace\n")
    made = {"workspace": f"{STATE[0]}/workspace", "x": f"see {STATE[0]}", "y": f"{OLD}/ws"}
    (tmp_path / "openclaw.json").write_text(json.dumps(made))
    placed = [relocate.Placed(tree(old=STATE[0], new=STATE[0]), str(tmp_path))]
    spaces = [f"{STATE[0]}/workspace"]
    alone = await relocate.relocate(helper(), placed, (), workspaces=spaces, dry_run=True)
    assert alone == Relocation()
    # Beside a workspace that does move, the state that stays where it is is not taken for one that is left.
    beside = await relocate.relocate(helper(), placed, PAIRS[1:], homes=[OLD], dry_run=True)
    assert [(each.where, each.new) for each in beside.changes] == [("y", f"{NEW}/ws")]
    assert list(left(beside)) == [("openclaw.json", "x")]


# --------------------------------------------------------------------------- includes


async def test_included_files_and_the_last_good_copy_follow(tmp_path: Path) -> None:
    parts = f"agents: {{ $include: './parts/agents.json5' }}, b: {{ $include: ['{STATE[0]}/b.json'] }}"
    files = {
        "openclaw.json": f"{{ {parts} }} // {{ $include: 'openclaw.json' }}",
        "openclaw.json.last-good": json.dumps({"x": f"{OLD}/ws/x"}),
        "parts/agents.json5": f"{{ $include: 'more.json5', w: '{OLD}/ws/w' }}",
        "parts/more.json5": f"{{ v: '{OLD}/ws/v' }}",
        "b.json": json.dumps({"u": f"{OLD}/ws/u"}),
        "other.json": json.dumps({"mine": f"{OLD}/ws/mine"}),
    }
    found = await relocated(tmp_path, files)
    assert {each.file for each in found.changes} == {*files} - {"other.json"}
    assert f"'{NEW}/ws/v'" in (tmp_path / "parts/more.json5").read_text()
    assert f"'{STATE[1]}/b.json'" in (tmp_path / "openclaw.json").read_text()
    assert (await again(tmp_path, dry_run=True)).changes == ()


async def test_includes_that_loop_hold_everything(tmp_path: Path) -> None:
    files = {
        "openclaw.json": json.dumps({"$include": "a.json", "x": f"{OLD}/ws"}),
        "a.json": json.dumps({"b": {"$include": "b.json"}}),
        "b.json": json.dumps({"$include": "a.json"}),
    }
    found = await relocated(tmp_path, files)
    assert found.problems == ("a.json includes itself by way of b.json",)
    assert (tmp_path / "openclaw.json").read_text() == files["openclaw.json"]


async def test_includes_elsewhere_and_missing_ones_are_told(tmp_path: Path) -> None:
    files = {"openclaw.json": json.dumps({"$include": ["/etc/oc/shared.json5", "gone.json5"]})}
    found = await relocated(tmp_path, files)
    assert found.problems == ()
    told = {(each.why.partition(":")[0], each.old) for each in found.left}
    assert told == {
        ("it lies outside of the state directory", "/etc/oc/shared.json5"),
        ("gone.json5 cannot be read", ""),
    }


# --------------------------------------------------------------------------- other files


async def test_the_files_of_early_2026(tmp_path: Path) -> None:
    state = early(tmp_path / "home/al")
    old, new = str(tmp_path / "home/al"), str(tmp_path / "srv/bo")
    placed = [relocate.Placed(tree(old=f"{old}/.openclaw", new=f"{new}/.openclaw"), str(state))]
    found = await relocate.relocate(helper(), placed, [(f"{old}/.openclaw", f"{new}/.openclaw")], homes=[old])
    assert {each.file for each in found.changes} == {
        "exec-approvals.json",
        "agents/main/sessions/sessions.json",
    }
    approvals = json.loads((state / "exec-approvals.json").read_text())
    assert approvals["socket"]["path"] == f"{new}/.openclaw/exec-approvals.sock"
    # What may be run is a person's decision about exactly that program.
    assert approvals["allowlist"] == [{"pattern": f"{old}/bin/x"}]
    assert ("exec-approvals.json", "allowlist.0.pattern") in left(found)
    index = json.loads((state / "agents/main/sessions/sessions.json").read_text())
    assert index["agent:main:main"]["sessionFile"] == f"{new}/.openclaw/agents/main/sessions/s1.jsonl"
    assert index["agent:main:old"]["note"].startswith(old)


async def test_thousands_of_sessions_are_one_line(tmp_path: Path) -> None:
    place = f"{STATE[0]}/agents/main/sessions"
    index = {
        f"agent:main:{n}": {"sessionId": f"s{n}", "sessionFile": f"{place}/s{n}.jsonl"} for n in range(3000)
    }
    snapshot = {
        "prompt": f"Read.\n<location>{STATE[0]}/skills/x/SKILL.md</location> in {STATE[0]}\n",
        "resolvedSkills": [{"filePath": f"{STATE[0]}/skills/x/SKILL.md", "baseDir": "/usr/lib/skills"}],
    }
    index["agent:main:0"]["skillsSnapshot"] = snapshot  # type: ignore[assignment]
    name = "agents/main/sessions/sessions.json"
    found = await relocated(tmp_path, {name: json.dumps(index)})
    assert {(each.where, each.count, each.new) for each in found.changes} == {
        ("*.sessionFile", 3000, f"{STATE[1]}/agents/main/sessions/s0.jsonl"),
        ("*.prompt", 1, "the same for NEW"),
        ("*.filePath", 1, f"{STATE[1]}/skills/x/SKILL.md"),
    }
    after = json.loads((tmp_path / name).read_text())["agent:main:0"]["skillsSnapshot"]
    # Only the place of the skill: the rest of a prompt is text.
    assert after["prompt"] == f"Read.\n<location>{STATE[1]}/skills/x/SKILL.md</location> in {STATE[0]}\n"


async def test_many_different_values_are_bounded(tmp_path: Path) -> None:
    made = {f"k{n}": {"workspace": f"{OLD}/ws/{n}", "cwd": f"{OLD}/other/{n}"} for n in range(500)}
    found = await relocated(tmp_path, {"openclaw.json": json.dumps(made)})
    assert (len(found.changes), found.count) == (41, 500)
    assert (len(found.left), sum(each.count for each in found.left)) == (41, 500)


async def test_plugin_records_jobs_and_the_environment(tmp_path: Path) -> None:
    files = {
        "plugins/installs.json": json.dumps({"records": {"x": {"installPath": f"{STATE[0]}/extensions/x"}}}),
        "cron/jobs.json": json.dumps(
            {"jobs": [{"payload": {"message": f"{OLD}/ws/todo.md"}, "sessionFile": f"{STATE[0]}/a.jsonl"}]}
        ),
        ".env": f"# {OLD}/ws\nexport CREDS='{STATE[0]}/gcp.json' #\nB=\"{OLD}/other\"\nKEY=sk-1 {OLD}/ws\n",
    }
    found = await relocated(tmp_path, files)
    assert {(each.file, each.where) for each in found.changes} == {
        ("plugins/installs.json", "*.installPath"),
        ("cron/jobs.json", "*.sessionFile"),
        (".env", "CREDS"),
    }
    assert (tmp_path / ".env").read_text() == files[".env"].replace(f"'{STATE[0]}/", f"'{STATE[1]}/")
    # What a job is told stays a person's words.
    assert f"{OLD}/ws/todo.md" in (tmp_path / "cron/jobs.json").read_text()
    assert left(found) == {(".env", "B"): ("it points at something that does not move", "")}
    assert found.mentions.first[0].file == "cron/jobs.json (what jobs are told)"


async def test_one_that_is_no_json_is_left_and_told(tmp_path: Path) -> None:
    found = await relocated(tmp_path, {"exec-approvals.json": "{", "openclaw.json": f'{{"a": "{OLD}/ws"}}'})
    assert [each.file for each in found.changes] == ["openclaw.json"]
    assert left(found) == {("exec-approvals.json", ""): ("not JSON5 at line 1", "")}


async def test_a_config_of_other_bytes_or_behind_a_link_is_never_half_written(tmp_path: Path) -> None:
    odd = b'{"a": "/home/al/ws", "b": "\xe9"}'
    (tmp_path / "state").mkdir()
    (tmp_path / "state/openclaw.json").write_bytes(odd)
    found = await again(tmp_path / "state")
    assert found.problems == ("openclaw.json is not UTF-8",)
    assert (tmp_path / "state/openclaw.json").read_bytes() == odd
    (tmp_path / "state/openclaw.json").rename(tmp_path / "mine.json")
    (tmp_path / "state/openclaw.json").symlink_to(tmp_path / "mine.json")
    found = await again(tmp_path / "state")
    assert "a link to another place" in left(found)["openclaw.json", ""][0]
    assert (tmp_path / "mine.json").read_bytes() == odd
