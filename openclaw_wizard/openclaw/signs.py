"""What pitfalls are told by, from a config and from what the helper reads beside it (signs.mjs); pure.

Sources stand with the pitfalls themselves, by their number or page.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address
from typing import Final

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from openclaw_wizard.openclaw import config as configs
from openclaw_wizard.openclaw import layout
from openclaw_wizard.openclaw.belongings import host_of, local_models, uses_tailscale, webhooks
from openclaw_wizard.openclaw.config import Config, Setting, lookup
from openclaw_wizard.openclaw.service import Seen
from openclaw_wizard.signs import ConfigSigns, Listed, There

SPECIAL: Final = frozenset({"worktrees", "exec-approvals.json"})
"""The names in a state directory that rules ask for."""

CONTAINER_HOME: Final = "/home/node"
"""The home of the user in the official image [doc install/docker.md]."""


class _FromHost(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class Stored(_FromHost):
    """What the state database says."""

    cron_key: str
    """The place that jobs have where the config names none; empty without a database."""
    cron_stores: tuple[tuple[str, int], ...]
    cron_unimported: int
    plugins: tuple[str, ...] | None


class Read(_FromHost):
    """One state directory as `ocSigns` saw it; see `Signs` for what each is."""

    foreign: Listed
    open_to_others: Listed
    stray_logs: Listed
    closed: bool
    transcripts: int
    indexed: int
    without_chats: tuple[str, ...]
    put_away: Listed
    elsewhere: Listed
    stored: Stored | None
    lost_plugins: tuple[str, ...] | None
    leftovers: tuple[str, ...]
    archives: tuple[str, ...]
    paired: int
    identity: bool
    whatsapp: tuple[str, ...] | None
    read_only: str
    node_units: tuple[str, ...]
    variables: tuple[str, ...]
    """Names that `.env` in the state directory and `gateway.env` set."""


_SAME: Final = (
    *("foreign", "open_to_others", "stray_logs", "transcripts", "indexed", "without_chats", "put_away"),
    *("leftovers", "archives", "paired", "identity", "whatsapp", "read_only", "node_units"),
)
"""The fields that `Signs` has under the same name."""


def of_host(read: Read, config: Config | None, setting: Setting) -> dict[str, object]:
    """The fields of `Signs` that the host's own reading gives."""
    return {
        **{name: getattr(read, name) for name in _SAME},
        "sessions_elsewhere": read.elsewhere,
        "chats_closed": read.closed,
        "cron_elsewhere": _cron_elsewhere(read.stored, config or {}, setting),
        "cron_unimported": read.stored.cron_unimported if read.stored else None,
        "plugins_unknown": _unknown_plugins(read.stored, config or {}),
        "plugins_elsewhere": read.lost_plugins,
    }


def _cron_elsewhere(stored: Stored | None, config: Config, setting: Setting) -> tuple[str, ...] | None:
    """Jobs under another key than the one that this gateway looks for (#90510; measured)."""
    if stored is None:
        return None
    own = {configs.cron_store(config, setting) or stored.cron_key, f"{setting.state_dir}/{layout.CRON_STORE}"}
    return tuple(f"{count} under {key}" for key, count in stored.cron_stores if key not in own)


def _unknown_plugins(stored: Stored | None, config: Config) -> tuple[str, ...] | None:
    if stored is None or stored.plugins is None:
        return None
    wanted = (name for name, on in configs.switched(config, "plugins").items() if on)
    return tuple(name for name in wanted if name not in stored.plugins)


def of_gateway(seen: Seen) -> dict[str, object]:
    """The fields that the look at its gateway gives."""
    other = seen.listener if seen.listening else None
    taken = other is not None and not other.ours and not other.comm.startswith("openclaw")
    return {
        "gateways": seen.gateways,
        "port_taken_by": f"{other.comm} (process {other.pid})" if other and taken else "",
    }


class _There(_FromHost):
    legacy: tuple[str, ...]
    unit_folder: str
    unit_folder_mode: int | None
    account_home: str
    addresses: tuple[str, ...]
    listening: str
    listener: int | None
    answering: tuple[str, ...]


def there(answer: object) -> There:
    """What `oc.there` answers."""
    return There.model_validate(_There.model_validate(answer).model_dump())


# ------------------------------------------------------------------ the config


