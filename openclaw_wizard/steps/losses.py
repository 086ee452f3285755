"""What cannot come along: kept, named, and switched in only where the person agrees to exactly that."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator

from humanize import intcomma

from openclaw_wizard.model import Excluded, Losses, Row, RowState, StepId
from openclaw_wizard.pitfalls.data import LOST_ENTRIES
from openclaw_wizard.steps import trees
from openclaw_wizard.steps.action import Action, AskFirst, Context, Done
from openclaw_wizard.transfer import manifest
from openclaw_wizard.transfer.aside import aside

KEPT = "losses.jsonl"
"""Every entry that cannot come along, one JSON object a line: tree, path (lossy), reason."""
SUMMARY = "losses.json"
CONSENT = "losses-accepted.json"
NAMED = 20
"""How many of them are named in the comparison; all are in the side file."""
ASKED = 5
"""How many of them are named in the question."""


async def keep(ctx: Context) -> None:
    """Writes down what the manifests say is lost, and lets it be judged."""
    await aside(_write, ctx)
    learn(ctx)


def _write(ctx: Context) -> None:
    digest, count = hashlib.sha256(), 0
    first: list[dict[str, str]] = []
    # Names of files are nobody else's business.
    private = os.open(ctx.shelf.file(KEPT), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(private, "wb") as file:
        for each in _lines(ctx):
            line = json.dumps(each).encode() + b"\n"
            file.write(line)
            digest.update(line)
            count += 1
            if len(first) < NAMED:
                first.append({"path": each["path"], "reason": each["reason"]})
    found = {"count": count, "first": first, "sha256": digest.hexdigest()}
    ctx.shelf.save(SUMMARY, json.dumps(found).encode())


def _lines(ctx: Context) -> Iterator[dict[str, str]]:
    for tree, source in trees.each(ctx):
        for entry in source.losses:
            path = entry.path.decode(errors="replace")
            yield {"tree": tree.name, "path": path, "reason": manifest.why(entry)}


def _summary(ctx: Context) -> dict[str, object]:
    found: dict[str, object] = json.loads(ctx.shelf.load(SUMMARY) or b"{}")
    return found


def known(ctx: Context) -> Losses | None:
    """What is known to be lost; None before the copy was compared."""
    found = _summary(ctx)
    return Losses.model_validate({k: found[k] for k in ("count", "first")}) if found else None


def learn(ctx: Context) -> None:
    ctx.learn(ctx.facts.model_copy(update={"losses": known(ctx)}))


def agreed(ctx: Context) -> bool:
    """Whether nothing is lost, or the person agreed to exactly what is."""
    found = _summary(ctx)
    return not found.get("count") or json.loads(ctx.shelf.load(CONSENT) or b"{}") == found["sha256"]


def rows(ctx: Context) -> tuple[Row, ...]:
    """The line of the comparison that names them; none where nothing is lost."""
    found = known(ctx)
    if found is None or not found.count:
        return ()
    count, detail = intcomma(found.count), named(found)
    return (Row(subject="cannot come along", old=count, new="0", state=RowState.LOST, detail=detail),)


def named(found: Losses, most: int = NAMED) -> str:
    """The first of them with their reasons, and where the others stand."""
    first = found.first[:most]
    rest = found.count - len(first)
    more = f", and {intcomma(rest)} more (all in {KEPT} of this move)" if rest > 0 else ""
    return ", ".join(f"{_shown(each)} ({each.reason})" for each in first) + more


def _shown(each: Excluded) -> str:
    return manifest.shown(each.path.encode())


class Accept(Action):
    """Holds the switch where something cannot come along. A resume lists and tries everything again first."""

    id = "copy.losses"
    step = StepId.COPY
    title = "Name what cannot come along"
    safe = "OLD's data is untouched; nothing was switched on NEW."

    async def holds(self, ctx: Context) -> bool:
        learn(ctx)
        return agreed(ctx)

    def asks(self, ctx: Context) -> AskFirst | None:
        found = known(ctx)
        if found is None or agreed(ctx):
            return None
        entries = "1 entry" if found.count == 1 else f"{intcomma(found.count)} entries"
        return AskFirst(
            question="accept-losses",
            prompt=(
                f"{entries} cannot come along: {named(found, ASKED)}. Go on without? "
                "OLD keeps them. With no it stops here; a resume tries them again."
            ),
            answered_by=f"--accept {LOST_ENTRIES.id}",
            accepts=LOST_ENTRIES.id,
        )

    async def apply(self, ctx: Context) -> Done:
        found = _summary(ctx)
        ctx.shelf.save(CONSENT, json.dumps(found["sha256"]).encode())
        return Done(fact=f"{found['count']} stay behind, as you agreed")
