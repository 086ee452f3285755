"""Copy: all into a staging folder beside the target, compared by hash, mended, then switched by rename."""

from __future__ import annotations

import json

import humanize

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.events import Advanced
from openclaw_wizard.model import Role, Staged, StepId, Tree
from openclaw_wizard.openclaw import relocate
from openclaw_wizard.steps import gateway, trees
from openclaw_wizard.steps.action import Action, Context, Done
from openclaw_wizard.transfer import compare, manifest, stream, switch
from openclaw_wizard.transfer.manifest import Entry, Manifest

SAFE = (
    "OLD is stopped and its data untouched; NEW's previous state is untouched, "
    "the copy is in a folder of its own."
)


class TakeManifest(Action):
    id = "copy.manifest"
    step = StepId.COPY
    title = "List and hash every file on OLD"
    safe = SAFE

    async def holds(self, ctx: Context) -> bool:
        return all(ctx.shelf.load(name) for name in trees.manifest_names(ctx.plan))

    async def apply(self, ctx: Context) -> Done:
        files = size = 0
        for tree in ctx.plan.trees:
            taken = await self._take(ctx, tree)
            ctx.shelf.save(trees.manifest_name(tree), manifest.dumps(taken))
            files, size = files + taken.files, size + taken.bytes
        return Done(fact=f"{humanize.naturalsize(size)} in {files:,} files")

    async def _take(self, ctx: Context, tree: Tree) -> Manifest:
        def progress(files: int, size: int) -> None:
            ctx.tell(
                Advanced(action=self.id, done=size, total=tree.bytes, unit="bytes", label=f"{files:,} files")
            )

        rules = trees.rules(ctx.plan, tree)
        return await manifest.take(ctx.old_helper, tree.old, rules, hashes=True, on_progress=progress)


class Stream(Action):
    """Sends what staging lacks; after a kill or a lost link only the rest, databases always as a unit."""

    id = "copy.stream"
    step = StepId.COPY
    title = "Copy into a staging folder on NEW"
    safe = SAFE

    async def holds(self, ctx: Context) -> bool:
        if await trees.switched(ctx) or ctx.shelf.load(trees.COMPARED):
            return True
        for tree, source in trees.each(ctx):
            if await self._lacking(ctx, tree, source):
                return False
        return True

    async def _lacking(self, ctx: Context, tree: Tree, source: Manifest) -> tuple[bytes, ...]:
        (there,) = await ctx.new_helper.call("exists", {"paths": [tree.staging(ctx.move)]})
        if not there:
            return tuple(source.entries)
        staged = await manifest.take(
            ctx.new_helper, tree.staging(ctx.move), (), hashes=bool(ctx.shelf.load(trees.DOUBTED))
        )
        return compare.needed(source, staged)

    async def apply(self, ctx: Context) -> Done:
        sources = list(trees.each(ctx))
        total = sum(source.bytes for _, source in sources)
        before = sent = 0
        for tree, source in sources:
            lacking = await self._lacking(ctx, tree, source)
            await ctx.new_helper.call("mkdir", {"path": tree.staging(ctx.move), "mode": 0o700})
            here = sum(source.entries[name].size for name in lacking)
            sent += here
            before += source.bytes - here
            if lacking:
                await self._send(ctx, tree, source, lacking, before, total)
                await self._arrived(ctx, tree, source)
            before += here
        again = f", {humanize.naturalsize(total - sent)} was there already" if sent < total else ""
        return Done(fact=f"{humanize.naturalsize(sent)} sent{again}")

    async def _send(
        self, ctx: Context, tree: Tree, source: Manifest, lacking: tuple[bytes, ...], before: int, total: int
    ) -> None:
        def progress(done: int, files: int | None) -> None:
            label = f"{files:,} of {len(lacking):,} entries" if files is not None else ""
            ctx.tell(Advanced(action=self.id, done=before + done, total=total, unit="bytes", label=label))

        try:
            await stream.send(
                ctx.old,
                ctx.new,
                ctx.plan.old,
                ctx.plan.new,
                tree.old,
                tree.staging(ctx.move),
                lacking,
                source,
                progress,
            )
        except StepFailed as failed:
            if failed.fields.get("side") is Role.OLD:
                trees.list_again(ctx)
            raise

    async def _arrived(self, ctx: Context, tree: Tree, source: Manifest) -> None:
        """Raises StepFailed where OLD packed something else than what was listed."""
        if left := await self._lacking(ctx, tree, source):
            raise trees.moved_on(ctx, left)

    async def revert(self, ctx: Context) -> Done | None:
        """The staging folders are the wizard's own; they go, so that their room and secrets do not stay."""
        for tree in ctx.plan.trees:
            await ctx.new_helper.call(
                "remove_tree",
                {"path": tree.staging(ctx.move), "mustContain": f".incoming-{ctx.move}"},
                timeout=600,
            )
        return Done(fact="the staging folder is gone")


