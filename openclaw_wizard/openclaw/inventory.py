"""What an installation holds, counted; two of these side by side prove that nothing was lost.

From databases and files through the helper, in one call: the program itself would take seconds a question.
"""

from __future__ import annotations

from typing import Final

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import HostFacts, Installation, Inventory
from openclaw_wizard.openclaw import command, layout
from openclaw_wizard.openclaw import config as configs
from openclaw_wizard.openclaw.config import Config, ConfigUnreadable, Setting
from openclaw_wizard.openclaw.discover import WALK_TIMEOUT, read_config
from openclaw_wizard.openclaw.releases import is_before, parse_version

NOT_READ: Final = "not read: "
"""How the detail of a database begins that was in use, and so was not judged."""


async def take(
    helper: Helper,
    installation: Installation,
    facts: HostFacts,
    *,
    version: str | None,
) -> Inventory:
    """The inventory of an installation, its gateway running or not; nothing is left behind.

    `version` is that of the OpenClaw program there. Names leave the host, never content. Workspaces and
    agents' folders are those that the config there names: what it does not lead to is not found. Raises
    StepFailed where the config cannot be read, HelperFailed, LinkLost.
    """
    config = await _config(helper, installation)
    setting = Setting(
        installation.state_dir,
        facts.home,
        installation.profile,
        installation.version,
        installation.gateway.environment,
    )
    asked = {
        "stateDir": installation.state_dir,
        "agents": configs.agents(config),
        "agentDirs": configs.agent_dirs(config, setting),
        "workspaces": configs.workspaces(config, setting),
        "cronStore": configs.cron_store(config, setting),
        "excluded": layout.excluded(plugin_code=False),
    }
    answer = await helper.call("oc.inventory", asked, timeout=WALK_TIMEOUT)
    answer["asks_quietly"] |= _asks_quietly(version)
    answer["plugins"] |= configs.switched(config, "plugins")
    answer["skills"] |= configs.switched(config, "skills")
    answer["env_keys"] += configs.variables(config)
    return Inventory(
        version=version,
        channels=configs.channel_accounts(config),
        config_keys=configs.key_paths(config),
        **answer,
    )


def _asks_quietly(version: str | None) -> bool:
    known = version is not None and parse_version(version) is not None
    return known and not is_before(version or "", command.READS_WITHOUT_PAIRING_SINCE)


async def _config(helper: Helper, installation: Installation) -> Config:
    try:
        return await read_config(helper, installation)
    except ConfigUnreadable as error:
        raise StepFailed(what=f"The config {installation.config_path} cannot be read: {error}") from error
