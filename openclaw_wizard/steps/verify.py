"""Verify: start NEW, wait until it is ready, count again, compare, and only then retire OLD."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.events import (
    Compared,
    Said,
)
from openclaw_wizard.model import GatewayState, Role, Row, StepId
from openclaw_wizard.openclaw import answers, command, comparison
from openclaw_wizard.report.kept import PROOF
from openclaw_wizard.steps import gateway, looking, losses, plugins, proof, recovering, trees
from openclaw_wizard.steps.action import Action, AskFirst, Context, Done

SERVICE = "service-before.json"
UNIT = "unit-before.json"
ROWS = "comparison.json"
MARK = "MOVED.json"
"""Read by `oc.discover`."""
SAFE = "OLD is stopped and its data untouched; the moved state is complete on NEW."


class Service(Action):
    """Linger, without which a user service dies ten seconds after the last login ends (measured)."""

    id = "new.service"
    step = StepId.DOCTOR
    title = "Prepare the service on NEW"
    safe = SAFE

    async def holds(self, ctx: Context) -> bool:
        if ctx.plan.service != "systemd":
            return True
        return bool(await self._lingers(ctx))

    async def _lingers(self, ctx: Context) -> bool:
        ran = await ctx.new.run(["loginctl", "show-user", ctx.plan.new.user, "-p", "Linger"], timeout=30)
        return ran.text.strip() == "Linger=yes"

    async def apply(self, ctx: Context) -> Done:
        ctx.tell(Said(role=Role.NEW, text="loginctl enable-linger"))
        ran = await ctx.new.run(["loginctl", "enable-linger"], timeout=60)
        if ran.status != 0:
            raise StepFailed(
                what="NEW does not allow its user to keep services running after logout (linger).",
                next=f"On NEW, as root: loginctl enable-linger {ctx.plan.new.user}; then resume.",
            )
        ctx.shelf.save(SERVICE, json.dumps({"linger": False}).encode())
        return Done(fact="linger on")

    async def revert(self, ctx: Context) -> Done | None:
        if not ctx.shelf.load(SERVICE):
            return None
        (await ctx.new.run(["loginctl", "disable-linger"], timeout=60)).check()
        return Done(fact="linger off again")


class StartNew(Action):
    id = "new.start"
    step = StepId.VERIFY
    title = "Start the gateway on NEW"
    safe = "OLD is stopped and its data untouched."
    gateway = (Role.NEW, GatewayState.STARTING, GatewayState.RUNNING)
    beyond = frozenset({GatewayState.READY})
    ask = AskFirst(
        question="start-new",
        prompt=(
            "Start the gateway on NEW? From that moment its channels are live there. "
            "You can still put everything back, but messages that arrive in between stay on NEW."
        ),
        answered_by="--yes",
    )

    async def holds(self, ctx: Context) -> bool:
        return (await gateway.look(ctx, Role.NEW)).state is GatewayState.RUNNING

    async def apply(self, ctx: Context) -> Done:
        if not await gateway.is_stopped(ctx, Role.OLD):
            raise StepFailed(
                what="OLD's gateway runs again; two at once would fight over the same channels.",
                next="Resume from Back up: the wizard stops OLD again and takes what is new.",
            )
        if not ctx.shelf.load(proof.STARTED):
            now = await ctx.new_helper.call("clock")
            ctx.shelf.save(proof.STARTED, json.dumps({"seconds": now}).encode())
        if ctx.plan.service == "systemd":
            await self._install_unit(ctx)
        await gateway.start(ctx, Role.NEW, self.id)
        return Done(
            fact="by systemd" if ctx.plan.service == "systemd" else "detached: no user service manager"
        )

    async def _install_unit(self, ctx: Context) -> None:
        """`gateway install` writes the unit and starts it; its exit code is not trusted (45 s start wait)."""
        if not ctx.shelf.load(UNIT):
            before = (await gateway.look(ctx, Role.NEW)).unit
            ctx.shelf.save(UNIT, json.dumps({"before": before}).encode())
        argv = gateway.openclaw(ctx, Role.NEW, *command.GATEWAY_INSTALL)
        ran = await ctx.new.run(argv, timeout=300)
        found = await gateway.look(ctx, Role.NEW)
        if found.unit is None:
            said = (ran.stderr or ran.stdout).decode(errors="replace").strip()
            raise StepFailed(what=f"OpenClaw could not install its service on NEW: {said[-400:]}")

    async def revert(self, ctx: Context) -> Done | None:
        if not await gateway.is_stopped(ctx, Role.NEW):
            trees.tell_gateway(ctx, Role.NEW, GatewayState.STOPPING)
            await gateway.stop(ctx, Role.NEW, self.id)
        kept = ctx.shelf.load(UNIT)
        if kept:
            await self._remove_unit(ctx, was_there=json.loads(kept)["before"] is not None)
        trees.tell_gateway(ctx, Role.NEW, GatewayState.STOPPED)
        return Done(fact="NEW's gateway is stopped" + (", its service removed" if kept else ""))

    async def _remove_unit(self, ctx: Context, *, was_there: bool) -> None:
        """A unit that this move made goes again, through OpenClaw itself; one that was there is disabled."""
        if not was_there:
            await ctx.new.run(gateway.openclaw(ctx, Role.NEW, *command.GATEWAY_UNINSTALL), timeout=180)
        unit = (await gateway.look(ctx, Role.NEW)).unit
        if unit is not None:
            await ctx.new.run(command.systemctl(ctx.plan.new, "disable", unit), timeout=60)


class Ready(Action):
    id = "new.ready"
    step = StepId.VERIFY
    title = "Wait until NEW's gateway is ready"
    safe = "OLD is stopped and its data untouched."
    gateway = (Role.NEW, GatewayState.STARTING, GatewayState.READY)

    async def holds(self, ctx: Context) -> bool:
        return await gateway.is_ready(ctx, Role.NEW)

    async def apply(self, ctx: Context) -> Done:
        await gateway.until_ready(ctx, Role.NEW, self.id)
        return Done(fact=f"port {ctx.plan.installation.port}")


class Compare(Action):
    """The proof: both inventories side by side. What is missing is named; what NEW added is not a loss."""

    id = "new.compare"
    step = StepId.VERIFY
    title = "Count NEW, and compare with OLD"
    safe = "OLD is stopped and its data untouched; NEW runs."

    async def holds(self, ctx: Context) -> bool:
        kept = ctx.shelf.load(ROWS)
        if not kept:
            return False
        ctx.tell(Compared(rows=tuple(Row.model_validate(row) for row in json.loads(kept))))
        return True

    async def apply(self, ctx: Context) -> Done:
        old = trees.counted(ctx, trees.OLD_INVENTORY)
        files, new = await asyncio.gather(proof.prove(ctx), trees.inventory_of(ctx, Role.NEW))
        ctx.shelf.save("inventory-new.json", new.model_dump_json().encode())
        ctx.shelf.save(PROOF, files.model_dump_json().encode())
        counted = comparison.compare(old, new, changes=ctx.plan.path_changes)
        seen = answers.compare(looking.old_seen(ctx), looking.new_seen(ctx))
        rows = (*seen, *counted, *files.rows, *losses.rows(ctx), *recovering.rows(ctx), *plugins.rows(ctx))
        ctx.shelf.save(ROWS, json.dumps([row.model_dump(mode="json") for row in rows]).encode())
        return Done(fact=_summed(rows))


def _summed(rows: Sequence[Row]) -> str:
    bad = sum(not row.explained for row in rows)
    return f"{bad} of {len(rows)} rows want your eye" if bad else "nothing was lost"


class RetireOld(Action):
    """Its user unit is disabled, and a mark says what moved where and when.

    OLD is changed in no other way: the mark lies in the wizard's own folder there, beside the safety copy,
    and neither in OpenClaw's data nor in the definition of a service. It is there also where no unit could
    be disabled. A later wizard reads it (`Installation.moved`); undo takes it away.
    """

    id = "old.disable"
    step = StepId.VERIFY
    title = "Keep OLD from coming back, and mark it"
    safe = "NEW runs. OLD is stopped."
    gateway = (Role.OLD, GatewayState.STOPPED, GatewayState.DISABLED)

    def _mark(self, ctx: Context) -> str:
        return f"{trees.keepsakes(ctx)}/{MARK}"

    async def holds(self, ctx: Context) -> bool:
        (marked,) = await ctx.old_helper.call("exists", {"paths": [self._mark(ctx)]})
        if not marked:
            return False
        found = await gateway.look(ctx, Role.OLD)
        return found.unit_enabled is not True

    async def apply(self, ctx: Context) -> Done:
        unit = gateway.unit_name(ctx, Role.OLD)
        if unit is not None:
            ctx.tell(Said(role=Role.OLD, text=f"systemctl --user disable {unit}"))
            (await ctx.old.run(command.systemctl(ctx.plan.old, "disable", unit), timeout=60)).check()
        await self._write(ctx)
        said = "its unit is disabled" if unit else "it has no unit to disable"
        left = "; ".join(ctx.plan.installation.starts)
        return Done(fact=f"{said}; it would still start by {left}" if left else said)

    async def _write(self, ctx: Context) -> None:
        mark = {
            "what": "This OpenClaw was moved to another machine by openclaw-wizard.",
            "move": ctx.move,
            "when": datetime.fromtimestamp(ctx.clock.time(), UTC).isoformat(timespec="seconds"),
            "from": ctx.plan.trees[0].old,
            "to": ctx.plan.trees[0].new,
            "address": f"{ctx.plan.new.user}@{ctx.plan.new.hostname}",
        }
        await ctx.old_helper.call("mkdir", {"path": trees.keepsakes(ctx), "mode": 0o700})
        content = base64.b64encode((json.dumps(mark, indent=2) + "\n").encode()).decode()
        await ctx.old_helper.call("write", {"path": self._mark(ctx), "content": content, "mode": 0o600})

    async def revert(self, ctx: Context) -> Done | None:
        if ctx.plan.installation.gateway.unit_enabled:
            unit = gateway.unit_name(ctx, Role.OLD)
            assert unit is not None
            (await ctx.old.run(command.systemctl(ctx.plan.old, "enable", unit), timeout=60)).check()
        await self._take_away(ctx)
        trees.tell_gateway(ctx, Role.OLD, GatewayState.STOPPED)
        return Done(fact="OLD may start by itself again, as before; the mark is gone")

    async def _take_away(self, ctx: Context) -> None:
        """Under another name, which no wizard reads: what is kept beside the safety copy is never deleted."""
        (marked,) = await ctx.old_helper.call("exists", {"paths": [self._mark(ctx)]})
        if marked:
            name = f"{self._mark(ctx)}.undone-{ctx.clock.time():.0f}"
            await ctx.old_helper.call("rename", {"from": self._mark(ctx), "to": name})


DOCTOR_ACTIONS: tuple[Action, ...] = (Service(),)
ACTIONS: tuple[Action, ...] = (StartNew(), Ready(), looking.Look(), Compare(), RetireOld())
