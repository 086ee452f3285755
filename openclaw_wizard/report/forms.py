"""Markdown and JSON of a report."""

from __future__ import annotations

import json
from collections.abc import Sequence

from openclaw_wizard.report.content import Content

FORMAT = 1
"""Number of the JSON form."""


def markdown(report: Content) -> str:
    out = [f"# OpenClaw move: {report.outcome or 'not finished'}", "", report.note, ""]
    out += [_line(("", "")), _line(("---", "---")), *map(_line, report.summary), ""]
    for section in report.sections:
        out += [f"## {section.title}", ""]
        out += [section.lead, ""] if section.lead else []
        if section.columns == ("",):
            out += [f"- {_cell(row[0])}" for row in section.rows] + [""]
            continue
        dashes = ["---"] * len(section.columns)
        out += [_line(section.columns), _line(dashes), *map(_line, section.rows), ""]
    return "\n".join(out)


def _cell(text: str) -> str:
    """Markup of a text from a host is shown, not followed; `|` and a newline would break the table."""
    plain = text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", "⏎").replace("`", "\\`")
    return plain.replace("<", "&lt;").replace("[", "\\[").replace("*", "\\*").replace("_", "\\_")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def as_json(report: Content) -> str:
    """One object: the summary, and each section's title, columns and rows."""
    found = {
        "format": FORMAT,
        "move": report.move,
        "outcome": report.outcome,
        "downtime": report.downtime,
        "note": report.note,
        "summary": dict(report.summary),
        "sections": [
            {"title": s.title, "columns": list(s.columns), "rows": [list(row) for row in s.rows]}
            for s in report.sections
        ],
    }
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"
