"""Pitfalls of what lies in the state directory: owners, modes, leftovers, places."""

from __future__ import annotations

from openclaw_wizard.model import Facts, Fix, Installation, Severity, There
from openclaw_wizard.pitfalls.rule import (
    Judgement,
    Needs,
    Pitfall,
    blocks,
    clear,
    look,
    look_at,
    numbers,
    of_config,
    of_new,
    of_old,
    some,
    version_of,
)
from openclaw_wizard.pitfalls.running import DOWN
from openclaw_wizard.signs import ConfigSigns, Signs

# ------------------------------------------------------------------ foreign-owned


def _foreign(_: Installation, signs: Signs) -> Judgement:
    found = signs.foreign
    if not found.count:
        return clear("all of it belongs to its user")
    return look(f"{found.count} belong to another user: {some(found.first, found.count)}")


FOREIGN_OWNED = Pitfall(
    id="foreign-owned",
    subject="data",
    title="Entries of another user on OLD",
    why=(
        "What root or a container wrote, the gateway may read and not write. On NEW all of it belongs to the "
        "gateway's user, so it then behaves otherwise than before."
    ),
    source="docs install/migrating.md; #21571, #8793",
    severity=Severity.LOOK,
    remedy='`sudo chown -R "$(id -un)" ~/.openclaw` on OLD, or nothing: NEW gets the right owner.',
    judge=of_old(_foreign),
)

# ----------------------------------------------------------------- open-to-others


def _open(_: Installation, signs: Signs) -> Judgement:
    found = signs.open_to_others
    if not found.count:
        return clear("no secret is open to other users")
    return look(f"every user can read {some(found.first, found.count)}")


OPEN_TO_OTHERS = Pitfall(
    id="open-to-others",
    subject="data",
    title="Secrets that every user can read",
    why=(
        "Keys, tokens and conversations lie in these files, and whoever has an account on OLD can read "
        "them. A copy by hand keeps their modes; here the state directory on NEW is its user's alone."
    ),
    source="docs cli/security.md (fs.*.perms); docs install/migrating.md",
    severity=Severity.LOOK,
    remedy="`chmod -R go-rwx ~/.openclaw` on OLD; renew keys that others may have read.",
    judge=of_old(_open),
)

# --------------------------------------------------------------------- stray-logs


def _stray(_: Installation, signs: Signs) -> Judgement:
    found = signs.stray_logs
    if not found.count:
        return clear("every log has its database")
    return look(f"without its database: {some(found.first, found.count)}")


STRAY_LOGS = Pitfall(
    id="stray-logs",
    subject="data",
    title="A log without its database",
    why=(
        "The `-wal` of a database holds what was written last. Beside another database of that name it "
        "damages it, and alone it means that the database was lost."
    ),
    source="#123327, #101290; measured",
    severity=Severity.LOOK,
    remedy="If the database was renamed, give it its name back on OLD; else move the log out of there.",
    judge=of_old(_stray),
)

# ----------------------------------------------------------------- legacy folders


def _legacy(_: Installation, signs: Signs) -> Judgement:
    return look_at(signs.legacy, "{} beside the one that is used", "there is no folder of an older name")


LEGACY_FOLDER = Pitfall(
    id="legacy-folder",
    subject="data",
    title="A folder of the old name on OLD",
    why=(
        "Conversations from the Clawdbot or Moltbot era may have stayed in it: OpenClaw reads ~/.openclaw "
        "alone, and only that moves."
    ),
    source="#107512, #112395, #3533, #40759",
    severity=Severity.LOOK,
    remedy="Look what it holds; what you want to keep, move into ~/.openclaw before the move.",
    judge=of_old(_legacy),
)


def _legacy_there(there: There, facts: Facts) -> Judgement:
    if not there.legacy:
        return clear("NEW has no folder of an older name")
    said = f"{some(there.legacy)} on NEW"
    version = version_of(facts)
    return blocks(said) if version and numbers(version) == (2026, 7, 1) else look(said)


def _put_aside(facts: Facts) -> tuple[Fix, ...]:
    """Not where a gateway on NEW works, or may work, with one of them: it would lose its state."""
    if facts.there is None or facts.neighbours is None:
        return ()
    used = {each.state_dir for each in facts.neighbours if each.gateway.state not in DOWN}
    paths = facts.there.legacy
    if used.intersection(paths):
        return ()
    return tuple(Fix(pitfall="legacy-folder-on-new", kind="aside", path=path) for path in paths)


