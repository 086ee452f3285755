"""Identify finds every installation by whatever names it, and all that belongs to it; and says what stays."""

from __future__ import annotations

import json
import os
from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.errors import NothingToMove
from openclaw_wizard.hosts import Completed
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.model import Facts, Installation, LooseKey, Outside, Workspace
from openclaw_wizard.openclaw import discover, queries
from openclaw_wizard.openclaw.relocate import relocated
from openclaw_wizard.paths import Paths
from openclaw_wizard.steps.choosing import choose, name_of
from openclaw_wizard.steps.relocating import plan_trees
from openclaw_wizard.steps.survey import make_plan
from tests.builders import host_facts, installation, new_facts
from tests.odd_trees import PATH
from tests.openclaw_states import config, facts, gateway, today, write

pytestmark = pytest.mark.node


class Hearing(LocalHost):
    """Keeps what a command printed."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = b""

    async def run(
        self, argv: Sequence[str], *, input: bytes = b"", timeout: float = 60.0, pty: bool = False
    ) -> Completed:
        done = await super().run(argv, input=input, timeout=timeout, pty=pty)
        self.heard += done.stdout + done.stderr
        return done


class Asking(Helper):
    """Looks at other places than those of this machine: /etc, mounts, what kind of system it is."""

    def __init__(self, host: LocalHost, path: str, **places: object) -> None:
        super().__init__(host, path, queries())
        self._places = places

    async def call(
        self, command: str, params: Mapping[str, object] | None = None, *, timeout: float = 60
    ) -> Any:
        return await super().call(command, {**(params or {}), **self._places}, timeout=timeout)


async def survey(
    home: Path, host: LocalHost | None = None, places: Mapping[str, object] | None = None
) -> discover.Survey:
    etc: dict[str, object] = {
        "etc": f"{home}/etc",
        "daemons": f"{home}/daemons",
        "people": f"{home}/none",
        "passwd": "/none",
    }
    asking = Asking(host or LocalHost(), f"{home}/bin:{PATH}", **{**etc, **(places or {})})
    return await discover.survey(asking, facts(home, user="alice"))


async def only(home: Path, **places: object) -> Installation:
    (found,) = (await survey(home, places=places)).installations
    return found


def state(folder: Path, **sections: Any) -> Path:
    write(folder / "openclaw.json", json.dumps({"gateway": {"mode": "local"}, **sections}))
    return folder


def crontab(home: Path, text: str) -> None:
    write(home / "crontab", text)
    write(home / "bin/crontab", f'#!/bin/sh\n[ "$1" = -l ] && cat "{home}/crontab"\n', 0o755)


PLIST = """<?xml version="1.0"?><plist version="1.0"><dict>
<key>Label</key><string>ai.openclaw.mac</string>
<key>ProgramArguments</key><array><string>/bin/sh</string><string>{wrapper}</string><string>gateway</string></array>
<key>EnvironmentVariables</key><dict><key>OPENCLAW_STATE_DIR</key><string>{far}</string>
<key>PLIST_KEY</key><string>sk-plist</string></dict></dict></plist>"""


# ------------------------------------------------------------------------------------- by what it is found


async def test_whatever_names_a_state_directory_finds_it(home: Path) -> None:
    for name in ("unit", "drop&in", "system", "mac", "cron", "shell", "fish", "flag"):
        state(home / name)
    state(home / ".openclaw-flagged")
    units = home / ".config/systemd/user"
    write(units / "openclaw-gateway.service", f"[Service]\nEnvironment=OPENCLAW_STATE_DIR={home}/unit\n")
    write(units / "my-bot.service", "[Service]\nExecStart=/usr/bin/openclaw --profile flagged gateway run\n")
    write(home / "etc/systemd/user/openclaw-gateway-d.service", "[Service]\n")
    write(
        units / "openclaw-gateway-d.service.d/a.conf",
        f'[Service]\nEnvironment="OPENCLAW_STATE_DIR={home}/drop&in"\n',
    )
    system = f"[Service]\nExecStart=/usr/bin/openclaw gateway\nEnvironment=OPENCLAW_STATE_DIR={home}/system\n"
    write(home / "etc/systemd/system/claw.service", f"{system}User=alice\n")
    write(home / "etc/systemd/system/others.service", f"{system}User=carl\n")
    write(
        home / "Library/LaunchAgents/ai.openclaw.mac.plist",
        PLIST.format(far=f"{home}/mac", wrapper="wrapper"),
    )
    crontab(home, "NIGHTLY=1\n@reboot OPENCLAW_STATE_DIR=$HOME/cron /usr/bin/openclaw gateway run\n")
    write(home / ".bashrc", f"# OPENCLAW_STATE_DIR={home}/comment\nexport OPENCLAW_STATE_DIR=~/shell\n")
    write(home / ".config/fish/config.fish", 'set -gx OPENCLAW_STATE_DIR "$HOME/fish"\n')
    seen = await survey(home)
    assert {Path(each.state_dir).name: each.found_by for each in seen.installations} == {
        "unit": ("unit openclaw-gateway.service",),
        ".openclaw-flagged": ("the home folder", "unit my-bot.service"),
        "drop&in": ("unit openclaw-gateway-d.service",),
        "system": ("unit claw.service (a system unit)",),
        "mac": (f"{home}/Library/LaunchAgents/ai.openclaw.mac.plist",),
        "cron": ("crontab, at boot",),
        "shell": (f"{home}/.bashrc",),
        "fish": (f"{home}/.config/fish/config.fish",),
    }
    assert seen.noticed == ()
    assert {each.profile for each in seen.installations} == {None, "flagged"}


async def test_a_unit_that_only_names_a_state_directory_is_not_its_gateways(home: Path) -> None:
    state(home / ".openclaw")
    units = home / ".config/systemd/user"
    backup = f"[Service]\nExecStart=/usr/bin/backup\nEnvironment=OPENCLAW_STATE_DIR={home}/.openclaw\n"
    write(units / "backup.service", backup)
    write(home / "etc/systemd/system/sync.service", f"{backup}User=alice\n")
    write(home / "bin/systemctl", "#!/bin/sh\necho ActiveState=inactive\n", 0o755)
    found = await only(home)
    assert found.found_by == (
        "the home folder",
        "a setting of backup.service",
        "a setting of sync.service",
    )
    assert (found.gateway.unit, found.stays) == (None, ())
    write(units / "openclaw-gateway.service", "[Service]\n")
    assert (await only(home)).gateway.unit == "openclaw-gateway.service"


def test_several_without_a_profile_are_told_apart_by_their_folder() -> None:
    far = installation(state_dir="/srv/far")
    legacy = installation(state_dir="/home/alice/.clawdbot")
    work = installation(state_dir="/srv/work", profile="work")
    found = (legacy, far, work)
    assert [name_of(each, "/home/alice") for each in found] == ["default", "/srv/far", "/srv/work"]
    old = host_facts()
    assert choose(found, "/srv/far", old) is far
    assert choose(found, "work", old) is work
    assert choose(found, "default", old) is choose(found, None, old) is legacy
    with pytest.raises(NothingToMove, match="found: default, /srv/far, /srv/work"):
        choose(found, "none", old)


async def test_a_lock_of_old_and_a_process_name_theirs(home: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("locked", "by-config"):
        state(home / name)
    locks = tmp_path / f"openclaw-{os.getuid()}"
    write(locks / "gateway.1.lock", json.dumps({"pid": 1, "stateDir": f"{home}/locked"}) + "  ")
    write(locks / "gateway.2.lock", json.dumps({"pid": 1, "configPath": f"{home}/by-config/openclaw.json"}))
    write(locks / "gateway.3.lock", json.dumps({"pid": 1, "stateDir": f"{home}/gone"}))
    write(locks / "gateway.4.lock", "half a lo")
    state(tmp_path / "other/.openclaw")
    write(locks / "gateway.5.lock", json.dumps({"pid": 1, "stateDir": f"{tmp_path}/other/.openclaw"}))
    running = today(home / "far")
    with gateway(running, environment={"HOME": str(home), "ANTHROPIC_API_KEY": "sk-process"}) as (pid, _):
        seen = await survey(home)
    assert {each.state_dir: each.found_by for each in seen.installations} == {
        f"{home}/locked": (f"lock {locks}/gateway.1.lock",),
        f"{home}/by-config": (f"lock {locks}/gateway.2.lock",),
        str(running): (f"process {pid}",),
    }
    (found,) = (each for each in seen.installations if each.state_dir == str(running))
    assert found.loose_keys == (LooseKey(name="ANTHROPIC_API_KEY", where="the running gateway"),)


async def test_leftovers_are_left_out_whatever_names_them(home: Path) -> None:
    state(home / ".openclaw")
    for name in (".openclaw.bak", ".openclaw.before-7", ".openclaw.incoming-7", ".openclaw.undone-7"):
        state(home / name)
        write(
            home / f".config/systemd/user/a{name}.service",
            f"[Service]\nEnvironment=OPENCLAW_STATE_DIR={home}/{name}\n",
        )
        crontab(home, f"@reboot OPENCLAW_STATE_DIR={home}/{name} openclaw gateway run\n")
    assert (await only(home)).state_dir == f"{home}/.openclaw"


@pytest.mark.parametrize("name", [".clawdbot", ".moltbot"])
async def test_a_legacy_folder_is_moved_alone_and_told_beside_a_newer_one(home: Path, name: str) -> None:
    state(home / name)
    assert (await only(home)).state_dir == f"{home}/{name}"
    state(home / ".openclaw")
    found = await only(home)
    assert found.state_dir == f"{home}/.openclaw"
    assert [each.what for each in found.stays] == [f"{home}/{name}"]


async def test_a_workspace_of_the_clawdbot_era_moves_where_it_is_used_and_is_told_where_not(
    home: Path,
) -> None:
    write(home / "clawd/SOUL.md", "x")
    state(home / ".clawdbot")
    found = await only(home)
    assert [(each.path, each.exists) for each in found.workspaces] == [(f"{home}/clawd", True)]
    assert found.stays == ()
    (home / ".clawdbot").rename(home / ".openclaw")
    found = await only(home)
    assert [each.path for each in found.workspaces] == [f"{home}/.openclaw/workspace"]
    assert [each.what for each in found.stays] == [f"{home}/clawd"]


# ------------------------------------------------------------------------------------- names of variables


async def test_names_of_variables_without_a_file_are_told_and_no_value_leaves_the_host(home: Path) -> None:
    folder = state(home / ".openclaw", env={"IN_CONFIG": "x", "vars": {"IN_VARS": "x"}})
    write(folder / ".env", "IN_DOTENV=SECRET-dotenv\n")
    write(home / ".config/openclaw/gateway.env", "IN_GATEWAY_ENV=SECRET-genv\n")
    write(home / "keys.env", 'FILE_KEY="SECRET-file"\n')
    unit = home / ".config/systemd/user/openclaw-gateway.service"
    own = "PATH=/p OPENCLAW_GATEWAY_TOKEN=SECRET-unit IN_DOTENV=1 IN_CONFIG=2 IN_VARS=3 IN_GATEWAY_ENV=4"
    write(unit, f"[Service]\nEnvironment={own}\nEnvironmentFile=-{home}/keys.env\n")
    write(unit.parent / f"{unit.name}.d/key.conf", '[Service]\nEnvironment="DROP_IN_KEY=SECRET drop"\n')
    write(home / ".zshrc", "export OPENAI_API_KEY='SECRET-zsh'; export EDITOR=vi\n")
    write(home / ".config/fish/conf.d/k.fish", "set -gx BRAVE_TOKEN SECRET-fish\n")
    write(home / "Library/LaunchAgents/ai.openclaw.gateway.plist", PLIST.format(far=folder, wrapper="x"))
    crontab(home, "CRON_TOKEN=SECRET-cron\n@reboot openclaw gateway run\n")
    host = Hearing()
    (found,) = (await survey(home, host)).installations
    assert {(each.name, Path(each.where).name) for each in found.loose_keys} == {
        ("OPENCLAW_GATEWAY_TOKEN", "unit openclaw-gateway.service"),
        ("DROP_IN_KEY", "unit openclaw-gateway.service"),
        ("FILE_KEY", "keys.env"),
        ("OPENAI_API_KEY", ".zshrc"),
        ("BRAVE_TOKEN", "k.fish"),
        ("PLIST_KEY", "ai.openclaw.gateway.plist"),
        ("CRON_TOKEN", "crontab"),
    }
    assert b"OPENAI_API_KEY" in host.heard
    words = [word for word in host.heard.split(b'"') if len(word) % 4 == 0]
    decoded = b"".join(b64decode(word, validate=False) for word in words if word.isalnum())
    assert b"SECRET" not in host.heard + decoded
    assert b"sk-plist" not in host.heard
    (told,) = (each for each in found.stays if ".zshrc" in each.what)
    assert told.what.startswith("OPENAI_API_KEY (set in")
    assert ".env" in told.remedy


# ------------------------------------------------------------------------------------- what belongs to it


async def test_what_lies_outside_and_belongs_to_it_moves(home: Path) -> None:
    telegram = {"tokenFile": "~/telegram.token", "accounts": {"b": {"authDir": f"{home}/wa"}}}
    text = {
        "$include": f"{home}/shared/agents.json5",
        "channels": {"telegram": telegram, "slack": {"tokenFile": "/etc/hostname"}},
        "secrets": {"providers": {"file": {"path": f"{home}/.openclaw/secrets.json"}}},
        "skills": {"load": {"extraDirs": [f"{home}/skills", f"{home}/skills", f"{home}/none"]}},
    }
    folder = home / ".openclaw"
    write(folder / "openclaw.json", json.dumps(text))
    write(home / "shared/agents.json5", "{ agents: { $include: 'more.json5' } }")
    write(home / "shared/more.json5", "{ entries: { main: {} } }")
    write(home / "shared/others.txt", "not of OpenClaw")
    write(home / "telegram.token", "secret")
    write(home / "wa/creds.json", "{}")
    write(home / "skills/a/SKILL.md", "x")
    write(home / "oauth/x.json", "{}")
    write(home / ".config/openclaw/auth-profile-secret-key", "secret")
    write(
        home / ".config/systemd/user/openclaw-gateway.service",
        f"[Service]\nEnvironment=OPENCLAW_OAUTH_DIR={home}/oauth\n",
    )
    found = await only(home)
    assert found.config_problem is None
    assert {(Path(each.path).name, each.folder) for each in found.outside} == {
        ("openclaw", True),
        ("oauth", True),
        ("agents.json5", False),
        ("more.json5", False),
        ("telegram.token", False),
        ("wa", True),
        ("skills", True),
    }
    assert Outside(path=f"{home}/wa", folder=True, why="the login of telegram/b") in found.outside
    (left,) = (each for each in found.stays if each.what.startswith("/etc/hostname"))
    assert "outside the home" in left.reason
    trees = plan_trees(found, facts(home), new_facts(), Paths.REWRITE)
    assert [(tree.name, tree.new.removeprefix("/srv/bob/"), tree.file) for tree in trees] == [
        ("state", ".openclaw", False),
        ("outside-1", ".config/openclaw", False),
        ("outside-2", "oauth", False),
        ("outside-3", "skills", False),
        ("outside-4", "wa", False),
        ("outside-5", "shared/agents.json5", True),
        ("outside-6", "shared/more.json5", True),
        ("outside-7", "telegram.token", True),
    ]


async def test_a_folder_that_holds_the_home_never_moves_as_a_part(home: Path) -> None:
    state(home / ".openclaw", skills={"load": {"extraDirs": ["~", "~/.openclaw/..", "/"]}})
    found = await only(home)
    assert found.outside == ()
    assert {each.reason for each in found.stays} == {"the folder holds far more than this"}


async def test_what_does_not_move_is_told_with_what_to_do(home: Path) -> None:
    folder = state(
        home / ".openclaw",
        gateway={"mode": "local", "bind": "tailnet", "tailscale": {"mode": "serve"}},
        models={
            "providers": {
                "ollama": {"baseUrl": "http://me:secret@127.0.0.1:11434/v1"},
                "away": {"baseUrl": "https://api.example.org"},
            }
        },
    )
    write(folder / "browser/office/user-data/Default/Cookies", "x")
    write(folder / "credentials/auth-profiles/0a.json", "{}")
    write(folder / "agents/main/agent/auth-profiles.json", '{"profiles": {"anthropic:claude-cli": {}}}')
    write(home / ".codex/auth.json", "{}")
    write(home / ".local/share/signal-cli/data/accounts.json", "{}")
    write(home / "etc/systemd/system/claw.service", "[Service]\nUser=alice\nExecStart=openclaw gateway run\n")
    crontab(home, "@reboot openclaw gateway run\n")
    found = await only(home, platform="darwin")
    whats = " | ".join(each.what for each in found.stays)
    for part in (
        "anthropic:claude-cli",
        "1 stored login in credentials/auth-profiles",
        "the browser office",
        "Tailscale",
        "ollama (127.0.0.1:11434)",
        "Codex program (~/.codex/auth.json)",
        "signal-cli",
        "the system unit claw.service",
        "crontab line",
    ):
        assert part in whats
    assert len(found.stays) == 9
    assert all(each.reason and each.remedy for each in found.stays)
    assert "secret" not in found.model_dump_json()
    write(home / ".config/openclaw/gateway.env", "A=1")
    assert "stored login" in " ".join(each.what for each in (await only(home)).stays)
    write(home / ".config/openclaw/auth-profile-secret-key", "k")
    assert "stored login" not in " ".join(each.what for each in (await only(home)).stays)


async def test_the_sizes_are_told_by_folder_two_levels_deep(home: Path) -> None:
    folder = state(home / ".openclaw")
    write(folder / "agents/main/sessions/a.jsonl", "x" * 1000)
    write(folder / "agents/main/agent/b", "x" * 200)
    write(folder / "agents/ops/c", "x" * 30)
    write(folder / "npm/projects/x.js", "x" * 4000)
    write(folder / "tmp/y", "x" * 5000)
    found = await only(home)
    parts = {part.path: (part.bytes, part.files, bool(part.stays)) for part in found.parts}
    alone = (folder / "openclaw.json").stat().st_size
    assert parts == {
        ".": (alone, 1, False),
        "agents": (1230, 3, False),
        "agents/main": (1200, 2, False),
        "agents/ops": (30, 1, False),
        "npm": (4000, 1, False),
        "npm/projects": (4000, 1, False),
        "tmp": (0, 0, True),
    }
    assert found.state_bytes == alone + 5230


# ------------------------------------------------------------------------------------- bad input


async def test_one_bad_config_is_named_by_place_and_the_others_are_found(home: Path) -> None:
    write(home / ".openclaw/openclaw.json", "{ a: 1,\n  b: 'secret }")
    state(home / ".openclaw-work", agents={"$include": "ring.json5"})
    write(home / ".openclaw-work/ring.json5", "{ $include: './ring.json5' }")
    state(home / ".openclaw-good")
    seen = await survey(home)
    found = {each.profile: each for each in seen.installations}
    assert f"{home}/.openclaw/openclaw.json: not JSON5 at line 2, column 15" in seen.noticed
    assert len(seen.noticed) == 2
    assert found[None].config_problem == "not JSON5 at line 2, column 15"
    assert "an include goes round: " in (found["work"].config_problem or "")
    assert found["good"].config_problem is None
    assert (found[None].agents, found["good"].agents) == ((), ("main",))


async def test_units_that_cannot_be_followed_are_named(home: Path) -> None:
    state(home / ".openclaw")
    units = home / ".config/systemd/user"
    write(units / "openclaw-gateway-far.service", f"[Service]\nEnvironment=OPENCLAW_STATE_DIR={home}/far\n")
    (units / "openclaw-gateway.service").mkdir()
    (units / "openclaw-gateway-masked.service").symlink_to("/dev/null")
    write(units / "openclaw-gateway-env.service", f"[Service]\nEnvironmentFile={home}\n")
    write(home / ".profile", "export OPENCLAW_STATE_DIR=$(mktemp -d)\n")
    write(home / "Library/LaunchAgents/ai.openclaw.gateway.plist", "bplist00")
    seen = await survey(home)
    assert len(seen.installations) == 1
    assert "names" in discover.Survey((), (), (), seen.noticed).why_nothing(str(home))
    assert set(seen.noticed) == {
        f"unit openclaw-gateway-far.service names {home}/far, which is not there",
        f"{units}/openclaw-gateway.service is no file",
        f"{home} is no file",
        f"{home}/.profile sets OPENCLAW_STATE_DIR to what only a shell can work out",
        f"{home}/Library/LaunchAgents/ai.openclaw.gateway.plist is binary, and there is no plutil to read it",
    }


async def test_a_workspace_on_a_nas_is_named_and_never_moved(home: Path) -> None:
    folder = state(home / ".openclaw", agents={"entries": {"main": {}}})
    write(home / "nas space/claw/SOUL.md", "x")
    (folder / "workspace").symlink_to(home / "nas space/claw")
    mounted = str(home / "nas space").replace(" ", "\\040")
    line = f"31 1 0:40 / {mounted} rw - nfs4 alice@nas:/volume1 rw"
    mounts = write(home / "mounts", f"1 1 8:1 / / rw - ext4 /dev/sda1 rw\n{line}\n")
    found = await only(home, mounts=str(mounts))
    (workspace,) = found.workspaces
    assert (workspace.path, workspace.network) == (f"{home}/nas space/claw", "nfs4 nas:/volume1")
    assert [tree.name for tree in plan_trees(found, facts(home), new_facts(), Paths.REWRITE)] == ["state"]
    # Where the state is on the same disk, the home is, and all of it moves.
    write(home / "mounts", f"31 1 0:40 / {home} rw - nfs4 nas:/volume1 rw\n")
    found = await only(home, mounts=str(mounts))
    assert found.workspaces[0].network is None


async def test_two_agents_that_share_a_workspace_are_one_tree(home: Path) -> None:
    write(home / "ws/SOUL.md", "x")
    (home / "link").symlink_to(home / "ws")
    entries = {"a": {"workspace": "~/ws"}, "b": {"workspace": f"{home}/ws"}, "c": {"workspace": "~/link"}}
    write(home / ".openclaw/openclaw.json", json.dumps(config(home, agents={"entries": entries})))
    found = await only(home)
    assert found.workspaces == (
        Workspace(agent="a", path=f"{home}/ws", inside_state=False, exists=True),
        Workspace(agent="b", path=f"{home}/ws", inside_state=False, exists=True),
        Workspace(agent="c", path=f"{home}/link", inside_state=False, exists=True, real=f"{home}/ws"),
    )
    trees = plan_trees(found, facts(home), new_facts(), Paths.REWRITE)
    assert [(tree.name, tree.old) for tree in trees[1:]] == [("workspace-1", f"{home}/ws")]
    plan = make_plan(Facts(old=facts(home), new=new_facts(), installation=found, trees=trees))
    assert relocated(f"{home}/link/SOUL.md", plan.path_changes) == "/srv/bob/ws/SOUL.md"


async def test_reading_all_of_it_leaves_no_trace(home: Path) -> None:
    today(home)
    crontab(home, "@reboot openclaw gateway run\n")
    before = {p: (p.lstat().st_mtime_ns, p.lstat().st_size) for p in home.rglob("*")}
    await only(home, platform="darwin")
    assert {p: (p.lstat().st_mtime_ns, p.lstat().st_size) for p in home.rglob("*")} == before
