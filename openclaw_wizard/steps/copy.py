"""Copy: all into a staging folder beside the target, compared by hash, mended, then switched by rename."""

from __future__ import annotations

import json

import humanize

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.events import Advanced
from openclaw_wizard.model import Role, Staged, StepId, Tree
from openclaw_wizard.steps import databases, gateway, losses, recovering, sending, trees
from openclaw_wizard.steps.action import Action, Context, Done
from openclaw_wizard.steps.relocating import Relocate
from openclaw_wizard.transfer import compare, relay, switch
from openclaw_wizard.transfer.aside import aside, both
from openclaw_wizard.transfer.manifest import Entry, Manifest

SAFE = (
    "OLD is stopped and its data untouched; NEW's previous state is untouched, "
    "the copy is in a folder of its own."
)


class TakeManifest(Action):
    """What the copy ahead hashed and nothing has changed since is not read again."""

    id = "copy.manifest"
    step = StepId.COPY
    title = "List every file on OLD"
    safe = SAFE

    async def holds(self, ctx: Context) -> bool:
        """What was stopped for want of consent is listed again: the cause may be gone."""
        if self.id not in ctx.fresh and not losses.agreed(ctx):
            return False
        return all(trees.is_listed(ctx, tree) for tree in ctx.plan.trees)

    async def apply(self, ctx: Context) -> Done:
        ctx.fresh.add(self.id)
        ctx.fresh.discard(Stream.id)
        for name in (trees.COMPARED, databases.CHECKED, recovering.KEPT, recovering.RECOVERED):
            ctx.shelf.save(name, b"")
        files = size = 0
        for tree in ctx.plan.trees:
            taken = await self._take(ctx, tree)
            files, size = files + taken.files, size + taken.bytes
        return Done(fact=f"{humanize.naturalsize(size)} in {files:,} files")

    async def _take(self, ctx: Context, tree: Tree) -> Manifest:
        def progress(files: int, size: int) -> None:
            ctx.tell(
                Advanced(action=self.id, done=size, total=tree.bytes, unit="bytes", label=f"{files:,} files")
            )

        name, ahead = trees.manifest_name(tree), trees.kept(ctx, trees.ahead_name(tree))
        if ahead is None:
            return await trees.list_old(ctx, tree, name, hashes=False, on_progress=progress)
        now = await trees.list_old(ctx, tree, f"now-{tree.name}.jsonl", hashes=False, on_progress=progress)
        return await aside(compare.carried, now, ahead, ctx.shelf.file(name))


class Stream(Action):
    """Sends what staging lacks. What is there already after a kill or a lost link is proved by hash."""

    id = "copy.stream"
    step = StepId.COPY
    title = "Copy into a staging folder on NEW"
    safe = SAFE

    async def holds(self, ctx: Context) -> bool:
        if await trees.switched(ctx) or ctx.shelf.load(trees.COMPARED):
            return True
        if self.id in ctx.fresh:
            # What was sent in this run is looked at by hash as the very next thing.
            return all([await sending.is_staged(ctx, tree) for tree in ctx.plan.trees])
        for tree, source in trees.each(ctx):
            if not source.hashed or not await sending.is_staged(ctx, tree):
                return False
            staged = await trees.list_staged(ctx, tree, self.id, hashes=False)
            if not await aside(compare.looks_alike, source, staged, sending.precision(ctx, tree)):
                return False
        return True

    async def apply(self, ctx: Context) -> Done:
        prepared = [await self._prepare(ctx, tree) for tree in ctx.plan.trees]
        sending.need_room(ctx, prepared)
        total = sum(each.source.bytes for each in prepared)
        sent = sum(each.todo.bytes for each in prepared)
        for each, tell in zip(prepared, sending.tellers(ctx, self.id, prepared), strict=True):
            await self._send(ctx, each, tell)
        ctx.fresh.add(self.id)
        again = f", {humanize.naturalsize(total - sent)} was there already" if sent < total else ""
        return Done(fact=f"{humanize.naturalsize(sent)} sent{again} ({sending.how(ctx)})")

    async def _prepare(self, ctx: Context, tree: Tree) -> sending.Prepared:
        """What OLD holds and what of it is to be sent; what is in the way on NEW is cleared."""
        source, staged = trees.source_manifest(ctx, tree), None
        ground = await sending.make_staging(ctx, tree)
        if ground.was_there:
            standing = trees.list_standing(ctx, tree, self.id)
            staged, source = await both(standing, self._hashed(ctx, tree, source))
        return await sending.prepare(ctx, tree, ground, source, staged)

    async def _hashed(self, ctx: Context, tree: Tree, source: Manifest) -> Manifest:
        """Without a hash a file is sent again; after a copy ahead those are the few that changed."""
        if source.hashed or trees.kept(ctx, trees.ahead_name(tree)) is not None:
            return source
        return await trees.list_old(ctx, tree, trees.manifest_name(tree), hashes=True)

    async def _send(self, ctx: Context, prepared: sending.Prepared, tell: relay.Progress) -> None:
        source = prepared.source
        try:
            parts = await sending.send(ctx, prepared, tell)
        except StepFailed as failed:
            if failed.fields.get("side") is Role.OLD:
                trees.list_again(ctx)
            raise
        for part in parts:
            if moved := await trees.first(compare.changed(source, part)):
                raise trees.moved_on(ctx, moved)
        await aside(compare.merged, source, parts, ctx.shelf.file(trees.manifest_name(prepared.tree)))

    async def revert(self, ctx: Context) -> Done | None:
        return await sending.remove_staging(ctx)


