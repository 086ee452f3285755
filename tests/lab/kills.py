"""The wizard's transfer as a program of its own, made to be killed at any moment and started again.

`python -m tests.lab.kills OLD NEW FOLDER` copies ahead, lets OLD live a little, and copies what changed
until the switch; its lists and marks are kept in FOLDER by the journal. `killed` is who kills it.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from openclaw_wizard.errors import WizardError
from openclaw_wizard.journal import JOURNAL, Journal
from openclaw_wizard.model import Wishes
from openclaw_wizard.steps.ahead import AHEAD, CopyAhead
from tests.lab import trees
from tests.lab.carry import MOVE, Carry
from tests.odd_trees import PATH, put
from tests.program import ROOT

LIVED: Final = "lived.json"
BEGUN: Final = b"begun\n"
DATABASES: Final = ("small.sqlite", "log.sqlite", "large.sqlite")
REFUSED: Final = 1
SLOW: Final = 16_000_000
"""Bytes a second to NEW, so that the stream lasts long enough to be killed in."""
LONGEST: Final = 300.0

# ------------------------------------------------------------------ what is killed


async def move(old: Path, new: Path, folder: Path) -> None:
    """Raises WizardError."""
    journal = Journal(folder, create=not (folder / JOURNAL).exists())
    carry = Carry(old, new, shelf=journal, wishes=Wishes(bwlimit=SLOW))
    if not journal.load(AHEAD):
        await CopyAhead().apply(carry.ctx)
    if not journal.load(LIVED):
        live(old)
        journal.save(LIVED, b"{}")
    await carry.run()


def live(old: Path) -> None:
    """What happens on OLD between the copy ahead and the stop: notes grow, go and come, a database too."""
    with (old / "notes/1.md").open("a") as note:
        note.write("one more line\n")
    (old / "notes/2.md").unlink(missing_ok=True)
    (old / "notes/new.md").write_text("new")
    with closing(sqlite3.connect(old / "large.sqlite")) as db, db:
        db.execute("UPDATE message SET text = hex(randomblob(40)) WHERE id % 500 = 1")


def furnish(old: Path, *, files: int, megabytes: int) -> Path:
    """Everything hostile, small files, one large file, and databases: one with nearly all in its log."""
    trees.make(trees.EVERYTHING, old)
    for number in range(files):
        put(old, b"notes/%d.md" % number, b"note %d\n" % number * 20)
    put(old, b"large.bin", random.Random(megabytes).randbytes(megabytes << 20))
    for name, rows in zip(DATABASES, (10, 400, 5000 * megabytes), strict=True):
        with closing(sqlite3.connect(old / name)) as db:
            db.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT)")
            texts = ((f"{n * 7919:x}" * 8,) for n in range(rows))
            db.executemany("INSERT INTO message (text) VALUES (?)", texts)
            db.commit()
    _kill_a_writer(old / "log.sqlite")
    return old


def _kill_a_writer(file: Path) -> None:
    """What it wrote stays in the database's log."""
    script = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('PRAGMA journal_mode=WAL');"
        "db.execute(\"UPDATE message SET text = 'in the log'\"); db.commit(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(file)], check=False)
    assert file.with_name(f"{file.name}-wal").stat().st_size > 0


# ------------------------------------------------------------------ who kills


@dataclass(slots=True)
class Toll:
    """What came of it all. `victims` are the programs that were killed, by name."""

    kills: int = 0
    starts: int = 0
    moves: int = 0
    differences: list[str] = field(default_factory=list)
    half_written: list[str] = field(default_factory=list)
    """What stood at the target after a kill and was neither what stood there before nor all of OLD."""
    refusals: list[str] = field(default_factory=list)
    """What the wizard said where it ended by itself, because a helper or an unpacker of its was killed."""
    victims: Counter[str] = field(default_factory=Counter)


