"""Skills that doctor switched off are on again, and nothing else of the config changes."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from openclaw_wizard.openclaw import relocate
from tests.openclaw_states import helper, write

pytestmark = pytest.mark.node


async def test_only_what_doctor_switched_off_is_switched_on_again(tmp_path: Path) -> None:
    before = {"skills": {"entries": {"mine": {"enabled": False}, "keyed": {"apiKey": "k"}}}, "a": 1}
    after: dict[str, Any] = json.loads(json.dumps(before))
    after["skills"]["entries"] |= {
        "keyed": {"apiKey": "k", "enabled": False},
        "gone": {"enabled": False},
        "new": {"enabled": True},
    }
    path = write(tmp_path / "openclaw.json", json.dumps(after))
    assert set(await relocate.restore_skills(helper(), str(path), before)) == {"keyed", "gone"}
    found = json.loads(path.read_text())
    before["skills"]["entries"]["new"] = {"enabled": True}  # type: ignore[index]  # a plain literal
    assert found == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await relocate.restore_skills(helper(), str(path), before) == ()


async def test_a_config_without_skills_is_without_them_again(tmp_path: Path) -> None:
    after = {"gateway": {"mode": "local"}, "skills": {"entries": {"x": {"enabled": False}}}}
    path = write(tmp_path / "openclaw.json", json.dumps(after))
    assert await relocate.restore_skills(helper(), str(path), {"gateway": {"mode": "local"}}) == ("x",)
    assert json.loads(path.read_text()) == {"gateway": {"mode": "local"}}
