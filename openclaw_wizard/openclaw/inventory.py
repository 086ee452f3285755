"""What an installation holds, counted; two of these side by side prove that nothing was lost."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from humanize import intcomma

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import Database, HostFacts, Installation, Inventory, Row, RowState
from openclaw_wizard.openclaw import config as configs
from openclaw_wizard.openclaw import layout
from openclaw_wizard.openclaw.config import Config, ConfigUnreadable, Setting
from openclaw_wizard.openclaw.discover import WALK_TIMEOUT, read_config
from openclaw_wizard.openclaw.releases import parse_version

NOT_READ: Final = "not read: "
"""How the detail of a database begins that was in use, and so was not judged."""

NAMED: Final = 5
"""So many missing names are told; the rest is a number."""


async def take(
    helper: Helper,
    installation: Installation,
    facts: HostFacts,
    *,
    version: str | None,
    left_out: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> Inventory:
    """The inventory of an installation, its gateway running or not; nothing is left behind.

    `version` is that of the OpenClaw program there; `left_out` are rules by the path of the state directory
    or of a workspace, instead of the usual ones. Names leave the host, never content. Workspaces are
    named by their first agent, so that the two machines' differ in no name. Raises StepFailed where the
    config cannot be read, HelperFailed, LinkLost.
    """
    config = await _config(helper, installation)
    setting = Setting(installation.state_dir, facts.home, installation.profile, installation.version)
    agent_dirs = configs.agent_dirs(config, setting)
    rules = left_out or {}
    asked = {
        "stateDir": installation.state_dir,
        "agents": configs.agents(config),
        "agentDirs": agent_dirs,
        "workspaces": _workspaces(installation, frozenset(agent_dirs.values()), rules),
        "cronStore": configs.cron_store(config, setting),
        "excluded": rules.get(installation.state_dir, layout.excluded(plugin_code=False)),
    }
    answer = await helper.call("oc.inventory", asked, timeout=WALK_TIMEOUT)
    return Inventory(
        version=version,
        channels=configs.channel_accounts(config),
        config_keys=configs.key_paths(config),
        **answer,
    )


async def _config(helper: Helper, installation: Installation) -> Config:
    try:
        return await read_config(helper, installation)
    except ConfigUnreadable as error:
        raise StepFailed(what=f"The config {installation.config_path} cannot be read: {error}") from error


def _workspaces(
    installation: Installation,
    agent_dirs: frozenset[str],
    left_out: Mapping[str, Sequence[tuple[str, str]]],
) -> list[dict[str, object]]:
    by_path: dict[str, str] = {}
    for each in installation.workspaces:
        # The database of an agent's own folder is counted as sessions; its bytes change with every start.
        if each.path not in agent_dirs:
            by_path.setdefault(each.path, each.agent)
    return [
        {"name": agent, "path": path, "excluded": left_out.get(path, layout.WORKSPACE_EXCLUDED)}
        for path, agent in by_path.items()
    ]


# ------------------------------------------------------------------- compare


def compare(old: Inventory, new: Inventory) -> tuple[Row, ...]:
    """The two side by side, one row a subject.

    EQUAL: NEW has the same. GREW: NEW has all of it and more. LOST: something of OLD is not on NEW,
    and the detail names it. UNKNOWN: one side could not be counted.
    """
    stateful = _unread(old, new, layout.STATE_DATABASE)
    sessions = _unread(old, new, "agents/")
    return (
        _version_row(old.version, new.version),
        _names_row("agents", old.agents, new.agents),
        sessions or _names_row("sessions", old.sessions, new.sessions),
        _relabelled(sessions, "messages") or _messages_row(old.messages, new.messages),
        _relabelled(stateful, "cron jobs") or _names_row("cron jobs", old.cron_jobs, new.cron_jobs),
        _names_row("channels", old.channels, new.channels),
        _names_row("channel credentials", old.credentials, new.credentials),
        _relabelled(stateful, "devices") or _names_row("devices", old.devices, new.devices),
        _files_row(old.workspace_files, new.workspace_files),
        _names_row("config keys", old.config_keys, new.config_keys),
        _names_row("environment keys", old.env_keys, new.env_keys),
        _databases_row(old.databases, new.databases),
    )


def _unread(old: Inventory, new: Inventory, path: str) -> Row | None:
    """A row that knows nothing, where a database that it is counted from was not read."""
    for side, inventory in (("OLD", old), ("NEW", new)):
        for each in inventory.databases:
            if each.path.startswith(path) and each.detail.startswith(NOT_READ):
                return Row(
                    subject="sessions",
                    old="?",
                    new="?",
                    state=RowState.UNKNOWN,
                    detail=f"{each.path} on {side} was in use",
                )
    return None


def _relabelled(row: Row | None, subject: str) -> Row | None:
    return row and row.model_copy(update={"subject": subject})


def _version_row(old: str | None, new: str | None) -> Row:
    state = RowState.EQUAL if old == new else RowState.LOST
    before, after = (parse_version(each or "") for each in (old, new))
    if before is None or after is None:
        state = RowState.UNKNOWN
    elif before < after:
        state = RowState.GREW
    return Row(subject="OpenClaw version", old=old or "?", new=new or "?", state=state)


def _row(
    subject: str, counts: tuple[int, int], missing: Sequence[str], more: Sequence[str], also: str = ""
) -> Row:
    state = RowState.LOST if missing else RowState.GREW if more or also else RowState.EQUAL
    detail = _listed(missing, "missing on NEW") or _listed(more, "more on NEW") or also
    return Row(subject=subject, old=intcomma(counts[0]), new=intcomma(counts[1]), state=state, detail=detail)


def _listed(names: Sequence[str], what: str) -> str:
    if not names:
        return ""
    rest = len(names) - NAMED
    return f"{what}: {', '.join(names[:NAMED])}" + (f" and {intcomma(rest)} more" if rest > 0 else "")


def _without(names: Iterable[str], others: Collection[str]) -> list[str]:
    known = set(others)
    return [name for name in names if name not in known]


def _names_row(subject: str, old: Sequence[str], new: Sequence[str]) -> Row:
    return _row(subject, (len(old), len(new)), _without(old, new), _without(new, old))


def _messages_row(old: Mapping[str, int], new: Mapping[str, int]) -> Row:
    missing = [f"{k} ({new.get(k, 0)} of {n})" for k, n in sorted(old.items()) if new.get(k, 0) < n]
    more = [k for k, n in sorted(new.items()) if n > old.get(k, 0)]
    return _row("messages", (sum(old.values()), sum(new.values())), missing, more)


def _files_row(old: Mapping[str, str], new: Mapping[str, str]) -> Row:
    missing = _without(sorted(old), new)
    missing += [f"{k} (changed)" for k in sorted(old) if k in new and old[k] != new[k] and not _is_cache(k)]
    return _row("workspace files", (len(old), len(new)), missing, _without(sorted(new), old))


def _is_cache(path: str) -> bool:
    # git writes inode numbers and times into it, and again on the next `git status`.
    return path.endswith("/.git/index")


def _databases_row(old: Sequence[Database], new: Sequence[Database]) -> Row:
    subject = "databases intact"
    if any(each.detail.startswith(NOT_READ) for each in (*old, *new)):
        return Row(subject=subject, old=_intact(old), new=_intact(new), state=RowState.UNKNOWN)
    good = {each.path for each in new if each.ok}
    missing = [each.path for each in old if each.ok and each.path not in good]
    damaged = [f"{each.path} ({each.detail})" for each in new if not each.ok]
    more = sorted(good - {each.path for each in old})
    row = _row(subject, (0, 0), missing or damaged, more)
    return row.model_copy(update={"old": _intact(old), "new": _intact(new)})


def _intact(databases: Sequence[Database]) -> str:
    good = sum(each.ok for each in databases)
    return intcomma(good) if good == len(databases) else f"{intcomma(good)} of {intcomma(len(databases))}"
