"""A state directory on OLD, something that stands on NEW, and the program that moves one over to the other.

What every test of a fault asks: was OLD left alone, is NEW as it was or equal to OLD, does nothing run on.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests import openclaw_states
from tests.lab import faults
from tests.lab.lab import NEW, OLD, Lab
from tests.program import Event, Program, last

MEGABYTE = 1_000_000
FILES = 8
FILE_SIZE = 5 * MEGABYTE
SIZE = FILES * FILE_SIZE
DISK = 900 * MEGABYTE
"""Of both homes: room for two copies, the safety copy and the spare room that the wizard asks for."""
LONGEST = 300.0
"""Seconds after which a program that does not end is killed, and the test fails."""
REWRITTEN = (".openclaw/openclaw.json", ".openclaw/state/openclaw.sqlite")
"""What holds paths of OLD's home; it and its folder differ on NEW."""

Snapshot = dict[str, tuple[int, int, int, int, str]]
"""Mode, owner, size, mtime in ns and content hash (or link target) by relative path."""


class Run:
    """The program at work; `events` are what it has said so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.events: list[Event] = []
        self._killer = threading.Timer(LONGEST, process.kill)
        self._killer.start()

    def until(self, holds: Callable[[Event], bool]) -> Event:
        """Reads on to the first event that it holds for. Raises AssertionError where there is none."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if holds(self.events[-1]):
                return self.events[-1]
        self.end()
        raise AssertionError(f"it ended before: {self.events[-3:]} {self.said}")

    def until_started(self, action: str) -> Event:
        return self.until(lambda event: event["type"] == "action-started" and event["action"] == action)

    def until_copied(self, size: int) -> Event:
        return self.until(lambda event: event.get("action") == "copy.stream" and event.get("done", 0) >= size)

    def end(self) -> int:
        """Reads to its end; its exit code. `said` is then what it wrote on standard error."""
        assert self.process.stdout is not None and self.process.stderr is not None
        self.events += [json.loads(line) for line in self.process.stdout]
        self.said = self.process.stderr.read().decode()
        code = self.process.wait()
        self._killer.cancel()
        return code

    def ended(self, code: int) -> None:
        """Raises AssertionError, with what it said, where it ends with another exit code."""
        found = self.end()
        assert found == code, (found, self.said, self.events[-3:])

    def count(self, kind: str) -> int:
        return sum(event["type"] == kind for event in self.events)

    def done(self, action: str) -> str:
        """What it said of an action's end."""
        (event,) = [e for e in self.events if e["type"] == "action-done" and e["action"] == action]
        return str(event["fact"])

    def failure(self) -> Event:
        return last(self.events, "action-failed")


class Ground:
    """Two machines, both with a home on a small disk; OLD's state is made once and never touched."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.old = lab.add(replace(OLD, disk_bytes=DISK))
        self.new = lab.add(replace(NEW, disk_bytes=DISK))
        state = openclaw_states.today(self.old.home, called=Path(OLD.home))
        for number in range(FILES):
            (state / f"workspace/media-{number}.bin").write_bytes(os.urandom(FILE_SIZE))
        self.old.root_runs(f"chown -R {OLD.user}: {OLD.home}")
        self.before = snapshot(self.old.home)
        self.moves = 0

    def reset(self) -> None:
        """NEW with another state of its own, a wizard that knows no move, and no safety copy on OLD."""
        self.old.root_runs(f"rm -rf {OLD.home}/.openclaw-wizard")
        self.new.root_runs(
            f"cd {NEW.home} && rm -rf .openclaw* research* && mkdir .openclaw && "
            f"echo what stood there >.openclaw/mine.txt && chown -R {NEW.user}: {NEW.home}"
        )
        self.moves += 1

    def start(self, *words: str, reconnect: float = 60) -> Run:
        """`run` or `resume`; `reconnect` are the seconds for which a lost link is tried again."""
        program = Program(
            self.lab.home,
            before=(*self.lab.in_cgroup(), *self.lab.network.inside()),
            module="tests.lab.tree_only",
            OPENCLAW_WIZARD_HOME=str(self.wizard_home),
            LAB_RECONNECT_FOR=str(reconnect),
        )
        hosts = ("--from", "old", "--to", "new") if words[0] in ("run", "plan") else ()
        yes = () if words[0] == "plan" else ("--yes",)
        return Run(program.start(*words, *hosts, *yes, "--json"))

    @property
    def wizard_home(self) -> Path:
        return self.lab.home / f"wizard-{self.moves}"

    @property
    def begun(self) -> bool:
        """Whether a move was written down, so that it can be resumed."""
        return any(self.wizard_home.glob("migrations/*/journal.jsonl"))

    # ------------------------------------------------------------- what must hold

    def old_is_as_it_was(self) -> None:
        assert snapshot(self.old.home) == self.before

    def new_is_as_it_was(self) -> None:
        """What stood there is where it was, and nothing that could be taken for the moved state."""
        assert (self.new.home / ".openclaw/mine.txt").read_text() == "what stood there\n"
        assert [each.name for each in (self.new.home / ".openclaw").iterdir()] == ["mine.txt"]
        assert not (self.new.home / "research").exists()

    def nothing_runs_on(self) -> None:
        """No command of the wizard is left on either machine, a few seconds after it ended."""
        deadline = time.monotonic() + 15
        while left := [each for machine in (self.old, self.new) for each in faults.commands_of(machine)]:
            assert time.monotonic() < deadline, "\n".join(map(str, left))
            time.sleep(0.1)

    def all_has_moved(self) -> None:
        """Every name, mode, time and byte of OLD is on NEW; what stood there is kept beside it."""
        (aside,) = self.new.home.glob(".openclaw.before-*")
        assert (aside / "mine.txt").read_text() == "what stood there\n"
        found, source = snapshot(self.new.home), dict(self.before)
        assert found.keys() == source.keys()
        for name in REWRITTEN:
            folder = name.rpartition("/")[0]
            assert found.pop(name)[0] == source.pop(name)[0]
            assert found.pop(folder)[0] & 0o700 == source.pop(folder)[0] & 0o700
        strip = {name: (e[0], *e[2:]) for name, e in source.items()}
        assert {name: (e[0], *e[2:]) for name, e in found.items()} == strip
        assert {owner for _, owner, *_ in found.values()} == {NEW.uid}
        config, database = (self.new.home / name for name in REWRITTEN)
        was = (self.old.home / REWRITTEN[0]).read_text()
        assert json.loads(config.read_text()) == json.loads(was.replace(OLD.home, NEW.home))
        assert openclaw_states.read(database, "SELECT job_id, store_key FROM cron_jobs") == [
            (job, f"{NEW.home}/.openclaw/cron/jobs.json") for job in ("job-1", "job-2")
        ]


def snapshot(home: Path) -> Snapshot:
    """All of the state and the workspace outside of it."""
    found: Snapshot = {}
    for top in (home / ".openclaw", home / "research"):
        for path in (top, *top.rglob("*")):
            facts = path.lstat()
            content = str(path.readlink()).encode() if path.is_symlink() else b""
            content = path.read_bytes() if path.is_file() and not path.is_symlink() else content
            size = 0 if path.is_dir() else facts.st_size
            digest = hashlib.sha256(content).hexdigest()
            entry = (facts.st_mode, facts.st_uid, size, facts.st_mtime_ns, digest)
            found[str(path.relative_to(home))] = entry
    return found
