"""Which installations of OpenClaw a machine has, and who runs their gateways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import (
    GatewayFacts,
    GatewayState,
    HostFacts,
    Installation,
    Outside,
    StaysBehind,
    Workspace,
)
from openclaw_wizard.openclaw import belongings, layout
from openclaw_wizard.openclaw import config as configs
from openclaw_wizard.openclaw import signs as telling
from openclaw_wizard.openclaw.config import Config, ConfigUnreadable, Setting
from openclaw_wizard.openclaw.found import ConfigText, Found, NotState, Other, Place
from openclaw_wizard.openclaw.service import Observed, Seen, observed
from openclaw_wizard.signs import ConfigSigns, Signs

WALK_TIMEOUT = 600.0
"""Seconds for what reads a whole tree; a state directory can have a million entries."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a machine has."""

    installations: tuple[Installation, ...]
    not_state: tuple[NotState, ...]
    others: tuple[Other, ...] = ()
    noticed: tuple[str, ...] = ()
    """What could not be read or followed: a config, or what names a state directory."""

    def why_nothing(self, home: str) -> str:
        """Why there is nothing to move, where there are no installations."""
        theirs = [f"{other.path} belongs to {other.user}" for other in self.others[:3]]
        return "; ".join((self._own(home), *self.noticed[:3], *theirs))

    def _own(self, home: str) -> str:
        if not self.not_state:
            return f"no state directory below {home}, in a service or of a running gateway"
        place = self.not_state[0]
        kind = "holds no config, no agents and no database" if place.folder else "is no folder"
        return f"{place.path} {kind}"


async def survey(helper: Helper, facts: HostFacts, environment: Mapping[str, str] | None = None) -> Survey:
    """All installations of this user, and the places that only look like one; two calls in all.

    `environment` may hold OPENCLAW_STATE_DIR as a login has it. Raises HelperFailed, LinkLost.
    """
    beside = [f"{facts.home}/{name}" for name in (*belongings.BESIDE, layout.LEGACY_WORKSPACE)]
    asked = {
        "home": facts.home,
        "user": facts.user,
        "environment": dict(environment or {}),
        "excluded": layout.EXCLUDED,
        "look": beside,
    }
    answer = await helper.call("oc.discover", asked, timeout=WALK_TIMEOUT)
    found = [Draft.of(Found.model_validate(each), facts) for each in answer["installations"]]
    stays = (*belongings.beside(answer["beside"], facts.home), *belongings.legacy(answer["legacy"]))
    beside_it = {
        "beside": tuple(path.removeprefix(f"{facts.home}/") for path in answer["beside"]),
        "legacy": tuple(answer["legacy"]),
    }
    unreadable = (f"{each.found.config_path}: {each.problem}" for each in found if each.problem)
    return Survey(
        installations=await _installations(helper, facts, found, stays, beside_it),
        not_state=tuple(NotState.model_validate(each) for each in answer["notState"]),
        others=tuple(Other.model_validate(each) for each in answer["others"]),
        noticed=(*unreadable, *answer["problems"]),
    )


async def discover(
    helper: Helper, facts: HostFacts, environment: Mapping[str, str] | None = None
) -> tuple[Installation, ...]:
    """`survey` without the places that are none. The default profile comes first."""
    return (await survey(helper, facts, environment)).installations


@dataclass(frozen=True, slots=True)
class Draft:
    """One installation as far as its own files tell, with the paths that are to be looked at."""

    found: Found
    config: Config
    problem: str | None
    setting: Setting
    port: int
    workspaces: dict[str, tuple[str, ...]]
    agent_dirs: dict[str, str]
    outside: tuple[belongings.Wanted, ...]

    @classmethod
    def of(cls, found: Found, facts: HostFacts) -> Draft:
        readable, problem = _config_of(found)
        config = readable or {}
        version = configs.version(config)
        setting = Setting(found.state_dir, facts.home, found.profile, version, found.environment)
        return cls(
            found=found,
            config=config,
            problem=problem,
            setting=setting,
            port=configs.port(
                config, profile=found.profile, written_by=version, environment=found.environment
            ),
            workspaces={} if readable is None else configs.workspaces(config, setting),
            agent_dirs={} if readable is None else configs.agent_dirs(config, setting),
            outside=belongings.outside(config, setting, found.included),
        )

    @property
    def paths(self) -> tuple[str, ...]:
        likely = [path for each in self.workspaces.values() for path in each]
        outside = (each.path for each in self.outside)
        telling_it = telling.places_wanted(likely, self.setting)
        own = (self.setting.home, self.found.state_dir, *self.login_keys)
        return (*own, *likely, *self.agent_dirs.values(), *outside, *telling_it)

    @property
    def login_keys(self) -> tuple[str, ...]:
        return tuple(f"{self.setting.home}/{name}" for name in belongings.LOGIN_KEYS)


