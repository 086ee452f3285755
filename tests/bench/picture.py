"""The results as one SVG: a bar for every way, ours in another colour."""

from __future__ import annotations

from statistics import median
from typing import Final
from xml.sax.saxutils import escape

from tests.bench.results import Results

TITLES: Final = {
    "loopback": "A first copy of 600 MB, no limit on the line",
    "line": "A first copy of 600 MB, 100 Mbit/s and 20 ms",
    "again": "The second pass, after a day of use",
}
WIDTH: Final = 760
LABELS: Final = 300
LINE: Final = 24
OURS: Final = "#0f766e"
OTHERS: Final = "#94a3b8"


def draw(found: Results) -> str:
    """Seconds, shorter is better; a group for every table."""
    parts: list[str] = []
    y = 10
    for name, row in found.copies.items():
        parts.append(f'<text x="10" y="{y + 16}" font-weight="bold">{escape(TITLES[name])} (seconds)</text>')
        y += 2 * LINE - 14
        longest = max(median(m.seconds for m in runs) for runs in row.values())
        for way, runs in row.items():
            parts += _bar(way, median(m.seconds for m in runs), longest, y)
            y += LINE
        y += LINE
    note = "2 shared cores; OLD, NEW and the wizard on one computer; medians"
    parts.append(f'<text x="10" y="{y + 4}" fill="#64748b">{note}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 16}"'
    style = 'font-family="system-ui, sans-serif" font-size="13" fill="#334155"'
    return f'{head} {style}><rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'


def _bar(way: str, seconds: float, longest: float, y: int) -> list[str]:
    length = max(2, round((WIDTH - LABELS - 80) * seconds / longest))
    colour = OURS if way.startswith("ours") else OTHERS
    return [
        f'<text x="{LABELS - 8}" y="{y + 14}" text-anchor="end">{escape(way)}</text>',
        f'<rect x="{LABELS}" y="{y + 2}" width="{length}" height="{LINE - 8}" fill="{colour}"/>',
        f'<text x="{LABELS + length + 6}" y="{y + 14}">{seconds:.1f}</text>',
    ]
