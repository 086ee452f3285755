"""What belongs to an installation outside its state directory, and what of it does not move; pure.

Sources: [doc help/environment.md], [doc install/migrating.md], [src oauth-sidecar], [doc channels/signal.md].
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from openclaw_wizard.model import LooseKey, StaysBehind
from openclaw_wizard.openclaw.config import Config, Setting, channels, leaves, lookup
from openclaw_wizard.openclaw.layout import LEGACY_WORKSPACE

# ------------------------------------------------------------------ outside

LOGIN_KEYS: Final = (
    ".config/openclaw/auth-profile-secret-key",
    # On a Mac, where the Keychain was not used.
    ".openclaw-auth-profile-secrets/auth-profile-secret-key",
    "Library/Application Support/OpenClaw/auth-profile-secret-key",
)
"""The key that opens stored logins, below the home [src doctor-auth-oauth-sidecar]."""

HOME_PLACES: Final = (
    # gateway.env [doc help/environment.md], and the key.
    (".config/openclaw", "settings and keys in the home"),
    (".openclaw-auth-profile-secrets", "the key of stored logins"),
    (LOGIN_KEYS[-1], "the key of stored logins"),
)

MAY_BE_ABSENT: Final = frozenset(why for _, why in HOME_PLACES)
"""Why a path is wanted that no config names."""

_KEYS: Final = (
    (("gateway", "tls", "certPath"), "the gateway's certificate"),
    (("gateway", "tls", "keyPath"), "the key of the gateway's certificate"),
    (("gateway", "tls", "caPath"), "the gateway's certificate authority"),
)
_LISTS: Final = (
    (("plugins", "load", "paths"), "a plugin that is loaded from there"),
    (("skills", "load", "extraDirs"), "skills that are loaded from there"),
)
_ACCOUNT_KEYS: Final = {"authDir": "the login of {}", "tokenFile": "the token of {}"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A path that belongs to an installation, if it is there."""

    path: str
    why: str


def outside(config: Config, setting: Setting, included: Iterable[str] = ()) -> tuple[Wanted, ...]:
    """All that may lie outside the state directory, workspaces and agents' folders apart; each path once."""
    found: dict[str, str] = {}
    for path, why in _candidates(config, setting, included):
        if not _is_under(path, setting.state_dir):
            found.setdefault(path, why)
    return tuple(Wanted(path, why) for path, why in found.items())


