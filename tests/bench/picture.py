"""The results as one SVG: a bar for every way, ours in another colour, the ratio beside the seconds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from tests.bench import results
from tests.bench.results import MACHINE, TITLES, Results, Row

WIDTH: Final = 860
MARGIN: Final = 32
LABELS: Final = 330
"""Where the bars begin."""
FIGURES: Final = 150
"""Room for the figures behind the longest bar."""
LINE: Final = 26
BAR: Final = 16
INK, MUTED, OURS, OTHERS, RULE = "#1e293b", "#64748b", "#0d9488", "#cbd5e1", "#e2e8f0"
TITLE: Final = "Moving a folder with OpenClaw's kind of data"
BELOW: Final = "Seconds, shorter is better. Ours reads NEW back and compares every file by hash."


def draw(found: Results) -> str:
    """A group for every table of seconds; the ratios are those to its first way."""
    size = f"{600 * found.scale:,.0f} MB in {15_000 * found.scale:,.0f} entries"
    parts = [_text(MARGIN, 44, TITLE, size=20, weight=600), _text(MARGIN, 68, f"{size}. {BELOW}", fill=MUTED)]
    y = 104
    for name, row in found.copies.items():
        parts += _group(TITLES[name], row, y)
        y += (len(row) + 2) * LINE + 12
    parts.append(
        _text(MARGIN, y + 4, f"{MACHINE}. Medians; × is the time of the group's first way.", fill=MUTED)
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 28}" width="{WIDTH}"'
    style = f'height="{y + 28}" font-family="system-ui, sans-serif" font-size="13" fill="{INK}"'
    background = '<rect width="100%" height="100%" rx="12" fill="white"/>'
    return f"{head} {style}>{background}{''.join(parts)}</svg>\n"


def _group(title: str, row: Row, y: int) -> Iterator[str]:
    yield _text(MARGIN, y, title, size=15, weight=600)
    yield f'<path d="M{MARGIN} {y + 9}H{WIDTH - MARGIN}" stroke="{RULE}"/>'
    taken = {way: results.seconds(runs) for way, runs in row.items()}
    first, longest = next(iter(taken.values())), max(taken.values())
    for number, (way, seconds) in enumerate(taken.items(), 1):
        yield from _bar(way, seconds, seconds / first, seconds / longest, y + number * LINE - 6)


def _bar(way: str, seconds: float, ratio: float, share: float, y: int) -> Iterator[str]:
    ours = way.startswith("ours")
    fill, weight = (OURS, 600) if ours else (OTHERS, 400)
    length = max(3, round((WIDTH - LABELS - MARGIN - FIGURES) * share))
    base = y + LINE - 10
    yield _text(LABELS - 12, base, way, anchor="end", weight=weight, fill=OURS if ours else INK)
    yield f'<rect x="{LABELS}" y="{base - 12}" width="{length}" height="{BAR}" rx="3" fill="{fill}"/>'
    yield _text(LABELS + length + 8, base, f"{seconds:.1f} s", weight=weight)
    yield _text(WIDTH - MARGIN, base, f"{ratio:.2f} ×", anchor="end", fill=MUTED)


def _text(
    x: int, y: int, text: str, *, size: int = 13, weight: int = 400, anchor: str = "start", fill: str = INK
) -> str:
    look = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{fill}"'
    return f'<text x="{x}" y="{y}" {look}>{escape(text)}</text>'
