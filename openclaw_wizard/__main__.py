"""Lets `python -m openclaw_wizard` do what the `openclaw-wizard` command does."""

import sys

from openclaw_wizard.cli import main

sys.exit(main())
