"""Fixtures of the lab: machines that live as long as the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import lab as labs
from tests.lab.lab import Lab
from tests.lab.moving import Ground


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts machines runs in two workers, one of them for the userlands: a move mostly waits.

    A test that is not for every version is left out here, not by its own parameters: pytest groups by
    the number of a parameter, and would give one version's machines to another's test.
    """
    items[:] = [item for item in items if _is_meant(item)]
    for item in items:
        if item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.root)
            apart = item.path.stem == "test_userlands"
            item.add_marker(pytest.mark.xdist_group("lab-userlands" if apart else "lab"))


def _is_meant(item: pytest.Item) -> bool:
    only = item.get_closest_marker("only")
    return only is None or item.callspec.params["moved"] in only.args  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab without machines; see `Lab.add`."""
    with labs.lab() as made:
        yield made


@pytest.fixture(scope="module")
def faulty() -> Iterator[Ground]:
    """Two machines for all the faults of a file; see `ground`."""
    with labs.lab() as both:
        yield Ground(both)


@pytest.fixture
def ground(faulty: Ground) -> Iterator[Ground]:
    """Both machines as if no move had been; afterwards OLD must be what it was, to the byte."""
    faulty.reset()
    yield faulty
    faulty.old_is_as_it_was()
