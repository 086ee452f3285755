"""OpenClaw's configuration: reading it, and what it says about agents, workspaces, port and mode.

The file is JSON5 and may be split with `$include` [doc gateway/configuration/common-tasks.md].
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import json5

from openclaw_wizard.openclaw import layout
from openclaw_wizard.openclaw.releases import is_before, parse_version

Config = Mapping[str, object]

IMPLICIT_AGENT: Final = "main"
"""The agent that there is when the config names none [src config/agent-roster.ts]."""

_INCLUDE: Final = "$include"
_INCLUDE_DEPTH: Final = 10


class ConfigUnreadable(ValueError):
    """The text is no OpenClaw config; the message says why and holds nothing of the text."""


def parse(text: str, *, included: Mapping[str, str] | None = None, path: str = "") -> Config:
    """The config in `text`, which stands at `path`.

    With `included` (text by absolute path), every `$include` is put in its place: one file replaces
    the object, several are merged in order, and keys beside it win. Without it they are left as they
    stand. Raises ConfigUnreadable.
    """
    value = _read(text)
    if included is not None:
        value = _resolved(value, included, (path,))
    if not isinstance(value, Mapping):
        raise ConfigUnreadable("it holds no object")
    return value


def _read(text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        value = _read_json5(text)
    return value


def _read_json5(text: str) -> object:
    try:
        value: object = json5.loads(text)
    except (ValueError, RecursionError) as error:
        # The parser's own message may quote a line, and a line may hold a secret.
        where = re.search(r"<string>:(\d+).* at column (\d+)", str(error), re.DOTALL)
        raise ConfigUnreadable(
            f"not JSON5 at line {where[1]}, column {where[2]}" if where else "not JSON5"
        ) from None
    return value


def _resolved(value: object, included: Mapping[str, str], files: tuple[str, ...]) -> object:
    """`files`: the config, and the files through which this value is included."""
    if isinstance(value, list):
        return [_resolved(each, included, files) for each in value]
    if not isinstance(value, Mapping):
        return value
    own = {k: _resolved(v, included, files) for k, v in value.items() if k != _INCLUDE}
    wanted = value.get(_INCLUDE)
    if wanted is None:
        return own
    merged: object = {}
    for name in [wanted] if isinstance(wanted, str) else _texts(wanted):
        merged = _merged(merged, _included(name, included, files))
    return _merged(merged, own) if own else merged


def _included(name: str, included: Mapping[str, str], files: tuple[str, ...]) -> object:
    path = posixpath.normpath(posixpath.join(posixpath.dirname(files[-1]), name))
    if path in files:
        ring = " includes ".join((*files[files.index(path) :], path))
        raise ConfigUnreadable(f"an include goes round: {ring}")
    if path not in included:
        raise ConfigUnreadable(f"it includes {path}, which could not be read")
    if len(files) > _INCLUDE_DEPTH:
        raise ConfigUnreadable(f"more than {_INCLUDE_DEPTH} files include each other")
    try:
        value = _read(included[path])
    except ConfigUnreadable as error:
        raise ConfigUnreadable(f"it includes {path}, which is {error}") from None
    return _resolved(value, included, (*files, path))


def _merged(base: object, over: object) -> object:
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    return {**base, **{key: _merged(base[key], over[key]) if key in base else over[key] for key in over}}


def _texts(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def lookup(config: object, *keys: str) -> object:
    """The value at these keys, or None where there is none."""
    for key in keys:
        if not isinstance(config, Mapping):
            return None
        config = config.get(key)
    return config


def _text(config: object, *keys: str) -> str | None:
    value = lookup(config, *keys)
    return value.strip() if isinstance(value, str) and value.strip() else None


# ------------------------------------------------------------------- gateway


def version(config: Config) -> str | None:
    """The version that last wrote it."""
    return _text(config, "meta", "lastTouchedVersion")


def mode(config: Config) -> str | None:
    """`gateway.mode`; the gateway starts only with `local` [doc cli/gateway/running.md]."""
    return _text(config, "gateway", "mode")


def remote_url(config: Config) -> str | None:
    """Scheme and host of `gateway.remote.url`, without a user, password, path or query."""
    url = _text(config, "gateway", "remote", "url")
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return ""


PROFILE_PORTS_SINCE: Final = "2026.8.0"
"""A named profile has a port of its own; not in 2026.7.1, measured in 2026.9.6."""


def port(
    config: Config,
    *,
    profile: str | None = None,
    written_by: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """The gateway's port: variable, config, the profile's own, 18789 [src config/paths.ts]."""
    for value in ((environment or {}).get("OPENCLAW_GATEWAY_PORT"), lookup(config, "gateway", "port")):
        number = _port_number(value)
        if number is not None:
            return number
    if profile is None or _is_older(written_by, PROFILE_PORTS_SINCE):
        return layout.DEFAULT_PORT
    return profile_port(profile)


def _port_number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = int(str(value).rsplit(":", 1)[-1]) if isinstance(value, str) else int(value)
    except ValueError:
        return None
    return number if 0 < number < 65536 else None


def profile_port(profile: str) -> int:
    """FNV-1a over the name, as OpenClaw does it: `rescue` is 23532 [measured]."""
    digest = 2166136261
    for byte in profile.encode():
        digest = ((digest ^ byte) * 16777619) & 0xFFFFFFFF
    return 20000 + digest % 40000


def _is_older(written_by: str | None, since: str) -> bool:
    return written_by is not None and parse_version(written_by) is not None and is_before(written_by, since)


# -------------------------------------------------------------------- agents


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a config stands: what the rules for workspaces look at."""

    state_dir: str
    home: str
    profile: str | None = None
    written_by: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, path: str) -> str:
        """An absolute path: `~` and `${HOME}` are the home, a relative path starts there too."""
        text = path.replace("${HOME}", self.home)
        if text == "~" or text.startswith("~/"):
            text = self.home + text[1:]
        return posixpath.normpath(posixpath.join(self.home, text))


