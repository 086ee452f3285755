"""Runs a move: surveys, executes actions, publishes events, asks questions, stops, resumes, puts back.

The session knows no particular step; it is handed the survey and the list of actions. It lives
outside every face: its work is a task of its own that survives a screen, and `aclose` awaits it.
"""

from __future__ import annotations

from openclaw_wizard.session.handed import Survey
from openclaw_wizard.session.questions import Policy
from openclaw_wizard.session.records import load_plan
from openclaw_wizard.session.wizard import Wizard

__all__ = ["Policy", "Survey", "Wizard", "load_plan"]
