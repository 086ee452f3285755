"""What the copy ahead and the copy after the stop share: the route, the staging folder, the progress."""

from __future__ import annotations

from openclaw_wizard.events import Advanced
from openclaw_wizard.model import Tree
from openclaw_wizard.steps.action import Context, Done
from openclaw_wizard.transfer import compare, stream, tar
from openclaw_wizard.transfer.manifest import Manifest


def route(ctx: Context, tree: Tree) -> stream.Route:
    return stream.Route(
        ctx.old,
        ctx.new,
        ctx.plan.old,
        ctx.plan.new,
        tree.old,
        tree.staging(ctx.move),
        bwlimit=ctx.plan.wishes.bwlimit,
    )


async def is_staged(ctx: Context, tree: Tree) -> bool:
    """Whether the staging folder is there, with whatever in it."""
    (there,) = await ctx.new_helper.call("exists", {"paths": [tree.staging(ctx.move)]})
    return bool(there)


async def make_staging(ctx: Context, tree: Tree) -> bool:
    """Makes the staging folder; whether it was there already, with whatever in it."""
    made = await ctx.new_helper.call("mkdir", {"path": tree.staging(ctx.move), "mode": 0o700})
    return not made["created"]


async def prepare(ctx: Context, tree: Tree, source: Manifest, staged: Manifest | None) -> stream.Todo:
    """Clears what is in the way in the staging folder, and says what is to be sent."""
    work = compare.work(source, staged, precision=tar.precision(ctx.plan.new.tar))
    return await stream.make_way(route(ctx, tree), work, ctx.shelf.file("."), tree.name)


def teller(ctx: Context, action: str, entries: int, before: int, total: int) -> stream.Progress:
    """Publishes how far `action` is: `before` bytes of `total` were there already."""

    def tell(now: stream.Moment) -> None:
        label = f"{now.entries:,} of {entries:,} entries"
        ctx.tell(Advanced(action=action, done=before + now.bytes, total=total, unit="bytes", label=label))

    return tell


async def remove_staging(ctx: Context) -> Done:
    """The staging folders are the wizard's own; they go, so that their room and secrets do not stay."""
    for tree in ctx.plan.trees:
        await ctx.new_helper.call(
            "remove_tree",
            {"path": tree.staging(ctx.move), "mustContain": f".incoming-{ctx.move}"},
            timeout=600,
        )
    return Done(fact="the staging folder is gone")