def of_config(config: Config, *, known: Iterable[str], dead: Iterable[str]) -> ConfigSigns:
    """What the config itself says; `known` are names of variables that something sets, `dead` paths that
    it names and that are not there."""
    gateway = lookup(config, "gateway")
    return ConfigSigns(
        remote=_text(lookup(gateway, "remote", "sshTarget")),
        has_auth=any(lookup(gateway, "auth", key) for key in ("token", "password")),
        bind=_text(lookup(gateway, "bind")),
        bind_host=_text(lookup(gateway, "customBindHost")),
        origins=tuple(_origins(lookup(gateway, "controlUi", "allowedOrigins"))),
        tailscale=uses_tailscale(config),
        local_models=tuple(place for _, place in local_models(config)),
        webhooks=tuple(f"{where} ({host})" for where, host in webhooks(config)),
        auto_update=lookup(config, "update", "auto", "enabled") is True,
        dead_paths=tuple(dead),
        container_paths=configs.mentions(config, CONTAINER_HOME),
        switched_off=tuple(_switched_off(config)),
        unset=tuple(_unset(config, frozenset(known))),
        whatsapp=_whatsapp(config),
    )


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _origins(value: object) -> Iterator[str]:
    """[doc gateway/config-gateway.md controlUi.allowedOrigins]"""
    for each in value if isinstance(value, list) else []:
        host = host_of(each) if isinstance(each, str) else ""
        if host and not _is_loopback(host):
            yield host


def _accounts(settings: object) -> Iterator[object]:
    yield settings
    accounts = lookup(settings, "accounts")
    yield from accounts.values() if isinstance(accounts, Mapping) else ()


def _switched_off(config: Config) -> Iterator[str]:
    """Channels that are on, whose plugin of the same name is off (#84929)."""
    plugins = configs.switched(config, "plugins")
    for channel in configs.channels(config):
        if lookup(config, "channels", channel, "enabled") is not False and plugins.get(channel) is False:
            yield channel


_REFERENCE: Final = re.compile(r"(?<!\$)\$\{([A-Z_][A-Z0-9_]*)\}")
"""`${NAME}`, and not `$${NAME}` [doc gateway/configuration/environment-variables.md]."""
_ALWAYS: Final = frozenset({"HOME", "USER", "PATH", "PWD", "SHELL", "TMPDIR"})


def _unset(config: Config, known: frozenset[str]) -> Iterator[str]:
    own = {name.rpartition(".")[2] for name in configs.variables(config)} | known | _ALWAYS
    named = _REFERENCE.findall(json.dumps(config))
    yield from dict.fromkeys(name for name in named if name not in own)


def _whatsapp(config: Config) -> bool:
    settings = lookup(config, "channels", "whatsapp")
    if not isinstance(settings, Mapping) or settings.get("enabled") is False:
        return False
    return not any(lookup(each, "authDir") for each in _accounts(settings))


# ------------------------------------------------------------------ places

MEMORY: Final = "MEMORY.md"
"""What every workspace that was used for a while has [doc concepts/memory.md]."""


def places_wanted(workspaces: Iterable[str], setting: Setting) -> tuple[str, ...]:
    """The paths whose presence tells the rest."""
    within = [each for each in workspaces if posixpath.dirname(each) not in (setting.home, setting.state_dir)]
    memories = [f"{folder}/{MEMORY}" for each in within for folder in (each, posixpath.dirname(each))]
    return (*memories, *([_profile_workspace(setting)] if setting.profile else []))


def of_places(workspaces: Iterable[str], setting: Setting, there: Callable[[str], bool]) -> dict[str, object]:
    """`there` says whether a path of `places_wanted` is there."""
    used = tuple(workspaces)
    left = _profile_workspace(setting) if setting.profile else ""
    return {
        "redirected": tuple(each for each in used if _is_redirected(each, there)),
        "profile_workspace": left if left and left not in used and there(left) else "",
    }


def _profile_workspace(setting: Setting) -> str:
    """Where a named profile had its workspace before 2026.8 (PR #122733)."""
    return f"{layout.canonical_state_dir(setting.home, None)}/workspace-{setting.profile}"


def _is_redirected(workspace: str, there: Callable[[str], bool]) -> bool:
    """Without a memory, in a folder that has one (#127802)."""
    parent = f"{posixpath.dirname(workspace)}/{MEMORY}"
    return there(parent) and not there(f"{workspace}/{MEMORY}")
