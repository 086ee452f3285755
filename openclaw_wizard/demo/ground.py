"""Sets up, finds and removes the two practice hosts of the demo.

OLD (`alice@old-practice`, home `home/alice`) gets a real OpenClaw: onboarded by its own
non-interactive onboarding, with two agents, sessions made by `openclaw agent`, a cron job, memory
files and a workspace outside the state directory. NEW (`bob@new-practice`, home `srv/bob`) has Node
and npm only.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from openclaw_wizard.demo.runtime import Runtime, free_port, network_environment, npmrc, prepare
from openclaw_wizard.errors import CommandFailed, StepFailed
from openclaw_wizard.hosts import Host
from openclaw_wizard.hosts.facts import probe
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.hosts.practice import connect_practice, create_practice, stop_practice
from openclaw_wizard.journal import wizard_home
from openclaw_wizard.model import HostFacts, Installation, MoveSummary, Outcome
from openclaw_wizard.openclaw import command, discover
from openclaw_wizard.steps.reading import helper

Narrate = Callable[[str], None]

OpenClaw = Callable[..., Awaitable[str]]
"""Runs one `openclaw` command on OLD and returns what it printed."""

StartAnew = Callable[[], Awaitable[None]]
"""Ends the gateway on OLD, starts it again and waits until it is ready."""

BUSY_SECONDS: Final = 120
ASK_AGAIN_SECONDS: Final = 2
FRESH_STARTS: Final = 4
"""A loaded gateway of 2026.9.6 has been seen to answer nothing but BUSY for three minutes and more."""

BUILT: Final = "built"
STAND_IN_PID: Final = "stand-in.pid"
MEMORY: Final = """# Memory

