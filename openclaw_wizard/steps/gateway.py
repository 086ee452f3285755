"""Starting, stopping and watching a gateway on either machine; used by several steps and by undo.

Exit codes of `gateway stop` and `gateway start` are not trusted (they return before the process is
gone or ready, measured on 2026.9.6); the process, its lock, its port and its databases are.
"""

from __future__ import annotations

from typing import Final

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.events import (
    Advanced,
    Said,
)
from openclaw_wizard.model import GatewayFacts, GatewayState, HostFacts, Installation, Role
from openclaw_wizard.openclaw import command, discover, relocate, service
from openclaw_wizard.steps.action import Context

READY_BUDGET: Final = 300.0
"""Seconds: a cold start took 13 to 80 on two cores; channels may take 120 more."""
PAUSE: Final = 0.5


def facts_of(ctx: Context, role: Role) -> HostFacts:
    """As probed last: a person may have mended PATH, Node or npm since the plan was made."""
    if role is Role.OLD:
        return ctx.facts.old or ctx.plan.old
    return ctx.facts.new or ctx.plan.new


def state_dir(ctx: Context, role: Role) -> str:
    tree = ctx.plan.trees[0]
    return tree.old if role is Role.OLD else tree.new


def facts_on(ctx: Context, role: Role) -> HostFacts:
    """A machine's facts for running OpenClaw there: on NEW the place that this move installs to is first."""
    facts = facts_of(ctx, role)
    if role is Role.OLD:
        return facts
    return facts.model_copy(update={"path": f"{npm_prefix(ctx.plan.new)}/bin:{facts.path}"})


def npm_prefix(new: HostFacts) -> str:
    """Where npm may write for this user, else the usual place in the home."""
    return new.npm_prefix or f"{new.home}/.npm-global"


def environment(ctx: Context) -> dict[str, str]:
    """The variables that placed OLD's gateway and still mean the same on NEW; paths among them do not."""
    placed = ctx.plan.installation.gateway.environment
    return {name: value for name, value in placed.items() if name == "OPENCLAW_GATEWAY_PORT"}


def openclaw(ctx: Context, role: Role, *words: str) -> list[str]:
    """An `openclaw` command for the installation that moves, on either machine."""
    return command.openclaw(
        facts_on(ctx, role),
        *words,
        profile=ctx.plan.installation.profile,
        state_dir=state_dir(ctx, role),
    )


def unit_name(ctx: Context, role: Role) -> str | None:
    """The systemd user unit that runs the gateway there, or None where it runs by itself."""
    if role is Role.OLD:
        return ctx.plan.installation.gateway.unit
    return service.unit_name(ctx.plan.installation.profile) if ctx.plan.service == "systemd" else None


def installation(ctx: Context, role: Role) -> Installation:
    """The installation that moves, as it stands (or will stand) on that machine."""
    moving = ctx.plan.installation
    if role is Role.OLD:
        return moving
    changes = ctx.plan.path_changes
    workspaces = tuple(
        w.model_copy(
            update={
                "path": relocate.relocated(w.path, changes),
                "real": w.real and relocate.relocated(w.real, changes),
            }
        )
        for w in moving.workspaces
    )
    return moving.model_copy(
        update={
            "state_dir": relocate.relocated(moving.state_dir, changes),
            "config_path": relocate.relocated(moving.config_path, changes),
            "workspaces": workspaces,
            "gateway": GatewayFacts(state=GatewayState.UNKNOWN, port=moving.port, unit=unit_name(ctx, role)),
        }
    )


async def look(ctx: Context, role: Role) -> GatewayFacts:
    return await discover.gateway(ctx.helper(role), installation(ctx, role), facts_of(ctx, role))


async def is_stopped(ctx: Context, role: Role) -> bool:
    """No process, no lock, nobody holding a database open. Unknown counts as running."""
    return service.is_down(await look(ctx, role))


