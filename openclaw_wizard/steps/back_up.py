"""Back up: count what OLD holds, stop its gateway for real, check its databases, keep a safety copy."""

from __future__ import annotations

from collections.abc import Sequence

import humanize

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.events import Advanced
from openclaw_wizard.model import Archive, Database, Excluded, GatewayState, Inventory, Role, StepId
from openclaw_wizard.openclaw.inventory import NOT_READ
from openclaw_wizard.steps import databases, gateway, looking, recovering, trees
from openclaw_wizard.steps.action import Action, Context, Done
from openclaw_wizard.steps.ahead import CopyAhead
from openclaw_wizard.transfer import archive, manifest

ARCHIVE = "archive.json"
DEPENDENTS = (
    trees.OLD_INVENTORY,
    ARCHIVE,
    trees.COMPARED,
    databases.CHECKED,
    recovering.KEPT,
    recovering.RECOVERED,
)
"""Side files that are stale once OLD's gateway has run again."""


class RehearseInventory(Action):
    """Counts while the gateway works, so that what cannot be counted is known before anything stops.

    Only now can it be seen which channels are connected: what is not, is not expected of NEW.
    """

    id = "old.inventory"
    step = StepId.BACK_UP
    title = "Count what OLD holds, and see what works"
    safe = "Nothing was changed on either machine."

    async def holds(self, ctx: Context) -> bool:
        """Where the person did not agree to recovered databases it is counted again: OLD may be mended."""
        if self.id not in ctx.fresh and not recovering.agreed(ctx):
            return False
        return ctx.shelf.load(trees.BEFORE) is not None and ctx.shelf.load(looking.SEEN_OLD) is not None

    async def apply(self, ctx: Context) -> Done:
        ctx.fresh.add(self.id)
        found = await trees.inventory_of(ctx, Role.OLD)
        ctx.shelf.save(trees.BEFORE, found.model_dump_json().encode())
        recovering.note(ctx, found)
        if ctx.shelf.load(looking.SEEN_OLD) is None:
            seen = await looking.look(ctx, Role.OLD, found)
            ctx.shelf.save(looking.SEEN_OLD, seen.model_dump_json().encode())
        return Done(fact=_counted(found))


class StopOld(Action):
    id = "old.stop"
    step = StepId.BACK_UP
    title = "Stop OLD's gateway, and wait until it really has stopped"
    safe = "OLD's data is untouched."
    gateway = (Role.OLD, GatewayState.STOPPING, GatewayState.STOPPED)
    together = True
    beyond = frozenset({GatewayState.DISABLED})

    async def holds(self, ctx: Context) -> bool:
        stopped = await gateway.is_stopped(ctx, Role.OLD)
        ctx.learn(ctx.facts.model_copy(update={"old_gateway": _state(stopped)}))
        return stopped

    async def apply(self, ctx: Context) -> Done:
        # Together: a gateway that ran again may have written into what another profile carries for it.
        for name in (*DEPENDENTS, *trees.manifest_names(ctx.plan)):
            ctx.shelf.save(name, b"")
        began = ctx.clock.time()
        await gateway.stop(ctx, Role.OLD, self.id)
        return Done(fact=f"stopped after {ctx.clock.time() - began:.0f} s")

    async def revert(self, ctx: Context) -> Done | None:
        if ctx.plan.installation.gateway.state not in (GatewayState.RUNNING, GatewayState.STARTING):
            return Done(fact="OLD's gateway was not running before; it stays off")
        trees.tell_gateway(ctx, Role.OLD, GatewayState.STARTING)
        await gateway.start(ctx, Role.OLD, self.id)
        trees.tell_gateway(ctx, Role.OLD, GatewayState.READY)
        return Done(fact="OLD's gateway is ready again")


def _state(stopped: bool) -> GatewayState:
    return GatewayState.STOPPED if stopped else GatewayState.RUNNING


