"""The report that a person keeps, made from the view and the plan alone: Markdown, HTML, JSON. No secrets.

HTML is made from the same rows as Markdown, so that the two cannot tell different stories.
"""

from __future__ import annotations

import html as markup
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import humanize

from openclaw_wizard.events import (
    Event,
    GatewayChanged,
)
from openclaw_wizard.model import ActionState, GatewayState, Paths, Plan, Relocation, Role, Verdict
from openclaw_wizard.view import View

Section = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Title, column names, rows."""


def downtime(events: Iterable[Event]) -> float | None:
    """Seconds from the moment OLD began to stop until NEW was ready; None where one of them never was."""
    stopped = ready = None
    for event in events:
        if not isinstance(event, GatewayChanged):
            continue
        if event.role is Role.OLD and event.state is GatewayState.STOPPING and stopped is None:
            stopped = event.time
        if event.role is Role.NEW and event.state is GatewayState.READY:
            ready = event.time
    return ready - stopped if stopped is not None and ready is not None else None


def _moment(seconds: float | None) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else "?"


def _summary(view: View, plan: Plan) -> Section:
    rows = [
        ("Outcome", str(view.outcome or "not finished")),
        ("Move", view.move or "?"),
        ("Began", _moment(view.created)),
        ("OLD", f"{plan.old.user}@{plan.old.hostname}, {plan.installation.state_dir}"),
        ("NEW", f"{plan.new.user}@{plan.new.hostname}, {plan.trees[0].new}"),
        ("Profile", plan.installation.profile or "default"),
        ("OpenClaw", plan.version),
        ("Downtime", humanize.precisedelta(round(view.downtime)) if view.downtime is not None else "unknown"),
        ("Gateways", ", ".join(f"{r.value.upper()} {s.value}" for r, s in view.gateways.items())),
    ]
    return "Summary", ("", ""), rows


def _sections(view: View, plan: Plan) -> list[Section]:
    paths = view.relocation or plan.relocation or Relocation()
    compared = [(r.subject, r.old, r.new, r.state.value, r.detail) for r in view.rows]
    moved = [(t.old, t.new, humanize.naturalsize(t.bytes), f"{t.files:,}") for t in plan.trees]
    actions = [
        (a.title, a.state.value, a.fact or ("was true already" if a.found else "")) for a in view.actions
    ]
    concerns = [
        (f.title, f.verdict.value, "accepted" if f.pitfall in view.accepted else "", f.evidence)
        for f in view.findings.values() or plan.findings
        if f.verdict is not Verdict.CLEAR
    ]
    return [
        _summary(view, plan),
        ("Nothing lost?", ("What", "OLD", "NEW", "", "Detail"), compared),
        ("What moved", ("From", "To", "Size", "Files"), moved),
        ("Paths rewritten on NEW", ("File", "Where", "OLD", "NEW", "How many"), _rewritten(paths)),
        ("Left as it is: look at it", ("File", "Where", "Value", "Why"), _left_alone(plan, paths)),
        ("What was done", ("Action", "State", "Result"), actions),
        ("Worth knowing", ("Pitfall", "Judgement", "", "Evidence"), concerns),
        ("What stays behind", ("Pattern", "Why"), [(e.path, e.reason) for e in plan.excluded]),
        ("Left for you", ("",), [(line,) for line in left_for_you(view, plan)]),
    ]


def _rewritten(paths: Relocation) -> list[tuple[str, ...]]:
    return [(c.file, c.where, c.old, c.new, f"{c.count:,}") for c in paths.changes]


def _left_alone(plan: Plan, paths: Relocation) -> list[tuple[str, str, str, str]]:
    """With what people wrote, which was counted on OLD when the plan was made."""
    left = [(each.file, each.where, each.old, each.why) for each in paths.left]
    named = plan.relocation.mentions if plan.relocation else paths.mentions
    words = "names old places ({:,} times); what people wrote is never changed"
    written = [(each.file, "text", "", words.format(each.count)) for each in named.first]
    more = named.files - len(named.first)
    if more > 0:
        count = named.count - sum(each.count for each in named.first)
        written.append((f"{more:,} more files", "text", "", words.format(count)))
    return left + written


def left_for_you(view: View, plan: Plan) -> list[str]:
    """What no program may do for the person, from facts of this move."""
    done = {a.id: a for a in view.actions}
    lines = []
    archive = view.data.get("old.archive", {}).get("path")
    if archive:
        lines.append(
            f"The safety copy on OLD ({archive}) holds secrets; remove it when you no longer want it."
        )
    for previous in view.data.get("new.switch", {}).values():
        lines.append(f"NEW's previous state is kept as {previous}; remove it when you no longer want it.")
    if plan.service == "detached" and done.get("new.start") and done["new.start"].state is ActionState.DONE:
        lines.append(
            "NEW has no user service manager: its gateway does not come back by itself after a reboot "
            "(start it with `openclaw gateway run`)."
        )
    if plan.links:
        lines.append(
            f"NEW finds its files through the links that root made; keep them: {'; '.join(plan.links)}."
        )
    if plan.wishes.paths is Paths.KEEP and plan.path_changes:
        lines.append(
            "No path was rewritten, as you wished: mend them before you rely on cron jobs and agents."
        )
    if left := (view.relocation or plan.relocation or Relocation()).left:
        lines.append(
            f"Look at the {len(left)} values that name old places and were left as they are (above)."
        )
    lines.append("Other devices that talked to OLD's address must be pointed at NEW.")
    return lines


def markdown(view: View, plan: Plan) -> str:
    out = ["# OpenClaw move report", ""]
    for title, columns, rows in _sections(view, plan):
        if not rows:
            continue
        out += [f"## {title}", "", _line(columns), _line(["---"] * len(columns)), *map(_line, rows), ""]
    return "\n".join(out)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(c.replace("|", "\\|").replace("\n", "⏎") for c in cells) + " |"


_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem;
  color: #1c2330 }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }
td, th { border-bottom: 1px solid #d8dee9; padding: .3rem .6rem; text-align: left; overflow-wrap: anywhere }
h2 { margin-top: 2rem }
@media (prefers-color-scheme: dark) { body { background: #12161f; color: #dde3ee }
  td, th { border-color: #2c3546 } }
"""


def html(view: View, plan: Plan) -> str:
    out = ["<!doctype html><html lang=en><meta charset=utf-8><title>OpenClaw move report</title>"]
    out += [f"<style>{_STYLE}</style><h1>OpenClaw move report</h1>"]
    for title, columns, rows in _sections(view, plan):
        if not rows:
            continue
        head = "".join(f"<th>{markup.escape(c)}</th>" for c in columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{markup.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
        )
        out.append(f"<h2>{markup.escape(title)}</h2><table><tr>{head}</tr>{body}</table>")
    return "\n".join(out) + "\n"


def as_json(view: View, plan: Plan) -> str:
    """The sections as one object: title to list of rows."""
    found = {title: [list(row) for row in rows] for title, _, rows in _sections(view, plan)}
    return json.dumps(
        {"move": view.move, "outcome": view.outcome, "downtime": view.downtime, **found}, indent=1
    )
