"""Numbers as people read them: sizes, counts, elapsed time, rates and honest ranges of time left."""

from __future__ import annotations

import math
from collections import deque
from datetime import datetime
from typing import Final

import humanize

from openclaw_wizard.events import HostLost

BASIS: Final = 3.0
"""Seconds of progress before anything is said about the time left."""
WINDOW: Final = 12.0
"""Seconds that the recent rate looks back."""
SPACING: Final = 0.05
"""Seconds between two samples that are kept, however many reports come."""
QUIET: Final = 5.0
"""Seconds without progress that are worth a word."""
SMALL: Final = 16_384
"""Bytes an entry has on average where names and headers cost more time than content."""
STRETCH: Final = 2.0
"""Seconds of one bar of the history."""
BARS: Final = 16
"""Bars of the history; wizard.tcss gives the sparkline as many cells, so that a bar is a stretch."""


def size(amount: float) -> str:
    """Bytes in decimal units, such as `1.8 GB`."""
    return humanize.naturalsize(amount)


def short(amount: float) -> str:
    """Bytes in two or three digits: `41 MB`, `4.1 MB`."""
    number, unit = size(amount).split()
    return f"{number if len(number) < 4 else round(float(number))} {unit}"


def speed(rate: float) -> str:
    """Bytes a second: `41 MB/s`."""
    return f"{short(rate)}/s"


def files(amount: int) -> str:
    return f"{amount:,} file" if amount == 1 else f"{amount:,} files"


def count(amount: int, one: str, many: str | None = None) -> str:
    """`1 agent`, `3 agents`."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def clock(seconds: float) -> str:
    """Elapsed time: `0:04`, `12:30`, `1:02:03`."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def duration(seconds: float) -> str:
    """A measured time in words: `7 s`, `1 min 12 s`, `2 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, left = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {left} s" if left else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def span(low: float, high: float) -> str:
    """A range of time left, rounded outwards: `10-20 s`, `6-9 min`."""
    if high <= 60:
        first, last = math.floor(low / 5) * 5, max(5, math.ceil(high / 5) * 5)
        return f"{first}-{last} s" if first and first != last else f"under {last} s"
    first, last = math.floor(low / 60), math.ceil(high / 60)
    if first == last:
        return f"about {last} min"
    return f"{first}-{last} min" if first else f"under {last} min"


def until_retry(lost: HostLost, now: float) -> str:
    """`try 2 in 8 s`, and `try 2 runs now` once the wait is over."""
    wait = math.ceil(lost.time + lost.retry_in - now)
    return f"try {lost.attempt} in {wait} s" if wait > 0 else f"try {lost.attempt} runs now"


def moment(time: float, now: float) -> str:
    """When a move began: `14:02` today, else with its date."""
    then, today = datetime.fromtimestamp(time).astimezone(), datetime.fromtimestamp(now).astimezone()
    if then.date() == today.date():
        return f"{then:%H:%M}"
    return f"{then.day} {then:%b}, {then:%H:%M}" if then.year == today.year else f"{then:%Y-%m-%d, %H:%M}"


def amounts(done: int, total: int | None, unit: str) -> str:
    """Progress in its own unit: `1.8 of 2.1 GB`, `120 of 4,211 files`, `3 of 7`; empty before any."""
    if unit == "steps" and total is None and done == 0:
        return ""
    if unit == "bytes":
        return _bytes(done, total)
    if unit == "seconds" and total is not None:  # the total is when the waiting is given up
        return f"{done:,} s, at most {total:,} s"
    name = {"files": " files", "seconds": " s"}.get(unit, "")
    return f"{done:,}{name}" if total is None else f"{done:,} of {total:,}{name}"


def brief(done: int, total: int | None) -> str:
    """Bytes for a narrow column: `1.8/2.1 GB`."""
    return _bytes(done, total).replace(" of ", "/")


def share(done: int, total: int | None) -> float | None:
    """How much is done, 0 to 1; None where the end is not known."""
    return min(1.0, done / total) if total else None


def _bytes(done: int, total: int | None) -> str:
    if total is None:
        return size(done)
    first, last = size(done), size(total)
    same = first.split()[-1] == last.split()[-1]
    return f"{first.split()[0] if same else first} of {last}"


class Pace:
    """How fast one piece of work goes: a recent rate, its history, a range of time left."""

    def __init__(self) -> None:
        self._work: object = None
        self._samples: deque[tuple[float, int, int | None]] = deque(maxlen=2 + int(WINDOW / SPACING))
        self._first: tuple[float, int] = (0.0, 0)
        self._bars: deque[float] = deque(maxlen=BARS - 1)
        self._stretches = self._moved = 0

    def note(self, work: object, time: float, done: int, entries: int | None = None) -> None:
        """One report of progress; other work, or less than before, starts anew."""
        if work != self._work or (self._samples and done < self._samples[-1][1]):
            self._work = work
            self._samples.clear()
        if not self._samples:
            self._begin(time, done)
        self._turn(time)
        self._moved += done - self._samples[-1][1] if self._samples else 0
        if len(self._samples) > 1 and self._samples[-1][0] - self._samples[-2][0] < SPACING:
            self._samples.pop()
        self._samples.append((time, done, entries))
        while len(self._samples) > 2 and time - self._samples[1][0] > WINDOW:
            self._samples.popleft()

    def rate(self, now: float) -> float | None:
        """Units a second lately, or None before there is a basis."""
        return self._since(self._samples[0][:2], now) if self._has_basis(now) else None

    def left(self, total: int, now: float) -> tuple[float, float] | None:
        """Seconds left at the better and at the worse of the two rates, or None without a basis."""
        overall, recent = self._since(self._first, now), self.rate(now)
        if not overall or not recent:
            return None
        rest = total - self._samples[-1][1]
        return 0.9 * rest / max(overall, recent), 1.15 * rest / min(overall, recent)

    def history(self, now: float) -> tuple[float, ...]:
        """The rates of the stretches that ended, newest last; empty without a basis.

        Always `BARS` of them, the first of them 0: a scale that begins at nothing does not turn the
        small ups and downs of an even pace into mountains.
        """
        if not self._has_basis(now):
            return ()
        self._turn(now)
        return (*[0.0] * (BARS - len(self._bars)), *self._bars)

    def slow(self, now: float) -> str:
        """Why it goes slower than it could, as far as the progress tells; empty where it does not."""
        overall, recent = self._since(self._first, now), self.rate(now)
        if overall is None or recent is None:
            return ""
        if (quiet := now - self._samples[-1][0]) >= QUIET:
            return f"nothing came for {duration(quiet)}"
        first, last = self._samples[0], self._samples[-1]
        entries = (last[2] or 0) - (first[2] or 0)
        if entries > 1 and last[1] - first[1] < entries * SMALL:
            return f"small files, {entries / (now - first[0]):,.0f} a second"
        return "slower than before" if recent < overall / 2 else ""

    def _begin(self, time: float, done: int) -> None:
        self._first = (time, done)
        self._bars.clear()
        self._stretches = self._moved = 0

    def _turn(self, now: float) -> None:
        """Ends the stretches that are over."""
        while self._stretches < int((now - self._first[0]) / STRETCH):
            self._bars.append(self._moved / STRETCH)
            self._stretches, self._moved = self._stretches + 1, 0

    def _has_basis(self, now: float) -> bool:
        return bool(self._samples) and now - self._first[0] >= BASIS

    def _since(self, start: tuple[float, int], now: float) -> float | None:
        if not self._samples or now <= start[0]:
            return None
        return (self._samples[-1][1] - start[1]) / (now - start[0])
