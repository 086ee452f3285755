"""Pitfalls of logins, keys and channels: what NEW would not have, or could not use."""

from __future__ import annotations

from openclaw_wizard.model import Facts, Installation, Severity
from openclaw_wizard.pitfalls.rule import (
    Judgement,
    Pitfall,
    clear,
    look,
    look_at,
    of_config,
    of_old,
    unknown,
)
from openclaw_wizard.signs import ConfigSigns, Signs

TOKENS = frozenset({"OPENCLAW_GATEWAY_TOKEN", "OPENCLAW_GATEWAY_PASSWORD"})
SECRET = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
BEFORE = ("CLAWDBOT_", "MOLTBOT_")

# ---------------------------------------------------------------- keys-left-behind


def _keys(facts: Facts) -> Judgement:
    found = facts.installation
    if found is None:
        return unknown()
    return look_at(
        [key.name for key in found.loose_keys if _is_key(key.name)],
        "set in a unit or a shell alone: {}",
        "the state holds every key that the gateway gets",
    )


def _is_key(name: str) -> bool:
    """Whether a move loses something with it. What OpenClaw and Node set for their own processes is none."""
    if name in TOKENS or name.startswith((*BEFORE, "NODE_")):
        return False
    return not name.startswith("OPENCLAW_") or name.endswith(SECRET)


KEYS_LEFT = Pitfall(
    id="keys-left-behind",
    subject="logins",
    title="Keys that are set outside the state",
    why=(
        "Units, drop-ins and shell files do not move. A gateway that got a key from there starts on NEW "
        "without it: models and channels fail one by one."
    ),
    source="#66248, #64283, #79578, #80462",
    severity=Severity.LOOK,
    remedy="Add them to ~/.openclaw/.env on OLD, then look again; or to the same place on NEW.",
    judge=_keys,
)

# -------------------------------------------------------------------- token-in-unit


def _token(config: ConfigSigns, facts: Facts) -> Judgement:
    keys = facts.installation.loose_keys if facts.installation else ()
    held = [f"{key.name} in {key.where}" for key in keys if key.name in TOKENS]
    if config.has_auth:
        return clear("the config holds the gateway's token")
    return look_at(held, "only {}", "no unit holds it")


TOKEN_IN_UNIT = Pitfall(
    id="token-in-unit",
    subject="logins",
    title="The gateway's token is in a unit alone",
    why=("A new unit on NEW gets a new token, and every client and node is refused with a token mismatch."),
    source="#19410, #17223, #77406",
    severity=Severity.LOOK,
    remedy="`openclaw config set gateway.auth.token …` on OLD with the unit's token, before the move.",
    judge=of_config(_token),
)

# ----------------------------------------------------------------- legacy-variables


def _legacy(facts: Facts) -> Judgement:
    found = facts.installation
    if found is None:
        return unknown()
    names = [key.name for key in found.loose_keys if key.name.startswith(BEFORE)]
    return look_at(names, "{}", "no variable has an old name")


LEGACY_VARIABLES = Pitfall(
    id="legacy-variables",
    subject="logins",
    title="Variables with an old name",
    why="CLAWDBOT_… and MOLTBOT_… are no longer read; what they set is not in force, and says so nowhere.",
    source="docs help/environment.md (OPENCLAW_LEGACY_ENV_VARS)",
    severity=Severity.LOOK,
    remedy="Name them OPENCLAW_… where they are set, or remove them.",
    judge=_legacy,
    versions="ignored since 2026.6.11",
)

# ------------------------------------------------------------------ unset-variables


def _unset(config: ConfigSigns, _: Facts) -> Judgement:
    names = [f"${{{name}}}" for name in config.unset]
    return look_at(names, "the config asks for {}, which nothing sets", "every variable of the config is set")


UNSET_VARIABLES = Pitfall(
    id="unset-variables",
    subject="logins",
    title="The config asks for variables that nothing sets",
    why=(
        "It takes them from the environment, and neither .env, the config, a unit, a shell file nor the "
        "running gateway has them: on NEW they are missing for sure."
    ),
    source="#66248, #91554; docs gateway/configuration/environment-variables.md",
    severity=Severity.LOOK,
    remedy="Add them to ~/.openclaw/.env on OLD.",
    judge=of_config(_unset),
)

# --------------------------------------------------------------- logins that stay


def _keychain(_: Installation, signs: Signs) -> Judgement:
    return look_at(signs.keychain, "{}", "no login is in a Keychain")


KEYCHAIN = Pitfall(
    id="keychain-logins",
    subject="logins",
    title="Logins in the Keychain",
    why="A Mac gives what its Keychain holds to no other machine.",
    source="PR #530, #75790, #95367",
    severity=Severity.LOOK,
    remedy="`openclaw models auth login` on NEW for each.",
    judge=of_old(_keychain),
)


def _sealed(_: Installation, signs: Signs) -> Judgement:
    if not signs.sealed:
        return clear("every stored login has its key")
    return look(f"{signs.sealed} in credentials/auth-profiles, without their key")


SEALED = Pitfall(
    id="sealed-logins",
    subject="logins",
    title="Stored logins without their key",
    why=(
        "They are encrypted, and the key that opens them is nowhere in the home: on NEW nobody can read them."
    ),
    source="docs install/docker/networking-and-storage.md (auth-profile-secret-key)",
    severity=Severity.LOOK,
    remedy="Copy `auth-profile-secret-key` to ~/.config/openclaw on OLD, or log in again on NEW.",
    judge=of_old(_sealed),
)


def _browsers(_: Installation, signs: Signs) -> Judgement:
    return look_at(signs.browsers, "{}", "there is no browser profile")


