"""What the copy ahead and the copy after the stop share: the route, the staging folder, the progress."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final

import humanize

from openclaw_wizard.errors import CommandFailed, LinkLost, NoRoom
from openclaw_wizard.events import Advanced, Said
from openclaw_wizard.hosts.helper import HelperFailed
from openclaw_wizard.model import Role, Tree
from openclaw_wizard.steps.action import Context, Done
from openclaw_wizard.transfer import compare, relay, room, stream, tar, terrain, trial
from openclaw_wizard.transfer.manifest import Manifest, shown

TRIES: Final = 3
"""How often the direct link may break in one run before all goes through the wizard."""
WORTH_MEASURING: Final = 100_000_000
"""Bytes to send from which it pays to measure the link first."""


def route(ctx: Context, tree: Tree) -> relay.Route:
    return relay.Route(
        ctx.old,
        ctx.new,
        ctx.plan.old,
        ctx.plan.new,
        tree.root,
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


async def _measure(ctx: Context, tree: Tree) -> None:
    """A machine without the few programs that it takes is no reason not to copy."""
    unknown = ""
    try:
        ctx.link.rate = await trial.rate(route(ctx, tree))
    except CommandFailed as failed:
        unknown = f" (the link could not be measured: {failed.what})"
    ctx.link.measured = True
    ctx.tell(Said(text=f"the data goes {how(ctx)}{unknown}"))


def _broke(ctx: Context) -> None:
    """What was measured belongs to a link that is no longer there."""
    ctx.link.rate, ctx.link.measured = None, False
    ctx.link.broke += 1
    if ctx.link.broke == TRIES:
        why = f"the direct link broke {TRIES} times, the data goes through the wizard from now on"
        ctx.tell(Said(role=Role.OLD, text=why))


async def is_staged(ctx: Context, tree: Tree) -> bool:
    """Whether the staging folder is there, with whatever in it."""
    (there,) = await ctx.new_helper.call("exists", {"paths": [tree.staging(ctx.move)]})
    return bool(there)


@dataclass(frozen=True, slots=True)
class Ground:
    """The staging folder; `was_there`: with whatever in it."""

    was_there: bool
    room: room.Room


async def make_staging(ctx: Context, tree: Tree) -> Ground:
    """Makes the staging folder where it is not there yet. Raises NoRoom."""
    with _room_for_trials(ctx):
        made = await ctx.new_helper.call("mkdir", {"path": tree.staging(ctx.move), "mode": 0o700})
    return Ground(not made["created"], room.room_from(made["room"]))


@contextmanager
def _room_for_trials(ctx: Context) -> Iterator[None]:
    try:
        yield
    except HelperFailed as failed:
        if failed.error_code in room.FULL:
            raise room.no_room(ctx.new.label, "not one entry more can be made there") from failed
        raise


@dataclass(frozen=True, slots=True)
class Prepared:
    """What OLD holds, with what cannot come along marked in its side file too; what of it is to be sent."""

    tree: Tree
    source: Manifest
    todo: stream.Todo
    need: room.Need
    room: room.Room


async def prepare(
    ctx: Context, tree: Tree, ground: Ground, source: Manifest, staged: Manifest | None
) -> Prepared:
    """Tries what NEW can hold in the staging folder, and clears what is in the way there."""
    with _room_for_trials(ctx):
        source = await _tried(ctx, tree, ground, source)
    need = room.Need()
    work = need.counted(compare.work(source, staged, precision=precision(ctx, tree)))
    todo = await stream.make_way(route(ctx, tree), work, ctx.shelf.file("."), tree.name)
    return Prepared(tree, source, todo, need, ground.room)


async def _tried(ctx: Context, tree: Tree, ground: Ground, source: Manifest) -> Manifest:
    there = json.loads(ctx.shelf.load(_terrain_name(tree)) or b"{}")
    if not ground.was_there or there.get("dev") != ground.room.dev:
        there = {**asdict(await terrain.look(route(ctx, tree))), "dev": ground.room.dev}
        ctx.shelf.save(_terrain_name(tree), json.dumps(there).encode())
    if not there["odd"]:
        return source
    return await terrain.marked(route(ctx, tree), source, ctx.shelf.file(f"tried-{tree.name}.jsonl"))


def precision(ctx: Context, tree: Tree) -> int:
    """The nanoseconds to which NEW keeps times: its tar, and its file system as far as that was tried."""
    tried = json.loads(ctx.shelf.load(_terrain_name(tree)) or b"{}")
    return max(tar.precision(ctx.plan.new.tar), int(tried.get("step_ns", 1)))


def _terrain_name(tree: Tree) -> str:
    return f"terrain-{tree.name}.json"


def need_room(ctx: Context, prepared: Sequence[Prepared]) -> None:
    """Raises NoRoom where NEW cannot take it all."""
    room.check(ctx.new.label, [(each.room, each.need) for each in prepared])


async def send(
    ctx: Context, prepared: Prepared, tell: relay.Progress, *, live: bool = False
) -> tuple[Manifest, Manifest]:
    """`stream.send` over the route of the plan; where OLD's own link stays lost, through the wizard.

    The link is measured once before the first large part. Raises what `stream.send` raises: the runner
    tries a lost link again, and the way that is taken then may be another one. Where NEW is full, what
    is missing is said.
    """
    tree, todo = prepared.tree, prepared.todo
    try:
        if todo.bytes >= WORTH_MEASURING and not ctx.link.measured:
            await _measure(ctx, tree)
        packed = ctx.shelf.file(f"packed-{tree.name}")
        return await stream.send(route(ctx, tree), todo, packed, tell, live=live)
    except NoRoom as full:
        raise await room.explained(ctx.new_helper, tree.staging(ctx.move), prepared.source) from full
    except LinkLost as lost:
        if lost.fields.get("direct"):
            _broke(ctx)
        raise


def tellers(ctx: Context, action: str, work: Sequence[Prepared]) -> Iterator[relay.Progress]:
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


def _tell(ctx: Context, begun: Advanced, now: relay.Moment) -> None:
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
