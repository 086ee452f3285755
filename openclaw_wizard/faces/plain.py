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
from openclaw_wizard.faces import diff, figures
from openclaw_wizard.faces.figures import Pace
from openclaw_wizard.model import Finding, Plan, Row, Verdict
from openclaw_wizard.paths import Paths

STILL: Final = 60.0
"""Seconds after which progress is told again although its percent is the same."""
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
        self._last = (0.0, "")
        self._already: tuple[str, int] = ("", 0)
        self._pace = Pace()

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
                return (self._kept(event) + self._progress(event)).rstrip("\n")
            case _:
                return self._rare(event)

    def _rare(self, event: Event) -> str:
        match event:
            case FindingsChanged():
                worth = [f for f in event.findings if f.verdict in (Verdict.LOOK, Verdict.BLOCKS)]
                return "\n".join(_found(f) for f in worth)
            case HostLost():
                role = event.role.value.upper()
                wait = figures.until_retry(event, event.time)
                return f"lost  the link to {role}: {event.why.rstrip('.')}; {wait}"
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
        self._pace.note((event.action, event.of_entries), event.time, event.done, event.entries)
        share = figures.share(event.done, event.total)
        percent = "" if share is None else f"{int(share * 100)} %"
        since, said = event.time - self._last[0], self._last[1]
        # A copy of hours is told by its percents and by the minute.
        if since < self._every or (percent and percent == said and since < STILL):
            return ""
        self._last = (event.time, percent)
        if event.unit == "bytes":
            return f"      {self._bytes(event, percent)}"
        return f"      {event.label or event.action} ({event.done} {event.unit})"

    def _bytes(self, event: Advanced, percent: str) -> str:
        """`1.3 of 2.1 GB (62 %), 41 MB/s, 6-9 min left, 2,613 of 4,211 entries, now agents/main/…`."""
        rate, left = self._pace.rate(event.time), None
        if event.total and event.done < event.total:
            left = self._pace.left(event.total, event.time)
        parts = (
            figures.amounts(event.done, event.total, "bytes") + (f" ({percent})" if percent else ""),
            figures.speed(rate) if rate else "",
            f"{figures.span(*left)} left" if left else "",
            self._pace.slow(event.time) if left else "",
            event.label,
            "" if event.of_entries is None else f"{event.entries:,} of {event.of_entries:,} entries",
            f"now {event.path}" if event.path else "",
        )
        return ", ".join(part for part in parts if part)

    def _kept(self, event: Advanced) -> str:
        """Once for each sending: what need not be sent, since it is there."""
        before, self._already = self._already, (event.action, event.already)
        if not event.already or before == self._already:
            return ""
        return f"      {figures.short(event.already)} is on NEW already and is not sent again\n"


def _done_words(event: ActionDone) -> str:
    return event.fact or ("nothing to do, it is so already" if event.found else "done")


def _finished(event: MoveFinished) -> str:
    spent = f", downtime {humanize.precisedelta(round(event.downtime))}" if event.downtime is not None else ""
    look = f"\n      NEW's dashboard: {event.dashboard}" if event.dashboard else ""
    return f"END   {event.outcome.value}{spent}{look}"


def _found(finding: Finding) -> str:
    lines = [f"{MARK[finding.verdict]} {finding.title}: {finding.evidence}"]
    for fix in finding.fixes:
        how = "the move mends it" if finding.fixing else f"the move can mend it (--fix {fix.pitfall})"
        lines.append(f"      {how}: {fix.says()}")
    return "\n".join(lines)


def plan_text(plan: Plan) -> str:
    """The plan as a person reads it before it is carried out."""
    lines = [
        f"plan  OpenClaw {plan.version}, profile {plan.profiles}",
        f"      from {plan.old.user}@{plan.old.hostname} to {plan.new.user}@{plan.new.hostname}",
    ]
    for tree in plan.all_trees:
        size = humanize.naturalsize(tree.bytes)
        lines.append(f"      {tree.old} → {tree.new} ({size}, {tree.files:,} files)")
        if tree.occupied:
            lines.append(f"        what stands at {tree.new} is moved aside, never merged into")
    lines += _paths(plan)
    for one in plan.each:
        name, found_by = f"{one.name} was " if one.name else "", ", ".join(one.installation.found_by)
        lines += [f"      {name}found by {found_by}"] * bool(found_by)
        lines += [f"stays {each.what}: {each.reason}; {each.remedy}" for each in one.stays]
    lines += [f"      {each.state_dir} is another profile, which stays" for each in plan.others]
    lines += [f"      not read: {text}" for text in plan.noticed]
    lines += [
        f"      stays behind: {e.path} ({e.reason})" for e in plan.excluded if e.path in plan.wishes.exclude
    ]
    lines += [f"      taken along by --include: {pattern}" for pattern in plan.wishes.include]
    lines += [f"      nothing on OLD matches {pattern}" for pattern in plan.unmatched]
    lines.append(f"      the data goes {plan.route.why}")
    for one in plan.each:
        of_it = f" of {one.name}" if one.name else ""
        lines.append(f"      the gateway{of_it} on NEW is started {_how(one)}")
    return "\n".join((*lines, *_judged(plan.findings)))


def _judged(findings: tuple[Finding, ...]) -> list[str]:
    """What a person must see, a line each; of the rest only how many there are."""
    worth = [f for v in (Verdict.BLOCKS, Verdict.LOOK) for f in findings if f.verdict is v]
    lines = [f"{MARK[f.verdict]} {f.title}: {f.evidence}" for f in worth]
    waits = sum(f.verdict is Verdict.UNKNOWN for f in findings)
    clear = sum(f.verdict is Verdict.CLEAR for f in findings)
    lines += [f"{MARK[Verdict.UNKNOWN]} {waits} not yet known; each is judged again in the move"] * bool(
        waits
    )
    return lines + [f"{MARK[Verdict.CLEAR]} {clear} more do not concern this move"] * bool(clear)


MOST_HUNKS: Final = 60


def _paths(plan: Plan) -> list[str]:
    """What becomes of the paths inside, as a diff."""
    lines = [f"      paths inside: {old} → {new}" for old, new in plan.path_changes]
    if plan.path_changes or plan.wishes.paths is not Paths.REWRITE:
        lines.append(f"      {diff.WAYS[plan.wishes.paths]}")
    for each in plan.each:
        lines += [f"        as root on NEW: {line}" for line in each.links]
        lines += [f"      {path} is seen by both machines: it stays where it is" for path in each.shared]
    found = plan.all_relocation
    if found is None:
        return lines
    shown, more = diff.hunks(found, MOST_HUNKS)
    for hunk in shown:
        lines += [f"      @ {hunk.where}", f"        - {hunk.old}", f"        + {hunk.new}"]
    lines += [f"      and {more:,} more (the report has them)"] if more else []
    lines += [f"left  {diff.left(one)}" for one in found.left]
    said = diff.written(found.mentions)
    return [*lines, f"      {said}"] if said else lines


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