async def is_ready(ctx: Context, role: Role) -> bool:
    """Its own process is there and `/readyz` answers 200 (older versions: the dashboard answers)."""
    if (await look(ctx, role)).state is not GatewayState.RUNNING:
        return False
    port = ctx.plan.installation.port
    for path in ("/readyz", "/"):
        answer = await ctx.helper(role).call("http", {"port": port, "path": path, "timeoutMs": 5000})
        if answer["status"] != 404:
            return bool(answer["status"] == 200)
    return False


async def stop(ctx: Context, role: Role, action: str) -> None:
    """Asks it to stop in the way its kind wants and waits until it really is. Raises StepFailed."""
    facts, moving = facts_of(ctx, role), installation(ctx, role)
    seen = await discover.observe(ctx.helper(role), moving, facts)
    plan = service.stop_plan(seen.gateway, unit_active=seen.unit_active)
    if plan.way == "unit":
        ctx.tell(Said(role=role, text=f"systemctl --user stop {plan.unit}"))
        await ctx.host(role).run(
            command.systemctl(facts, "stop", plan.unit), timeout=service.STOP_BUDGET + 20
        )
    elif plan.way == "signal":
        ctx.tell(Said(role=role, text=f"SIGTERM to the gateway, process {plan.pid}"))
        await discover.signal(ctx.helper(role), moving, facts, pid=plan.pid)
    await _until_stopped(ctx, role, action)


async def _until_stopped(ctx: Context, role: Role, action: str) -> None:
    began = ctx.clock.time()
    while True:
        seen = await discover.observe(ctx.helper(role), installation(ctx, role), facts_of(ctx, role))
        if service.is_down(seen.gateway):
            return
        waited = ctx.clock.time() - began
        if waited > service.STOP_BUDGET:
            raise StepFailed(
                what=f"{role.value.upper()}'s gateway is not down {waited:.0f} s after the stop: {seen.why}.",
                safe="No data was touched; the gateway may still be finishing its work.",
                next="Wait until it has ended (or end it yourself), then resume.",
            )
        label = f"waiting: {seen.why}" if seen.why else "waiting for the gateway"
        total = int(service.STOP_BUDGET)
        ctx.tell(Advanced(action=action, done=int(waited), total=total, unit="seconds", label=label))
        await ctx.clock.sleep(PAUSE)


async def start(ctx: Context, role: Role, action: str) -> None:
    """Starts it by its unit, else detached, and waits until it is ready. Raises StepFailed."""
    if not await is_ready(ctx, role):
        unit = unit_name(ctx, role)
        if unit is not None:
            ctx.tell(Said(role=role, text=f"systemctl --user start {unit}"))
            await ctx.host(role).run(command.systemctl(facts_of(ctx, role), "start", unit), timeout=120)
        else:
            await _start_detached(ctx, role)
    await until_ready(ctx, role, action)


async def _start_detached(ctx: Context, role: Role) -> None:
    if (await look(ctx, role)).state is GatewayState.RUNNING:
        return
    ctx.tell(Said(role=role, text="openclaw gateway run (detached: there is no user service manager)"))
    argv = command.start_detached(
        facts_on(ctx, role),
        state_dir=state_dir(ctx, role),
        profile=ctx.plan.installation.profile,
        environment=environment(ctx),
    )
    (await ctx.host(role).run(argv, timeout=30)).check()


async def until_ready(ctx: Context, role: Role, action: str) -> None:
    began = ctx.clock.time()
    while not await is_ready(ctx, role):
        waited = ctx.clock.time() - began
        if waited > READY_BUDGET:
            raise StepFailed(
                what=f"{role.value.upper()}'s gateway was not ready within {READY_BUDGET:.0f} s.",
                next="Look at its log (openclaw logs), then resume; or put back.",
            )
        ctx.tell(
            Advanced(
                action=action,
                done=int(waited),
                total=int(READY_BUDGET),
                unit="seconds",
                label="waiting for the gateway to be ready",
            )
        )
        await ctx.clock.sleep(PAUSE)
