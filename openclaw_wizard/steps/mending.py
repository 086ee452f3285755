"""Mends on NEW what the person wants mended; judged again after it, undone when the move is put back."""

from __future__ import annotations

import json
from typing import Final

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.model import Fix, Role, StepId
from openclaw_wizard.openclaw import service
from openclaw_wizard.steps import gateway, reading
from openclaw_wizard.steps.action import Action, Context, Done
from openclaw_wizard.transfer import switch

BEFORE: Final = "mended.json"
WRITABLE: Final = 0o022


class Mend(Action):
    id = "new.fixes"
    step = StepId.INSTALL
    title = "Mend on NEW what you wanted mended"
    safe = "OLD's gateway is stopped and its data untouched; NEW's state directory was not touched."

    async def holds(self, ctx: Context) -> bool:
        return all([await _is_mended(ctx, fix) for fix in ctx.plan.fixes])

    async def apply(self, ctx: Context) -> Done:
        wanted = [fix for fix in ctx.plan.fixes if not await _is_mended(ctx, fix)]
        # What a run that was killed found is kept: this one sees its changes.
        before = _before(ctx)
        for fix in wanted:
            before.setdefault(fix.path, await _mode(ctx, fix.path))
        ctx.shelf.save(BEFORE, json.dumps(before).encode())
        for fix in wanted:
            await _mend(ctx, fix)
        await _judge_again(ctx)
        return Done(fact="; ".join(fix.says(ctx.move) for fix in ctx.plan.fixes))

    async def revert(self, ctx: Context) -> Done | None:
        before = _before(ctx)
        back = [await _put_back(ctx, fix, before[fix.path]) for fix in ctx.plan.fixes if fix.path in before]
        said = [each for each in back if each]
        return Done(fact="; ".join(said)) if said else None


def _before(ctx: Context) -> dict[str, int | None]:
    """The modes of what was changed, as they were before."""
    found: dict[str, int | None] = json.loads(ctx.shelf.load(BEFORE) or b"{}")
    return found


async def _mode(ctx: Context, path: str) -> int | None:
    """None where nothing stands there."""
    (found,) = await ctx.new_helper.call("stat", {"paths": [path]})
    return found["mode"] if found else None


async def _is_mended(ctx: Context, fix: Fix) -> bool:
    mode = await _mode(ctx, fix.path)
    return mode is None or (fix.kind == "close" and not mode & WRITABLE)


async def _mend(ctx: Context, fix: Fix) -> None:
    if fix.kind == "aside":
        await _need_unused(ctx, fix.path)
        await switch.rename(ctx.new_helper, fix.path, fix.aside(ctx.move))
    elif (mode := await _mode(ctx, fix.path)) is not None:
        await _chmod(ctx, fix.path, mode & ~WRITABLE)


async def _need_unused(ctx: Context, path: str) -> None:
    """Raises StepFailed where a gateway on NEW works with that folder."""
    standing = await reading.standing_on(ctx.new, gateway.facts_of(ctx, Role.NEW)) or ()
    if any(each.state_dir == path and not service.is_down(each.gateway) for each in standing):
        raise StepFailed(
            what=f"A gateway on NEW works with {path}, which is to be moved aside.",
            next="Stop it there, then resume; or put back.",
        )


async def _put_back(ctx: Context, fix: Fix, mode: int | None) -> str:
    """Only what is still as it was left; what it did, for a person."""
    now, kept = await _mode(ctx, fix.path), await _mode(ctx, fix.aside(ctx.move))
    if fix.kind == "close":
        if mode is None or now != mode & ~WRITABLE:
            return ""
        await _chmod(ctx, fix.path, mode)
        return f"{fix.path} has its mode {mode:04o} again"
    if kept is None:
        return ""
    if now is not None:
        return f"something new stands at {fix.path}; what stood there is kept as {fix.aside(ctx.move)}"
    await switch.rename(ctx.new_helper, fix.aside(ctx.move), fix.path)
    return f"{fix.path} is back"


async def _chmod(ctx: Context, path: str, mode: int) -> None:
    await ctx.new_helper.call("chmod", {"root": path, "ops": [{"path": "", "mode": mode}]})


async def _judge_again(ctx: Context) -> None:
    new = gateway.facts_of(ctx, Role.NEW)
    there = await reading.there_on(ctx.new, new, ctx.plan.installation)
    if there is not None and ctx.facts.there is not None:
        there = there.model_copy(update={"networks": ctx.facts.there.networks})
    ctx.learn(ctx.facts.model_copy(update={"there": there}))
