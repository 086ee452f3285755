"""The two guards of the design: arrows point down (statically), faces load only what they need (really)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def loaded_by(statement: str) -> set[str]:
    """The top-level packages in `sys.modules` of a fresh interpreter after `statement`."""
    script = f"import sys\n{statement}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(ran.stdout.split())


def test_import_contract() -> None:
    ran = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports())",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 broken" in ran.stdout


@pytest.mark.parametrize("package", ["pydantic", "textual", "asyncssh", "humanize", "rich", "json5"])
def test_help_loads_nothing_heavy(package: str) -> None:
    assert package not in loaded_by("import openclaw_wizard.cli; openclaw_wizard.cli.parser()")


@pytest.mark.parametrize("face", ["openclaw_wizard.faces.plain", "openclaw_wizard.faces.jsonlines"])
def test_headless_faces_do_not_load_textual(face: str) -> None:
    assert not {"textual", "rich", "asyncssh"} & loaded_by(f"import {face}")


def test_the_core_loads_neither_a_screen_nor_ssh() -> None:
    statement = "import openclaw_wizard.cli as c; c.make_wizard()"
    assert not {"textual", "rich", "asyncssh"} & loaded_by(statement)


def test_the_tui_does_not_load_ssh_before_a_host_is_named() -> None:
    found = loaded_by("import openclaw_wizard.faces.tui.app")
    assert "textual" in found and "asyncssh" not in found


@pytest.mark.parametrize(("package", "rooms"), [("textual", ["faces/tui"]), ("asyncssh", ["hosts"])])
def test_a_library_is_imported_in_its_room_only(package: str, rooms: list[str]) -> None:
    house = ROOT / "openclaw_wizard"
    users = {
        path.relative_to(house).as_posix()
        for path in house.rglob("*.py")
        if any(line.strip().startswith((f"import {package}", f"from {package}")) for line in path.open())
    }
    assert users
    assert all(any(user.startswith(room) for room in rooms) for user in users), users
