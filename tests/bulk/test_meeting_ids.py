"""Meetings whatever ids an account shows: their bots are found by the provider's id, or nobody can tell."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meetstream_async import ConfigurationError, MeetingCancellation, OutcomeStatus
from meetstream_async.simulator import SimulatedEvent, SimulatedMeetStreamEvent, Simulator, Trouble
from tests.helpers.accounts import bot
from tests.helpers.meetbit import free
from tests.helpers.meetings import cancel, cancel_many, routes

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
GOOGLE = "7vq1google"
MEETING = [SimulatedEvent(event_id=5, calendar_id=1, provider_event_id=GOOGLE)]
IDS = ("event", "provider", "none", "mixed")


def account(ids: str, *, bots: Any = None, calendar: Any = (), **arguments: Any) -> Any:
    """The meeting's bot and two others."""
    own = [bot(0, "evt_0000", provider_event_id=GOOGLE, join_time=SOON), bot(1), bot(2)]
    return free(MEETING, own if bots is None else bots, ids=ids, meetstream_events=calendar, **arguments)


def event(event_id: str, platform_id: str, **more: Any) -> SimulatedMeetStreamEvent:
    return SimulatedMeetStreamEvent(event_id=event_id, platform_id=platform_id, start=SOON, **more)


@pytest.mark.parametrize("foreign_id", ["event_not_found", "bot_not_found", "not_found", "bad_request"])
@pytest.mark.parametrize("ids", IDS)
async def test_the_meetings_bot_is_found_in_every_world(ids: str, foreign_id: str) -> None:
    """By the event whose `platform_id` the calendar's event has; the other bots stay."""
    async with account(ids, foreign_id=foreign_id) as sim:
        result = await cancel(sim, 1, 5)
        assert sim.ledger.scheduled_events == {"evt_0001", "evt_0002"}
    assert (result.ok, result.reason) == (True, None)
    assert [(one.status, one.method) for one in result.bots] == [(OutcomeStatus.UNSCHEDULED, "event")]
    assert routes(sim) == ["cancel_event", "list", "events", "unschedule"]


@pytest.mark.parametrize("trouble", [
    {"calendar_connected": False},
    {"troubles": [Trouble("events", 403)]},
    {"troubles": [Trouble("events", 500)]},
    {"troubles": [Trouble("events", paging="repeated")]},
])  # fmt: skip
@pytest.mark.parametrize(("ids", "ok"), [("event", False), ("provider", True), ("none", False)])
async def test_without_the_index_nobody_can_tell(ids: str, ok: bool, trouble: dict[str, Any]) -> None:
    """Not ok while the bot stays, unless the listing names events as the provider does."""
    async with account(ids, **trouble) as sim:
        result = await cancel(sim, 1, 5)
        gone = "evt_0000" not in sim.ledger.scheduled_events
    if "paging" not in str(trouble):
        assert result.ok is ok
        assert gone is ok
        assert ok or "cannot tell" in (result.reason or "")
    assert gone or not result.ok


@pytest.mark.parametrize("ids", IDS)
async def test_without_a_bot_the_index_says_so(ids: str) -> None:
    """The event is known, or not in any calendar; in both cases no bot is scheduled for it."""
    for calendar in ([event("evt_0009", GOOGLE)], [event("evt_0009", "another")]):
        async with account(ids, bots=[bot(1)], calendar=calendar) as sim:
            result = await cancel(sim, 1, 5)
        assert (result.ok, result.bots) == (True, ())
        assert "no bot is scheduled" in (result.reason or "")
        assert sim.ledger.scheduled_events == {"evt_0001"}


@pytest.mark.parametrize(
    ("bots", "calendar"),
    [
        # Two calendars hold the same event.
        ([], [event("evt_a", GOOGLE), event("evt_b", GOOGLE)]),
        # The calendar's event is the series, MeetStream knows its occurrences.
        ([], [event("evt_a", f"{GOOGLE}_20261201T090000Z"), event("evt_b", f"{GOOGLE}_20261208T090000Z")]),
        # The series' master holds the bots of all occurrences.
        (
            [
                bot(7, "evt_a", provider_event_id=GOOGLE, join_time=SOON),
                bot(8, "evt_a", provider_event_id=GOOGLE, join_time=SOON + timedelta(days=7)),
            ],
            [],
        ),
    ],
)
@pytest.mark.parametrize("ids", ["event", "provider", "none"])
async def test_several_matches_and_a_series_are_named_and_not_touched(
    bots: list[Any], calendar: list[Any], ids: str
) -> None:
    """Which event is meant is for a person to say."""
    async with account(ids, bots=[*bots, bot(1)], calendar=calendar) as sim:
        before = sim.ledger.scheduled_bots
        result = await cancel(sim, 1, 5)
        assert sim.ledger.scheduled_bots == before
    assert (result.ok, result.bots) == (False, ())
    assert "evt_a" in (result.reason or "")
    assert "bot_event_id" in (result.reason or "")


