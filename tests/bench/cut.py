"""Our own way, cut when half of it is on NEW, and gone on with: what was sent twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.bench.ways import Bench, LinkCut, ours
from tests.lab.relay import relayed

MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Cut:
    """Bytes through the busier card: of a copy that was not cut, and of both runs of one that was."""

    whole: int
    until_cut: int
    resumed: int
    seconds: float
    """Of the second run, which proves what is there, sends the rest and compares everything."""

    @property
    def again(self) -> int:
        """Bytes that were sent although they had been sent."""
        return self.until_cut + self.resumed - self.whole


def half(bench: Bench) -> Cut:
    """Raises AssertionError where the cut is not met, or the copy is made by more than one more run."""
    with relayed(bench.lab, "new") as relay:
        bench.fresh()
        whole = bench.measured(ours)
        to_new = relay.passed["up"]
        bench.fresh()
        relay.cut_after(to_new // 2, way="up")
        until_cut = bench.measured(_cut_short)
        assert relay.fell.is_set()
        resumed = bench.measured(ours)
    return Cut(whole.wire, until_cut.wire, resumed.wire, resumed.seconds)


def _cut_short(bench: Bench) -> None:
    try:
        ours(bench)
    except LinkCut:
        return
    raise AssertionError("it was through before the link was cut")
