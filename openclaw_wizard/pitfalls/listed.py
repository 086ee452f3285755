"""The catalogue as a table, for the README; pure."""

from __future__ import annotations

from openclaw_wizard.pitfalls.catalogue import PITFALLS, SUBJECTS, Pitfall
from openclaw_wizard.pitfalls.rule import nothing


def table() -> str:
    """Markdown: a heading a subject, a row a pitfall, in the catalogue's order."""
    parts = []
    for subject, heading in SUBJECTS.items():
        rows = [_row(each) for each in PITFALLS if each.subject == subject]
        parts += [f"### {heading} ({len(rows)})", "", "| Pitfall | | Why |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(parts)


def _row(each: Pitfall) -> str:
    bound = f" ({each.versions})" if each.versions else ""
    mended = "" if each.fixes is nothing else f" A move mends it with `--fix {each.id}`."
    return f"| `{each.id}`: {each.title}{bound} | {each.severity} | {each.why}{mended} |".replace("\n", " ")
