"""The words for what a pitfall is told by: small things read of an installation, and of NEW.

None means *not read*; what was read and is not there is empty. No value of a secret is in any of it.
"""

from __future__ import annotations

from openclaw_wizard.word import Word


class Listed(Word):
    """How many there are, and the first of them."""

    count: int = 0
    first: tuple[str, ...] = ()


class ConfigSigns(Word):
    """What the config says that another machine may not be able to follow."""

    remote: str = ""
    """How the machine of a remote gateway is reached by SSH, `[user@]host`, where the config says it."""
    has_auth: bool = False
    """Whether it holds the gateway's token or password."""
    bind: str = ""
    bind_host: str = ""
    origins: tuple[str, ...] = ()
    """Hosts (without loopback) from which a browser may open the control UI."""
    tailscale: bool = False
    local_models: tuple[str, ...] = ()
    """`127.0.0.1:11434` of model providers on the machine itself."""
    webhooks: tuple[str, ...] = ()
    """`telegram (bot.example.org)`: channels that are called at an address of their own."""
    auto_update: bool = False
    dead_paths: tuple[str, ...] = ()
    """Paths that it names and that are not there."""
    container_paths: tuple[str, ...] = ()
    """The keys of values that name the home of a container's user."""
    switched_off: tuple[str, ...] = ()
    """Channels that are configured, and whose plugin is switched off."""
    unset: tuple[str, ...] = ()
    """Names of variables that it takes from the environment, and that nothing known sets."""
    whatsapp: bool = False
    """Whether WhatsApp is configured with no folder of its own for its login."""


class Signs(Word):
    """What was read of one state directory and of what belongs to it."""

    config: ConfigSigns | None = None
    """None where the config could not be read."""
    foreign: Listed = Listed()
    """Entries of the state directory that do not belong to the user who reads it."""
    open_to_others: Listed = Listed()
    """Files with secrets that every user of the machine can read."""
    stray_logs: Listed = Listed()
    """Logs of databases that are not there."""
    special: tuple[str, ...] = ()
    """Those of its names that a rule asks for, such as `worktrees`."""
    leftovers: tuple[str, ...] = ()
    """Files of an older layout beside the marks of their migration."""
    archives: tuple[str, ...] = ()
    """Archives of `openclaw backup create` in the home."""
    chats_closed: bool = False
    """Whether some of its conversations cannot be listed by this user; then the next five are not whole."""
    transcripts: int = 0
    """Conversations in files, as up to 2026.7."""
    indexed: int = 0
    """Conversations that `sessions.json` names."""
    without_chats: tuple[str, ...] = ()
    """Agents with an index of conversations and not one conversation."""
    put_away: Listed = Listed()
    """Conversations of an index that lie beside it as deleted."""
    sessions_elsewhere: Listed = Listed()
    """Conversations whose index names an absolute place that is not this one."""
    cron_elsewhere: tuple[str, ...] | None = None
    """`9 under /old/cron/jobs.json`: jobs that this state directory's gateway does not see."""
    cron_unimported: int | None = None
    """Jobs in `cron/jobs.json` that the database does not have, where it has jobs at all."""
    plugins_unknown: tuple[str, ...] | None = None
    """Plugins that are switched on and that the gateway does not know; None where it keeps no list."""
    plugins_elsewhere: tuple[str, ...] | None = None
    """`notes in /old/extensions/notes`: plugins whose recorded place is not there."""
    paired: int = 0
    """Devices that are paired in files, as up to 2026.7."""
    identity: bool = False
    """Whether this machine's own identity is there as a file."""
    whatsapp: tuple[str, ...] | None = ()
    """Accounts of WhatsApp with a login in `credentials/whatsapp`; None where it cannot be listed."""
    keychain: tuple[str, ...] = ()
    sealed: int = 0
    """Logins whose key is nowhere in the home."""
    browsers: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    """Logins of other programs, by their place in the home."""
    legacy: tuple[str, ...] = ()
    """Folders of an older name beside the one that is used."""
    redirected: tuple[str, ...] = ()
    """Workspaces without memory inside a folder that has some."""
    profile_workspace: str = ""
    """A workspace of this profile in the default profile's folder that its config does not use."""
    node_units: tuple[str, ...] = ()
    read_only: str = ""
    """Why the config is not to be written, such as a place in /nix/store."""
    network: str = ""
    """The disk of another machine that it is on."""
    gateways: int | None = None
    """Processes that run a gateway of this state directory; None where they cannot be seen."""
    port_taken_by: str = ""
    """What else listens on its port."""


class There(Word):
    """What was read of NEW beside the places that the trees go to."""

    legacy: tuple[str, ...] = ()
    """Folders of an older name that are not the one that ~/.openclaw leads to."""
    unit_folder: str = ""
    """`~/.config/systemd/user`, as links lead to it; empty where there is no such folder."""
    unit_folder_mode: int | None = None
    """Its mode; None where there is no such folder."""
    account_home: str = ""
    """The home as the system's list of users has it."""
    addresses: tuple[str, ...] = ()
    listening: str = ""
    """What listens on the port that the gateway will have; empty for nothing."""
    listener: int | None = None
    """Its process, where that can be seen."""
    answering: tuple[str, ...] = ()
    """Those of OLD's `local_models` that answer on NEW."""
    networks: tuple[str, ...] = ()
    """The disks of other machines that trees would go to."""
