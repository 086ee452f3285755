"""The plain face: lines of text, complete without a screen; the face for screen readers and logs.

Written to standard output; failures go to standard error. Progress at most every two seconds on a
terminal, every ten elsewhere. Nothing moves the cursor.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, TextIO

import humanize

from openclaw_wizard.events import (
    ActionDone,
    ActionFailed,
    ActionReverted,
    ActionStarted,
    Advanced,
    Compared,
    Event,
    Failure,
    FindingsChanged,
    GatewayChanged,
    HostBack,
    HostLost,
    MoveCreated,
    MoveFinished,
    MoveOpened,
    MoveStopped,
    QuestionAsked,
    Surveyed,
    Surveying,
    UndoStarted,
)
from openclaw_wizard.model import Plan, Row, Verdict

MARK: Final = {
    Verdict.CLEAR: "ok   ",
    Verdict.LOOK: "look ",
    Verdict.BLOCKS: "BLOCK",
    Verdict.UNKNOWN: "?    ",
}


class PlainFace:
    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        *,
        terminal: bool,
        title: Callable[[str], str] = str,
        ask: Callable[[QuestionAsked], None] | None = None,
    ) -> None:
        """`title` gives an action's words by its id; `ask` is told of a question that a person may answer."""
        self._out, self._err, self._title, self._ask = out, err, title, ask
        self._every = 2.0 if terminal else 10.0
        self._last = 0.0

    def say(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()

    def __call__(self, event: Event) -> None:
        text = self._words(event)
        if text:
            self.say(text)
        if isinstance(event, Failure):
            self._err.write(f"FAILED {event.what}\n  safe: {event.safe}\n  next: {event.next}\n")
            self._err.flush()
        if isinstance(event, QuestionAsked) and self._ask is not None:
            self._ask(event)

    def _words(self, event: Event) -> str:
        match event:
            case Surveying():
                return f"…     {event.what}"
            case Surveyed():
                return plan_text(event.plan)
            case MoveCreated():
                return f"move  {event.move}: {event.old} → {event.new}"
            case MoveOpened():
                return f"move  {event.move}: {event.old} → {event.new}, {len(event.done)} actions were done"
            case ActionStarted():
                return f"{self._clock(event)} {self._title(event.action)}"
            case ActionDone():
                return f"  ok  {self._title(event.action)}: {_done_words(event)}"
            case ActionReverted():
                return f" back {self._title(event.action)}: {event.fact}" if event.fact else ""
            case ActionFailed():
                return f"FAIL  {self._title(event.action)}"
            case GatewayChanged():
                return f"      gateway on {event.role.value.upper()}: {event.state.value}"
            case Advanced():
                return self._progress(event)
            case _:
                return self._rare(event)

    def _rare(self, event: Event) -> str:
        match event:
            case FindingsChanged():
                worth = [f for f in event.findings if f.verdict in (Verdict.LOOK, Verdict.BLOCKS)]
                return "\n".join(f"{MARK[f.verdict]} {f.title}: {f.evidence}" for f in worth)
            case HostLost():
                return f"lost  {event.why}; trying again in {event.retry_in:.0f} s"
            case HostBack():
                return f"back  the connection to {event.role.value.upper()} is there again"
            case QuestionAsked():
                return f"?     {event.prompt} (answered by {event.answered_by})"
            case Compared():
                return table(event.rows)
            case UndoStarted():
                return "undo  putting everything back"
            case MoveStopped():
                return f"stop  {event.reason}; resume with `openclaw-wizard resume`"
            case MoveFinished():
                return _finished(event)
        return ""

    def _clock(self, event: Event) -> str:
        return f"{datetime.fromtimestamp(event.time):%H:%M}"

    def _progress(self, event: Advanced) -> str:
        if event.time - self._last < self._every:
            return ""
        self._last = event.time
        if event.unit == "bytes":
            of = f" of {humanize.naturalsize(event.total)}" if event.total else ""
            return f"      {humanize.naturalsize(event.done)}{of} {event.label}".rstrip()
        return f"      {event.label or event.action} ({event.done} {event.unit})"


def _done_words(event: ActionDone) -> str:
    return event.fact or ("nothing to do, it is so already" if event.found else "done")


def _finished(event: MoveFinished) -> str:
    spent = f", downtime {humanize.precisedelta(round(event.downtime))}" if event.downtime is not None else ""
    return f"END   {event.outcome.value}{spent}"


def plan_text(plan: Plan) -> str:
    """The plan as a person reads it before it is carried out."""
    lines = [
        f"plan  OpenClaw {plan.version}, profile {plan.installation.profile or 'default'}",
        f"      from {plan.old.user}@{plan.old.hostname} to {plan.new.user}@{plan.new.hostname}",
    ]
    for tree in plan.trees:
        size = humanize.naturalsize(tree.bytes)
        lines.append(f"      {tree.old} → {tree.new} ({size}, {tree.files:,} files)")
        if tree.occupied:
            lines.append(f"        what stands at {tree.new} is moved aside, never merged into")
    lines += [f"      paths inside: {old} → {new}" for old, new in plan.path_changes]
    lines += [
        f"      stays behind: {e.path} ({e.reason})" for e in plan.excluded if e.path in plan.wishes.exclude
    ]
    lines += [f"      taken along by --include: {pattern}" for pattern in plan.wishes.include]
    lines += [f"      nothing on OLD matches {pattern}" for pattern in plan.unmatched]
    lines.append(f"      the data goes {plan.route.why}")
    lines.append(f"      the gateway on NEW is started {_how(plan)}")
    for finding in plan.findings:
        lines.append(f"{MARK[finding.verdict]} {finding.title}: {finding.evidence or 'not yet known'}")
    return "\n".join(lines)


def _how(plan: Plan) -> str:
    if plan.service == "systemd":
        return "by systemd, as a user service"
    return "detached (there is no user service manager)"


def table(rows: tuple[Row, ...]) -> str:
    """The comparison, aligned."""
    cells = [("", "OLD", "NEW", ""), *((r.subject, r.old, r.new, r.state.value) for r in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(4)]
    lines = [
        "      " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    ]
    details = [f"      {r.subject}: {r.detail}" for r in rows if r.detail]
    return "\n".join(lines + details)
