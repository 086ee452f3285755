"""The README says what the program does: its tables are made from the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from openclaw_wizard.cli import parser
from openclaw_wizard.errors import ExitCode

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def test_every_exit_code_and_command_is_documented() -> None:
    text = README.read_text()
    for code in ExitCode:
        assert re.search(rf"\b{code.value}\b", text), code
    for command in re.findall(r"^    (\w+)  ", parser().format_help(), re.M):
        assert f"`{command}" in text, command


@pytest.mark.parametrize("path", re.findall(r"!\[[^]]*\]\(([^)]+)\)", README.read_text()))
def test_every_picture_is_there(path: str) -> None:
    assert (ROOT / path).stat().st_size > 1000


def test_ci_runs_what_the_readme_says() -> None:
    assert "bash tests/run.sh" in README.read_text()
    assert "bash tests/run.sh" in (ROOT / ".ci" / "run").read_text()
