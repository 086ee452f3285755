"""Reading OpenClaw's config: JSON5, includes, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from openclaw_wizard.openclaw import config as configs
from openclaw_wizard.openclaw.config import ConfigUnreadable, Setting

HOME = "/home/al"
STATE = f"{HOME}/.openclaw"


def setting(profile: str | None = None, state: str = STATE, **changes: object) -> Setting:
    named = {"written_by": "2026.9.6", "environment": {}, **changes}
    return Setting(state, HOME, profile, **named)  # type: ignore[arg-type]  # a test's own keywords


# --------------------------------------------------------------------------- reading


def test_json5_is_read() -> None:
    text = "// mine\n{ gateway: { mode: 'local', port: 0x10, }, /* x */ 'a': [1, 2,], }"
    assert configs.parse(text) == {"gateway": {"mode": "local", "port": 16}, "a": [1, 2]}


@pytest.mark.parametrize("text", ["{ token: 'secret-token' ", "secret-token", "", "[1]", "{]"])
def test_what_is_no_config_is_told_without_its_text(text: str) -> None:
    with pytest.raises(ConfigUnreadable) as caught:
        configs.parse(text)
    assert "secret-token" not in str(caught.value)


def test_includes_take_their_place_and_keys_beside_them_win() -> None:
    text = """{
        agents: { $include: './agents.json5', defaults: { workspace: '/mine' } },
        b: { $include: ['b/1', 'b/2'] },
    }"""
    theirs = "{ workspace: '/theirs', model: 'm' }"
    included = {
        f"{STATE}/agents.json5": f"{{ defaults: {theirs}, $include: './more.json' }}",
        f"{STATE}/more.json": '{"entries": {"main": {}}}',
        f"{STATE}/b/1": '{"x": {"one": 1, "two": 1}}',
        f"{STATE}/b/2": '{"x": {"two": 2}}',
    }
    found = configs.parse(text, included=included, path=f"{STATE}/openclaw.json")
    assert found == {
        "agents": {"defaults": {"workspace": "/mine", "model": "m"}, "entries": {"main": {}}},
        "b": {"x": {"one": 1, "two": 2}},
    }


def test_an_include_that_is_missing_or_goes_round_is_told() -> None:
    with pytest.raises(ConfigUnreadable, match=r"/home/al/\.openclaw/gone\.json"):
        configs.parse("{ a: { $include: 'gone.json' } }", included={}, path=f"{STATE}/openclaw.json")
    round_ = {f"{STATE}/a.json": "{ a: { $include: 'a.json' } }"}
    with pytest.raises(ConfigUnreadable, match=r"goes round: \S+/a\.json includes \S+/a\.json$"):
        configs.parse("{ $include: 'a.json' }", included=round_, path=f"{STATE}/openclaw.json")
    long = {f"{STATE}/{i}.json": f"{{ $include: '{i + 1}.json' }}" for i in range(12)}
    with pytest.raises(ConfigUnreadable, match="include each other"):
        configs.parse("{ $include: '0.json' }", included=long, path=f"{STATE}/openclaw.json")


def test_where_a_config_does_not_parse_is_told_by_line_and_column() -> None:
    with pytest.raises(ConfigUnreadable, match=r"^not JSON5 at line 2, column 2$"):
        configs.parse("{a:'secret'\n b:2}")
    included = {f"{STATE}/a.json": "{\n\n  b: 'x }"}
    with pytest.raises(ConfigUnreadable, match=r"includes \S+/a\.json, which is not JSON5 at line 3, c"):
        configs.parse("{ $include: 'a.json' }", included=included, path=f"{STATE}/openclaw.json")


# --------------------------------------------------------------------------- gateway


def test_mode_version_and_remote_without_its_secrets() -> None:
    remote = {"url": "wss://al:secret@gw.example.org:8443/ws?token=secret"}
    found = {"meta": {"lastTouchedVersion": "2026.9.6"}, "gateway": {"mode": "remote", "remote": remote}}
    assert (configs.version(found), configs.mode(found)) == ("2026.9.6", "remote")
    assert configs.remote_url(found) == "wss://gw.example.org:8443"
    assert configs.remote_url({"gateway": {"remote": {"url": "ws://[bad"}}}) == ""
    assert (configs.version({}), configs.mode({}), configs.remote_url({})) == (None, None, None)


@pytest.mark.parametrize(
    ("config", "options", "port"),
    [
        ({}, {}, 18789),
        ({"gateway": {"port": 19000}}, {}, 19000),
        ({"gateway": {"port": 19000}}, {"environment": {"OPENCLAW_GATEWAY_PORT": "127.0.0.1:19001"}}, 19001),
        ({"gateway": {"port": "${PORT}"}}, {}, 18789),
        ({"gateway": {"port": True}}, {}, 18789),
        ({}, {"profile": "rescue", "written_by": "2026.9.6"}, 23532),
        ({}, {"profile": "rescue", "written_by": "2026.7.1"}, 18789),
        ({}, {"profile": "rescue"}, 23532),
    ],
)
def test_the_port(config: dict[str, object], options: dict[str, object], port: int) -> None:
    assert configs.port(config, **options) == port  # type: ignore[arg-type]  # a test's own keywords


# --------------------------------------------------------------------------- agents and workspaces


def test_agents_of_both_forms() -> None:
    assert configs.agents({}) == ("main",)
    assert configs.agents({"agents": {"entries": {"Main": {}, "b c": {}}}}) == ("main", "b-c")
    assert configs.agents({"agents": {"list": [{"id": "x"}, {"id": "y"}, {"id": "X"}]}}) == ("x", "y")


def test_agent_folders_that_stand_elsewhere() -> None:
    entries = {"main": {"agentDir": f"{STATE}/agents/main/agent"}, "far": {"agentDir": "~/agents/far"}}
    assert configs.agent_dirs({"agents": {"entries": entries}}, setting()) == {"far": f"{HOME}/agents/far"}


def spaces(agents: Mapping[str, object], at: Setting) -> dict[str, tuple[str, ...]]:
    return configs.workspaces({"agents": agents}, at)


def test_a_workspace_of_its_own_wins() -> None:
    found = spaces({"entries": {"a": {"workspace": "~/a"}, "b": {"workspace": "/srv/b/"}}}, setting())
    assert found == {"a": (f"{HOME}/a",), "b": ("/srv/b",)}


def test_the_only_agent_has_the_default_workspace_and_others_one_below() -> None:
    defaults = {"workspace": "${HOME}/ws"}
    assert spaces({"defaults": defaults, "entries": {"a": {}}}, setting()) == {"a": (f"{HOME}/ws",)}
    both = spaces({"defaults": defaults, "entries": {"a": {}, "b": {}}}, setting())
    assert both == {"a": (f"{HOME}/ws/a",), "b": (f"{HOME}/ws/b",)}


def test_agents_without_any_workspace() -> None:
    found = spaces({"entries": {"a": {"default": True}, "b": {}}}, setting())
    assert found == {"a": (f"{STATE}/workspace",), "b": (f"{STATE}/workspace-b",)}
    explicit = {"ownership": "explicit", "entries": {"a": {"default": True}, "b": {}}}
    assert spaces(explicit, setting())["a"] == (f"{STATE}/workspace-a",)
    assert spaces({"list": [{"id": "a"}, {"id": "b"}]}, setting())["a"] == (f"{STATE}/workspace",)


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (setting(), (f"{STATE}/workspace",)),
        (setting(state=f"{HOME}/.clawdbot"), (f"{STATE}/workspace", f"{HOME}/clawd")),
        (setting(state="/srv/oc"), ("/srv/oc/workspace",)),
        (setting("w", f"{STATE}-w"), (f"{STATE}-w/workspace", f"{STATE}/workspace-w")),
        (setting("w", f"{STATE}-w", written_by="2026.7.1"), (f"{STATE}/workspace-w", f"{STATE}-w/workspace")),
        (setting(state="/srv/oc", written_by="2026.2.9"), (f"{STATE}/workspace", "/srv/oc/workspace")),
        (setting(environment={"OPENCLAW_WORKSPACE_DIR": "~/x"}), (f"{HOME}/x",)),
    ],
)
def test_the_default_workspace_by_profile_and_age(at: Setting, found: tuple[str, ...]) -> None:
    assert configs.default_workspaces(at) == found
    assert spaces({}, at) == {"main": found}


# --------------------------------------------------------------------------- the rest


def test_channels_and_their_accounts() -> None:
    found = {
        "channels": {
            "defaults": {"x": 1},
            "telegram": {"enabled": False},
            "whatsapp": {"accounts": {"a": {}, "b": {}}},
            "odd": 1,
        }
    }
    assert configs.channels(found) == ("telegram", "whatsapp")
    assert configs.channel_accounts(found) == ("telegram/default", "whatsapp/a", "whatsapp/b")
    assert configs.channels({}) == ()


def test_key_paths_hold_no_value() -> None:
    found = {"a": {"b.c": "secret", "d": []}, "list": ["x", {"y": 1}], "e": None}
    assert configs.key_paths(found) == ('a."b.c"', "a.d", "list.0", "list.1.y", "e")


def test_mentions_keep_to_whole_names() -> None:
    found = {
        "hit": ["--dir=/home/al/x", "/home/al", "file:///home/al/y"],
        "miss": ["/home/alice", "/srv/home/al/x", "/home/al-2", "/home/al.old"],
    }
    assert configs.mentions(found, "/home/al") == ("hit.0", "hit.1", "hit.2")


def test_the_cron_store_and_skills() -> None:
    assert configs.cron_store({"cron": {"store": "~/jobs.json"}}, setting()) == f"{HOME}/jobs.json"
    assert configs.cron_store({}, setting()) is None
    skills = {"skills": {"entries": {"a": {"apiKey": "x"}, "b": True}}}
    assert configs.skill_keys(skills) == {"a": ("apiKey",), "b": ()}
    assert configs.skill_keys({}) == {}