def killed(place: Path, *, kills: int, seed: int, files: int, megabytes: int, within: float) -> Toll:
    """Moves one tree again and again until `kills` kills are done and the last move is through.

    A kill comes up to `within` seconds after a start. The same `seed` chooses the same moments and kinds
    of victims. Raises AssertionError where a move does not end.
    """
    chance, toll = random.Random(seed), Toll()
    while toll.kills < kills:
        toll.moves += 1
        here = place / f"{toll.moves}"
        here.mkdir()
        _one_move(here, furnish(here / "old", files=files, megabytes=megabytes), kills, within, chance, toll)
        subprocess.run(["rm", "-rf", str(here)], check=True)
    return toll


def _one_move(here: Path, old: Path, kills: int, within: float, chance: random.Random, toll: Toll) -> None:
    new, folder = here / "new/state", here / "journal"
    put(new, b"mine.txt", b"what stood there")
    folder.mkdir(mode=0o700)
    deadline = time.monotonic() + LONGEST
    while True:
        assert time.monotonic() < deadline, f"it does not end: {toll}"
        toll.starts += 1
        with _start(old, new, folder) as process:
            if toll.kills < kills:
                _kill(process, chance.uniform(0, within), chance.random(), toll)
            said = process.communicate()[1].decode()
        toll.half_written += _half_written(old, new)
        if process.returncode == 0:
            break
        assert process.returncode in (REFUSED, -signal.SIGKILL), said
        if process.returncode == REFUSED:
            toll.refusals.append(said.strip().splitlines()[-1])
    toll.differences += differences(old, new) + unsound(new)


def _start(old: Path, new: Path, folder: Path) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "tests.lab.kills", str(old), str(new), str(folder)]
    environment = {**os.environ, "PATH": f"{PATH}:{os.environ['PATH']}"}
    process = subprocess.Popen(
        argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == BEGUN
    return process


def _kill(process: subprocess.Popen[bytes], after: float, choice: float, toll: Toll) -> None:
    """The wizard itself every other time; else one of the programs that it runs on OLD and NEW."""
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        below = _below(process.pid) if choice < 0.5 else []
        victim = below[int(choice * 2 * len(below))] if below else process.pid
        name = _name(victim) if below else "wizard"
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            return
        toll.kills += 1
        toll.victims[name] += 1


def _below(pid: int) -> list[int]:
    """The processes that it started and theirs, as far as they still are there."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *_below(child)]
    return sorted(found)


def _name(pid: int) -> str:
    """What it runs: `node`, `tar`, `zstd`; Node gives its own process another name."""
    try:
        first = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return "gone already"
    return Path(os.fsdecode(first)).name or "gone already"


# ------------------------------------------------------------------ what must hold


def _half_written(old: Path, new: Path) -> list[str]:
    """Nothing where what stands at the target is whole: what was there, all that moved, or (kept) nothing."""
    kept = new.with_name(f"{new.name}.before-{MOVE}")
    if not new.exists():
        return [] if kept.exists() else ["neither the target nor what stood there"]
    if (new / "mine.txt").exists():
        return [] if len(list(new.iterdir())) == 1 else ["what stood there was merged with what moved"]
    return [f"half-written: {each}" for each in differences(old, new)]


def differences(old: Path, new: Path) -> list[str]:
    """By name what NEW has otherwise, and what was to be kept and is not."""
    (wanted, names), (found, there) = trees.read_back(old), trees.read_back(new)
    # Shared memory of a database stays behind; SQLite makes it anew.
    wanted = {path: facts for path, facts in wanted.items() if not path.endswith(b".sqlite-shm")}
    other = [repr(path) for path in wanted.keys() | found.keys() if wanted.get(path) != found.get(path)]
    other += [f"names of one file: {group}" for group in names ^ there]
    if (new.with_name(f"{new.name}.before-{MOVE}") / "mine.txt").read_bytes() != b"what stood there":
        other.append("what stood there is not kept")
    return other


def unsound(new: Path) -> list[str]:
    """The databases that do not pass their own check."""
    found = []
    for name in DATABASES:
        with closing(sqlite3.connect(new / name)) as db:
            if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                found.append(f"{name} is damaged")
    return found


if __name__ == "__main__":
    sys.stdout.buffer.write(BEGUN)
    sys.stdout.flush()
    try:
        asyncio.run(move(*map(Path, sys.argv[1:])))
    except WizardError as problem:
        print(problem, file=sys.stderr)
        sys.exit(REFUSED)