LEGACY_THERE = Pitfall(
    id="legacy-folder-on-new",
    subject="data",
    title="A folder of the old name on NEW",
    why=(
        "OpenClaw moves ~/.clawdbot to ~/.openclaw at its start. Where both are real folders 2026.7.1 "
        "refuses to start, and others warn at every start."
    ),
    source="#107512, #112395",
    severity=Severity.BLOCKS,
    remedy="`mv ~/.clawdbot ~/.clawdbot.before` on NEW (.moltbot likewise).",
    judge=of_new(_legacy_there),
    fixes=_put_aside,
    whole=True,
    needs=Needs.NEW,
    versions="2026.7.1 refuses",
)


def _legacy_name(found: Installation, _: Signs) -> Judgement:
    names = (found.state_dir.rpartition("/")[2], found.config_path.rpartition("/")[2])
    old = [name for name in names if name.lstrip(".").startswith(("clawdbot", "moltbot", "moldbot"))]
    return look_at(old, "it is called {}", "its names are those of OpenClaw")


LEGACY_NAME = Pitfall(
    id="legacy-name",
    subject="data",
    title="State with the old name",
    why=(
        "Newer versions rename it at their first start and leave a link; .moltbot and .moldbot are read up "
        "to 2026.3 only."
    ),
    source="docs help/environment.md; #107512",
    severity=Severity.LOOK,
    remedy="Start a current OpenClaw on OLD once, let its doctor rename it, then move.",
    judge=of_old(_legacy_name),
)

# ------------------------------------------------------------- migration-leftovers


def _leftovers(_: Installation, signs: Signs) -> Judgement:
    return look_at(signs.leftovers, "{}, each beside its `.migrated`", "no migration left both forms behind")


LEFTOVERS = Pitfall(
    id="migration-leftovers",
    subject="data",
    title="Old and migrated files side by side",
    why="2026.7.1 refuses to start where a file of the old layout stands beside its migrated form.",
    source="#107227, #102749",
    severity=Severity.LOOK,
    remedy="Move the older of the two out of the state directory on OLD.",
    judge=of_old(_leftovers),
    versions="2026.7.1 refuses",
)

# -------------------------------------------------------------------- identity-gone


def _identity(_: Installation, signs: Signs) -> Judgement:
    if signs.paired and not signs.identity:
        return look(f"devices/ has {signs.paired} paired, identity/ has no device.json")
    return clear("its identity and its devices belong together")


IDENTITY_GONE = Pitfall(
    id="identity-gone",
    subject="logins",
    title="Paired devices without an identity",
    why=(
        "`identity/` and `devices/` belong together: a gateway that makes itself a new identity refuses "
        "every device with a token mismatch."
    ),
    source="#23445, #23498, #18936",
    severity=Severity.LOOK,
    remedy="Put `identity/` back from an older copy of OLD, or pair anew (`openclaw devices approve`).",
    judge=of_old(_identity),
)

# ---------------------------------------------------------------------- worktrees


def _worktrees(_: Installation, signs: Signs) -> Judgement:
    if "worktrees" in signs.special:
        return look("worktrees/ is there")
    return clear("there are no worktrees")


WORKTREES = Pitfall(
    id="worktrees",
    subject="data",
    title="Git worktrees of agents",
    why="A worktree and its repository name each other by absolute path; moved, git finds neither.",
    source="docs concepts/managed-worktrees.md",
    severity=Severity.LOOK,
    remedy="After the move: `git worktree repair` in each repository on NEW.",
    judge=of_old(_worktrees),
)

# --------------------------------------------------------------- paths of the config


def _dead(config: ConfigSigns, _: Facts) -> Judgement:
    return look_at(config.dead_paths, "not there on OLD: {}", "every path of the config is there")


DEAD_PATHS = Pitfall(
    id="dead-paths",
    subject="data",
    title="The config names what is not there",
    why=(
        "Plugins, skills, certificates or tokens that the config names and that are gone are gone on NEW "
        "too, and neither `config validate` nor the doctor says so."
    ),
    source="#136357, #107467; measured",
    severity=Severity.LOOK,
    remedy="Put them back on OLD, or take the entry out (`openclaw config unset …`).",
    judge=of_config(_dead),
)


