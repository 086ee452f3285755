"""The command line as a program sees it: exit codes, what goes to which stream. Every run is a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from openclaw_wizard.cli import chosen, parser
from openclaw_wizard.errors import ExitCode
from tests.builders import plan

Ran = subprocess.CompletedProcess[str]


class Cli:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "OPENCLAW_WIZARD_HOME": str(home / "wizard"),
        }

    def __call__(self, *words: str) -> Ran:
        return subprocess.run(
            [sys.executable, "-m", "openclaw_wizard", *words],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=self.environment,
            cwd=Path(__file__).parent.parent,
            timeout=120,
        )


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def test_help_names_every_command_and_exit_code() -> None:
    text = parser().format_help()
    for word in ("check", "plan", "run", "resume", "undo", "status", "report", "demo"):
        assert word in text
    for code in ExitCode:
        assert str(code.value) in text, code


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_profile_may_be_said_again(command: str) -> None:
    hosts = (command, "--from", "a", "--to", "b")
    assert parser().parse_args(hosts).profiles == []
    several = parser().parse_args([*hosts, "--profile", "work", "--profile", "default"])
    assert several.profiles == ["work", "default"]
    assert parser().parse_args([*hosts, "--profile", "all"]).profiles == ["all"]


@pytest.mark.parametrize(
    ("typed", "choice"),
    [
        ("all", "all"),
        ("d", "default"),
        ("D", "default"),
        ("work", "work"),
        ("work-", "work-2"),
        ("", None),
        ("x", None),
        ("a", None),
    ],
)
def test_a_choice_is_typed_in_whole_or_as_far_as_it_takes(typed: str, choice: str | None) -> None:
    assert chosen(("all", "default", "work", "work-2", "another"), typed) == choice


def test_version(cli: Cli) -> None:
    assert cli("--version").stdout.startswith("openclaw-wizard 0.")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "terminal"),
        (("plan",), 2, "--from"),
        (("run",), 2, "Which machines?"),
        (("run", "--from", "local", "--to", "local"), 2, "same machine"),
        (("run", "missing.json"), 2, "cannot be read"),
        (("run", "missing.json", "--from", "a"), 2, "names its machines itself"),
        (("run", "missing.json", "--bwlimit", "1MB"), 2, "names its machines itself"),
        (("run", "missing.json", "--profile", "work"), 2, "names its machines itself"),
        (("run", "missing.json", "--paths", "same"), 2, "names its machines itself"),
        (("plan", "--from", "a", "--to", "b", "--paths", "sideways"), 2, "invalid choice"),
        (("plan", "--from", "a", "--to", "b", "--bwlimit", "fast"), 2, "'fast' is no rate"),
        (("run", "--from", "a", "--to", "b", "--bwlimit", "0"), 2, "'0' is no rate"),
        (("plan", "--from", "a", "--to", "b", "--exclude", ""), 2, "'' is empty"),
        (("plan", "--from", "a", "--to", "b", "--exclude", "credentials/"), 2, "would leave out"),
        (("plan", "--from", "a", "--to", "b", "--include", "../x"), 2, "`..` in it"),
        (("run", "missing.json", "--exclude", "media/"), 2, "names its machines itself"),
        (("run", "--from", "a", "--to", "b", "--answers", "missing.json"), 2, "answers file"),
        (("resume",), 2, "no move"),
        (("resume", "nonsense"), 2, "no move nonsense"),
        (("undo",), 2, "no move"),
        (("report",), 2, "no move"),
        (("status", "nonsense"), 2, "no move nonsense"),
        (("plan", "--from", "no-such-host.invalid", "--to", "local"), 6, "no-such-host.invalid"),
        (("plan", "--from", "local", "--to", "127.0.0.1:1"), 6, "127.0.0.1:1"),
    ],
)
def test_bad_input_has_its_own_words_and_code(cli: Cli, words: tuple[str, ...], code: int, said: str) -> None:
    ran = cli(*words)
    assert ran.returncode == code, ran.stderr
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_every_failure_says_what_is_safe_and_next_exactly_once(cli: Cli) -> None:
    ran = cli("plan", "--from", "local", "--to", "no-such-host.invalid")
    assert ran.stderr.count("safe:") == 1 and ran.stderr.count("next:") == 1


def test_json_goes_to_standard_output_as_one_event_a_line(cli: Cli) -> None:
    ran = cli("plan", "--from", "local", "--to", "no-such-host.invalid", "--json")
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert events[-1]["type"] == "survey-failed" and events[-1]["exit_code"] == 6
    assert "no-such-host.invalid" in ran.stderr


@pytest.mark.parametrize("content", ["{}", "not json", '{"format": 99}'])
def test_a_plan_of_another_version(cli: Cli, tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content)
    ran = cli("run", str(path), "--yes")
    assert ran.returncode == 2 and "cannot be used" in ran.stderr and "plan" in ran.stderr


def test_a_plan_for_machines_that_are_not_there(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    made = plan(old=plan().old.model_copy(update={"address": "no-such-host.invalid"}))
    path.write_text(made.model_dump_json())
    assert cli("run", str(path), "--yes").returncode == 6


def test_status_of_nothing(cli: Cli) -> None:
    assert cli("status").stdout == "No moves yet.\n"
    assert json.loads(cli("status", "--json").stdout) == []


def test_status_names_a_damaged_journal_and_goes_on(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "wizard" / "migrations" / "20260101-000000-abcd"
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").write_bytes(b"{broken}\n{}\n")
    ran = cli("status")
    assert ran.returncode == 0 and "damaged at line 1" in ran.stdout
    assert cli("resume").returncode == 1
