"""What the helper answers when it is asked for installations and places."""

from __future__ import annotations

import base64

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from openclaw_wizard.model import Moved, Part
from openclaw_wizard.openclaw import config as configs
from openclaw_wizard.openclaw import signs
from openclaw_wizard.openclaw.config import Config, ConfigUnreadable


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
    schemas: dict[str, int] = {}
    starts: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = ()
    parts: tuple[Part, ...] = ()
    top: tuple[str, ...]
    found_by: tuple[str, ...]
    unit: str | None
    environment: dict[str, str]
    keys: tuple[tuple[str, str], ...]
    """Names of variables that no file of OpenClaw holds, and where they are set."""
    browsers: tuple[str, ...]
    keychain: tuple[str, ...]
    sidecars: int
    signs: signs.Read


class Place(_FromHost):
    """What stands at a path: `real` has links resolved, `free` is the room for this user there."""

    exists: bool
    folder: bool
    link: bool
    real: str
    bytes: int
    files: int
    problem: str | None
    free: int | None
    network: str | None
    """The kind and place of the disk of another machine that it is on."""
    makeable: bool = False
    """Whether this user may make something there."""
    canonical: str = ""
    """The path with links resolved but for what stands at its very end."""
    mark: tuple[str, ...] | None = None
    """The same on two machines where both see the same folder there."""


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode(errors="replace")