def _config_of(found: Found) -> tuple[Config | None, str | None]:
    try:
        return found.parsed(), found.config_problem
    except ConfigUnreadable as error:
        return None, str(error)


async def _installations(
    helper: Helper,
    facts: HostFacts,
    drafts: Sequence[Draft],
    stays: tuple[StaysBehind, ...],
    beside: Mapping[str, object],
) -> tuple[Installation, ...]:
    """Looks at all their gateways and places at once."""
    if not drafts:
        return ()
    paths = sorted({path for draft in drafts for path in draft.paths})
    gateways = [
        _asked(facts, state_dir=each.found.state_dir, port=each.port, unit=each.found.unit) for each in drafts
    ]
    answer = await helper.call("oc.look", {"gateways": gateways, "paths": paths})
    seen = {path: Place.model_validate(each) for path, each in zip(paths, answer["places"], strict=True)}
    looks = [Seen.model_validate(each) for each in answer["gateways"]]
    return tuple(
        _installation(facts, draft, seen, look, stays, beside)
        for draft, look in zip(drafts, looks, strict=True)
    )


def _installation(
    facts: HostFacts,
    draft: Draft,
    seen: Mapping[str, Place],
    look: Seen,
    stays: tuple[StaysBehind, ...],
    beside: Mapping[str, object],
) -> Installation:
    found, config = draft.found, draft.config
    workspaces = _workspaces(draft, seen)
    outside, left = _outside(draft, seen, [each.path for each in workspaces])
    keys = belongings.loose_keys(config, found.keys)
    own = belongings.stays(
        config,
        system=facts.system,
        keychain=found.keychain,
        sidecars=found.sidecars,
        has_secret_key=any(seen[path].exists for path in draft.login_keys),
        browsers=found.browsers,
    )
    elsewhere = (*belongings.loose(keys), *belongings.started_elsewhere(found.found_by))
    used = {each.path for each in workspaces}
    return Installation(
        profile=found.profile,
        state_dir=found.state_dir,
        config_path=found.config_path,
        config_problem=draft.problem,
        version=configs.version(config),
        mode=configs.mode(config),
        remote_url=configs.remote_url(config),
        port=draft.port,
        agents=() if not draft.workspaces else configs.agents(config),
        channels=configs.channels(config),
        workspaces=workspaces,
        state_bytes=found.bytes,
        state_files=found.files,
        has_agents=found.has_agents,
        has_credentials=found.has_credentials,
        gateway=observed(look).gateway,
        found_by=found.found_by,
        schemas=found.schemas,
        starts=found.starts,
        moved=found.moved,
        parts=found.parts,
        outside=outside,
        loose_keys=keys,
        stays=(*own, *left, *elsewhere, *(each for each in stays if each.what not in used)),
        signs=_signs(draft, seen, look, [each.path for each in workspaces], beside),
    )


def _signs(
    draft: Draft,
    seen: Mapping[str, Place],
    look: Seen,
    workspaces: Sequence[str],
    beside: Mapping[str, object],
) -> Signs:
    """What pitfalls are told by, from all that was read of it."""
    found, setting = draft.found, draft.setting
    has_key = any(seen[path].exists for path in draft.login_keys)
    return Signs.model_validate(
        {
            **telling.of_host(found.signs, draft.config, setting),
            **telling.of_gateway(look),
            **telling.of_places(workspaces, setting, lambda path: path in seen and seen[path].exists),
            **beside,
            "config": _config_signs(draft, seen) if draft.workspaces else None,
            "special": tuple(name for name in found.top if name in telling.SPECIAL),
            "keychain": found.keychain,
            "sealed": 0 if has_key else found.sidecars,
            "browsers": found.browsers,
            "network": seen[found.state_dir].network or "",
        }
    )


