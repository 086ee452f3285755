"""All that one run of the bench found, the bounds it is held against, and both as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from tests.bench import ways
from tests.bench.cut import MIB, Cut
from tests.bench.fidelity import Fared
from tests.bench.growth import Grown
from tests.bench.ways import Measured

Row = dict[str, list[Measured]]
MB: Final = 1e6
MACHINE: Final = "2 shared cores; OLD, NEW and the wizard on one computer, in memory"
RSYNC_AGAIN: Final = "rsync -aHSX --delete, direct"
TITLES: Final = {
    "loopback": "A first copy, no limit on the line",
    "line": "A first copy, 100 Mbit/s and 20 ms",
    "again": "The second pass, after a day of use",
}


@dataclass(slots=True)
class Results:
    """`copies` are the tables of seconds by name (`TITLES`); what was not asked for is empty."""

    scale: float
    copies: dict[str, Row] = field(default_factory=dict)
    cut: Cut | None = None
    growth: list[Grown] = field(default_factory=list)
    fidelity: dict[str, Fared] = field(default_factory=dict)


def middle(runs: Sequence[Measured], what: Callable[[Measured], float | None]) -> float:
    """The median. Raises StatisticsError where it was not measured."""
    return median(value for run in runs if (value := what(run)) is not None)


def seconds(runs: Sequence[Measured]) -> float:
    return middle(runs, lambda run: run.seconds)


# ------------------------------------------------------------------ bounds


@dataclass(frozen=True, slots=True)
class Bound:
    what: str
    most: float
    found: float
    unit: str = ""

    @property
    def holds(self) -> bool:
        return self.found <= self.most


def bounds(results: Results) -> Iterator[Bound]:
    """Each that this run measured."""
    if row := results.copies.get("loopback"):
        yield _ratio(row, "a first copy, no limit on the line", ways.GUIDE, 0.15)
        yield _ratio(row, "a first copy, no limit on the line", ways.FAITHFUL, 1.0)
        yield from _own(row[ways.OURS], results.scale)
    if row := results.copies.get("line"):
        yield _ratio(row, "a first copy, 100 Mbit/s and 20 ms", ways.RSYNC, 0.5)
        yield _ratio(row, "a first copy, 100 Mbit/s and 20 ms", ways.PIPE, 1.1)
    if row := results.copies.get("again"):
        theirs, ours = row[RSYNC_AGAIN], row[ways.OURS]
        yield Bound(
            "second pass: seconds until all is there / rsync's", 0.6, middle(ours, sent) / seconds(theirs)
        )
        yield Bound("second pass: bytes on the wire / rsync's", 1.5, _wire(ours) / _wire(theirs))
    if results.cut:
        yield Bound("cut at half: sent again", 16, results.cut.again / MIB, "MiB")
    yield from _grows(results.growth)


def sent(again: Measured) -> float:
    """Seconds of a second pass until all is on NEW, as rsync does it; what comes after is the proof."""
    return sum(again.parts[name] for name in ("copy.manifest", "copy.manifest checked", "copy.stream"))


def _ratio(row: Row, title: str, other: str, most: float) -> Bound:
    return Bound(f"{title}: ours, verified / {other}", most, seconds(row[ways.OURS]) / seconds(row[other]))


def _wire(runs: Sequence[Measured]) -> float:
    return middle(runs, lambda run: run.wire)


def _own(runs: Sequence[Measured], scale: float) -> Iterator[Bound]:
    yield Bound("the wizard's memory, 600 MB", 150, middle(runs, lambda run: run.memory) / MB, "MB")
    cpu = middle(runs, lambda run: run.cpu) / (6 * scale)
    yield Bound("the wizard's own CPU for 100 MB", 1 / 3, cpu, "s")
    yield Bound(
        "the loop held by the wizard itself, 600 MB", 0.1, middle(runs, lambda run: run.held_by_itself), "s"
    )


def _grows(growth: Sequence[Grown]) -> Iterator[Bound]:
    for kind in ("files", "bytes"):
        rows = [each for each in growth if each.kind == kind]
        if len(rows) < 2:
            continue
        less, most = rows[-2:]
        name = f"{amount(most)} instead of {amount(less)}"
        per = _each(most, "first") / _each(less, "first"), _each(most, "again") / _each(less, "again")
        yield Bound(f"{name}: seconds for each, first copy", 1.1, per[0])
        yield Bound(f"{name}: seconds for each, second pass", 1.1, per[1])
        yield Bound(f"the wizard's memory, {amount(most)}", 150, most.memory / MB, "MB")
        yield Bound(f"the loop held by the wizard itself, {amount(most)}", 0.1, most.held_by_itself, "s")


def _each(grown: Grown, which: str) -> float:
    measured: Measured = getattr(grown, which)
    return measured.seconds / grown.amount


# ------------------------------------------------------------------ as Markdown


def page(results: Results) -> str:
    """All that was measured."""
    parts = [
        "# Speed, growth and fidelity, as measured\n",
        f"Written by `python -m tests.bench`, never by hand. {MACHINE}; every way copies the same data in "
        "one run, in turns. Trust the ratios: the cores are shared.\n",
        "## Bounds\n",
        bounds_table(results),
    ]
    for name, row in results.copies.items():
        parts += [f"## {TITLES[name]}\n", copies_table(row)]
    if results.cut:
        parts += ["## Cut at half, and gone on with\n", cut_table(results.cut)]
    if results.growth:
        parts += ["## How it grows\n", growth_table(results.growth)]
    if results.fidelity:
        parts += ["## What arrives of hostile trees\n", fidelity_table(results.fidelity)]
    return "\n".join(parts)


def bounds_table(results: Results) -> str:
    rows = [
        [each.what, _value(each.most, each.unit), _value(each.found, each.unit), verdict(each)]
        for each in bounds(results)
    ]
    return table(["What", "at most", "measured", ""], rows)


def verdict(bound: Bound) -> str:
    return "holds" if bound.holds else "**does not hold**"


def _value(number: float, unit: str) -> str:
    return f"{number:.2f} {unit}".strip()


def copies_table(row: Row) -> str:
    base = seconds(next(iter(row.values())))
    rows = [_copy(name, runs, base) for name, runs in row.items()]
    rounds = len(next(iter(row.values())))
    head = [
        "Way",
        "s",
        "of the first",
        "MB on the wire",
        "wizard's CPU s",
        "its memory MB",
        "loop held s",
        "by itself s",
    ]
    note = (
        f"Medians of {rounds}. On the wire: through the busier of both machines' cards, both directions. "
        "The loop is held by itself for what is not waiting for a processor, which OLD and NEW share here.\n"
    )
    details = _details(row)
    return table(head, rows) + "\n" + note + (f"\n{details}\n" if details else "")


def _copy(name: str, runs: Sequence[Measured], base: float) -> list[str]:
    own = [
        _middle(runs, lambda run: run.cpu),
        _middle(runs, lambda run: run.memory and run.memory / MB),
        _middle(runs, lambda run: run.held),
        _middle(runs, lambda run: run.held_by_itself),
    ]
    return [name, f"{seconds(runs):.1f}", f"{seconds(runs) / base:.2f}", f"{_wire(runs) / MB:.1f}", *own]


def _middle(runs: Sequence[Measured], what: Callable[[Measured], float | None]) -> str:
    return f"{middle(runs, what):.2f}" if what(runs[0]) is not None else ""


def _details(row: Row) -> str:
    """Where our own way's seconds went."""
    runs = row.get(ways.OURS, [])
    if not runs:
        return ""
    named = [f"{part} {median(run.parts[part] for run in runs):.1f}" for part in runs[0].parts]
    return f"Ours, in seconds: {', '.join(named)}."


