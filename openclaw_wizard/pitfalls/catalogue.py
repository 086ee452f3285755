"""Every pitfall, in the order in which they are shown: what stops a move first."""

from __future__ import annotations

from typing import Final

from openclaw_wizard.pitfalls import data, install, paths, running
from openclaw_wizard.pitfalls.rule import Pitfall

__all__ = ["PITFALLS", "Pitfall"]

PITFALLS: Final[tuple[Pitfall, ...]] = (
    running.REMOTE_MODE,
    running.PROFILE_MISMATCH,
    running.GATEWAY_STILL_RUNNING,
    running.ALREADY_MOVED,
    running.COMES_BACK,
    install.NODE_OUT_OF_RANGE,
    install.DIFFERENT_OPENCLAW,
    install.NEWER_SCHEMA,
    data.NOT_ENOUGH_ROOM,
    data.TARGET_NOT_EMPTY,
    data.PARTIAL_COPY,
    paths.PATHS_INSIDE,
    paths.PATHS_ANOTHER_WAY,
    paths.SHARED_WORKSPACE,
    data.OWNERSHIP,
    data.DAMAGED_DATABASE,
    data.LOST_ENTRIES,
    data.SECRETS_IN_BACKUPS,
)