class CompareHashes(Action):
    id = "copy.compare"
    step = StepId.COPY
    title = "Compare every file with OLD, by hash"
    safe = SAFE

    async def holds(self, ctx: Context) -> bool:
        return await trees.switched(ctx) or bool(ctx.shelf.load(trees.COMPARED))

    async def apply(self, ctx: Context) -> Done:
        files = missing = different = foreign = too_open = 0
        names: list[bytes] = []
        for tree, source in trees.each(ctx):
            staged = await trees.staged_manifest(ctx, tree, self.id, hashes=True)
            result = compare.compare(source, staged)
            files += source.files
            missing += len(result.missing)
            different += len(result.different) + len(result.extra)
            foreign += sum(entry.uid != ctx.plan.new.uid for entry in staged.entries.values())
            too_open += sum(_opened(source.entries.get(n), entry) for n, entry in staged.entries.items())
            names += [*result.missing, *result.different, *result.extra]
        staged_facts = Staged(missing=missing, different=different, foreign_owned=foreign, too_open=too_open)
        ctx.learn(ctx.facts.model_copy(update={"staged": staged_facts}))
        await self._judge(ctx, names)
        ctx.shelf.save(trees.DOUBTED, b"")
        ctx.shelf.save(trees.COMPARED, json.dumps({"files": files}).encode())
        return Done(fact=f"{files:,} of {files:,} files equal")

    async def _judge(self, ctx: Context, names: list[bytes]) -> None:
        """Raises StepFailed where NEW differs, or where OLD is no longer what was listed and copied."""
        if drifted := await trees.drift(ctx):
            raise trees.moved_on(ctx, drifted)
        if names:
            trees.list_again(ctx)
            raise StepFailed(
                what=f"{trees.counted(names)} on NEW differ from OLD's: {trees.named(names)}",
                next="Resume: OLD is listed again, and what differs is copied again.",
            )


def _opened(source: Entry | None, staged: Entry) -> bool:
    """Whether group or others may do more with it on NEW than on OLD; a link's own mode means nothing."""
    return source is not None and staged.kind != "l" and bool(staged.mode & ~source.mode & 0o077)


class Relocate(Action):
    """Paths in OpenClaw's own files follow the new home; nothing re-keys them later (facts, section 2.5)."""

    id = "new.relocate"
    step = StepId.COPY
    title = "Let paths inside the state follow the new home"
    safe = SAFE

    async def holds(self, ctx: Context) -> bool:
        if not ctx.plan.path_changes or await trees.switched(ctx):
            return True
        return not await self._changes(ctx, dry_run=True)

    async def apply(self, ctx: Context) -> Done:
        changes = await self._changes(ctx, dry_run=False)
        count = sum(change.count for change in changes)
        return Done(fact=f"{count} paths in {len({c.file for c in changes})} files")

    async def _changes(self, ctx: Context, *, dry_run: bool) -> tuple[relocate.Change, ...]:
        state = ctx.plan.trees[0]
        return await relocate.relocate(
            ctx.new_helper,
            state_dir=state.staging(ctx.move),
            state_dir_new=state.new,
            changes=ctx.plan.path_changes,
            roots=[tree.new for tree in ctx.plan.trees],
            dry_run=dry_run,
        )


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
            found = await trees.identities(ctx, [t.staging(ctx.move) for t in ctx.plan.trees])
            kept = {t.name: found[t.staging(ctx.move)] for t in ctx.plan.trees}
            ctx.shelf.save(trees.SWITCHING, json.dumps(kept).encode())
        aside = await switch.switch(ctx.new_helper, ctx.plan.trees, ctx.move)
        fact = (
            f"previous state kept as {', '.join(aside.values())}" if aside else "nothing stood there before"
        )
        return Done(fact=fact, data=aside)

    async def revert(self, ctx: Context) -> Done | None:
        await switch.unswitch(ctx.new_helper, ctx.plan.trees, ctx.move)
        return Done(fact="NEW's previous state is back; the moved copy is kept beside it")


ACTIONS: tuple[Action, ...] = (TakeManifest(), Stream(), CompareHashes(), Relocate(), Own(), Switch())
