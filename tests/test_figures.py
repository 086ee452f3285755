from __future__ import annotations

import pytest

from openclaw_wizard.events import HostLost
from openclaw_wizard.faces import figures
from openclaw_wizard.faces.figures import Pace
from openclaw_wizard.faces.tui.hosttext import literal, one_line, shortened
from openclaw_wizard.model import Role


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0:00"), (4.9, "0:04"), (72, "1:12"), (3723, "1:02:03")],
)
def test_clock(seconds: float, said: str) -> None:
    assert figures.clock(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(7.2, "7 s"), (60, "1 min"), (187.4, "3 min 7 s"), (7500, "2 h 5 min"), (7200, "2 h")],
)
def test_duration(seconds: float, said: str) -> None:
    assert figures.duration(seconds) == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1, 3, "under 5 s"),
        (12, 19, "10-20 s"),
        (16, 19, "15-20 s"),
        (30, 80, "under 2 min"),
        (370, 530, "6-9 min"),
        (120, 120, "about 2 min"),
    ],
)
def test_time_left_is_a_range_rounded_outwards(low: float, high: float, said: str) -> None:
    assert figures.span(low, high) == said


@pytest.mark.parametrize(
    ("done", "total", "unit", "said"),
    [
        (1_800_000_000, 2_100_000_000, "bytes", "1.8 of 2.1 GB"),
        (900_000, 2_100_000_000, "bytes", "900.0 kB of 2.1 GB"),
        (900_000, None, "bytes", "900.0 kB"),
        (120, 4211, "files", "120 of 4,211 files"),
        (3, 7, "steps", "3 of 7"),
        (12, None, "seconds", "12 s"),
        (14, 300, "seconds", "14 s, at most 300 s"),
    ],
)
def test_amounts(done: int, total: int | None, unit: str, said: str) -> None:
    assert figures.amounts(done, total, unit) == said


def test_no_rate_and_no_time_left_before_there_is_a_basis() -> None:
    pace = Pace()
    pace.note("copy", 100.0, 0)
    pace.note("copy", 102.0, 40)
    assert pace.rate(102.0) is None
    assert pace.left(100, 102.0) is None


def test_an_even_pace_gives_a_range_around_the_truth() -> None:
    pace = Pace()
    for second in range(21):
        pace.note("copy", 100.0 + second, second * 10)
    assert pace.rate(120.0) == pytest.approx(10.0)
    low, high = pace.left(1000, 120.0) or (0.0, 0.0)
    assert low < 80.0 < high


def test_the_range_is_wide_where_the_pace_fell() -> None:
    pace = Pace()
    for second in range(41):
        pace.note("copy", 100.0 + second, second * 10 if second < 20 else 200 + (second - 20))
    low, high = pace.left(1000, 140.0) or (0.0, 0.0)
    assert high > 3 * low


def test_a_resumed_copy_is_timed_from_where_it_began() -> None:
    pace = Pace()
    for second in range(11):
        pace.note("copy", 100.0 + second, 400 + second * 1)
    assert pace.rate(110.0) == pytest.approx(1.0)
    assert (pace.left(1000, 110.0) or (0.0, 0.0))[0] > 500


def test_another_action_starts_anew() -> None:
    pace = Pace()
    for second in range(11):
        pace.note("copy", 100.0 + second, second * 10)
    pace.note("compare", 111.0, 0)
    assert pace.rate(112.0) is None


def test_host_text_loses_what_a_terminal_would_act_on() -> None:
    said = "\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b]52;c;cHduZWQ=\x1b\\a\x08b\u202ec\x9b\ttab\x1b"
    assert literal(said) == "red abc    tab"


def test_host_text_keeps_newlines_only_where_lines_are_wanted() -> None:
    assert literal("a\r\nb") == "a\nb"
    assert one_line("a\n  b\t c ") == "a b c"


def test_a_long_address_keeps_both_ends() -> None:
    assert shortened("practice:/home/someone/long/way/old", 20) == "practice:…ng/way/old"
    assert len(shortened("practice:/home/someone/long/way/old", 20)) == 20
    assert shortened("short", 20) == "short"


def sent_evenly(pace: Pace, seconds: int, rate: int, start: float = 100.0, first: int = 0) -> int:
    """Ten reports a second for so long; what is done at its end."""
    for tick in range(seconds * 10 + 1):
        pace.note("copy", start + tick / 10, first + tick * rate // 10)
    return first + seconds * rate


def test_a_thousand_reports_a_second_leave_the_rate_as_it_is() -> None:
    pace = Pace()
    for report in range(5001):
        pace.note("copy", 100.0 + report / 1000, report * 7)
    assert pace.rate(105.0) == pytest.approx(7000.0)


def test_the_history_has_always_as_many_bars_and_begins_at_nothing() -> None:
    pace = Pace()
    pace.note("copy", 100.0, 0)
    assert pace.history(102.0) == ()
    sent_evenly(pace, 60, 10)
    even = pace.history(160.0)
    assert len(even) == figures.BARS
    assert even[0] == 0.0
    assert even[1:] == pytest.approx([10.0] * (figures.BARS - 1), abs=1.0)


def test_the_history_changes_once_a_stretch_and_falls_to_nothing_where_nothing_comes() -> None:
    pace = Pace()
    sent_evenly(pace, 10, 10)
    assert pace.history(110.1) == pace.history(111.9) != pace.history(112.0)
    assert pace.history(118.0)[-3:] == (0.0, 0.0, 0.0)
    pace.note("compare", 119.0, 0)
    pace.note("compare", 123.0, 40)
    assert sum(pace.history(123.5)) == 0.0


def test_the_reason_when_slow_is_what_the_progress_shows() -> None:
    pace = Pace()
    done = sent_evenly(pace, 20, 100_000)
    assert pace.slow(120.0) == ""
    assert pace.slow(132.0) == "nothing came for 12 s"
    sent_evenly(pace, 20, 10_000, start=120.0, first=done)
    assert pace.slow(140.0) == "slower than before"


def test_many_small_files_are_named_as_the_reason() -> None:
    pace = Pace()
    for second in range(11):
        pace.note("copy", 100.0 + second, second * 400_000, second * 800)
    assert pace.slow(110.0) == "small files, 800 a second"


@pytest.mark.parametrize(
    ("amount", "said"),
    [(41_234_567, "41 MB"), (4_123_456, "4.1 MB"), (999_000, "999 kB"), (12, "12 Bytes"), (0, "0 Bytes")],
)
def test_short(amount: int, said: str) -> None:
    assert figures.short(amount) == said
    assert figures.speed(amount) == f"{said}/s"


def test_a_retry_counts_down() -> None:
    lost = HostLost(role=Role.NEW, why="gone", retry_in=8.0, attempt=3, time=100.0)
    assert figures.until_retry(lost, 100.0) == "try 3 in 8 s"
    assert figures.until_retry(lost, 104.5) == "try 3 in 4 s"
    assert figures.until_retry(lost, 108.0) == "try 3 runs now"
