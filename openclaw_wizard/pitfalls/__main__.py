"""Prints the table of all pitfalls as Markdown: `python -m openclaw_wizard.pitfalls`."""

from __future__ import annotations

import sys

from openclaw_wizard.pitfalls.listed import table

if __name__ == "__main__":
    sys.stdout.write(table())