def agent_id(text: str) -> str:
    """The name that an agent's folder has [src normalization-core/agent-id.ts]."""
    if layout.is_profile_name(text.strip()):
        return text.strip().lower()
    cleaned = re.sub(r"[^a-z0-9_-]+", "-", text.strip().lower()).strip("-")[:64]
    return cleaned or IMPLICIT_AGENT


def _entries(config: Config) -> dict[str, Mapping[str, object]]:
    """The agents as the config has them, by id: `agents.entries`, or `agents.list` up to 2026.7."""
    entries = lookup(config, "agents", "entries")
    if isinstance(entries, Mapping):
        return {agent_id(str(k)): v for k, v in entries.items() if isinstance(v, Mapping)}
    listed = lookup(config, "agents", "list")
    found: dict[str, Mapping[str, object]] = {}
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, Mapping):
            found.setdefault(agent_id(str(each.get("id") or "")), each)
    return found


def agents(config: Config) -> tuple[str, ...]:
    """The agents' ids, in the config's order."""
    return tuple(_entries(config)) or (IMPLICIT_AGENT,)


def agent_dirs(config: Config, setting: Setting) -> dict[str, str]:
    """The folders of agents that are not `<state>/agents/<id>/agent`, by agent."""
    found: dict[str, str] = {}
    for agent, entry in _entries(config).items():
        configured = _text(entry, "agentDir")
        usual = f"{setting.state_dir}/agents/{agent}/agent"
        if configured and setting.resolve(configured) != usual:
            found[agent] = setting.resolve(configured)
    return found


def workspaces(config: Config, setting: Setting) -> dict[str, tuple[str, ...]]:
    """Where each agent's workspace may be, by agent, the likeliest first.

    Several only where versions differ in the rule; the one that exists is it.
    [src agents/agent-scope-config.ts resolveAgentWorkspaceDir]
    """
    entries = _entries(config) or {IMPLICIT_AGENT: {}}
    fallback = _text(config, "agents", "defaults", "workspace")
    owner = _owner(config, entries)
    found: dict[str, tuple[str, ...]] = {}
    for agent, entry in entries.items():
        configured = _text(entry, "workspace")
        if configured:
            found[agent] = (setting.resolve(configured),)
        elif agent == owner:
            found[agent] = (setting.resolve(fallback),) if fallback else default_workspaces(setting)
        elif fallback:
            found[agent] = (f"{setting.resolve(fallback)}/{agent}",)
        else:
            found[agent] = (f"{setting.state_dir}/workspace-{agent}",)
    return found


def workspace_keys(config: Config, agent: str) -> tuple[str | int, ...] | None:
    """Where the config would name this agent's workspace; None for an agent that it does not know."""
    entries, listed = lookup(config, "agents", "entries"), lookup(config, "agents", "list")
    if isinstance(entries, Mapping):
        named = next((str(key) for key in entries if agent_id(str(key)) == agent), None)
        return ("agents", "entries", named, "workspace") if named is not None else None
    for at, each in enumerate(listed if isinstance(listed, list) else []):
        if isinstance(each, Mapping) and agent_id(str(each.get("id") or "")) == agent:
            return ("agents", "list", at, "workspace")
    return ("agents", "defaults", "workspace") if not listed and agent == IMPLICIT_AGENT else None


def _owner(config: Config, entries: Mapping[str, Mapping[str, object]]) -> str | None:
    """The agent that has the default workspace for itself: the marked one, or the only one."""
    if lookup(config, "agents", "ownership") != "explicit":
        marked = [agent for agent, entry in entries.items() if entry.get("default") is True]
        if len(marked) == 1:
            return marked[0]
        if not marked and isinstance(lookup(config, "agents", "list"), list):
            # Up to 2026.7 the first of the list is the default agent.
            return next(iter(entries))
    return next(iter(entries)) if len(entries) == 1 else None


