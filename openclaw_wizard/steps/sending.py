"""What the copy ahead and the copy after the stop share: the route, the staging folder, the progress."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from openclaw_wizard.errors import NoRoom
from openclaw_wizard.events import Advanced
from openclaw_wizard.hosts.helper import HelperFailed
from openclaw_wizard.model import Tree
from openclaw_wizard.steps.action import Context, Done
from openclaw_wizard.transfer import compare, room, stream, tar, terrain
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


@dataclass(frozen=True, slots=True)
class Prepared:
    """What OLD holds, with what cannot come along marked in its side file too; what of it is to be sent."""

    tree: Tree
    source: Manifest
    todo: stream.Todo
    need: room.Need


async def prepare(ctx: Context, tree: Tree, source: Manifest, staged: Manifest | None) -> Prepared:
    """Makes the staging folder, tries what NEW can hold, and clears what is in the way there."""
    try:
        source = await _tried(ctx, tree, source)
    except HelperFailed as failed:
        if failed.error_code in room.FULL:
            raise room.no_room(ctx.new.label, "not one entry more can be made there") from failed
        raise
    need = room.Need()
    work = need.counted(compare.work(source, staged, precision=precision(ctx, tree)))
    todo = await stream.make_way(route(ctx, tree), work, ctx.shelf.file("."), tree.name)
    return Prepared(tree, source, todo, need)


async def _tried(ctx: Context, tree: Tree, source: Manifest) -> Manifest:
    await ctx.new_helper.call("mkdir", {"path": tree.staging(ctx.move), "mode": 0o700})
    there = await terrain.look(route(ctx, tree))
    ctx.shelf.save(_terrain_name(tree), json.dumps({"step_ns": there.step_ns}).encode())
    if not there.odd:
        return source
    return await terrain.marked(route(ctx, tree), source, ctx.shelf.file(f"tried-{tree.name}.jsonl"))


def precision(ctx: Context, tree: Tree) -> int:
    """The nanoseconds to which NEW keeps times: its tar, and its file system as far as that was tried."""
    tried = json.loads(ctx.shelf.load(_terrain_name(tree)) or b"{}")
    return max(tar.precision(ctx.plan.new.tar), int(tried.get("step_ns", 1)))


def _terrain_name(tree: Tree) -> str:
    return f"terrain-{tree.name}.json"


async def need_room(ctx: Context, prepared: Sequence[Prepared]) -> None:
    """Raises NoRoom where NEW cannot take it all."""
    await room.check(ctx.new_helper, [(each.tree.staging(ctx.move), each.need) for each in prepared])


async def send(
    ctx: Context, prepared: Prepared, tell: stream.Progress, *, live: bool = False
) -> tuple[Manifest, Manifest]:
    """As `stream.send`; where NEW is full, what is missing is said."""
    tree = prepared.tree
    try:
        packed = ctx.shelf.file(f"packed-{tree.name}")
        return await stream.send(route(ctx, tree), prepared.todo, packed, tell, live=live)
    except NoRoom as full:
        raise await room.explained(ctx.new_helper, tree.staging(ctx.move), prepared.source) from full


def tellers(ctx: Context, action: str, work: Sequence[Prepared]) -> Iterator[stream.Progress]:
    """What publishes how far `action` is with all trees, one for the sending of each.

    What of `work` is not sent is on NEW and counts as done.
    """
    total, entries = sum(each.source.bytes for each in work), sum(len(each.source) for each in work)
    already = total - sum(each.todo.bytes for each in work)
    done, count = already, entries - sum(len(each.todo) for each in work)
    for todo in (each.todo for each in work):
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