BROWSERS = Pitfall(
    id="browser-logins",
    subject="logins",
    title="Logins in an agent's browser",
    why=(
        "A browser encrypts its cookies with a key of its machine: the files move, and their logins do "
        "not open."
    ),
    source="docs tools/browser.md",
    severity=Severity.LOOK,
    remedy="Open the agent's browser on NEW, and sign in where a site asks for it.",
    judge=of_old(_browsers),
)


def _beside(_: Installation, signs: Signs) -> Judgement:
    logins = [f"~/{each}" for each in signs.beside if "/" in each]
    return look_at(logins, "{}", "no other program's login is in the home")


BESIDE = Pitfall(
    id="program-logins",
    subject="logins",
    title="Logins of programs that OpenClaw uses",
    why=(
        "Codex, Claude and signal-cli keep their own logins outside the state directory; a Signal device "
        "that is copied while it is in use is unlinked."
    ),
    source="docs channels/signal.md",
    severity=Severity.LOOK,
    remedy="Sign in with each on NEW (`codex login`, `claude`, `signal-cli link`).",
    judge=of_old(_beside),
)

# ------------------------------------------------------------------------ WhatsApp


def _whatsapp(config: ConfigSigns, facts: Facts) -> Judgement:
    linked = facts.installation.signs.whatsapp if facts.installation and facts.installation.signs else ()
    if not config.whatsapp:
        return clear("WhatsApp is not configured, or keeps its login elsewhere")
    if linked is None:
        return unknown("OLD's credentials cannot be read")
    if _of_default(facts):
        return clear("its login is in the default profile")
    return clear(f"linked: {', '.join(linked)}") if linked else look("credentials/whatsapp holds no login")


def _of_default(facts: Facts) -> bool:
    """Whether a named profile has no login of WhatsApp, and the default one has."""
    found = facts.installation
    if found is None or found.profile is None or found.signs is None or found.signs.whatsapp:
        return False
    default = next((each for each in facts.installations or () if each.profile is None), None)
    return bool(default and default.signs and default.signs.whatsapp)


WHATSAPP_NOT_LINKED = Pitfall(
    id="whatsapp-not-linked",
    subject="logins",
    title="WhatsApp is configured and not linked",
    why=(
        "Its keys are gone, as an update of its plugin or a copy that left `credentials/` out does it. A "
        "move cannot bring back what OLD does not have."
    ),
    source="#92546, #119584",
    severity=Severity.LOOK,
    remedy="`openclaw channels login --channel whatsapp` on OLD before the move, or on NEW after it.",
    judge=of_config(_whatsapp),
)


def _whatsapp_default(config: ConfigSigns, facts: Facts) -> Judgement:
    if facts.installations is None:
        return unknown("known once every profile of OLD is read")
    if config.whatsapp and _of_default(facts):
        return look("this profile has no login of its own, the default profile has one")
    return clear("each profile has its own")


WHATSAPP_DEFAULT = Pitfall(
    id="whatsapp-in-default",
    subject="logins",
    title="WhatsApp's login is in the default profile",
    why=(
        "2026.4.9 kept the login of every profile in ~/.openclaw; this profile's own folder moves without it."
    ),
    source="#64555",
    severity=Severity.LOOK,
    remedy="Copy `~/.openclaw/credentials/whatsapp` into this profile's folder on OLD, with both stopped.",
    judge=of_config(_whatsapp_default),
)

# ------------------------------------------------------------------------- plugins


def _switched_off(config: ConfigSigns, _: Facts) -> Judgement:
    return look_at(
        config.switched_off, "{}: configured, and its plugin is off", "every channel's plugin is on"
    )


SWITCHED_OFF = Pitfall(
    id="channel-switched-off",
    subject="logins",
    title="A channel whose plugin is off",
    why="An upgrade switched it off without a word: the channel is configured, and silent.",
    source="#84929",
    severity=Severity.LOOK,
    remedy="`openclaw config set plugins.entries.<channel>.enabled true` on OLD, or remove the channel.",
    judge=of_config(_switched_off),
)


def _not_installed(_: Installation, signs: Signs) -> Judgement:
    if signs.plugins_unknown is None:
        return unknown("OLD keeps no list of its plugins, or it cannot be read")
    return look_at(
        signs.plugins_unknown, "switched on, not installed: {}", "every plugin of the config is there"
    )


NOT_INSTALLED = Pitfall(
    id="plugin-not-installed",
    subject="program",
    title="A plugin that is switched on and not there",
    why=(
        "`plugin not found` or `unknown channel id` makes the whole config invalid on some versions, and the "
        "gateway stays down."
    ),
    source="Tencent/openclaw-weixin#5, IanShaw027/wemp-operator#1",
    severity=Severity.LOOK,
    remedy="`openclaw plugins install …` on OLD, or `openclaw config unset plugins.entries.<id>`.",
    judge=of_old(_not_installed),
)


def _elsewhere(_: Installation, signs: Signs) -> Judgement:
    if signs.plugins_elsewhere is None:
        return unknown("OLD's state database cannot be read")
    return look_at(signs.plugins_elsewhere, "not there: {}", "every installed plugin is where it was put")


PLUGIN_ELSEWHERE = Pitfall(
    id="plugin-elsewhere",
    subject="program",
    title="A plugin recorded at a place that is gone",
    why=(
        "Records name absolute places: after a copy by hand they lead to the old home, and the plugin does "
        "not load or is loaded from another tree."
    ),
    source="#136357, #107467, #133935",
    severity=Severity.LOOK,
    remedy="`openclaw plugins install <what> --force` on OLD.",
    judge=of_old(_elsewhere),
)
