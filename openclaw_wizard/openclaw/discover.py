"""Which installations of OpenClaw a machine has, and who runs their gateways."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import GatewayFacts, GatewayState, HostFacts, Installation, Workspace
from openclaw_wizard.openclaw import config as configs
from openclaw_wizard.openclaw import layout
from openclaw_wizard.openclaw.config import Config, ConfigUnreadable, Setting
from openclaw_wizard.openclaw.service import Observed, Seen, observed

WALK_TIMEOUT = 600.0
"""Seconds for what reads a whole tree; a state directory can have a million entries."""


class _FromHost(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel)


class NotState(_FromHost):
    """A place with the name of a state directory that holds neither config, agents nor database."""

    path: str
    folder: bool


class Other(_FromHost):
    """A state directory in the home of another person on that machine."""

    user: str
    path: str


class ConfigText(_FromHost):
    config_path: str
    config: str | None
    """Base64 of the text, or None where it could not be read."""
    included: dict[str, str]
    config_problem: str | None

    def parsed(self) -> Config:
        """Raises ConfigUnreadable."""
        if self.config is None:
            raise ConfigUnreadable(self.config_problem or "it cannot be read")
        included = {path: _text(each) for path, each in self.included.items()}
        return configs.parse(_text(self.config), included=included, path=self.config_path)


class Found(ConfigText):
    """One state directory as `oc.discover` saw it."""

    state_dir: str
    profile: str | None
    has_agents: bool
    has_credentials: bool
    bytes: int
    files: int
    top: tuple[str, ...]
    unit: str | None
    environment: dict[str, str]


class Place(_FromHost):
    """What stands at a path: `real` has links resolved, `free` is the room for this user there."""

    exists: bool
    folder: bool
    real: str
    bytes: int
    files: int
    problem: str | None
    free: int | None


@dataclass(frozen=True, slots=True)
class Survey:
    """What a machine has."""

    installations: tuple[Installation, ...]
    not_state: tuple[NotState, ...]
    others: tuple[Other, ...] = ()

    def why_nothing(self, home: str) -> str:
        """Why there is nothing to move, where there are no installations."""
        theirs = "".join(f"; {other.path} belongs to {other.user}" for other in self.others[:3])
        return self._own(home) + theirs

    def _own(self, home: str) -> str:
        if not self.not_state:
            return f"no state directory below {home}, in a service or of a running gateway"
        place = self.not_state[0]
        kind = "holds no config, no agents and no database" if place.folder else "is no folder"
        return f"{place.path} {kind}"


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode(errors="replace")


async def survey(helper: Helper, facts: HostFacts, environment: Mapping[str, str] | None = None) -> Survey:
    """All installations of this user, and the places that only look like one.

    `environment` may hold OPENCLAW_STATE_DIR as a login has it. Raises HelperFailed, LinkLost.
    """
    asked = {"home": facts.home, "environment": dict(environment or {}), "excluded": layout.EXCLUDED}
    answer = await helper.call("oc.discover", asked, timeout=WALK_TIMEOUT)
    found = [Found.model_validate(each) for each in answer["installations"]]
    installations = [await _installation(helper, facts, each) for each in found]
    places = tuple(NotState.model_validate(each) for each in answer["notState"])
    others = tuple(Other.model_validate(each) for each in answer["others"])
    return Survey(tuple(installations), places, others)


async def discover(
    helper: Helper, facts: HostFacts, environment: Mapping[str, str] | None = None
) -> tuple[Installation, ...]:
    """`survey` without the places that are none. The default profile comes first."""
    return (await survey(helper, facts, environment)).installations


async def _installation(helper: Helper, facts: HostFacts, found: Found) -> Installation:
    readable, problem = _config_of(found)
    config = readable or {}
    written_by = configs.version(config)
    setting = Setting(found.state_dir, facts.home, found.profile, written_by, found.environment)
    port = configs.port(config, profile=found.profile, written_by=written_by, environment=found.environment)
    seen = await _observe(helper, facts, state_dir=found.state_dir, port=port, unit=found.unit)
    return Installation(
        profile=found.profile,
        state_dir=found.state_dir,
        config_path=found.config_path,
        config_problem=problem,
        version=written_by,
        mode=configs.mode(config),
        remote_url=configs.remote_url(config),
        port=port,
        agents=() if readable is None else configs.agents(config),
        channels=configs.channels(config),
        workspaces=() if readable is None else await _workspaces(helper, config, setting),
        state_bytes=found.bytes,
        state_files=found.files,
        has_agents=found.has_agents,
        has_credentials=found.has_credentials,
        gateway=seen.gateway,
    )


def _config_of(found: Found) -> tuple[Config | None, str | None]:
    try:
        return found.parsed(), found.config_problem
    except ConfigUnreadable as error:
        return None, str(error)


async def _workspaces(helper: Helper, config: Config, setting: Setting) -> tuple[Workspace, ...]:
    """Each agent's workspace, and agents' own folders where they stand outside the state directory.

    Those hold an agent's sessions; they move like a workspace does.
    """
    candidates = configs.workspaces(config, setting)
    folders = configs.agent_dirs(config, setting)
    paths = [setting.state_dir, *(path for each in candidates.values() for path in each), *folders.values()]
    answers = await helper.call("oc.places", {"paths": paths, "sizes": False})
    places = {path: Place.model_validate(each) for path, each in zip(paths, answers, strict=True)}
    chosen = [(a, next((p for p in each if places[p].folder), each[0])) for a, each in candidates.items()]
    chosen += [
        (f"{agent} (agent folder)", path)
        for agent, path in folders.items()
        if places[path].folder and not is_under(path, setting.state_dir)
    ]
    real_state = places[setting.state_dir].real
    return tuple(_workspace(a, p, places[p], setting.state_dir, real_state) for a, p in chosen)


def _workspace(agent: str, path: str, place: Place, state_dir: str, real_state: str) -> Workspace:
    inside = is_under(path, state_dir)
    if inside and place.folder and not is_under(place.real, real_state):
        # A link in the state directory: the state tree holds only the link, so its folder moves by itself.
        return Workspace(agent=agent, path=place.real, inside_state=False, exists=True)
    return Workspace(agent=agent, path=path, inside_state=inside, exists=place.folder)


def is_under(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or in it, by name."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


async def places(
    helper: Helper, paths: Sequence[str], excluded: Sequence[tuple[str, str]] = ()
) -> tuple[Place, ...]:
    """What stands at these paths, with sizes (without what is excluded) and free room."""
    asked: dict[str, Any] = {"paths": list(paths), "excluded": [list(each) for each in excluded]}
    answers = await helper.call("oc.places", asked, timeout=WALK_TIMEOUT)
    return tuple(Place.model_validate(each) for each in answers)


async def unmatched(helper: Helper, root: str, patterns: Sequence[str]) -> frozenset[str]:
    """Those of the patterns (relative to `root`) that nothing there matches; all where it cannot be read."""
    asked = {"root": root, "patterns": list(patterns)}
    return frozenset(await helper.call("oc.unmatched", asked, timeout=WALK_TIMEOUT))


async def read_config(helper: Helper, installation: Installation) -> Config:
    """The config as it is now, includes in their places. Raises ConfigUnreadable, HelperFailed."""
    asked = {"stateDir": installation.state_dir, "configPath": installation.config_path}
    return ConfigText.model_validate(await helper.call("oc.config", asked)).parsed()


# ------------------------------------------------------------------- gateway


async def observe(helper: Helper, installation: Installation, facts: HostFacts) -> Observed:
    """Who runs this installation's gateway now, with what keeps it from being down."""
    return await _observe(
        helper,
        facts,
        state_dir=installation.state_dir,
        port=installation.port,
        unit=installation.gateway.unit,
    )


async def _observe(
    helper: Helper, facts: HostFacts, *, state_dir: str, port: int, unit: str | None
) -> Observed:
    asked = {"stateDir": state_dir, "home": facts.home, "uid": facts.uid, "port": port, "unit": unit}
    return observed(Seen.model_validate(await helper.call("oc.gateway", asked)))


async def gateway(helper: Helper, installation: Installation, facts: HostFacts) -> GatewayFacts:
    """Who runs this installation's gateway now. STOPPED means proven: process, lock, port, databases."""
    return (await observe(helper, installation, facts)).gateway


async def signal(
    helper: Helper, installation: Installation, facts: HostFacts, *, pid: int, name: str = "SIGTERM"
) -> str:
    """Signals the process if it still is this installation's gateway; else says why it was not done."""
    asked = {"stateDir": installation.state_dir, "uid": facts.uid, "pid": pid, "signal": name}
    answer = await helper.call("oc.signal", asked)
    return "" if answer["sent"] else str(answer["why"])


def absent(port: int = layout.DEFAULT_PORT) -> GatewayFacts:
    """The facts of a gateway where there is no installation."""
    return GatewayFacts(state=GatewayState.ABSENT, port=port)
