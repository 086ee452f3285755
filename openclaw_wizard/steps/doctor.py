"""Doctor: look first, then let OpenClaw's own doctor repair, and undo the one harm that it is known to do."""

from __future__ import annotations

import json

from openclaw_wizard.errors import CommandTimedOut, StepFailed
from openclaw_wizard.events import (
    Advanced,
    Said,
)
from openclaw_wizard.hosts import Completed
from openclaw_wizard.model import Role, StepId
from openclaw_wizard.openclaw import command, discover, relocate
from openclaw_wizard.steps import gateway
from openclaw_wizard.steps.action import Action, Context, Done
from openclaw_wizard.steps.plugins import Plugins
from openclaw_wizard.steps.terminal import plain

SAFE = "OLD is stopped and its data untouched; NEW's gateway was not started."
DOCTOR_TIMEOUT = 900.0
"""Seconds: 12 to 64 s were measured; some versions hang after they are done (openclaw#18502)."""
LINT, DOCTOR = "lint-before.json", "doctor.json"


def _json_of(ran: Completed) -> dict[str, object]:
    """The JSON object that a command printed, also where it exited with a finding. Raises StepFailed."""
    try:
        found = json.loads(ran.stdout)
    except ValueError as problem:
        said = (ran.stderr or ran.stdout).decode(errors="replace").strip().splitlines()
        raise StepFailed(what=f"OpenClaw on NEW did not answer: {' / '.join(said[-3:])[-400:]}") from problem
    return found if isinstance(found, dict) else {}


class Validate(Action):
    """Read-only: whether this OpenClaw accepts the moved config, and what its doctor would say."""

    id = "new.validate"
    step = StepId.DOCTOR
    title = "Ask OpenClaw, reading only, what it thinks of the moved state"
    safe = SAFE

    async def holds(self, ctx: Context) -> bool:
        return bool(ctx.shelf.load(LINT))

    async def apply(self, ctx: Context) -> Done:
        valid = await self._asked(ctx, command.VALIDATE, timeout=180)
        if valid is not None and valid.get("valid") is not True:
            raise StepFailed(
                what=f"OpenClaw on NEW refuses the moved config: {_why(valid)}",
                next="Look at openclaw.json on NEW, then resume; or put back.",
            )
        lint = await self._asked(ctx, command.DOCTOR_LINT, timeout=300)
        found = lint.get("findings") if lint is not None else None
        findings = found if isinstance(found, list) else []
        for finding in findings:
            ctx.tell(Said(role=Role.NEW, text=f"doctor: {finding.get('message', '')}"))
        ctx.shelf.save(LINT, json.dumps({"findings": len(findings)}).encode())
        config = "config valid" if valid is not None else "config not judged"
        doctor = f"{len(findings)} findings" if lint is not None else "no findings asked for"
        missing = "" if valid is not None and lint is not None else f" ({ctx.plan.version} cannot tell)"
        return Done(fact=f"{config}, {doctor}{missing}")

    async def _asked(
        self, ctx: Context, words: tuple[str, ...], *, timeout: float
    ) -> dict[str, object] | None:
        """Its answer, or None where this version has no such command."""
        if not command.is_known(words, ctx.plan.version):
            return None
        return _json_of(await ctx.new.run(gateway.openclaw(ctx, Role.NEW, *words), timeout=timeout))


def _why(answer: dict[str, object]) -> str:
    error = answer.get("error")
    return str(error.get("message", ""))[:400] if isinstance(error, dict) else "no reason given"


class Repair(Action):
    """`doctor --fix`; safe to repeat, and followed by giving back the skills that it switched off.

    On a bare machine it disables about thirty bundled skills whose programs are missing there
    (measured on 2026.9.6; openclaw#147346).
    """

    id = "new.doctor"
    step = StepId.DOCTOR
    title = "Let OpenClaw's doctor repair what it finds"
    safe = SAFE

    async def holds(self, ctx: Context) -> bool:
        return bool(ctx.shelf.load(DOCTOR))

    async def apply(self, ctx: Context) -> Done:
        argv = gateway.openclaw(ctx, Role.NEW, *command.DOCTOR_FIX)
        ctx.tell(Advanced(action=self.id, done=0, total=None, unit="steps", label="doctor --fix"))
        ctx.tell(Said(role=Role.NEW, text=" ".join(("openclaw", *command.DOCTOR_FIX))))
        try:
            ran = await ctx.new.run(argv, timeout=DOCTOR_TIMEOUT, pty=True)
        except CommandTimedOut as problem:
            raise StepFailed(
                what=f"doctor did not end within {DOCTOR_TIMEOUT:.0f} s.",
                next="Resume: it is safe to repeat.",
            ) from problem
        ctx.tell(Said(role=Role.NEW, text=plain(ran.text)))
        if ran.status != 0:
            raise StepFailed(
                what=f"doctor ended with status {ran.status}; its words are in the log.",
                next="Read the log (ctrl+l, or log.txt), then resume or put back.",
            )
        kept = await self._give_back_skills(ctx)
        ctx.shelf.save(DOCTOR, json.dumps({"skills_kept": list(kept)}).encode())
        return Done(
            fact=f"repaired; {len(kept)} skills kept on that it had switched off" if kept else "repaired"
        )

    async def _give_back_skills(self, ctx: Context) -> tuple[str, ...]:
        """Compares with OLD's config, which is still what it was."""
        before = await discover.read_config(ctx.old_helper, ctx.plan.installation)
        moved = gateway.installation(ctx, Role.NEW)
        return await relocate.restore_skills(ctx.new_helper, moved.config_path, before)


ACTIONS: tuple[Action, ...] = (Plugins(), Validate(), Repair())
