"""Fixtures of the lab: machines that live as long as the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import lab as labs
from tests.lab.lab import Lab


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that starts machines runs in one worker: two gateways at once are enough for two cores."""
    for item in items:
        if item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.root)
            item.add_marker(pytest.mark.xdist_group("lab"))


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab without machines; see `Lab.add`."""
    with labs.lab() as made:
        yield made
