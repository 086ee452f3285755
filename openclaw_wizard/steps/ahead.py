"""Copy ahead: most of the bytes travel while the gateway still works, so that its stop is short.

What arrives here is never used as it is. After the stop OLD is listed again, what changed since is
copied, and every file is compared by hash with what OLD holds then. Until that, a database in staging
is so many blocks: it may be torn, it is never opened, and its log never comes with it.
"""

from __future__ import annotations

import humanize

from openclaw_wizard.events import Advanced
from openclaw_wizard.model import Role, StepId, Tree
from openclaw_wizard.steps import gateway, sending, trees
from openclaw_wizard.steps.action import Action, Context, Done
from openclaw_wizard.transfer.manifest import Manifest

AHEAD = "ahead.json"
LOGS = tuple(
    (f"**/*{database}{log}", "log of a database that is in use; it comes after the stop")
    for database in (".sqlite", ".sqlite3", ".db")
    for log in ("-wal", "-journal")
)


class CopyAhead(Action):
    id = "copy.ahead"
    step = StepId.BACK_UP
    title = "Copy ahead while OLD's gateway still works"
    safe = "OLD works on, untouched. NEW's previous state is untouched; the copy is in a folder of its own."

    async def holds(self, ctx: Context) -> bool:
        """Nothing is left to do once it is done or OLD is stopped, or where it is not wanted."""
        if not ctx.plan.wishes.ahead or ctx.shelf.load(AHEAD) or ctx.shelf.load(trees.COMPARED):
            return True
        return await gateway.is_stopped(ctx, Role.OLD)

    async def apply(self, ctx: Context) -> Done:
        size = 0
        for tree in ctx.plan.trees:
            size += await self._copy(ctx, tree)
        ctx.shelf.save(AHEAD, b"{}")
        return Done(fact=f"{humanize.naturalsize(size)} are on NEW already ({sending.how(ctx)})")

    async def _copy(self, ctx: Context, tree: Tree) -> int:
        listed = await self._listed(ctx, tree)
        staged = None
        ground = await sending.make_staging(ctx, tree)
        if ground.was_there:
            staged = await trees.list_staged(ctx, tree, self.id, hashes=True)
        prepared = await sending.prepare(ctx, tree, ground, listed, staged)
        sending.need_room(ctx, [prepared])
        listed = prepared.source
        (tell,) = sending.tellers(ctx, self.id, [prepared])
        parts = await sending.send(ctx, prepared, tell, live=True)
        await trees.keep_ahead(ctx, tree, listed, parts)
        await trees.list_staged(ctx, tree, self.id, hashes=True, name=trees.arrived_name(tree))
        return listed.bytes

    async def _listed(self, ctx: Context, tree: Tree) -> Manifest:
        def progress(files: int, size: int) -> None:
            ctx.tell(
                Advanced(action=self.id, done=0, total=tree.bytes, unit="bytes", label=f"{files:,} files")
            )

        name = f"listed-{tree.name}.jsonl"
        return await trees.list_old(ctx, tree, name, hashes=False, on_progress=progress, also=LOGS)

    async def revert(self, ctx: Context) -> Done | None:
        return await sending.remove_staging(ctx)