def cut_table(cut: Cut) -> str:
    head = ["", "MB on the wire"]
    rows = [
        ["a copy that is not cut", f"{cut.whole / MB:.1f}"],
        ["until the cut", f"{cut.until_cut / MB:.1f}"],
        ["after it", f"{cut.resumed / MB:.1f}"],
        ["sent again", f"{cut.again / MB:.1f}"],
    ]
    return table(head, rows) + f"\nThe second run took {cut.seconds:.1f} s.\n"


def growth_table(growth: Sequence[Grown]) -> str:
    parts = ("list", "send", "verify")
    head = [
        "",
        *(f"{name} s" for name in parts),
        "second pass s",
        "memory MB",
        "loop held s",
        "by itself s",
    ]
    rows = []
    for each in growth:
        spent = [f"{each.first.parts[name]:.1f}" for name in parts]
        held = [f"{each.held:.2f}", f"{each.held_by_itself:.2f}"]
        rows.append([amount(each), *spent, f"{each.again.seconds:.1f}", f"{each.memory / MB:.0f}", *held])
    note = (
        "Files of 50 to 200 bytes; bytes in ten files, of which every tenth MB holds something and the rest "
        "is holes. The second pass finds nothing changed, and compares everything by hash once more.\n"
    )
    return table(head, rows) + "\n" + note


def amount(grown: Grown) -> str:
    return f"{grown.amount:,} files" if grown.kind == "files" else f"{grown.amount / 1e9:g} GB"


def fidelity_table(fidelity: dict[str, Fared]) -> str:
    rows = [
        [name, f"{each.equal}", f"{each.lost}", f"{each.changed}", _kinds(each), "; ".join(set(each.failed))]
        for name, each in fidelity.items()
    ]
    note = (
        "Odd names, modes, times, links, several names of one file, holes; without pipes and sockets, which "
        "ours names and leaves.\n"
    )
    return table(["Way", "equal", "lost", "changed", "what", "said"], rows) + "\n" + note


def _kinds(fared: Fared) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in sorted(fared.kinds.items()))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(each.replace('|', chr(92) + '|') for each in line)} |\n" for line in lines)
