"""Numbers as people read them: sizes, counts, elapsed time, rates and honest ranges of time left."""

from __future__ import annotations

import math
from collections import deque
from datetime import datetime
from typing import Final

import humanize

BASIS: Final = 3.0
"""Seconds of progress before anything is said about the time left."""
WINDOW: Final = 12.0
"""Seconds that the recent rate looks back."""


def size(amount: float) -> str:
    """Bytes in decimal units, such as `1.8 GB`."""
    return humanize.naturalsize(amount)


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


def _bytes(done: int, total: int | None) -> str:
    if total is None:
        return size(done)
    first, last = size(done), size(total)
    same = first.split()[-1] == last.split()[-1]
    return f"{first.split()[0] if same else first} of {last}"


class Pace:
    """How fast one action goes, from its progress: a recent rate and a range of time left."""

    def __init__(self) -> None:
        self.action = ""
        self._samples: deque[tuple[float, int]] = deque(maxlen=256)
        self._first: tuple[float, int] = (0.0, 0)

    def note(self, action: str, time: float, done: int) -> None:
        """One report of progress; another action, or less than before, starts anew."""
        if action != self.action or (self._samples and done < self._samples[-1][1]):
            self.action = action
            self._samples.clear()
        if not self._samples:
            self._first = (time, done)
        elif time - self._samples[-1][0] < 0.05:
            self._samples.pop()
        self._samples.append((time, done))
        while time - self._samples[0][0] > WINDOW:
            self._samples.popleft()

    def rate(self, now: float) -> float | None:
        """Units a second lately, or None before there is a basis."""
        return self._since(self._samples[0], now) if self._has_basis(now) else None

    def left(self, total: int, now: float) -> tuple[float, float] | None:
        """Seconds left at the better and at the worse of the two rates, or None without a basis."""
        overall, recent = self._since(self._first, now), self.rate(now)
        if not overall or not recent:
            return None
        rest = total - self._samples[-1][1]
        return 0.9 * rest / max(overall, recent), 1.15 * rest / min(overall, recent)

    def _has_basis(self, now: float) -> bool:
        return bool(self._samples) and now - self._first[0] >= BASIS

    def _since(self, start: tuple[float, int], now: float) -> float | None:
        if not self._samples or now <= start[0]:
            return None
        return (self._samples[-1][1] - start[1]) / (now - start[0])
