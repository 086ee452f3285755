"""A report as one HTML page that needs nothing else: light and dark, on a screen, a phone or paper."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Final

from openclaw_wizard.model import Outcome
from openclaw_wizard.report.content import Content, Section

TONES: Final = {
    "good": ("equal", "done", "grew", "clear", "done by itself"),
    "calm": ("expected", "pending", "put back", "reverted"),
    "look": ("unknown", "look", "running", "done with problems", "stopped, resumable"),
    "bad": ("lost", "differs", "failed", "blocks", "failed, resumable"),
}
GLYPHS: Final = {"good": "✔", "calm": "≈", "look": "●", "bad": "✖"}
"""A state is a sign and a word, never a colour alone."""


def html(report: Content) -> str:
    return "\n".join(_page(report)) + "\n"


def _page(report: Content) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>OpenClaw move {escape(report.move)}</title>"
    yield f"<style>{files(__package__).joinpath('page.css').read_text()}</style></head><body><main>"
    outcome = str(report.outcome or "not finished")
    yield f"<header><h1><small>OpenClaw wizard</small>{_headline(report.outcome)}</h1>"
    yield f"{badge(outcome)}</header>"
    pairs = "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in report.summary)
    yield f'<section class="card"><dl>{pairs}</dl></section>'
    for section in report.sections:
        yield from _section(section)
    yield f'<p class="note">{escape(report.note)}</p></main></body></html>'


def _headline(outcome: Outcome | None) -> str:
    if outcome in (Outcome.DONE, Outcome.PROBLEMS):
        return "An OpenClaw moved to another machine"
    return "The move was put back" if outcome is Outcome.PUT_BACK else "A move that has not ended"


def badge(state: str) -> str:
    tone = next((name for name, words in TONES.items() if state in words), "calm")
    return f'<span class="badge {tone}">{GLYPHS[tone]} {escape(state)}</span>'


def _section(section: Section) -> Iterator[str]:
    yield f'<section class="card"><h2>{escape(section.title)}</h2>'
    if section.lead:
        yield f'<p class="lead">{escape(section.lead)}</p>'
    if section.columns == ("",):
        yield f"<ul>{''.join(f'<li>{escape(row[0])}</li>' for row in section.rows)}</ul></section>"
        return
    head = "".join(f"<th>{escape(name)}</th>" for name in section.columns)
    yield f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>'
    for row in section.rows:
        yield f"<tr>{''.join(_cell(section, at, text) for at, text in enumerate(row))}</tr>"
    yield "</tbody></table></div></section>"


def _cell(section: Section, at: int, text: str) -> str:
    if at == section.state and text:
        return f"<td>{badge(text)}</td>"
    if at in section.code and text:
        return f"<td><code>{escape(text)}</code></td>"
    return f"<td>{escape(text)}</td>"