class CompareHashes(Action):
    id = "copy.compare"
    step = StepId.COPY
    title = "Compare every file with OLD, by hash"
    safe = SAFE

    async def holds(self, ctx: Context) -> bool:
        return await trees.switched(ctx) or bool(ctx.shelf.load(trees.COMPARED))

    async def apply(self, ctx: Context) -> Done:
        count, drifted = await both(self._counted(ctx), trees.drift(ctx))
        ctx.learn(ctx.facts.model_copy(update={"staged": count.staged()}))
        self._judge(ctx, count, drifted)
        await losses.keep(ctx)
        files = sum(source.files for _, source in trees.each(ctx))
        ctx.shelf.save(trees.COMPARED, json.dumps({"files": files}).encode())
        return Done(fact=f"{files:,} of {files:,} files equal")

    async def _counted(self, ctx: Context) -> _Count:
        count = _Count(ctx.plan.new.uid)
        for tree, source in trees.each(ctx):
            staged = await trees.list_standing(ctx, tree, self.id)
            precision = sending.precision(ctx, tree)
            found = await aside(compare.compare, source, staged, precision=precision, on_staged=count.look)
            count.add(found)
        return count

    def _judge(self, ctx: Context, count: _Count, drifted: list[bytes]) -> None:
        """Raises StepFailed where NEW differs, or where OLD is no longer what was listed and copied."""
        if drifted:
            raise trees.moved_on(ctx, drifted)
        if count.names:
            trees.list_again(ctx)
            raise StepFailed(
                what=f"{trees.how_many(count.names)} on NEW differ from OLD's: {trees.named(count.names)}",
                next="Resume: OLD is listed again, and what differs is copied again.",
            )


class _Count:
    """What the comparisons of all trees found, and whose the staged entries are."""

    def __init__(self, uid: int) -> None:
        self._uid = uid
        self.missing = self.different = self.foreign = self.too_open = 0
        self.names: list[bytes] = []

    def look(self, source: Entry | None, staged: Entry) -> None:
        self.foreign += staged.uid != self._uid
        self.too_open += _opened(source, staged)

    def add(self, found: compare.Comparison) -> None:
        self.missing += found.missing
        self.different += found.different + found.extra
        self.names += found.names

    def staged(self) -> Staged:
        return Staged(
            missing=self.missing,
            different=self.different,
            foreign_owned=self.foreign,
            too_open=self.too_open,
        )


def _opened(source: Entry | None, staged: Entry) -> bool:
    """Whether group or others may do more with it on NEW than on OLD; a link's own mode means nothing."""
    return source is not None and staged.kind != "l" and bool(staged.mode & ~source.mode & 0o077)


class Own(Action):
    id = "new.own"
    step = StepId.COPY
    title = "Owned by the gateway's user, closed to everybody else"
    safe = SAFE

    async def holds(self, ctx: Context) -> bool:
        if await trees.switched(ctx):
            return True
        staged = [tree.staging(ctx.move) for tree in ctx.plan.trees]
        found = await ctx.new_helper.call("stat", {"paths": staged})
        return all(s and s["uid"] == ctx.plan.new.uid for s in found) and (found[0]["mode"] & 0o077) == 0

    async def apply(self, ctx: Context) -> Done:
        root = ctx.plan.trees[0].staging(ctx.move)
        await ctx.new_helper.call("chmod", {"root": root, "ops": [{"path": "", "mode": 0o700}]})
        return Done(fact=f"user {ctx.plan.new.user}, 0700")


class Switch(Action):
    id = "new.switch"
    step = StepId.COPY
    title = "Switch by rename; what stood there is moved aside"
    safe = "OLD is stopped and its data untouched; what stood on NEW is kept beside the target."

    async def holds(self, ctx: Context) -> bool:
        return await trees.switched(ctx)

    async def apply(self, ctx: Context) -> Done:
        if not await gateway.is_stopped(ctx, Role.NEW):
            raise StepFailed(
                what="A gateway runs on NEW with the state directory that is to be replaced.",
                next="Stop it there (openclaw gateway stop), then resume.",
            )
        if not ctx.shelf.load(trees.SWITCHING):
            found = await trees.identities(ctx, [t.staged(ctx.move) for t in ctx.plan.trees])
            kept = {t.name: found[t.staged(ctx.move)] for t in ctx.plan.trees}
            ctx.shelf.save(trees.SWITCHING, json.dumps(kept).encode())
        aside = await switch.switch(ctx.new_helper, ctx.plan.trees, ctx.move)
        fact = (
            f"previous state kept as {', '.join(aside.values())}" if aside else "nothing stood there before"
        )
        return Done(fact=fact, data=aside)

    async def revert(self, ctx: Context) -> Done | None:
        await switch.unswitch(ctx.new_helper, ctx.plan.trees, ctx.move)
        return Done(fact="NEW's previous state is back; the moved copy is kept beside it")


ACTIONS: tuple[Action, ...] = (
    TakeManifest(),
    Stream(),
    CompareHashes(),
    losses.Accept(),
    recovering.Recover(),
    Relocate(),
    databases.CheckCopies(),
    Own(),
    Switch(),
)
