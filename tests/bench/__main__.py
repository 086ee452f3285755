"""`python -m tests.bench [--rounds N] [--scale X] [--out FOLDER]`: the tables of speed, and their picture."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

from tests.bench import picture, ways
from tests.bench.slow import slow
from tests.bench.ways import Bench, Measured
from tests.lab.lab import NEW, OLD, Lab, lab

Row = dict[str, list[Measured]]
MB = 1e6
GB = 1 << 30


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--rounds", type=int, default=3, help="how often every way runs, in turns")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 600 MB in 15,000 entries")
    parser.add_argument("--only", choices=("loopback", "line", "again"), help="one of the tables")
    parser.add_argument("--out", type=Path, help="a folder for the results and their picture")
    options = parser.parse_args()
    tables: dict[str, Row] = {}
    with lab() as made:
        bench = prepared(made, options.scale)
        if options.only in (None, "loopback"):
            tables["loopback"] = in_turns(bench, ways.FULL, options.rounds)
            show("A first copy, over the loopback of one machine", tables["loopback"])
        if options.only in (None, "again"):
            tables["again"] = after_a_day(bench, options.rounds)
            show("The second pass, after a day of use", tables["again"])
        if options.only in (None, "line"):
            with slow(made, rate="100mbit", round_trip=0.02):
                tables["line"] = in_turns(bench, ways.FULL, max(1, options.rounds // 3))
            show("A first copy, over 100 Mbit/s and 20 ms", tables["line"])
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        kept = {
            name: {way: [vars_of(m) for m in runs] for way, runs in row.items()}
            for name, row in tables.items()
        }
        (options.out / "results.json").write_text(json.dumps(kept, indent=1) + "\n")
        (options.out / "speed.svg").write_text(picture.draw(tables))


def vars_of(measured: Measured) -> dict[str, float | int | None]:
    return {name: getattr(measured, name) for name in Measured.__slots__}


def prepared(made: Lab, scale: float) -> Bench:
    # In memory: the disk of a shared machine says more about its other guests than about a way to copy.
    old, _ = (made.add(replace(shape, disk_bytes=int(4 * GB * max(scale, 0.25)))) for shape in (OLD, NEW))
    ways.make_data(old, scale)
    return Bench(made)


def in_turns(
    bench: Bench, all_ways: dict[str, Callable[[Bench], dict[str, float] | None]], rounds: int
) -> Row:
    found: Row = {name: [] for name in all_ways}
    for _ in range(rounds):
        for name, way in all_ways.items():
            bench.fresh()
            found[name].append(bench.measured(way))
            print(f"  {found[name][-1].seconds:7.1f} s  {name}", flush=True)
    return found


def after_a_day(bench: Bench, rounds: int) -> Row:
    """Both have copied everything once; then the same day passes for both."""
    found: Row = {"rsync -aHSX --delete, direct": [], "ours, relayed, verified": []}
    for _ in range(rounds):
        bench.fresh()
        bench.measured(ways.rsync_faithful)
        bench.measured(ways.ours)
        ways.change_data(bench.old)
        found["rsync -aHSX --delete, direct"].append(bench.measured(ways.rsync_again))
        found["ours, relayed, verified"].append(bench.measured(ways.ours_again))
    return found


def show(title: str, row: Row) -> None:
    print(f"\n{title} ({platform.machine()}, 2 shared cores; median of {len(next(iter(row.values())))})\n")
    print("| Way | s | of the first | MB from OLD | wizard's CPU s | its memory MB | loop held s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    base = median(m.seconds for m in next(iter(row.values())))
    for name, runs in row.items():
        seconds = median(m.seconds for m in runs)
        wire = median(m.wire for m in runs) / MB
        own = [
            _middle([m.cpu for m in runs], 1),
            _middle([m.memory for m in runs], 1 / MB),
            _middle([m.stuck for m in runs], 1),
        ]
        print(f"| {name} | {seconds:.1f} | {seconds / base:.2f} | {wire:.0f} | {' | '.join(own)} |")


def _middle(found: list[float | None] | list[int | None], factor: float) -> str:
    known = [each for each in found if each is not None]
    return f"{median(known) * factor:.2f}" if known else ""


if __name__ == "__main__":
    main()
