"""What a run comes to, in words and as a report."""

from __future__ import annotations

import pytest

from meetstream_async import UnscheduleOutcome
from meetstream_async.bulk._summary import Gaps, bots_not_judged, pause_before, report_of, unreadable_rows


@pytest.mark.parametrize(("count", "begins"), [(1, "1 row of"), (2, "2 rows of")])
def test_rows_that_can_not_be_read_are_counted_in_english(count: int, begins: str) -> None:
    """One row is "1 row"."""
    assert unreadable_rows(count, "the listing") == f"{begins} the listing can't be read"


@pytest.mark.parametrize(("count", "begins", "ends"), [(1, "1 bot has", "it"), (2, "2 bots have", "them")])
def test_bots_not_judged_are_counted_in_english(count: int, begins: str, ends: str) -> None:
    """One bot "has" no time, several "have" none."""
    assert bots_not_judged(count).startswith(f"{begins} no join time")
    assert bots_not_judged(count).endswith(f" judge {ends}")


def test_a_pause_that_is_too_long_is_named_in_seconds() -> None:
    """With what was not asked for."""
    assert pause_before(301.4, "the listing") == "the API asked for a pause of 301 s before the listing"


@pytest.mark.parametrize(
    ("counts", "gaps", "exhausted", "stop_reason", "expected"),
    [
        ({"unscheduled": 2}, Gaps(), True, None, (True, True, None)),
        ({"unscheduled": 2}, Gaps(note="a note"), True, None, (True, True, "a note")),
        ({"failed": 1}, Gaps(note="a note"), True, None, (True, False, "1 failed")),
        ({"not_attempted": 1}, Gaps(), False, "stopped", (False, False, "stopped; 1 not attempted")),
        ({}, Gaps(), False, None, (False, False, "the run is not over")),
        ({}, Gaps(incomplete=("the listing was full",)), True, None, (False, False, "the listing was full")),
        ({}, Gaps(incomplete=("full",)), False, "stopped", (False, False, "stopped; full")),
        ({}, Gaps(incomplete=("full",)), False, None, (False, False, "the run is not over; full")),
        ({}, Gaps(left=("1 event was left alone",)), True, None, (True, False, "1 event was left alone")),
        ({}, Gaps(ways="all went by bot"), True, None, (True, True, "all went by bot")),
    ],
)
def test_a_report_says_whether_and_why_not(
    counts: dict[str, int],
    gaps: Gaps,
    exhausted: bool,
    stop_reason: str | None,
    expected: tuple[bool, bool, str | None],
) -> None:
    """Complete if all was taken up, ok if nothing is left as well; else the reason names what is missing."""
    outcomes: tuple[UnscheduleOutcome, ...] = ()
    report = report_of(counts, outcomes, gaps, exhausted=exhausted, stop_reason=stop_reason, elapsed=1.0)
    assert (report.complete, report.ok, report.reason) == expected