WORKSPACE_IN_PROFILE_SINCE: Final = "2026.8.0"
"""Before PR #122733 every profile's workspace was in the default profile's folder."""


def default_workspaces(setting: Setting) -> tuple[str, ...]:
    """Where the default workspace may be, the likeliest first."""
    configured = setting.environment.get("OPENCLAW_WORKSPACE_DIR", "").strip()
    if configured:
        return (setting.resolve(configured),)
    shared = layout.canonical_state_dir(setting.home, None)
    own = f"{shared}/workspace"
    if setting.state_dir == f"{setting.home}/{layout.LEGACY_STATE_DIR_NAME}":
        return (own, f"{setting.home}/{layout.LEGACY_WORKSPACE}")
    own = f"{setting.state_dir}/workspace"
    before = f"{shared}/workspace" + (f"-{setting.profile}" if setting.profile else "")
    if _is_older(setting.written_by, WORKSPACE_IN_PROFILE_SINCE):
        return (before, own) if before != own else (own,)
    return (own, before) if setting.profile else (own,)


# ------------------------------------------------------------------ the rest

_NO_CHANNEL: Final = frozenset({"defaults", "modelByChannel"})
"""Settings for all channels, which stand beside them."""


def channels(config: Config) -> tuple[str, ...]:
    """The channels that are configured, switched on or not."""
    found = lookup(config, "channels")
    if not isinstance(found, Mapping):
        return ()
    return tuple(str(k) for k, v in found.items() if k not in _NO_CHANNEL and isinstance(v, Mapping))


def channel_accounts(config: Config) -> tuple[str, ...]:
    """`<channel>/<account>` of all; a channel without accounts has the account `default`."""
    found: list[str] = []
    for channel in channels(config):
        accounts = lookup(config, "channels", channel, "accounts")
        names = list(accounts) if isinstance(accounts, Mapping) and accounts else ["default"]
        found += [f"{channel}/{name}" for name in names]
    return tuple(found)


def cron_store(config: Config, setting: Setting) -> str | None:
    """`cron.store` where it is set: the path that cron jobs are kept under."""
    configured = _text(config, "cron", "store")
    return setting.resolve(configured) if configured else None


def key_paths(config: Config) -> tuple[str, ...]:
    """The path of every leaf (`agents.entries.main.workspace`, `models.0.id`), never a value."""
    return tuple(path for path, _ in leaves(config, ""))


def leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Every leaf below a value, by its path; `path` is that of the value itself."""
    if isinstance(value, Mapping) and value:
        children = [(str(key), each) for key, each in value.items()]
    elif isinstance(value, list) and value:
        children = [(str(index), each) for index, each in enumerate(value)]
    else:
        yield path, value
        return
    for key, each in children:
        name = f'"{key}"' if "." in key else key
        yield from leaves(each, f"{path}.{name}" if path else name)


def mentions(config: Config, folder: str) -> tuple[str, ...]:
    """The paths of the leaves whose text names `folder` or something in it, wherever in the text.

    `/home/al` is neither in `/home/alice` nor in `/srv/home/al`.
    """
    pattern = re.compile(rf"(?<![\w.-]){re.escape(folder)}(?![\w.-])")
    return tuple(p for p, v in leaves(config, "") if isinstance(v, str) and pattern.search(v))


def skill_keys(config: Config) -> dict[str, tuple[str, ...]]:
    """The keys of each entry of `skills.entries`, for what doctor added to tell from what was there."""
    entries = lookup(config, "skills", "entries")
    if not isinstance(entries, Mapping):
        return {}
    return {str(k): tuple(map(str, v)) if isinstance(v, Mapping) else () for k, v in entries.items()}


def switched(config: Config, section: str) -> dict[str, bool]:
    """What `plugins.entries` or `skills.entries` (the section) switches on or off, by name."""
    entries = lookup(config, section, "entries")
    found = entries.items() if isinstance(entries, Mapping) else ()
    return {str(k): v["enabled"] is True for k, v in found if isinstance(v, Mapping) and "enabled" in v}


def variables(config: Config) -> tuple[str, ...]:
    """The names of environment variables that the config sets: `env.vars.<NAME>`, once `env.<NAME>` too."""
    named, plain = lookup(config, "env", "vars"), lookup(config, "env")
    found = [f"env.vars.{name}" for name in named] if isinstance(named, Mapping) else []
    direct = plain.items() if isinstance(plain, Mapping) else ()
    return (*found, *(f"env.{name}" for name, value in direct if isinstance(value, str)))


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Where a browser finds the control UI [doc web/control-ui.md]."""

    enabled: bool
    path: str
    """Begins and ends with a slash."""
    tls: bool


def dashboard(config: Config) -> Dashboard:
    base = (_text(config, "gateway", "controlUi", "basePath") or "").strip("/")
    return Dashboard(
        enabled=lookup(config, "gateway", "controlUi", "enabled") is not False,
        path=f"/{base}/" if base else "/",
        tls=lookup(config, "gateway", "tls", "enabled") is True,
    )
