"""Pitfalls of the program: what is installed where, what starts it, and what single versions do wrong."""

from __future__ import annotations

import re

from openclaw_wizard.model import Facts, Fix, Severity, There
from openclaw_wizard.pitfalls.rule import (
    Judgement,
    Needs,
    Pitfall,
    blocks,
    clear,
    look,
    numbers,
    of_config,
    of_new,
    unknown,
    version_of,
)
from openclaw_wizard.signs import ConfigSigns

# ------------------------------------------------------------------- newer-config


def _newer_config(facts: Facts) -> Judgement:
    if facts.old is None or facts.installation is None:
        return unknown()
    runs, wrote = facts.old.openclaw, facts.installation.version
    if runs is None or wrote is None:
        return unknown("known once both OLD's command and its config say their version")
    if numbers(wrote) > numbers(runs):
        return blocks(f"{wrote} wrote the config, the `openclaw` on the PATH is {runs}")
    return clear(f"{runs} reads it")


NEWER_CONFIG = Pitfall(
    id="newer-config",
    subject="program",
    title="A config of a newer OpenClaw",
    why=(
        "OpenClaw refuses a config that a newer version wrote. NEW gets the version that is on OLD's PATH, "
        "and that is not the one that works with this state."
    ),
    source="#72527, #63567, #152791",
    severity=Severity.BLOCKS,
    remedy="On OLD put the newer `openclaw` first on the PATH (`which -a openclaw`), then look again.",
    judge=_newer_config,
)

# ------------------------------------------------------------------ not-a-release

_RELEASE = re.compile(r"\d+\.\d+\.\d+(-\d+|-beta\.\d+)?")


def _release(facts: Facts) -> Judgement:
    version = version_of(facts)
    if facts.installation is None or version is None:
        return unknown("known once OLD's version is read")
    if _RELEASE.fullmatch(version):
        return clear(f"{version} is a release")
    return look(f"{version} was built from source")


NOT_A_RELEASE = Pitfall(
    id="not-a-release",
    subject="program",
    title="OLD runs no release",
    why="NEW gets OLD's version from npm, and npm has only releases: it may not have this one.",
    source="docs install/updating; measured (versions that npm lacks)",
    severity=Severity.LOOK,
    remedy="Install a release on OLD first (`openclaw update --channel stable`), or build the same on NEW.",
    judge=_release,
)

# ------------------------------------------------------------- no-openclaw-command


def _command(facts: Facts) -> Judgement:
    if facts.old is None or facts.installation is None:
        return unknown()
    if facts.old.openclaw:
        return clear(f"{facts.old.openclaw} is on the PATH")
    wrote = facts.installation.version
    return look(f"not on the PATH of {facts.old.user}; its config was last written by {wrote or 'no one'}")


NO_COMMAND = Pitfall(
    id="no-openclaw-command",
    subject="program",
    title="OLD has no `openclaw` command",
    why=(
        "Which version NEW gets is then taken from the config, and the gateway may run a newer one. Where it "
        "runs in a container, its program is not on the machine at all."
    ),
    source="docs install/docker.md; measured",
    severity=Severity.LOOK,
    remedy="Put the gateway's own `openclaw` on the PATH of OLD's user, or accept the version of the config.",
    judge=_command,
)

# -------------------------------------------------------------------- auto-update


def _auto_update(config: ConfigSigns, _: Facts) -> Judgement:
    return look("update.auto.enabled is on") if config.auto_update else clear("it does not update by itself")


AUTO_UPDATE = Pitfall(
    id="auto-update",
    subject="program",
    title="OpenClaw updates itself",
    why=(
        "An update in the middle of a move changes version and schema of one side. NEW would then be moved "
        "and upgraded at once."
    ),
    source="docs install/updating/automatic-updates.md",
    severity=Severity.LOOK,
    remedy="`openclaw config set update.auto.enabled false` on OLD; switch it on again on NEW afterwards.",
    judge=of_config(_auto_update),
)

# --------------------------------------------------------------- program-in-state


def _program_in_state(facts: Facts) -> Judgement:
    if facts.old is None or facts.installation is None:
        return unknown()
    if facts.new is not None and facts.trees:
        target = facts.trees[0].new
        if inside := _on_path_under(facts.new.path, target):
            return blocks(f"NEW's programs are in {inside}, which is moved aside with {target}")
    if inside := _on_path_under(facts.old.path, facts.installation.state_dir):
        return look(f"OLD's programs are in {inside}, and do not move")
    return clear("no program lies in the state directory")


def _on_path_under(path: str, folder: str) -> str:
    return next((each for each in path.split(":") if each.startswith(f"{folder}/")), "")


PROGRAM_IN_STATE = Pitfall(
    id="program-in-state",
    subject="program",
    title="Programs inside the state directory",
    why=(
        "`install-cli.sh` puts Node and OpenClaw into ~/.openclaw unless it is told otherwise. On NEW they "
        "would be moved aside together with what stands there, in the middle of the move."
    ),
    source="docs install/installer.md",
    severity=Severity.BLOCKS,
    remedy=(
        "On NEW install both elsewhere (`install-cli.sh --prefix ~/.local`); on OLD nothing is to be done."
    ),
    judge=_program_in_state,
)