- Alice's sister is called Mira; her birthday is on 3 May.
- The boiler is serviced every October.
"""


def folder() -> Path:
    return wizard_home() / "demo"


def addresses() -> tuple[str, str]:
    return f"practice:{folder() / 'old'}", f"practice:{folder() / 'new'}"


def unfinished(moves: Sequence[MoveSummary]) -> str | None:
    """The id of a move between these practice hosts that can be resumed."""
    ended = (Outcome.DONE, Outcome.PROBLEMS, Outcome.PUT_BACK)
    if not (folder() / BUILT).exists():
        return None
    for move in moves:
        if (move.old, move.new) == addresses() and move.outcome not in ended and not move.problem:
            return move.id
    return None


async def build(narrate: Narrate) -> tuple[str, str]:
    """Both practice hosts, made anew; returns their addresses. Raises WizardError."""
    runtime = await prepare(narrate)
    if folder().exists():
        await clean(lambda _: None)
    folder().mkdir(parents=True, mode=0o700)
    narrate("setting up two practice hosts")
    old = _practice_host(runtime, "old", "alice", "home/alice", with_openclaw=True)
    new = _practice_host(runtime, "new", "bob", "srv/bob", with_openclaw=False)
    port = _start_stand_in(runtime)
    host = await connect_practice(old)
    try:
        await _furnish(host, port, narrate)
    finally:
        await host.aclose()
    (folder() / BUILT).touch()
    return old, new


def _practice_host(runtime: Runtime, name: str, user: str, home: str, *, with_openclaw: bool) -> str:
    place = folder() / name
    programs = place / "bin"
    address = create_practice(
        place,
        user=user,
        hostname=f"{name}-practice",
        home=home,
        path=[str(programs)],
        environment=network_environment(),
    )
    programs.mkdir(exist_ok=True)
    (programs / "node").symlink_to(runtime.node)
    npm = programs / "npm"
    npm.write_text(f'#!/bin/sh\nexec "{runtime.node}" "{runtime.npm_cli}" "$@"\n')
    npm.chmod(0o755)
    if with_openclaw:
        (programs / "openclaw").symlink_to(runtime.openclaw / "bin" / "openclaw")
    (place / home / ".npmrc").write_text(npmrc(runtime, place / home))
    return address


def _start_stand_in(runtime: Runtime) -> int:
    """The stand-in for a model provider; it ends by itself when the demo's folder goes away."""
    import subprocess

    port = free_port()
    script = folder() / "model-stand-in.mjs"
    script.write_text(files("openclaw_wizard.demo").joinpath("model_stand_in.mjs").read_text())
    process = subprocess.Popen(
        [str(runtime.node), str(script), str(port), str(folder())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    (folder() / STAND_IN_PID).write_text(f"{process.pid}\n")
    return port


async def _furnish(host: Host, model_port: int, narrate: Narrate) -> None:
    """A lived-in OpenClaw on OLD, made by the program itself."""
    facts = await probe(host)

    async def openclaw(*words: str, input: bytes = b"") -> str:
        return (await host.run(command.openclaw(facts, *words), input=input, timeout=180)).check().text

    gateway_port = free_port()
    narrate("OpenClaw on OLD: onboarding")
    await openclaw(*_onboarding(model_port, gateway_port))
    quiet = b'{ agents: { defaults: { heartbeat: { every: "0m" } } } }'
    await openclaw("config", "patch", "--stdin", input=quiet)
    research = f"{facts.home}/research-notes"
    await openclaw(
        "agents", "add", "research", "--workspace", research, "--model", MODEL, "--non-interactive", "--json"
    )
    narrate("OpenClaw on OLD: starting its gateway")
    await _start_gateway(host, facts, gateway_port)
    narrate("OpenClaw on OLD: conversations, a cron job, memory files")

    async def start_anew() -> None:
        narrate("OpenClaw on OLD: starting its gateway anew, it stays busy")
        await _end_gateways(host, facts)
        await _start_gateway(host, facts, gateway_port)

    await _live(openclaw, start_anew)
    await _remember(host, facts.path, facts.home, research)


PROVIDER: Final = "standin"
MODEL: Final = f"{PROVIDER}/stand-in"


def _onboarding(model_port: int, gateway_port: int) -> tuple[str, ...]:
    """OpenClaw's own non-interactive onboarding; the key is the stand-in's and opens nothing."""
    options = {
        "--mode": "local",
        "--flow": "quickstart",
        "--auth-choice": "custom-api-key",
        "--custom-base-url": f"http://127.0.0.1:{model_port}/v1",
        "--custom-model-id": "stand-in",
        "--custom-api-key": "sk-stand-in-000000000000",
        "--custom-provider-id": PROVIDER,
        "--custom-compatibility": "openai",
        "--gateway-port": str(gateway_port),
        "--gateway-bind": "loopback",
        "--gateway-auth": "token",
    }
    skips = ("no-install-daemon", "skip-health", "skip-channels", "skip-skills", "skip-search", "skip-ui")
    words = [word for pair in options.items() for word in pair]
    return ("onboard", "--non-interactive", "--accept-risk", *words, *(f"--{s}" for s in skips), "--json")


async def _live(openclaw: OpenClaw, start_anew: StartAnew) -> None:
    async def does(*words: str) -> None:
        await patiently(openclaw, start_anew, *words)

    boiler = ("agent", "--session-key", "agent:main:boiler", "--message")
    await does(*boiler, "when was the boiler serviced?")
    note = 'TOOL write {"path":"memory/boiler.md","content":"Serviced on 12 October.\\n"}'
    await does(*boiler, note)
    research = ("agent", "--agent", "research", "--session-key", "agent:research:main", "--message")
    await does(*research, "collect three sources on heat pumps")
    job = ("--cron", "17 3 * * *", "--session", "isolated", "--message", "nightly summary", "--no-deliver")
    await does("cron", "add", "--name", "nightly", *job, "--json")


async def patiently(openclaw: OpenClaw, start_anew: StartAnew, *words: str) -> None:
    """Runs the command once the gateway lets it. Raises CommandFailed where it never does."""
    for _ in range(FRESH_STARTS):
        if await _unless_busy(openclaw, *words):
            return
        await start_anew()
    await openclaw(*words)


async def _unless_busy(openclaw: OpenClaw, *words: str) -> bool:
    """Asks until it is done; False where the gateway stayed busy for BUSY_SECONDS."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            await openclaw(*words)
        except CommandFailed as problem:
            if not any(word in str(problem.fields["output"]) for word in command.BUSY):
                raise
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(ASK_AGAIN_SECONDS)
        else:
            return True


async def _remember(host: Host, path: str, home: str, research: str) -> None:
    import base64

    notes = helper(host, path)
    for place, text in (
        (f"{home}/.openclaw/workspace/MEMORY.md", MEMORY),
        (f"{research}/sources.md", "# Sources\n\n1. The installer's handbook.\n"),
        (f"{home}/.openclaw/workspace/notes with a\nnewline.md", "A name that breaks careless tools.\n"),
    ):
        content = base64.b64encode(text.encode()).decode()
        await notes.call("write", {"path": place, "content": content, "mode": 0o644})


async def _start_gateway(host: Host, facts: HostFacts, port: int) -> None:
    start = command.start_detached(facts, state_dir=f"{facts.home}/.openclaw")
    (await host.run(start, timeout=30)).check()
    await _until_ready(host, facts.path, port)


async def _until_ready(host: Host, path: str, port: int) -> None:
    asking = helper(host, path)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        answer = await asking.call("http", {"port": port, "path": "/readyz", "timeoutMs": 3000})
        if answer["status"] == 200:
            return
        await asyncio.sleep(0.5)
    raise StepFailed(what="The practice gateway did not become ready within 300 s.")


async def clean(narrate: Narrate) -> None:
    """Stops what the demo started and removes its folder; the cache stays."""
    if not folder().exists():
        narrate("there is nothing to remove")
        return
    for name in ("old", "new"):
        if (folder() / name / "host.json").exists():
            await _stop_gateway(f"practice:{folder() / name}")
            await stop_practice(folder() / name)
    _stop_stand_in()
    shutil.rmtree(folder())
    narrate(f"removed {folder()}")


async def _stop_gateway(address: str) -> None:
    """Whatever gateway runs in that practice host's home, by the process that holds its lock."""
    host = await connect_practice(address)
    try:
        await _end_gateways(host, await probe(host))
    finally:
        await host.aclose()


async def _end_gateways(host: Host, facts: HostFacts) -> None:
    asking = helper(host, facts.path)
    for each in await discover.discover(asking, facts):
        await _end(asking, each, facts)


async def _end(asking: Helper, installation: Installation, facts: HostFacts) -> None:
    patience = time.monotonic() + 60
    while True:
        found = await discover.gateway(asking, installation, facts)
        if found.pid is None:
            return
        name = "SIGTERM" if time.monotonic() < patience else "SIGKILL"
        await discover.signal(asking, installation, facts, pid=found.pid, name=name)
        await asyncio.sleep(0.5)


def _stop_stand_in() -> None:
    """By pid, and only where that pid still runs our script; else it ends itself with the folder."""
    kept = folder() / STAND_IN_PID
    if not kept.exists():
        return
    pid = int(kept.read_text())
    argv = Path(f"/proc/{pid}/cmdline")
    if argv.exists() and b"model-stand-in.mjs" in argv.read_bytes():
        os.kill(pid, signal.SIGTERM)
