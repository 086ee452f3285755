"""What the copy ahead and the copy after the stop share: the route, the staging folder, the progress."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from openclaw_wizard.events import Advanced
from openclaw_wizard.model import Tree
from openclaw_wizard.steps.action import Context, Done
from openclaw_wizard.transfer import compare, stream, tar
from openclaw_wizard.transfer.manifest import Manifest, shown


def route(ctx: Context, tree: Tree) -> stream.Route:
    return stream.Route(
        ctx.old,
        ctx.new,
        ctx.plan.old,
        ctx.plan.new,
        tree.root,
        tree.staging(ctx.move),
        bwlimit=ctx.plan.wishes.bwlimit,
    )


async def is_staged(ctx: Context, tree: Tree) -> bool:
    """Whether the staging folder is there, with whatever in it."""
    (there,) = await ctx.new_helper.call("exists", {"paths": [tree.staging(ctx.move)]})
    return bool(there)


async def prepare(ctx: Context, tree: Tree, source: Manifest, staged: Manifest | None) -> stream.Todo:
    """Makes the staging folder, clears what is in the way in it, and says what is to be sent."""
    await ctx.new_helper.call("mkdir", {"path": tree.staging(ctx.move), "mode": 0o700})
    work = compare.work(source, staged, precision=tar.precision(ctx.plan.new.tar))
    return await stream.make_way(route(ctx, tree), work, ctx.shelf.file("."), tree.name)


def tellers(
    ctx: Context, action: str, work: Sequence[tuple[Manifest, stream.Todo]]
) -> Iterator[stream.Progress]:
    """What publishes how far `action` is with all trees, one for the sending of each.

    `work` is, tree by tree, what OLD holds and what of it is sent; the rest is on NEW and counts as done.
    """
    total, entries = sum(source.bytes for source, _ in work), sum(len(source) for source, _ in work)
    already = total - sum(todo.bytes for _, todo in work)
    done, count = already, entries - sum(len(todo) for _, todo in work)
    for _, todo in work:
        begun = Advanced(
            action=action, done=done, total=total, entries=count, of_entries=entries, already=already
        )
        yield partial(_tell, ctx, begun)
        done, count = done + todo.bytes, count + len(todo)


def _tell(ctx: Context, begun: Advanced, now: stream.Moment) -> None:
    so_far = {
        "done": begun.done + now.bytes,
        "entries": (begun.entries or 0) + now.entries,
        "path": shown(now.path) if now.path else "",
    }
    ctx.tell(begun.model_copy(update=so_far))


async def remove_staging(ctx: Context) -> Done:
    """The staging folders are the wizard's own; they go, so that their room and secrets do not stay."""
    for tree in ctx.plan.trees:
        await ctx.new_helper.call(
            "remove_tree",
            {"path": tree.staging(ctx.move), "mustContain": f".incoming-{ctx.move}"},
            timeout=600,
        )
    return Done(fact="the staging folder is gone")
