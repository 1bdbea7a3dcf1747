"""How fast an account is drained: what listings and the index cost beside the DELETEs. In virtual time."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest

from meetstream_async import (
    AccountState,
    MeetStreamEvent,
    ScheduledBot,
    ScheduledBotPage,
    bulk_unschedule,
    unschedule_all,
)
from meetstream_async.meetstream.models import EventBot
from tests.helpers.far_api import FarApi

EVENTS, LATENCY, CONCURRENCY = 1000, 0.05, 2
"""As many turns of each slot as 10,000 events take at a concurrency of 20."""
IDEAL = EVENTS * LATENCY / CONCURRENCY


@pytest.fixture(scope="module")
def drained() -> tuple[FarApi, float]:
    """The account, and the seconds that it took."""
    api = FarApi(EVENTS, LATENCY)
    report, seconds = api.run(partial(unschedule_all, max_concurrency=CONCURRENCY))
    assert report.ok
    assert len(report.outcomes) == EVENTS
    return api, seconds


def test_a_drain_takes_hardly_longer_than_given_ids(drained: tuple[FarApi, float]) -> None:
    """0.98 of the speed of the same ids, given: the index takes one request for a hundred events, and the
    first and last listing two turns."""
    given = FarApi(EVENTS, LATENCY)
    report, seconds = given.run(
        lambda client: bulk_unschedule(client, given.ids(), max_concurrency=CONCURRENCY)
    )
    assert report.ok
    assert seconds <= 1.001 * IDEAL
    assert drained[1] <= seconds / 0.98


def test_a_drain_begins_with_the_first_listing(drained: tuple[FarApi, float]) -> None:
    """DELETEs start as soon as it is in, and the index takes the first slot that is free again."""
    kinds = [kind for _, kind in drained[0].arrivals[:5]]
    assert kinds[:3] == ["list", "delete", "delete"]
    assert "events" in kinds[3:]
    assert [at for at, _ in drained[0].arrivals[1:5]] == pytest.approx([LATENCY] * 2 + [2 * LATENCY] * 2)


def test_no_slot_waits_for_the_index(drained: tuple[FarApi, float]) -> None:
    """From the first DELETE to the last, each slot has a request under way."""
    times = [at for at, _ in drained[0].arrivals]
    deletes = [at for at, kind in drained[0].arrivals if kind == "delete"]
    turns = (deletes[-1] - deletes[0]) / LATENCY
    assert sum(deletes[0] <= at <= deletes[-1] for at in times) >= CONCURRENCY * turns


def test_what_is_gone_is_not_read_of_once_more(drained: tuple[FarApi, float]) -> None:
    """An empty listing ends the drain: the index is read once."""
    kinds = [kind for _, kind in drained[0].arrivals]
    assert kinds.count("events") == EVENTS / 100
    assert kinds.count("list") <= 3
    assert kinds[-1] == "list"


@pytest.mark.parametrize("listed_id", ["evt_{:08x}", "of-the-provider-{}"])
def test_a_page_of_events_costs_the_same_however_many_came_before(listed_id: str) -> None:
    """Taking it in asks for nothing of the events that are known, nor of the items that wait: the fiftieth
    page of a hundred events takes as many calls as the second one."""
    state = AccountState()
    rows = [_row(number, listed_id.format(number)) for number in range(100)]
    state.take_listing(ScheduledBotPage(tuple(rows), 100, truncated=True), now=0.0, server_time=_NOW)
    state.expect_events()
    costs = [_calls(partial(state.take_events, _page(number))) for number in range(50)]
    assert len(state) == 5000
    assert costs[1] == costs[49]


_NOW = datetime(2031, 5, 1, 9, tzinfo=UTC)
_LATER = datetime(2031, 5, 2, 9, tzinfo=UTC)


def _row(number: int, event_id: str) -> ScheduledBot:
    return ScheduledBot(
        f"bot-{number}", "zoom", "Scheduled", _LATER, custom_attributes={"event_id": event_id}
    )


def _page(number: int) -> list[MeetStreamEvent]:
    numbers = range(100 * number, 100 * (number + 1))
    return [
        MeetStreamEvent(f"evt_{one:08x}", bots=(EventBot(f"bot-{one}", "Scheduled", _LATER),))
        for one in numbers
    ]


def _calls(action: Callable[[], object]) -> int:
    """How many functions it calls, those written in C included."""
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    # What a collection of garbage calls depends on when it comes.
    gc.disable()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(before)
        gc.enable()
    return calls