class CheckDatabases(Action):
    """Takes the inventory that counts, now that nothing can change, with every database checked."""

    id = "old.check-databases"
    step = StepId.BACK_UP
    title = "Check OLD's databases and take the final count"
    safe = "OLD is stopped and its data is untouched."

    async def holds(self, ctx: Context) -> bool:
        return bool(ctx.shelf.load(trees.OLD_INVENTORY))

    async def apply(self, ctx: Context) -> Done:
        found = await trees.inventory_of(ctx, Role.OLD)
        held = [d for d in found.databases if d.detail.startswith(NOT_READ)]
        damaged = recovering.note(ctx, found)
        if held or not recovering.agreed(ctx):
            raise _not_whole(held, damaged)
        ctx.shelf.save(trees.OLD_INVENTORY, found.model_dump_json().encode())
        # What the disk cannot read nothing mends: it is named as a loss, and asked for there.
        unread = sum(d.detail == recovering.UNREADABLE for d in found.databases)
        words = [f"{sum(d.ok for d in found.databases)} intact"]
        words += [f"{len(damaged)} damaged, as you know"] if damaged else []
        words += [f"{unread} cannot be read"] if unread else []
        return Done(fact=f"{', '.join(words)}; {_counted(found)}")


def _not_whole(held: Sequence[Database], damaged: tuple[Excluded, ...]) -> StepFailed:
    if held:
        names = ", ".join(f"{d.path} ({d.detail})" for d in held[:3])
        return StepFailed(
            what=f"OLD's databases cannot be checked: {names}",
            safe="OLD's data is untouched.",
            next="End what has them open, then resume.",
        )
    return StepFailed(
        what=f"OLD's own databases are damaged: {recovering.named(damaged)}",
        safe="OLD's data is untouched.",
        next=(
            "Put back (undo) and mend OLD with `openclaw doctor` first; or resume, and you are asked whether "
            "to go on with recovered copies."
        ),
    )


class SafetyArchive(Action):
    id = "old.archive"
    step = StepId.BACK_UP
    title = "Keep a safety copy on OLD, readable by its user alone"
    safe = "OLD is stopped and its data is untouched."

    async def holds(self, ctx: Context) -> bool:
        kept = ctx.shelf.load(ARCHIVE)
        if not kept:
            return False
        found = Archive.model_validate_json(kept)
        good = await archive.archive_holds(ctx.old, ctx.old_helper, ctx.plan.old, found)
        if good:
            ctx.learn(ctx.facts.model_copy(update={"archive": found}))
        return good

    async def apply(self, ctx: Context) -> Done:
        made = await archive.make_archive(
            ctx.old,
            ctx.old_helper,
            ctx.plan.old,
            ctx.plan.trees,
            trees.keepsakes(ctx),
            "openclaw-safety-copy",
            ctx.shelf.file("."),
            lambda done, total: ctx.tell(Advanced(action=self.id, done=done, total=total, unit="bytes")),
        )
        ctx.shelf.save(ARCHIVE, made.model_dump_json().encode())
        size = humanize.naturalsize(made.bytes)
        names = ", ".join(manifest.shown(path.encode()) for path in made.unread[:3])
        unread = (
            f"; {len(made.unread)} not whole in it ({recovering.UNREADABLE}): {names}" if made.unread else ""
        )
        return Done(fact=f"{size}, {made.entries:,} entries{unread}", data={"path": made.path})

    async def revert(self, ctx: Context) -> Done | None:
        return Done(fact="the safety copy stays on OLD")


def _counted(found: Inventory) -> str:
    messages = sum(found.messages.values())
    return f"{len(found.sessions)} sessions, {messages:,} messages, {len(found.cron_jobs)} cron jobs"


ACTIONS: tuple[Action, ...] = (
    RehearseInventory(),
    recovering.Accept(),
    CopyAhead(),
    StopOld(),
    CheckDatabases(),
    SafetyArchive(),
)
