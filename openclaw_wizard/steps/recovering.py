"""Databases that are damaged on OLD already: named before anything moves, rebuilt in the copy where agreed.

OLD's own are only read. In the copy on NEW a database of the same schema is made of all that can be read,
and the damaged one is kept on NEW beside the data, as it came. What is missing of it is a row of the
comparison that wants a person's eye, so that such a move never ends as done.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from humanize import intcomma

from openclaw_wizard.errors import StepFailed
from openclaw_wizard.events import Advanced
from openclaw_wizard.hosts.helper import Helper, HelperFailed, source
from openclaw_wizard.model import Excluded, Inventory, Row, RowState, StepId
from openclaw_wizard.openclaw.inventory import NOT_READ
from openclaw_wizard.pitfalls.data import DAMAGED_DATABASE
from openclaw_wizard.steps import trees
from openclaw_wizard.steps.action import Action, AskFirst, Context, Done
from openclaw_wizard.transfer import manifest

DAMAGED, CONSENT = "damaged.json", "damaged-accepted.json"
"""The damaged databases of the state directory with what SQLite said; which of them were agreed to."""
KEPT, RECOVERED = "damaged-kept.json", "recovered.json"
"""Where on NEW each is kept, once it is; what became of each. Both are void once OLD is listed again."""
UNREADABLE: Final = manifest.WHY_CLOSED[manifest.READ_ERROR]
NAMED = 3
NOT_MADE: Final = "EDAMAGED"


def note(ctx: Context, found: Inventory) -> tuple[Excluded, ...]:
    """Writes down which databases are damaged, and lets that be judged.

    Not those that were in use, nor those that the disk cannot read: these are losses of the copy.
    """
    broken = tuple(
        Excluded(path=each.path, reason=each.detail)
        for each in found.databases
        if not each.ok and each.detail != UNREADABLE and not each.detail.startswith(NOT_READ)
    )
    ctx.shelf.save(DAMAGED, json.dumps([each.model_dump() for each in broken]).encode())
    learn(ctx)
    return broken


def known(ctx: Context) -> tuple[Excluded, ...] | None:
    """Those that are damaged on OLD; None before they were looked at."""
    kept = ctx.shelf.load(DAMAGED)
    return tuple(Excluded.model_validate(each) for each in json.loads(kept)) if kept else None


def learn(ctx: Context) -> None:
    ctx.learn(ctx.facts.model_copy(update={"damaged": known(ctx)}))


def agreed(ctx: Context) -> bool:
    """Whether none is damaged, or the person agreed to recovered copies of all that are."""
    return {each.path for each in known(ctx) or ()} <= set(_loaded(ctx, CONSENT, []))


def named(found: tuple[Excluded, ...]) -> str:
    """The first of them, with what SQLite said."""
    more = f", and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(f"{each.path} ({each.reason})" for each in found[:NAMED]) + more


def _loaded(ctx: Context, name: str, otherwise: Any) -> Any:
    return json.loads(ctx.shelf.load(name) or b"null") or otherwise


class Accept(Action):
    """Holds the move, while nothing but reading was done yet, where a database of OLD is damaged."""

    id = "old.damaged"
    step = StepId.BACK_UP
    title = "See whether OLD's databases are whole"
    safe = "OLD's data is untouched; nothing was copied."

    async def holds(self, ctx: Context) -> bool:
        learn(ctx)
        return agreed(ctx)

    def asks(self, ctx: Context) -> AskFirst | None:
        found = known(ctx)
        if not found:
            return None
        return AskFirst(
            question="recover-databases",
            prompt=(
                f"Damaged on OLD: {named(found)}. Go on with recovered copies? On NEW a new database is made "
                "of all that can still be read, and what is missing is counted. OLD keeps its own as it is; "
                "the damaged copy is kept on NEW as well. With no it stops here, so that you can mend OLD."
            ),
            answered_by=f"--accept {DAMAGED_DATABASE.id}",
            accepts=DAMAGED_DATABASE.id,
        )

    async def apply(self, ctx: Context) -> Done:
        found = known(ctx) or ()
        ctx.shelf.save(CONSENT, json.dumps([each.path for each in found]).encode())
        return Done(fact=f"{len(found)} will be recovered on NEW, as you agreed")


class Recover(Action):
    """In staging, before any path in it is rewritten; from what is kept, so that it can be done again."""

    id = "copy.recover"
    step = StepId.COPY
    title = "Rebuild in the copy what is damaged on OLD"
    safe = "OLD's data is untouched; nothing was switched on NEW."

    async def holds(self, ctx: Context) -> bool:
        return not known(ctx) or bool(ctx.shelf.load(RECOVERED)) or await trees.switched(ctx)

    async def apply(self, ctx: Context) -> Done:
        helper = Helper(ctx.new, ctx.new_helper.path, (source("openclaw_wizard.hosts", "recover.mjs"),))
        staging = ctx.plan.trees[0].staging(ctx.move)
        paths = [each.path for each in known(ctx) or ()]
        there = await helper.call("exists", {"paths": [f"{staging}/{path}" for path in paths]})
        made = {}
        for number, path in enumerate(path for path, is_there in zip(paths, there, strict=True) if is_there):
            ctx.tell(Advanced(action=self.id, done=number, total=len(paths), unit="steps", label=path))
            made[path] = await self._rebuild(ctx, helper, path, f"{staging}/{path}")
        ctx.shelf.save(RECOVERED, json.dumps(made).encode())
        return Done(fact=f"{len(made)} rebuilt; the damaged ones are kept in {_folder(ctx)} on NEW")

    async def _rebuild(self, ctx: Context, helper: Helper, path: str, at: str) -> dict[str, Any]:
        kept: dict[str, str] = _loaded(ctx, KEPT, {})
        if path not in kept:
            kept[path] = f"{_folder(ctx)}/{path}"
            await helper.call("keep_database", {"from": at, "to": kept[path]}, timeout=manifest.LONGEST_WALK)
            ctx.shelf.save(KEPT, json.dumps(kept).encode())
        asked = {"kept": kept[path], "to": at}
        try:
            found: dict[str, Any] = await helper.call(
                "recover_database", asked, timeout=manifest.LONGEST_WALK
            )
        except HelperFailed as failed:
            if failed.error_code != NOT_MADE:
                raise
            raise StepFailed(
                what=f"Nothing can be recovered of {path}, damaged on OLD: {failed.fields['output']}.",
                next="Put back (undo), then mend it on OLD with `openclaw doctor` or from a backup of yours.",
            ) from failed
        return found | {"kept": kept[path]}

    async def revert(self, ctx: Context) -> Done | None:
        return (
            Done(fact=f"the damaged ones stay kept in {_folder(ctx)} on NEW")
            if _loaded(ctx, KEPT, {})
            else None
        )


def _folder(ctx: Context) -> str:
    own = f"{ctx.move}/{ctx.plan.folder}".rstrip("/")
    return f"{ctx.plan.new.home}/.openclaw-wizard/{own}/damaged"


# ------------------------------------------------------------------ the comparison


def rows(ctx: Context) -> Iterator[Row]:
    """A line for each that was recovered: what was salvaged of what could be counted on OLD."""
    for path, found in _loaded(ctx, RECOVERED, {}).items():
        yield _row(path, found)


def _row(path: str, found: dict[str, Any]) -> Row:
    tables = [each for each in found["tables"] if each["kept"] or each["counted"] != 0]
    counted = [each for each in tables if each["counted"] is not None]
    uncounted = [each for each in tables if each["counted"] is None]
    short = [each for each in counted if each["kept"] < each["counted"]]
    old, new = (sum(each[which] for each in counted) for which in ("counted", "kept"))
    words = [f"{each['name']}: {_of(each['kept'], each['counted'])}" for each in (*short, *uncounted)[:NAMED]]
    if len(short) + len(uncounted) > NAMED:
        words.append(f"{len(short) + len(uncounted) - NAMED} more tables lack rows")
    if found["orphans"]:
        words.append(
            f"{intcomma(found['orphans'])} of the missing were left out since what they belong to is lost"
        )
    words.append(f"the damaged one is kept on NEW as {found['kept']}")
    lacks = bool(short or uncounted or found["orphans"])
    return Row(
        subject=f"recovered {path}",
        old=f"{intcomma(old)} rows" + (" and more" if uncounted else ""),
        new=f"{intcomma(new + sum(each['kept'] for each in uncounted))} rows",
        state=RowState.LOST if lacks else RowState.DIFFERS,
        detail="; ".join(words),
    )


def _of(kept: int, counted: int | None) -> str:
    return f"{intcomma(kept)} of {'an unknown number' if counted is None else intcomma(counted)} rows"
