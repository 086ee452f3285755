"""`python -m tests.bench [--rounds N] [--scale X] [--only PART]... [--out FOLDER | --keep]`

Prints the tables and the bounds, each with what was measured. `--out` also writes results.json,
RESULTS.md and speed.svg into a folder; `--keep` writes them where the project keeps them.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from tests.bench import cut, fidelity, growth, picture, results, ways
from tests.bench.results import RSYNC_AGAIN, TITLES, Results, Row
from tests.bench.slow import slow
from tests.bench.ways import Bench, Way
from tests.lab.lab import NEW, OLD, ROOT, Lab, lab

GB: Final = 1 << 30
PARTS: Final = ("loopback", "again", "cut", "line", "growth", "fidelity")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--rounds", type=int, default=3, help="how often every way runs, in turns")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 600 MB in 15,000 entries")
    parser.add_argument("--only", choices=PARTS, action="append", help="one of the parts; all without it")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--out", type=Path, help="a folder for the results and their picture")
    where.add_argument("--keep", action="store_true", help="tests/bench/RESULTS.md and screenshots/speed.svg")
    options = parser.parse_args()
    parts = options.only or PARTS
    found = Results(options.scale)
    if {"loopback", "again", "cut", "line"} & set(parts):
        with lab() as made:
            copies(prepared(made, options.scale), found, parts, options.rounds)
    if "growth" in parts:
        with lab() as made:
            for each in growth.grown(made, options.scale):
                found.growth.append(each)
                say(results.amount(each), each.first.seconds + each.again.seconds)
    if "fidelity" in parts:
        found.fidelity = fidelity.table()
    print(f"\n{results.page(found)}")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "results.json").write_text(json.dumps(asdict(found), indent=1) + "\n")
        write(found, options.out / "RESULTS.md", options.out / "speed.svg")
    if options.keep:
        write(found, Path(__file__).with_name("RESULTS.md"), ROOT / "screenshots/speed.svg")


def write(found: Results, page: Path, drawing: Path) -> None:
    page.write_text(results.page(found))
    if found.copies:
        drawing.write_text(picture.draw(found))


def copies(bench: Bench, found: Results, parts: list[str] | tuple[str, ...], rounds: int) -> None:
    """What is measured between two machines with the data in memory."""
    if "loopback" in parts:
        found.copies["loopback"] = in_turns(bench, ways.FULL, rounds)
    if "again" in parts:
        found.copies["again"] = after_a_day(bench, rounds)
    if "cut" in parts:
        found.cut = cut.half(bench)
    if "line" in parts:
        with slow(bench.lab, rate="100mbit", round_trip=0.02):
            found.copies["line"] = in_turns(bench, ways.FULL, max(1, rounds // 3))
    found.copies = {name: found.copies[name] for name in TITLES if name in found.copies}


def prepared(made: Lab, scale: float) -> Bench:
    # In memory: the disk of a shared machine says more about its other guests than about a way to copy.
    old, _ = (made.add(replace(shape, disk_bytes=int(4 * GB * max(scale, 0.25)))) for shape in (OLD, NEW))
    ways.make_data(old, scale)
    return Bench(made)


def in_turns(bench: Bench, all_ways: dict[str, Way], rounds: int) -> Row:
    found: Row = {name: [] for name in all_ways}
    for _ in range(rounds):
        for name, way in all_ways.items():
            bench.fresh()
            found[name].append(bench.measured(way))
            say(name, found[name][-1].seconds)
    return found


def after_a_day(bench: Bench, rounds: int) -> Row:
    """Both have copied everything once; then the same day passes for both."""
    found: Row = {RSYNC_AGAIN: [], ways.OURS: []}
    for _ in range(rounds):
        bench.fresh()
        ways.rsync_faithful(bench)
        ways.ours_ahead(bench)
        ways.change_data(bench.old)
        for name, way in ((RSYNC_AGAIN, ways.rsync_again), (ways.OURS, ways.ours_again)):
            found[name].append(bench.measured(way))
            say(f"again: {name}", found[name][-1].seconds)
    return found


def say(name: str, seconds: float) -> None:
    print(f"  {seconds:7.1f} s  {name}", flush=True)


if __name__ == "__main__":
    main()
