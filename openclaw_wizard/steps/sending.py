"""What the copy ahead and the copy after the stop share: the route, the staging folder, the progress."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import humanize

from openclaw_wizard.errors import CommandFailed, LinkLost
from openclaw_wizard.events import Advanced, Said
from openclaw_wizard.model import Role, Tree
from openclaw_wizard.steps.action import Context, Done, Link
from openclaw_wizard.transfer import compare, stream, tar, trial
from openclaw_wizard.transfer.manifest import Manifest

TRIES: Final = 3
"""How often the direct link may break in one run before all goes through the wizard."""
WORTH_MEASURING: Final = 16_000_000
"""Bytes to send from which it pays to measure the link first."""


def route(ctx: Context, tree: Tree) -> stream.Route:
    return stream.Route(
        ctx.old,
        ctx.new,
        ctx.plan.old,
        ctx.plan.new,
        tree.old,
        tree.staging(ctx.move),
        bwlimit=ctx.plan.wishes.bwlimit,
        direct=ctx.plan.route.direct if ctx.link.broke < TRIES else None,
        rate=ctx.link.rate,
    )


def how(ctx: Context) -> str:
    """The way that the data takes, such as `relayed, zstd 3, link 11.2 MB/s`."""
    way = route(ctx, ctx.plan.trees[0])
    rate = f", link {humanize.naturalsize(way.rate)}/s" if way.rate else ""
    return f"{'directly' if way.direct else 'relayed'}, {way.packed.name}{rate}"


async def send(
    ctx: Context,
    tree: Tree,
    todo: stream.Todo,
    packed: Path,
    tell: stream.Progress,
    *,
    live: bool = False,
) -> tuple[Manifest, Manifest]:
    """`stream.send` over the route of the plan; where OLD's own link stays lost, through the wizard.

    The link is measured once before the first large part. Raises what `stream.send` raises: the runner
    tries a lost link again, and the way that is taken then may be another one.
    """
    try:
        if todo.bytes >= WORTH_MEASURING and not ctx.link.measured:
            await _measure(ctx, tree)
        return await stream.send(route(ctx, tree), todo, packed, tell, live=live)
    except LinkLost as lost:
        if lost.fields.get("direct"):
            _broke(ctx.link)
            if ctx.link.broke == TRIES:
                why = f"the direct link broke {TRIES} times, the data goes through the wizard from now on"
                ctx.tell(Said(role=Role.OLD, text=why))
        raise


async def _measure(ctx: Context, tree: Tree) -> None:
    """A machine without the few programs that it takes is no reason not to copy."""
    unknown = ""
    try:
        ctx.link.rate = await trial.rate(route(ctx, tree))
    except CommandFailed as failed:
        unknown = f" (the link could not be measured: {failed.what})"
    ctx.link.measured = True
    ctx.tell(Said(text=f"the data goes {how(ctx)}{unknown}"))


def _broke(link: Link) -> None:
    """What was measured belongs to a link that is no longer there."""
    link.broke += 1
    link.rate, link.measured = None, False


async def is_staged(ctx: Context, tree: Tree) -> bool:
    """Whether the staging folder is there, with whatever in it."""
    (there,) = await ctx.new_helper.call("exists", {"paths": [tree.staging(ctx.move)]})
    return bool(there)


async def prepare(ctx: Context, tree: Tree, source: Manifest, staged: Manifest | None) -> stream.Todo:
    """Makes the staging folder, clears what is in the way in it, and says what is to be sent."""
    await ctx.new_helper.call("mkdir", {"path": tree.staging(ctx.move), "mode": 0o700})
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
