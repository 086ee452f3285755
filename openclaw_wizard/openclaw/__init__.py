"""What we know of OpenClaw: every path, flag, schema and version, each with its source.

Sources are named in brackets: `[doc X]` is `docs/X` of the npm package 2026.9.6, `[src X]` its bundled
code, `#N` an issue of github.com/openclaw/openclaw, `[measured]` a run of 2026.9.6 on Linux.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

_PARTS: Final = (
    "queries.mjs",
    "started.mjs",
    "discover.mjs",
    "gateway.mjs",
    "inventory.mjs",
    "holdings.mjs",
    "json5.mjs",
    "relocate_state.mjs",
    "relocate.mjs",
    "plugins.mjs",
    "signs.mjs",
)


@cache
def queries() -> tuple[str, ...]:
    """The host-side commands (`oc.*`) as parts for `hosts.helper.Helper`, in an order that works."""
    folder = files(__package__)
    return tuple((folder / name).read_text(encoding="utf-8") for name in _PARTS)
