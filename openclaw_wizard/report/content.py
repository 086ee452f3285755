"""What a report says, made from the view, the plan and what was kept: sections of rows, in no form yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import humanize

from openclaw_wizard.events import (
    Event,
    GatewayChanged,
)
from openclaw_wizard.hosts.shell import forward_command
from openclaw_wizard.model import (
    ActionState,
    Arrived,
    GatewayState,
    Outcome,
    Paths,
    Plan,
    Relocation,
    Role,
    StepId,
    Verdict,
)
from openclaw_wizard.report.kept import Kept
from openclaw_wizard.view import ActionView, View

STEP_NAMES: Final = {step: step.value.replace("_", " ").capitalize() for step in StepId}
SHORT: Final = 16
"""Digits of a hash that are shown; the whole one stands in the JSON form's own row."""


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lead: str = ""
    state: int | None = None
    """The column that holds a state, drawn as such."""
    code: tuple[int, ...] = ()
    """Columns that hold paths or hashes."""


@dataclass(frozen=True, slots=True)
class Content:
    """A whole report; every text is plain, and may come from a host."""

    move: str
    outcome: Outcome | None
    downtime: float | None
    summary: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    note: str


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
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC") if seconds else "?"


def _lasted(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


PLACEHOLDERS: Final = (
    "Homes, host names, users and addresses are replaced (OLD, NEW, OLD:~, NEW:~), and what looks like a "
    "secret, a network address or a phone number is masked, so that this can be posted. No content of any "
    "file is in it."
)
NAMES: Final = "With the real names of both machines: look through it before you post it."


def content(view: View, plan: Plan, kept: Kept, change: Callable[[str], str], *, note: str) -> Content:
    """`change` is applied to every text."""

    def changed(section: Section) -> Section:
        return Section(
            title=section.title,
            columns=section.columns,
            rows=tuple(tuple(change(cell) for cell in row) for row in section.rows),
            lead=change(section.lead),
            state=section.state,
            code=section.code,
        )

    return Content(
        move=view.move or "?",
        outcome=view.outcome,
        downtime=view.downtime,
        summary=tuple((name, change(value)) for name, value in _summary(view, plan)),
        sections=tuple(changed(section) for section in _sections(view, plan, kept) if section.rows),
        note=note,
    )


def _summary(view: View, plan: Plan) -> Iterator[tuple[str, str]]:
    yield "Move", view.move or "?"
    yield "Began", _moment(view.created)
    yield "From", f"{plan.old.user}@{plan.old.hostname}, {plan.old.system} {plan.old.arch}"
    yield "To", f"{plan.new.user}@{plan.new.hostname}, {plan.new.system} {plan.new.arch}"
    yield "OpenClaw", f"{plan.version}, profile {plan.profiles}"
    yield "Node", f"OLD {plan.old.node or '?'}, NEW {plan.new.node or '?'}"
    yield "Route", f"planned: {plan.route.why}"
    yield "Downtime", _lasted(view.downtime) + ", measured" if view.downtime is not None else "unknown"
    yield "Gateways", ", ".join(f"{r.value.upper()} {s.value}" for r, s in view.gateways.items())


def _sections(view: View, plan: Plan, kept: Kept) -> Iterator[Section]:
    yield _compared(view)
    yield _moved(plan, kept)
    paths = _paths(view, plan, kept)
    yield _changes(paths)
    yield _left_alone(plan, paths)
    yield _times(view.actions)
    yield _done(view.actions)
    yield _concerns(view, plan)
    yield Section(
        "What belongs to it and did not move",
        ("What", "Why", "What to do"),
        tuple((each.what, each.reason, each.remedy) for one in plan.each for each in one.stays),
    )
    yield Section("What could not be read", ("",), tuple((text,) for text in plan.noticed))
    yield Section(
        "What stays behind",
        ("What", "Why"),
        tuple(_left_out(plan)),
        code=(0,),
    )
    yield Section(
        "Taken along", ("Pattern",), tuple((pattern,) for pattern in plan.wishes.include), code=(0,)
    )
    yield Section("What is left for you", ("",), tuple((line,) for line in left_for_you(view, plan)))


def _paths(view: View, plan: Plan, kept: Kept) -> Relocation:
    """What was rewritten as far as it was kept, else what was found of it."""
    found = [(one.name, one_kept.paths) for one, one_kept in _each(plan, kept) if one_kept.paths]
    if len(found) == len(plan.each):
        return Relocation.joined(found)
    return view.relocation or plan.all_relocation or Relocation()


def _each(plan: Plan, kept: Kept) -> list[tuple[Plan, Kept]]:
    """Each profile with what was kept of it; nothing of those of which nothing was asked for."""
    all_kept = (*kept.each, *[Kept()] * len(plan.each))
    return list(zip(plan.each, all_kept, strict=False))


def _left_out(plan: Plan) -> Iterator[tuple[str, str]]:
    nothing = dict.fromkeys(plan.unmatched, "; nothing on OLD matched it")
    excluded = dict.fromkeys(each for one in plan.each for each in one.excluded)
    yield from ((each.path, each.reason + nothing.get(each.path, "")) for each in excluded)


def _compared(view: View) -> Section:
    rows = tuple((r.subject, r.old, r.new, r.state.value, r.detail) for r in view.rows)
    bad = sum(not row.explained for row in view.rows)
    lead = f"{bad} of {len(rows)} want a person's eye." if bad else "All of it is equal, or explained."
    return Section("Nothing lost?", ("What", "OLD", "NEW", "", "Why"), rows, lead, state=3)


def _moved(plan: Plan, kept: Kept) -> Section:
    proofs = {
        (one.folder, each.name): each
        for one, one_kept in _each(plan, kept)
        for each in (one_kept.proof.trees if one_kept.proof else ())
    }
    rows = tuple(
        (
            tree.old,
            tree.new,
            f"{proof.files if (proof := proofs.get((one.folder, tree.name))) else tree.files:,}",
            humanize.naturalsize(proof.bytes if proof else tree.bytes),
            *_hashes(proof),
        )
        for one in plan.each
        for tree in one.trees
    )
    columns = ("From", "To", "Files", "Size", "Hash of all on OLD", "Hash of what arrived on NEW", "")
    lead = "Over path, kind and content of every entry, before paths inside were changed and NEW was started."
    return Section("What moved", columns, rows, lead if proofs else "", state=6, code=(0, 1, 4, 5))


def _hashes(proof: Arrived | None) -> tuple[str, str, str]:
    if proof is None:
        return "?", "?", "unknown"
    same = proof.old_sha256 == proof.new_sha256
    return proof.old_sha256[:SHORT], proof.new_sha256[:SHORT], "equal" if same else "differs"


def _changes(paths: Relocation) -> Section:
    rows = tuple((c.file, c.where, c.old, c.new, f"{c.count:,} ×") for c in paths.changes)
    lead = "Only absolute paths in OpenClaw's own files; what a person wrote is never changed."
    return Section("Every changed path", ("File", "Where", "Was", "Is", ""), rows, lead, code=(0, 1, 2, 3))


def _left_alone(plan: Plan, paths: Relocation) -> Section:
    """With what people wrote, which was counted on OLD when the plan was made."""
    left = [(each.file, each.where, each.old, each.why) for each in paths.left]
    planned = plan.all_relocation
    named = planned.mentions if planned else paths.mentions
    words = "names places of OLD ({:,} times)"
    left += [(each.file, "text", "", words.format(each.count)) for each in named.first]
    more = named.files - len(named.first)
    if more > 0:
        count = named.count - sum(each.count for each in named.first)
        left.append((f"{more:,} more files", "text", "", words.format(count)))
    columns = ("File", "Where", "Value", "Why")
    return Section("Left as it is: look at it", columns, tuple(left), code=(0, 1, 2))


def _spent(actions: Iterable[ActionView]) -> float:
    return sum(a.ended - a.started for a in actions if a.started is not None and a.ended is not None)


def _times(actions: Sequence[ActionView]) -> Section:
    steps = {a.step: None for a in actions}
    rows = tuple((STEP_NAMES[step], _lasted(_spent(a for a in actions if a.step is step))) for step in steps)
    timed = rows if any(a.ended is not None for a in actions) else ()
    return Section("Time by step", ("Step", "Time"), timed)


def _done(actions: Sequence[ActionView]) -> Section:
    rows = tuple(
        (a.title, a.state.value, _lasted(_spent([a])) if a.ended else "", a.fact or _was_true(a))
        for a in actions
    )
    return Section("What was done", ("Action", "", "Time", "Result"), rows, state=1)


def _was_true(action: ActionView) -> str:
    return "was true already" if action.found else ""


def _concerns(view: View, plan: Plan) -> Section:
    rows = tuple(
        (f.title, f.verdict.value, "accepted" if f.pitfall in view.accepted or f.accepted else "", f.evidence)
        for f in view.findings.values() or plan.findings
        if f.verdict is not Verdict.CLEAR
    )
    return Section("Worth knowing", ("Pitfall", "", "", "Evidence"), rows, state=1)


def way_in(address: str, plan: Plan) -> str:
    """How a person reaches NEW's dashboard from this machine: a command for their shell, or an address."""
    ports = [(f"{each.name}: " if each.name else "", each.installation.port) for each in plan.each]
    return "; ".join(
        name + (forward_command(address, port) or f"http://127.0.0.1:{port}/") for name, port in ports
    )


def left_for_you(view: View, plan: Plan) -> list[str]:
    """What no program may do for the person, from facts of this move."""
    done = {a.id: a for a in view.actions}
    lines = []
    for archive in view.data.get("old.archive", {}).values():
        lines.append(
            f"The safety copy on OLD ({archive}) holds secrets; remove it when you no longer want it."
        )
    for previous in view.data.get("new.switch", {}).values():
        lines.append(f"NEW's previous state is kept as {previous}; remove it when you no longer want it.")
    started = done.get("new.start")
    if started and started.state is ActionState.DONE:
        lines += [_by_hand(each) for each in plan.each if each.service == "detached"]
    if links := dict.fromkeys(link for each in plan.each for link in each.links):
        lines.append(f"NEW finds its files through the links that root made; keep them: {'; '.join(links)}.")
    if plan.wishes.paths is Paths.KEEP and plan.path_changes:
        lines.append(
            "No path was rewritten, as you wished: mend them before you rely on cron jobs and agents."
        )
    if left := (view.relocation or plan.all_relocation or Relocation()).left:
        lines.append(
            f"Look at the {len(left)} values that name old places and were left as they are (above)."
        )
    lines.append("Other devices that talked to OLD's address must be pointed at NEW.")
    return lines


def _by_hand(plan: Plan) -> str:
    of_it, profile = f" of {plan.name}" if plan.name else "", plan.installation.profile
    command = f"openclaw --profile {profile} gateway run" if profile else "openclaw gateway run"
    return (
        f"NEW has no user service manager: its gateway{of_it} does not come back by itself after a reboot "
        f"(start it with `{command}`)."
    )