def _candidates(config: Config, setting: Setting, included: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name, why in HOME_PLACES:
        yield f"{setting.home}/{name}", why
    if named := setting.environment.get("OPENCLAW_OAUTH_DIR", "").strip():
        yield setting.resolve(named), "the channels' logins (OPENCLAW_OAUTH_DIR)"
    for path in included:
        yield path, "a part of the config"
    for path, why in _configured(config):
        if "${" not in path.replace("${HOME}", ""):
            yield setting.resolve(path), why


def _configured(config: Config) -> Iterator[tuple[str, str]]:
    for keys, why in _KEYS:
        yield from ((path, why) for path in _texts(lookup(config, *keys)))
    for keys, why in _LISTS:
        yield from ((path, why) for path in _texts(lookup(config, *keys)))
    for name, provider in _children(lookup(config, "secrets", "providers")):
        yield from ((path, f"the secrets of {name}") for path in _texts(lookup(provider, "path")))
    for channel in channels(config):
        settings = lookup(config, "channels", channel)
        accounts = [("", settings), *_children(lookup(settings, "accounts"))]
        for account, value in accounts:
            name = f"{channel}/{account}" if account else channel
            for key, why in _ACCOUNT_KEYS.items():
                yield from ((path, why.format(name)) for path in _texts(lookup(value, key)))


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [each.strip() for each in values if isinstance(each, str) and each.strip()]


def _children(value: object) -> list[tuple[str, object]]:
    return [(str(k), v) for k, v in value.items()] if isinstance(value, Mapping) else []


def _is_under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def why_it_stays(
    path: str, *, folder: bool, link: bool, network: str | None, home: str, inside: Sequence[str]
) -> str:
    """Why something outside does not move, or "" where it does; `inside` must not be part of it.

    A file outside the home was put there by the system or its administrator, and so is its folder.
    """
    if network:
        return f"it is on a disk of another machine ({network})"
    if folder and any(_is_under(each, path) for each in (home, *inside)):
        return "the folder holds far more than this"
    if link and not folder:
        return "it is a link to a file elsewhere"
    if not _is_under(path, home):
        return "it is outside the home, where this user may write nothing on NEW"
    return ""


# ------------------------------------------------------------------ variables


def loose_keys(config: Config, keys: Iterable[tuple[str, str]]) -> tuple[LooseKey, ...]:
    """Those that the config does not set itself (`env` and `env.vars`)."""
    own = {name for name, _ in _children(lookup(config, "env"))}
    own |= {name for name, _ in _children(lookup(config, "env", "vars"))}
    return tuple(LooseKey(name=name, where=where) for name, where in keys if name not in own)


# ------------------------------------------------------------------ what stays

BESIDE: Final = {
    ".codex/auth.json": ("the login of the Codex program", "run `codex login` on NEW"),
    ".claude/.credentials.json": ("the login of the Claude program", "run `claude` on NEW and sign in"),
    ".local/share/signal-cli/data": (
        "the linked device of signal-cli",
        "link NEW as a device (`signal-cli link`), or copy that folder while nothing uses it",
    ),
}
"""Logins of programs that OpenClaw uses, by their place in the home."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1", "host.docker.internal"})


def stays(
    config: Config,
    *,
    system: str,
    keychain: Sequence[str],
    sidecars: int,
    has_secret_key: bool,
    browsers: Sequence[str],
) -> tuple[StaysBehind, ...]:
    """What of one installation does not move, from its config and from what lies in it."""
    rows = [*_keychain(system, keychain, sidecars, has_secret_key), *_browsers(browsers)]
    rows += [*_tailscale(config), *_local_models(config), *_webhooks(config)]
    return tuple(rows)


def _keychain(system: str, ids: Sequence[str], sidecars: int, has_secret_key: bool) -> Iterator[StaysBehind]:
    if ids:
        yield StaysBehind(
            what=f"the login {', '.join(ids)}",
            reason="it is in the Keychain of that Mac, which gives it to nobody else",
            remedy="sign in again on NEW (`openclaw models auth login`)",
        )
    if sidecars and not has_secret_key:
        where = "in the Keychain of that Mac" if system == "Darwin" else "nowhere in the home"
        yield StaysBehind(
            what=f"{sidecars} stored login{'' if sidecars == 1 else 's'} in credentials/auth-profiles",
            reason=f"the files move, but the key that opens them is {where}",
            remedy="sign in again on NEW (`openclaw models auth login`)",
        )


def _browsers(names: Sequence[str]) -> Iterator[StaysBehind]:
    if names:
        yield StaysBehind(
            what=f"logins in the browser {', '.join(names)}",
            reason="the files move, but a browser encrypts its cookies with a key of its machine",
            remedy="open the browser on NEW and sign in where a site asks for it",
        )


def uses_tailscale(config: Config) -> bool:
    mode = lookup(config, "gateway", "tailscale", "mode")
    return mode in ("serve", "funnel") or lookup(config, "gateway", "bind") == "tailnet"


def _tailscale(config: Config) -> Iterator[StaysBehind]:
    if uses_tailscale(config):
        yield StaysBehind(
            what="the Tailscale identity",
            reason="it belongs to the machine; two machines with the same one push each other out",
            remedy="run `tailscale up` on NEW before its gateway starts; its name and address differ",
        )


def _webhooks(config: Config) -> Iterator[StaysBehind]:
    for where, host in webhooks(config):
        yield StaysBehind(
            what=f"the webhook of {where} ({host})",
            reason="its service calls that address, which leads to OLD or to what stands before it",
            remedy="lead the address to NEW (DNS, proxy, tunnel), or set the new one in the config on NEW",
        )


def webhooks(config: Config) -> Iterator[tuple[str, str]]:
    """Channels that are called from outside, each with the host: (`telegram/shop`, `bot.example.org`).

    The rest of an address can hold a secret and is not told [doc channels/telegram/transports.md webhookUrl].
    """
    for path, value in leaves(lookup(config, "channels"), ""):
        if not path.lower().endswith("webhookurl") or not isinstance(value, str) or not value:
            continue
        parts = path.split(".")
        account = f"{parts[0]}/{parts[2]}" if parts[1:2] == ["accounts"] else parts[0]
        yield account, host_of(value) or "an address that cannot be read"


def host_of(url: str) -> str:
    """The host of an address; never a user, a password or a path."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def local_models(config: Config) -> Iterator[tuple[str, str]]:
    """Providers on the machine itself, each with where it answers: (`ollama`, `127.0.0.1:11434`)."""
    for name, provider in _children(lookup(config, "models", "providers")):
        for url in _texts(lookup(provider, "baseUrl")):
            if place := _loopback(url):
                yield name, place


def _local_models(config: Config) -> Iterator[StaysBehind]:
    for name, place in local_models(config):
        yield StaysBehind(
            what=f"the models of {name} ({place})",
            reason="they are served by a program on OLD and can be many gigabytes",
            remedy=f"install that program and its models on NEW, so that {place} answers there",
        )
    for path in _texts(lookup(config, "agents", "defaults", "memorySearch", "local", "modelPath")):
        if path.startswith(("/", "~")):
            yield StaysBehind(
                what=f"the model file {path}",
                reason="it is a download, not data of yours",
                remedy="download it on NEW and name its place in the config",
            )


def _loopback(url: str) -> str:
    """`127.0.0.1:11434`, or "" where it is another machine; never a user or password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    return (f"{host}:{port}" if port else host) if host in _LOOPBACK else ""


def beside(paths: Iterable[str], home: str) -> Iterator[StaysBehind]:
    """The logins of other programs that are there, and a workspace of the Clawdbot era."""
    for path in paths:
        name = path.removeprefix(f"{home}/")
        if name == LEGACY_WORKSPACE:
            yield StaysBehind(
                what=path,
                reason="a workspace of the Clawdbot era that no agent of this config uses",
                remedy="keep it on OLD; if something is missed, look there",
            )
        if name in BESIDE:
            what, remedy = BESIDE[name]
            yield StaysBehind(what=f"{what} (~/{name})", reason="it is not OpenClaw's own", remedy=remedy)


def legacy(paths: Iterable[str]) -> Iterator[StaysBehind]:
    """Folders of the old name beside the one that is used (#107512, #112395)."""
    for path in paths:
        yield StaysBehind(
            what=path,
            reason="OpenClaw reads ~/.openclaw instead, and some versions refuse to start with both",
            remedy="keep it on OLD; if something is missed, look there",
        )


def loose(keys: Iterable[LooseKey]) -> Iterator[StaysBehind]:
    """The variables of a unit or a shell, one row for each place."""
    by_place: dict[str, list[str]] = {}
    for key in keys:
        by_place.setdefault(key.where, []).append(key.name)
    for where, names in by_place.items():
        yield StaysBehind(
            what=f"{', '.join(names)} (set in {where})",
            reason="units and shells do not move, and neither .env nor the config has it",
            remedy="add it to .env in the state directory on NEW, or set it there in the same way",
        )


def started_elsewhere(found_by: Iterable[str]) -> Iterator[StaysBehind]:
    """What starts the gateway and is not its own service."""
    for how in found_by:
        if how.startswith("crontab"):
            yield StaysBehind(
                what="the crontab line that starts the gateway at boot",
                reason="crontabs do not move; the wizard makes a service on NEW where it can",
                remedy="remove the line on OLD (`crontab -e`), or both gateways run after a reboot",
            )
        if how.endswith("(a system unit)"):
            name = how.removeprefix("unit ").removesuffix(" (a system unit)")
            yield StaysBehind(
                what=f"the system unit {name}",
                reason="only root can stop it or make one, and it starts the gateway again",
                remedy=f"run `sudo systemctl disable --now {name}` on OLD before the move",
            )
