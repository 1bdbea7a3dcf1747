"""Bots that a listing shows more than once: which of their rows counts."""

from __future__ import annotations

from itertools import permutations

import pytest

from meetstream_async import ScheduledBot
from meetstream_async.bulk._repeated_rows import by_id, one_each, repeated_in

JOINED = ScheduledBot("b", status="InMeeting", custom_attributes={"event_id": "evt_1"})
COMING = ScheduledBot("b", status="Scheduled", custom_attributes={"event_id": "evt_1"})
COMING_WITHOUT = ScheduledBot("b", status="Scheduled")
CANCELLED = ScheduledBot("b", status="Cancelled", custom_attributes={"event_id": "evt_1"})
ELSEWHERE = ScheduledBot("b", status="Scheduled", custom_attributes={"event_id": "evt_2"})
OTHER = ScheduledBot("other")


@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ((JOINED, COMING, CANCELLED), JOINED),
        ((COMING, CANCELLED), COMING),
        ((COMING_WITHOUT, CANCELLED), COMING_WITHOUT),
        ((COMING, COMING_WITHOUT), COMING),
        ((JOINED, ELSEWHERE, COMING_WITHOUT), JOINED),
    ],
)
def test_the_row_that_calls_for_most_care_counts(
    rows: tuple[ScheduledBot, ...], counts: ScheduledBot
) -> None:
    """In whatever order they are listed."""
    for order in permutations(rows):
        assert by_id([*order, OTHER]) == {"b": counts, "other": OTHER}


def test_of_rows_that_call_for_the_same_care_the_last_counts() -> None:
    """It is the newest that is known."""
    assert by_id([COMING, ELSEWHERE]) == {"b": ELSEWHERE}
    assert by_id([ELSEWHERE, COMING]) == {"b": COMING}


def test_each_event_of_a_repeated_bot_is_kept_once() -> None:
    """With the row that counts; a row without an event only where no row has one."""
    rows = [CANCELLED, ELSEWHERE, COMING_WITHOUT, OTHER, COMING, "evt_3"]
    repeated = repeated_in(row for row in rows if isinstance(row, ScheduledBot))
    assert repeated == {"b": [CANCELLED, ELSEWHERE, COMING_WITHOUT, COMING]}
    assert list(one_each(rows, repeated)) == [ELSEWHERE, OTHER, COMING, "evt_3"]
    alone = [COMING_WITHOUT, ScheduledBot("b", status="Cancelled"), "evt_3"]
    kept = one_each(alone, {"b": [row for row in alone if isinstance(row, ScheduledBot)]})
    assert list(kept) == [COMING_WITHOUT, "evt_3"]


def test_without_repetition_the_targets_are_as_they_were() -> None:
    """Nearly every listing has none."""
    rows = [COMING, OTHER, "evt_3"]
    assert repeated_in([COMING, OTHER]) == {}
    assert one_each(rows, {}) is rows