def _container(config: ConfigSigns, facts: Facts) -> Judgement:
    if facts.old is not None and facts.old.home == "/home/node":
        return clear("that is this machine's own home")
    return look_at(config.container_paths, "/home/node in {}", "no path of a container's user")


CONTAINER_PATHS = Pitfall(
    id="container-paths",
    subject="data",
    title="Paths of a container",
    why=(
        "State that a container used names /home/node, which only the container has: a gateway on the "
        "machine itself fails with `EACCES: mkdir '/home/node'`."
    ),
    source="#62632; docs install/docker.md",
    severity=Severity.LOOK,
    remedy="Write `~/.openclaw/…` for them in the config on OLD, or move into a container as well.",
    judge=of_config(_container),
)


_IMMUTABLE = frozenset({"OPENCLAW_NIX_MODE", "OPENCLAW_CONFIG_READONLY"})


def _read_only(found: Installation, signs: Signs) -> Judgement:
    if signs.read_only:
        return blocks(signs.read_only)
    named = [f"{key.name} is set in {key.where}" for key in found.loose_keys if key.name in _IMMUTABLE]
    return blocks(some(named)) if named else clear("its config may be written")


READ_ONLY = Pitfall(
    id="read-only-config",
    subject="data",
    title="A config that another program makes",
    why=(
        "With Nix the config is made from elsewhere and immutable: what the wizard writes into it on NEW is "
        "lost, and the gateway there has none."
    ),
    source="docs install/nix.md",
    severity=Severity.BLOCKS,
    remedy="Set NEW up with the same Nix configuration, and move only the state below it.",
    judge=of_old(_read_only),
)

# --------------------------------------------------------------------- workspaces


def _redirected(_: Installation, signs: Signs) -> Judgement:
    return look_at(
        signs.redirected, "{} has no MEMORY.md, the folder above it has", "no workspace was led astray"
    )


REDIRECTED = Pitfall(
    id="workspace-redirected",
    subject="data",
    title="A workspace that was led astray",
    why=(
        "On an upgrade an agent that had the default workspace may have got a folder of its own inside it: "
        "it starts with no memory, and the memory lies one level up."
    ),
    source="#127802, #63431",
    severity=Severity.LOOK,
    remedy=(
        "Name the folder above as this agent's workspace (`openclaw config set "
        "agents.entries.main.workspace …`)."
    ),
    judge=of_old(_redirected),
)


def _profile_workspace(_: Installation, signs: Signs) -> Judgement:
    if signs.profile_workspace:
        return look(f"{signs.profile_workspace} is there, and its config uses another")
    return clear("no other profile's folder holds a workspace of it")


PROFILE_WORKSPACE = Pitfall(
    id="profile-workspace",
    subject="data",
    title="A workspace in the default profile's folder",
    why=(
        "Before 2026.8 the workspace of a named profile lay in ~/.openclaw, not in its own folder; what "
        "moves of this profile does not hold it."
    ),
    source="PR #122733, PR #145976",
    severity=Severity.LOOK,
    remedy="Compare both folders on OLD and move what you miss into the one that is used.",
    judge=of_old(_profile_workspace),
)

# ---------------------------------------------------------------------- file systems


def _network(_: Installation, signs: Signs) -> Judgement:
    return look(f"it is on {signs.network}") if signs.network else clear("it is on a disk of OLD itself")


STATE_ON_NETWORK = Pitfall(
    id="state-on-network",
    subject="data",
    title="OLD's state is on another machine's disk",
    why=(
        "SQLite's log needs memory that only one machine shares: on NFS, CIFS and the like databases are "
        "damaged sooner or later."
    ),
    source="#120549, #139214, #36035",
    severity=Severity.LOOK,
    remedy="The move checks every database. Give the state a local disk on NEW.",
    judge=of_old(_network),
)


def _network_there(there: There, _: Facts) -> Judgement:
    return look_at(there.networks, "NEW would keep it on {}", "all goes to disks of NEW itself")


TARGET_ON_NETWORK = Pitfall(
    id="target-on-network",
    subject="data",
    title="NEW's state would be on another machine's disk",
    why=(
        "On NFS, CIFS and the like the gateway's databases are damaged sooner or later, and some of them "
        "know no hard links, without which the gateway does not start."
    ),
    source="#120549, #142146, #36035",
    severity=Severity.LOOK,
    remedy="Move to a local disk of NEW.",
    judge=of_new(_network_there),
    needs=Needs.NEW,
)
