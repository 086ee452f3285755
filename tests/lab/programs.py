"""OpenClaw of every era, from the npm registry; each installed once and mounted read only.

Node is the one of the `[demo]` extra: 24.16 or later satisfies every published version.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Final

from openclaw_wizard.demo import runtime
from openclaw_wizard.openclaw import releases
from tests.lab.cached import made_once

NEWEST: Final = runtime.VERSION
ERAS: Final = ("2026.1.30", "2026.3.13", "2026.6.11", "2026.7.1", NEWEST)
"""The guide's own time; JSONL with `config validate`; cron in SQLite; the last JSONL; today."""

LIBSIGNAL: Final = {"libsignal": "npm:libsignal-node@2.0.1"}
"""The same code from the registry: old versions name a git address, which npm cannot always reach."""


def openclaw(version: str) -> Path:
    """The folder whose `node_modules` holds that version. Raises CalledProcessError, StepFailed."""
    if version == NEWEST:
        return asyncio.run(runtime.prepare(print)).openclaw / "lib"
    folder = runtime.cache_folder() / "eras" / version
    return made_once(folder, lambda place: _install(version, place)) / "lib"


def _install(version: str, place: Path) -> None:
    """As a project of its own, since a global install heeds no overrides."""
    project = place / "lib"
    project.mkdir(parents=True)
    overrides = {} if releases.npm_install_supported(version) else {"overrides": LIBSIGNAL}
    wanted = {"private": True, "dependencies": {"openclaw": version}, **overrides}
    (project / "package.json").write_text(json.dumps(wanted))
    node, npm = runtime.find_node()
    cache = str(runtime.cache_folder() / "npm")
    argv = [str(node), str(npm), "install", "--no-audit", "--no-fund", "--loglevel=error", "--cache", cache]
    path = f"{node.parent}:{os.environ['PATH']}"
    subprocess.run(argv, cwd=project, env={**os.environ, "PATH": path}, check=True, timeout=1800)
