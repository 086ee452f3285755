"""The report that a person keeps and may post: Markdown, HTML and JSON of the same content. No secrets.

By default in the form that can be posted (`posted`); with `names`, as both machines are really called.
"""

from __future__ import annotations

from openclaw_wizard.model import Plan
from openclaw_wizard.redact import redact
from openclaw_wizard.report import forms, page
from openclaw_wizard.report.content import (
    NAMES,
    PLACEHOLDERS,
    Content,
    content,
    downtime,
    left_for_you,
    way_in,
)
from openclaw_wizard.report.kept import Kept
from openclaw_wizard.report.posted import posted
from openclaw_wizard.view import View

__all__ = ["Kept", "as_json", "downtime", "html", "left_for_you", "markdown", "way_in"]

NOTHING = Kept()


def markdown(view: View, plan: Plan, kept: Kept = NOTHING, *, names: bool = False) -> str:
    return forms.markdown(_content(view, plan, kept, names=names))


def html(view: View, plan: Plan, kept: Kept = NOTHING, *, names: bool = False) -> str:
    return page.html(_content(view, plan, kept, names=names))


def as_json(view: View, plan: Plan, kept: Kept = NOTHING, *, names: bool = False) -> str:
    return forms.as_json(_content(view, plan, kept, names=names))


def _content(view: View, plan: Plan, kept: Kept, *, names: bool) -> Content:
    if names:
        return content(view, plan, kept, redact, note=NAMES)
    return content(view, plan, kept, posted(plan), note=PLACEHOLDERS)
