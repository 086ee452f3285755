"""The whole program in a process of its own, driven as a script would and read by its JSON lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
Event = dict[str, Any]


class Program:
    """`before` are words before the command, such as those that enter a network namespace.

    `module` is what runs: the program, or one of the tests' own that begins it with other steps.
    """

    def __init__(
        self,
        home: Path,
        *,
        before: Sequence[str] = (),
        module: str = "openclaw_wizard",
        **environment: str,
    ) -> None:
        self.home = home
        self.before = tuple(before)
        self.module = module
        own = {k: v for k, v in os.environ.items() if not k.startswith(("OPENCLAW", "SSH_"))}
        self.environment = {**own, "HOME": str(home), **environment}

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.before, sys.executable, "-m", self.module, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd=ROOT,
        )

    def run(self, *words: str, timeout: float = 1200) -> tuple[int, list[Event], str]:
        """The exit code, the events (with `--json`) and what it said on standard error."""
        process = self.start(*words)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
            raise AssertionError(f"{words} did not end: {out[-3000:]!r} {err[-3000:]!r}") from None
        events = [json.loads(line) for line in out.splitlines()] if "--json" in words else []
        return process.returncode, events, err.decode()

    def until(self, process: subprocess.Popen[bytes], point: str) -> list[Event]:
        """Reads events up to and with `type action`, such as `action-done copy.compare`.

        Raises AssertionError where the program ends before.
        """
        assert process.stdout is not None and process.stderr is not None
        events: list[Event] = []
        for line in process.stdout:
            events.append(json.loads(line))
            if f"{events[-1].get('type')} {events[-1].get('action')}" == point:
                return events
        raise AssertionError(f"{point} never came; {process.stderr.read().decode()}")

    def interrupted_at(
        self, process: subprocess.Popen[bytes], point: str, number: signal.Signals
    ) -> list[Event]:
        """Sends a signal when `type action` comes; the events until the end, a torn last one left out."""
        events = self.until(process, point)
        process.send_signal(number)
        assert process.stdout is not None
        rest = [line for line in process.stdout if line.endswith(b"\n")]
        process.wait()
        return events + [json.loads(line) for line in rest]


def last(events: list[Event], kind: str) -> Event:
    return [event for event in events if event["type"] == kind][-1]


def gateways(events: list[Event]) -> dict[str, str]:
    """Both end states, as the last event of a move that ended tells them."""
    return dict(last(events, "move-finished")["gateways"])


def table(events: list[Event]) -> list[tuple[str, str, str, str]]:
    """Rows of the comparison: what was counted, on OLD, on NEW, and the verdict."""
    return [(r["subject"], r["old"], r["new"], r["state"]) for r in last(events, "compared")["rows"]]
