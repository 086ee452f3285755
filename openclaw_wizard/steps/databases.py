"""The last look at the databases before the switch: each one in staging is asked whether it is whole."""

from __future__ import annotations

import json
from base64 import b64decode

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.hosts.helper import Helper
from openclaw_wizard.model import StepId, Tree
from openclaw_wizard.steps import trees
from openclaw_wizard.steps.action import Action, Context, Done
from openclaw_wizard.transfer import manifest

CHECKED = "databases.json"
NAMED = 3


class CheckCopies(Action):
    """After the paths inside were rewritten, so of exactly what is switched in.

    The hashes were equal before that; a copy that is damaged as OLD's own is no fault of the copy.
    """

    id = "copy.databases"
    step = StepId.COPY
    title = "Check every database of the copy"
    safe = "OLD is stopped and its data untouched; nothing was switched on NEW."

    async def holds(self, ctx: Context) -> bool:
        return await trees.switched(ctx) or bool(ctx.shelf.load(CHECKED))

    async def apply(self, ctx: Context) -> Done:
        count, before = 0, []
        for tree in ctx.plan.trees:
            found, broken = await _asked(ctx.new_helper, tree.staging(ctx.move), ())
            ours = await self._not_so_on_old(ctx, tree, broken) if broken else []
            if ours:
                _copy_again(ctx)
                raise _damaged(tree, ours)
            count += found
            before += [manifest.shown(path) for path in broken]
        ctx.shelf.save(CHECKED, json.dumps({"count": count, "damaged_before": before}).encode())
        as_old = f"; damaged on OLD already: {', '.join(before[:NAMED])}" if before else ""
        return Done(fact=f"{count - len(before)} of {count} intact{as_old}")

    async def _not_so_on_old(self, ctx: Context, tree: Tree, broken: dict[bytes, str]) -> list[str]:
        """Those that are whole on OLD, with what is wrong with their copies."""
        _, there = await _asked(ctx.old_helper, tree.old, trees.rules(ctx.plan, tree))
        return [f"{manifest.shown(path)} ({said})" for path, said in broken.items() if path not in there]


async def _asked(
    helper: Helper, root: str, rules: tuple[tuple[str, str], ...]
) -> tuple[int, dict[bytes, str]]:
    """How many databases are below `root`, and what is wrong with those that are damaged, by path."""
    params = {"root": root, "rules": [{"pattern": pattern, "reason": reason} for pattern, reason in rules]}
    count, broken = 0, {}
    async for item in helper.stream("databases", params, timeout=manifest.LONGEST_WALK):
        count += 1
        if not item["ok"]:
            broken[b64decode(item["p"])] = str(item["detail"])
    return count, broken


def _copy_again(ctx: Context) -> None:
    trees.list_again(ctx)
    ctx.shelf.save(trees.COMPARED, b"")


def _damaged(tree: Tree, ours: list[str]) -> StepFailed:
    more = f", and {len(ours) - NAMED} more" if len(ours) > NAMED else ""
    return StepFailed(
        what=f"The copy of {tree.old} on NEW has damaged databases: {', '.join(ours[:NAMED])}{more}",
        next="Resume: they are copied again. If it happens again, look at NEW's disk.",
    )
