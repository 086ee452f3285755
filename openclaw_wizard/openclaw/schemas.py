"""Which schema of its databases each OpenClaw reads; it refuses a newer one and cannot mend it.

`PRAGMA user_version` of shared and agents' databases [doc reference/database-schemas/versioning.md].
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from openclaw_wizard.model import Excluded, SchemaFit
from openclaw_wizard.openclaw import layout
from openclaw_wizard.openclaw.releases import is_before, parse_version

STATE_SCHEMAS: Final[tuple[tuple[str, int], ...]] = (
    ("2026.5.30-beta.1", 1),  # [doc reference/database-schemas/state-schema-history.md]
    ("2026.6.11", 1),  # [old 2026.6.11 OPENCLAW_STATE_SCHEMA_VERSION]
    ("2026.9.6", 18),  # [package.json openclaw.schemaVersions]
)
AGENT_SCHEMAS: Final[tuple[tuple[str, int], ...]] = (
    ("2026.6.11", 1),  # [old 2026.6.11 OPENCLAW_AGENT_SCHEMA_VERSION]
    ("2026.7.1", 1),  # [old 2026.7.1 OPENCLAW_AGENT_SCHEMA_VERSION]
    ("2026.7.2-beta.1", 4),  # [doc reference/database-schemas/agent-schema-history.md]
    ("2026.9.6", 23),  # [package.json openclaw.schemaVersions]
)
"""Versions of which the number is known. One in between reads what lies in between; that is no more exact."""

_AGENT: Final = re.compile(layout.AGENT_DATABASE.format(agent="[^/]+"))


def reads(known: tuple[tuple[str, int], ...], version: str) -> tuple[int, int | None]:
    """The schema that this version surely reads, and the newest that it may read; None where that is open.

    Raises ValueError where it is no version.
    """
    upto = [number for first, number in known if not is_before(version, first)]
    after = [number for first, number in known if is_before(version, first)]
    if upto and any(first == version for first, _ in known):
        return upto[-1], upto[-1]
    return (upto[-1] if upto else 0), (after[0] if after else None)


def fit(version: str, schemas: Mapping[str, int], written_by: str | None) -> SchemaFit:
    """Whether that OpenClaw reads databases with these numbers, by path, and a config of that version.

    Raises ValueError where `version` is none.
    """
    newer, unsure = list(_config(version, written_by)), []
    for path, number in sorted(schemas.items()):
        known = STATE_SCHEMAS if path == layout.STATE_DATABASE else AGENT_SCHEMAS
        if path != layout.STATE_DATABASE and not _AGENT.fullmatch(path):
            continue
        least, most = reads(known, version)
        if most is not None and number > most:
            newer.append(Excluded(path=path, reason=f"schema {number}, it reads {most} at most"))
        elif number > least:
            unsure.append(Excluded(path=path, reason=f"schema {number}"))
    return SchemaFit(runs=version, newer=tuple(newer), unsure=tuple(unsure))


def _config(version: str, written_by: str | None) -> Iterator[Excluded]:
    """A config says which OpenClaw wrote last; an older one refuses it (#72527, #63567)."""
    if written_by and parse_version(written_by) and is_before(version, written_by):
        yield Excluded(path=layout.CONFIG_NAMES[0], reason=f"written by {written_by}")
