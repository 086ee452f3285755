"""Plugins that a person installed, what they lack after a move, and the command that brings it.

Most channels are plugins of their own since 2026.8. Their code is made for one kind of machine, and stays
behind where NEW is another (`layout.PLUGIN_CODE`); a plugin whose packages are missing does not load:
"install incomplete: required dependencies are missing" [measured]. A plugin that names OpenClaw as a peer
has a link to the very folder in which OpenClaw stood on OLD; where npm's prefix differs, it leads nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import HostFacts, Installation, Word
from openclaw_wizard.openclaw.config import lookup
from openclaw_wizard.openclaw.discover import read_config
from openclaw_wizard.openclaw.releases import is_before

FETCHED: Final = frozenset({"npm", "clawhub", "git", "marketplace"})
"""Sources that another machine can install from too; `path` and `archive` are places on OLD."""


class Plugin(Word):
    """One installed plugin as it stands on a host."""

    id: str
    source: str
    spec: str
    """What it was installed from, with its version where that is known."""
    path: str
    code: bool
    """Whether its own folder is there."""
    missing: tuple[str, ...]
    """Names of packages that it needs and that are not there."""
    lost_peers: tuple[str, ...]
    """Links to OpenClaw that lead nowhere."""

    @property
    def is_whole(self) -> bool:
        return self.code and not self.missing

    @property
    def can_be_fetched(self) -> bool:
        return self.source in FETCHED and bool(self.spec)


async def installed(
    helper: Helper, installation: Installation, changes: Sequence[tuple[str, str]] = ()
) -> tuple[Plugin, ...]:
    """Every plugin that was installed; `changes` are the folders that moved.

    Raises ConfigUnreadable, HelperFailed, LinkLost.
    """
    config = await read_config(helper, installation)
    asked = {
        "stateDir": installation.state_dir,
        "configured": lookup(config, "plugins", "installs") or {},
        "pairs": [list(pair) for pair in changes],
    }
    answer = await helper.call("oc.plugins", asked)
    return tuple(Plugin.model_validate(each) for each in answer)


async def relink(helper: Helper, facts: HostFacts, plugins: Sequence[Plugin]) -> str | None:
    """Lets lost links to OpenClaw lead to the one on that PATH; where it is, None where there is none."""
    links = [link for plugin in plugins for link in plugin.lost_peers]
    answer = await helper.call("oc.plugins-relink", {"links": links, "searchPath": facts.path})
    target = answer["target"]
    return str(target) if target is not None else None


def install_words(plugin: Plugin, version: str) -> tuple[str, ...]:
    """`plugins install SPEC`, over what is there; which flags a version knows was measured."""
    force = () if is_before(version, "2026.6.1") else ("--force",)
    accept = () if is_before(version, "2026.8.1") else ("--accept-capabilities",)
    return ("plugins", "install", plugin.spec or plugin.path, *force, *accept)
