"""Install: Node in range and the very same OpenClaw on NEW, into a prefix that its user may write."""

from __future__ import annotations

import json

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.events import (
    Advanced,
    Said,
)
from openclaw_wizard.model import Role, StepId
from openclaw_wizard.openclaw import command, releases
from openclaw_wizard.steps import gateway
from openclaw_wizard.steps.action import Action, Context, Done
from openclaw_wizard.steps.terminal import plain

BEFORE = "install-before.json"
SAFE = "OLD's gateway is stopped and its data untouched; NEW's state directory was not touched."
NPM_TIMEOUT = 1800.0
"""Seconds: 650 MB came in 29 to 48 s on a fast network, so this allows for a slow one."""


async def installed_version(ctx: Context) -> str | None:
    """What `openclaw --version` says on NEW, or None where there is none."""
    ran = await ctx.new.run(gateway.openclaw(ctx, Role.NEW, "--version"), timeout=60)
    found = releases.parse_version(ran.text) if ran.status == 0 else None
    return str(found) if found else None


class NodeInRange(Action):
    id = "new.node"
    step = StepId.INSTALL
    title = "Node in the range that this OpenClaw asks for"
    safe = SAFE

    async def holds(self, ctx: Context) -> bool:
        node = gateway.facts_of(ctx, Role.NEW).node
        return node is not None and releases.node_satisfies(node, ctx.plan.version)

    async def apply(self, ctx: Context) -> Done:
        node = gateway.facts_of(ctx, Role.NEW).node
        found = f"has Node {node}" if node else "has no Node"
        raise StepFailed(
            what=f"NEW {found}; OpenClaw {ctx.plan.version} needs {ctx.plan.node_range}.",
            next="Install Node 24.16 or later on NEW (it fits every version of OpenClaw), then resume.",
        )


class SameOpenClaw(Action):
    id = "new.openclaw"
    step = StepId.INSTALL
    title = "The same OpenClaw version"
    safe = SAFE

    async def holds(self, ctx: Context) -> bool:
        return await installed_version(ctx) == ctx.plan.version

    async def apply(self, ctx: Context) -> Done:
        if gateway.facts_of(ctx, Role.NEW).npm is None:
            raise StepFailed(
                what="NEW has no npm, so OpenClaw cannot be installed there.",
                next=f"Install npm, or OpenClaw {ctx.plan.version} itself, on NEW; then resume.",
            )
        prefix = gateway.npm_prefix(ctx.plan.new)
        if not ctx.shelf.load(BEFORE):
            before = {"version": await installed_version(ctx), "prefix": prefix}
            ctx.shelf.save(BEFORE, json.dumps(before).encode())
        await npm_install(ctx, ctx.plan.version, prefix, self.id)
        return Done(fact=f"{ctx.plan.version} in {prefix}")

    async def revert(self, ctx: Context) -> Done | None:
        kept = ctx.shelf.load(BEFORE)
        if not kept:
            return None
        before = json.loads(kept)
        if before["version"] is None:
            argv = command.npm_uninstall(gateway.facts_of(ctx, Role.NEW), before["prefix"])
            (await ctx.new.run(argv, timeout=NPM_TIMEOUT)).check()
            return Done(fact="removed again; NEW had none before")
        if await installed_version(ctx) != before["version"]:
            await npm_install(ctx, before["version"], before["prefix"], self.id)
        return Done(fact=f"{before['version']} is back")


async def npm_install(ctx: Context, version: str, prefix: str, action: str) -> None:
    """`npm install -g openclaw@VERSION` on NEW, its output going to the log. Raises StepFailed.

    On a terminal of its own, so that npm ends with the connection: a wizard that was killed must not
    leave one behind that fights with the next.
    """
    argv = command.npm_install(gateway.facts_of(ctx, Role.NEW), version, prefix)
    ctx.tell(Said(role=Role.NEW, text=f"npm install -g openclaw@{version} --prefix {prefix}"))
    ctx.tell(Advanced(action=action, done=0, total=None, unit="steps", label=f"npm gets openclaw {version}"))
    ran = await ctx.new.run(argv, timeout=NPM_TIMEOUT, pty=True)
    said = plain(ran.text)
    ctx.tell(Said(role=Role.NEW, text=said))
    if ran.status != 0:
        raise StepFailed(
            what=f"npm could not install OpenClaw {version} on NEW: {' / '.join(said.splitlines()[-4:])}",
            next="See that npm on NEW reaches its registry and has room, then resume.",
        )


ACTIONS: tuple[Action, ...] = (NodeInRange(), SameOpenClaw())