def _config_signs(draft: Draft, seen: Mapping[str, Place]) -> ConfigSigns:
    named = [each.path for each in draft.outside if each.why not in belongings.MAY_BE_ABSENT]
    dead = [path for path in named if not seen[path].exists]
    known = (*draft.found.signs.variables, *(name for name, _ in draft.found.keys))
    return telling.of_config(draft.config, known=known, dead=dead)


def _workspaces(draft: Draft, seen: Mapping[str, Place]) -> tuple[Workspace, ...]:
    """Each agent's workspace, and agents' own folders where they stand outside the state directory.

    Those hold an agent's sessions; they move like a workspace does.
    """
    chosen = [
        (agent, next((p for p in each if seen[p].folder), each[0]))
        for agent, each in draft.workspaces.items()
    ]
    chosen += [
        (f"{agent} (agent folder)", path)
        for agent, path in draft.agent_dirs.items()
        if seen[path].folder and not is_under(path, draft.found.state_dir)
    ]
    return tuple(_workspace(agent, path, draft, seen) for agent, path in chosen)


def _workspace(agent: str, path: str, draft: Draft, seen: Mapping[str, Place]) -> Workspace:
    place, state = seen[path], seen[draft.found.state_dir]
    inside = is_under(path, draft.found.state_dir)
    network = place.network if place.network != state.network else None
    if inside and place.folder and not is_under(place.real, state.real):
        # A link in the state directory: the state tree holds only the link, so its folder moves by itself.
        return Workspace(agent=agent, path=place.real, inside_state=False, exists=True, network=network)
    return Workspace(
        agent=agent,
        path=path,
        inside_state=inside,
        exists=place.folder,
        real=place.real if place.real != path else None,
        network=network,
    )


def _outside(
    draft: Draft, seen: Mapping[str, Place], workspaces: Sequence[str]
) -> tuple[tuple[Outside, ...], tuple[StaysBehind, ...]]:
    """What moves beside the state directory and the workspaces, and what of it does not."""
    moves: list[Outside] = []
    left: list[StaysBehind] = []
    state = seen[draft.found.state_dir]
    for each in draft.outside:
        place = seen[each.path]
        covered = any(is_under(each.path, folder) for folder in workspaces)
        if not place.exists or covered or is_under(place.real, state.real):
            continue
        why = belongings.why_it_stays(
            each.path,
            folder=place.folder,
            link=place.link,
            network=place.network if place.network != state.network else None,
            home=draft.setting.home,
            inside=(draft.found.state_dir, *workspaces),
        )
        if why:
            remedy = "put it at the same place on NEW, or give its new place in the config"
            left.append(StaysBehind(what=f"{each.path} ({each.why})", reason=why, remedy=remedy))
        else:
            moves.append(Outside(path=each.path, folder=place.folder, why=each.why))
    return tuple(moves), tuple(left)


def is_under(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or in it, by name."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


async def places(
    helper: Helper, paths: Sequence[str], excluded: Sequence[tuple[str, str]] = (), *, sizes: bool = True
) -> tuple[Place, ...]:
    """What stands at these paths, with sizes (without what is excluded) where asked, and free room."""
    rules = [list(each) for each in excluded]
    asked: dict[str, Any] = {"paths": list(paths), "excluded": rules, "sizes": sizes}
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
    asked = _asked(facts, state_dir=state_dir, port=port, unit=unit)
    return observed(Seen.model_validate(await helper.call("oc.gateway", asked)))


def _asked(facts: HostFacts, *, state_dir: str, port: int, unit: str | None) -> dict[str, object]:
    return {"stateDir": state_dir, "home": facts.home, "uid": facts.uid, "port": port, "unit": unit}


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