async def test_where_events_are_shown_without_bots_the_api_is_asked() -> None:
    """The right event is known, so its DELETE takes its bot, or says that it has none."""
    async with account("none", event_bots="never") as sim:
        result = await cancel(sim, 1, 5)
        assert result.ok
        assert sim.ledger.scheduled_events == {"evt_0001", "evt_0002"}


# --- many ----------------------------------------------------------------------------------------------


def many(count: int, **arguments: Any) -> Any:
    events = [SimulatedEvent(event_id=n + 1, calendar_id=1, provider_event_id=f"g{n}") for n in range(count)]
    bots = [bot(n, f"evt_{n:04x}", provider_event_id=f"g{n}") for n in range(count)]
    return free(events, [*bots, bot(900)], **arguments)


async def test_many_meetings_take_one_listing_and_one_index() -> None:
    """Each result is told once, when it is final."""
    told: list[MeetingCancellation] = []
    async with many(12, ids="none") as sim:
        results = await cancel_many(sim, [(1, n + 1) for n in range(12)], on_outcome=told.append)
        assert sim.ledger.scheduled_events == {f"evt_{900:04x}"}
    assert all(result.ok for result in results)
    assert tuple(told) == results
    assert routes(sim).count("list") == routes(sim).count("events") == 1


async def test_a_dry_run_of_meetings_sends_nothing() -> None:
    """What would be done is said, with what it rests on."""
    async with many(2) as sim:
        results = await cancel_many(sim, [(1, 1), (1, 2, "evt_0001")], dry_run=True)
    assert not sim.requests
    assert [result.event for result in results] == [None, None]
    assert [one.status for one in results[1].bots] == [OutcomeStatus.WOULD_UNSCHEDULE]
    assert all(result.ok and "looked up" in (result.reason or "") for result in results)


async def test_a_meeting_that_was_begun_is_finished() -> None:
    """A stop while the events are cancelled begins no further one, and leaves no bot of those that are."""
    stop = asyncio.Event()
    async with Simulator(6, seed=3, series=0, one_off=0, several=0, latency=0.05) as sim:
        targets = [(one.calendar_id, one.event_id) for one in sim.calendar_events]
        asyncio.get_running_loop().call_later(0.08, stop.set)
        results = await cancel_many(sim, targets, stop=stop, max_concurrency=1)
        cancelled = [one for one in results if one.event is not None]
        assert 0 < len(cancelled) < 6
        assert all(one.ok for one in cancelled)
        assert len(sim.ledger.unscheduled_events) == len(cancelled)
    assert all("the run was stopped" in (one.reason or "") for one in results if one.event is None)


async def test_meetings_can_be_stopped() -> None:
    """What was not sent is in the results, and nothing is green that was not done."""
    stop = asyncio.Event()
    stop.set()
    async with many(3) as sim:
        results = await cancel_many(sim, [(1, n + 1) for n in range(3)], stop=stop)
    assert not sim.requests
    assert [result.ok for result in results] == [False] * 3
    assert all("the run was stopped" in (result.reason or "") for result in results)


async def test_an_error_of_on_outcome_is_raised() -> None:
    """After everything was done; and a coroutine function is refused before anything is."""

    def fail(_: MeetingCancellation) -> None:
        raise RuntimeError("mine")

    async def wrong(_: MeetingCancellation) -> None: ...

    async with many(1) as sim:
        with pytest.raises(ConfigurationError):
            await cancel_many(sim, [(1, 1)], on_outcome=wrong)
        assert not sim.requests
        with pytest.raises(RuntimeError, match="mine"):
            await cancel_many(sim, [(1, 1)], on_outcome=fail)
        assert sim.ledger.scheduled_events == {f"evt_{900:04x}"}