# ---------------------------------------------------------- other-kind-of-machine


def _other_kind(facts: Facts) -> Judgement:
    if facts.old is None or facts.new is None:
        return unknown()
    if facts.old.node is None or facts.new.node is None:
        return unknown("known once both machines have Node")
    kinds = [(m.system, m.arch, str(numbers(m.node or "")[:1])) for m in (facts.old, facts.new)]
    if kinds[0] == kinds[1]:
        return clear(f"both are {facts.new.system} {facts.new.arch} with Node of one major version")
    words = [f"{m.system} {m.arch}, Node {m.node}" for m in (facts.old, facts.new)]
    return look(f"OLD is {words[0]}; NEW is {words[1]}")


OTHER_KIND = Pitfall(
    id="other-kind-of-machine",
    subject="program",
    title="Another kind of machine",
    why=(
        "Native modules (better-sqlite3, node-llama-cpp, sqlite-vec) are built for one system, processor and "
        "major version of Node; copied to another they do not load."
    ),
    source="#102270, #45364, #74883",
    severity=Severity.LOOK,
    remedy=(
        "The code of plugins is left behind and fetched again on NEW. `node_modules` of workspaces is yours."
    ),
    judge=_other_kind,
    needs=Needs.BOTH,
)

# --------------------------------------------------------------------- no-service


def _service(facts: Facts) -> Judgement:
    if facts.new is None:
        return unknown()
    if facts.new.user_bus:
        return clear("systemd runs services of this user")
    return look("`systemctl --user` does not answer there")


NO_SERVICE = Pitfall(
    id="no-service",
    subject="program",
    title="NEW has no service manager for this user",
    why=(
        "The gateway is then started by itself, and does not come back after a reboot. Over SSH the bus of "
        "the user may be missing although systemd is there."
    ),
    source="#11805, #38379, #17069",
    severity=Severity.LOOK,
    remedy="On NEW: `sudo apt install dbus-user-session`, log in anew; or start it by a unit of the system.",
    judge=_service,
    needs=Needs.NEW,
)


def _linger(facts: Facts) -> Judgement:
    if facts.new is None:
        return unknown()
    if not facts.new.user_bus:
        return clear("there is no service that would need it")
    if facts.new.linger is None:
        return unknown("NEW does not say whether it lingers")
    return (
        clear("it lingers") if facts.new.linger else look(f"{facts.new.user}'s services end with its login")
    )


NO_LINGER = Pitfall(
    id="no-linger",
    subject="program",
    title="NEW's services end with the login",
    why="Without lingering the gateway dies when the last SSH session ends, and does not start at boot.",
    source="#17069, #68380",
    severity=Severity.LOOK,
    remedy="The wizard tries it; by hand: `sudo loginctl enable-linger USER` on NEW.",
    judge=_linger,
    needs=Needs.NEW,
)

# ------------------------------------------------------------ what refuses a service


def _account_home(there: There, facts: Facts) -> Judgement:
    home = facts.new.home if facts.new else ""
    if facts.new and not facts.new.user_bus:
        return clear("there is no service that would ask for it")
    if not there.account_home:
        return unknown("NEW does not say where the account's home is")
    if there.account_home.rstrip("/") == home.rstrip("/"):
        return clear(f"both are {home}")
    return look(f"HOME is {home}, the account's home is {there.account_home}")


HOME_DIFFERS = Pitfall(
    id="home-differs",
    subject="program",
    title="NEW's HOME is not the account's",
    why="`gateway install` refuses where HOME is not the home that the system has for the account.",
    source="docs cli/gateway; measured",
    severity=Severity.LOOK,
    remedy="Log in to NEW without changing HOME, or as the user whose home it is.",
    judge=of_new(_account_home),
    needs=Needs.NEW,
)


def _unit_folder(there: There, _: Facts) -> Judgement:
    mode = there.unit_folder_mode
    if mode is None or not mode & 0o022:
        return clear("only its user may write units")
    return look(f"~/.config/systemd/user has mode {mode:04o}")


def _closed(facts: Facts) -> tuple[Fix, ...]:
    folder = facts.there.unit_folder if facts.there else ""
    return (Fix(pitfall="service-folder-open", kind="close", path=folder),) if folder else ()


SERVICE_FOLDER = Pitfall(
    id="service-folder-open",
    subject="program",
    title="Others may write NEW's units",
    why="`gateway install` refuses a folder of units that group or others may write.",
    source="docs cli/gateway (SERVICE_DEFINITION_UNKNOWN, unsafe-permissions)",
    severity=Severity.LOOK,
    remedy="`chmod go-w ~/.config/systemd/user` on NEW.",
    judge=of_new(_unit_folder),
    fixes=_closed,
    whole=True,
    needs=Needs.NEW,
)
