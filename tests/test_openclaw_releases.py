"""Versions in the order in which they came out, and the Node that each asks for."""

from __future__ import annotations

import pytest

from openclaw_wizard.openclaw import releases

IN_ORDER = (
    "2026.1.29",
    "2026.2.9",
    "2026.7.1-beta.1",
    "2026.7.1-beta.2",
    "2026.7.1-beta.11",
    "2026.7.1",
    "2026.7.1-2",
    "2026.7.1-11",
    "2026.7.2",
    "2026.9.6",
    "2026.10.1",
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("OpenClaw 2026.9.6 (eb377ac)", "2026.9.6"),
        ("2026.1.30\n", "2026.1.30"),
        ("v24.16.0", "24.16.0"),
        ("openclaw/2026.7.1-2 linux", "2026.7.1-2"),
        ("2026.7.2-beta.1", "2026.7.2-beta.1"),
    ],
)
def test_a_version_is_found_in_what_programs_say(text: str, said: str) -> None:
    assert str(releases.parse_version(text)) == said


def test_no_version() -> None:
    assert releases.parse_version("command not found") is None
    with pytest.raises(ValueError, match="is no version"):
        releases.node_range("latest")


def test_versions_are_ordered_as_they_came_out() -> None:
    found = [releases.parse_version(each) for each in reversed(IN_ORDER)]
    assert [str(each) for each in sorted(each for each in found if each)] == list(IN_ORDER)
    assert releases.is_before("2026.9.6", "2026.10.1")
    assert not releases.is_before("2026.9.6", "2026.9.6")


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("2026.1.29", ">=22.12.0"),
        ("2026.3.11", ">=22.12.0"),
        ("2026.3.13", ">=22.16.0"),
        ("2026.5.7", ">=22.14.0"),
        ("2026.5.12", ">=22.16.0"),
        ("2026.6.35", ">=22.19.0"),
        ("2026.9.2", ">=22.22.3 <23 || >=24.15.0 <25 || >=25.9.0"),
        ("2026.9.6", ">=24.16.0 <25 || >=26.1.0"),
        ("2027.1.1", ">=24.16.0 <25 || >=26.1.0"),
        ("2026.1.2", ">=22.12.0"),
    ],
)
def test_the_range_of_a_version(version: str, wanted: str) -> None:
    assert releases.node_range(version) == wanted


@pytest.mark.parametrize(
    ("node", "version", "good"),
    [
        ("v24.16.0", "2026.9.6", True),
        ("24.15.9", "2026.9.6", False),
        ("25.0.0", "2026.9.6", False),
        ("26.1.0", "2026.9.6", True),
        ("22.22.3", "2026.7.1", True),
        ("23.0.0", "2026.7.1", False),
        ("25.9.0", "2026.7.1", True),
        ("22.12.0", "2026.2.9", True),
        ("20.11.1", "2026.2.9", False),
    ],
)
def test_whether_a_node_runs_a_version(node: str, version: str, good: bool) -> None:
    assert releases.node_satisfies(node, version) is good


def test_one_node_satisfies_every_version_of_the_table() -> None:
    assert all(releases.node_satisfies("24.16.0", version) for version, _ in releases.NODE_RANGES)


def test_a_form_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="not a form"):
        releases.in_range("24.16.0", "^24.16.0")


def test_old_versions_need_more_than_a_plain_install() -> None:
    assert not releases.npm_install_supported("2026.3.13")
    assert releases.npm_install_supported("2026.6.11")
