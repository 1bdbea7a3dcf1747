"""cancel_meetings: many meetings, one listing."""

from __future__ import annotations

import pytest

from meetstream_async import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    MeetStreamClient,
    MeetStreamError,
    NotFoundError,
    OutcomeStatus,
    cancel_meeting,
    cancel_meetings,
)
from meetstream_async.simulator import Trouble
from tests.helpers.accounts import connect, deletes, listings
from tests.helpers.credentials import KEY
from tests.helpers.meetbit import ID, client, meetbit
from tests.helpers.meetings import cancel_many, ids, meetings, on_and_off_the_page, routes
from tests.helpers.raw_server import RawServer, reply

# --- many meetings -------------------------------------------------------------------------------------


async def as_stream(targets):
    for target in targets:
        yield target


@pytest.mark.parametrize("kind", [list, tuple, iter, as_stream])
async def test_many_meetings_are_cancelled_with_one_listing(kind):
    """Events in bulk, one listing, bots in bulk; results in the order of the targets."""
    async with meetings(20) as sim:
        targets = [ids(sim, number) for number in reversed(range(20))]
        results = await cancel_many(sim, kind(targets))
    assert [(result.calendar_id, result.event_id) for result in results] == targets
    assert all(result.ok and result.reason is None and len(result.bots) == 1 for result in results)
    assert listings(sim) == 1
    assert sim.ledger.live_events == frozenset()
    assert sim.ledger.scheduled_bots == frozenset()
    last_cancel = max(index for index, route in enumerate(routes(sim)) if route == "cancel_event")
    assert routes(sim).index("list") > last_cancel


async def test_known_bots_need_no_listing():
    """(calendar id, event id, bot event id): nothing is looked for."""
    async with meetings(3) as sim:
        results = await cancel_many(sim, [(*ids(sim, n), f"evt_{n:04x}") for n in range(3)])
    assert all(result.ok for result in results)
    assert listings(sim) == 0
    assert sim.ledger.scheduled_bots == frozenset()


async def test_a_meeting_that_is_given_twice_has_one_result():
    """A bot event id that is given for it either time counts."""
    async with meetings(2) as sim:
        first, second = ids(sim, 0), ids(sim, 1)
        results = await cancel_many(sim, [first, second, (*map(str, first), "evt_0000"), second])
    assert [(result.calendar_id, result.event_id) for result in results] == [first, second]
    assert all(result.ok for result in results)
    assert sorted(deletes(sim)) == ["evt_0000", "evt_0001"]
    assert routes(sim).count("cancel_event") == 2


async def test_no_meetings_are_no_results():
    """And no request."""
    async with meetings(1) as sim:
        assert await cancel_many(sim, []) == ()
    assert sim.requests == []


async def test_what_fails_for_one_meeting_is_in_its_result():
    """No bot of it is touched, unless it was not found and its bot is known; the others are done."""
    async with meetings(4) as sim:
        bad = ids(sim, 1)
        sim.add_trouble(Trouble("cancel_event", 400, when=lambda r: r.calendar_event_id == bad[1]))
        results = await cancel_many(
            sim, [ids(sim, 0), bad, (1, 999_999), (2, 999_999, "evt_0002"), (*ids(sim, 3), "evt_0003")]
        )
    good, refused, missing, repeated, known = results
    assert [result.ok for result in (good, known)] == [True, True]
    assert (refused.ok, refused.event, refused.bots) == (False, None, ())
    assert isinstance(refused.error, BadRequestError)
    assert "no bot touched" in refused.reason
    assert (missing.ok, missing.bots) == (False, ())
    assert isinstance(missing.error, NotFoundError)
    assert (repeated.event, len(repeated.bots)) == (None, 1)
    assert isinstance(repeated.error, NotFoundError)
    assert sorted(deletes(sim)) == ["evt_0000", "evt_0002", "evt_0003"]


@pytest.mark.parametrize("known", [False, True])
async def test_a_rejected_key_touches_no_bot(known):
    """The run stops, every meeting has its result and error, and nothing is sent to MeetStream."""
    async with meetings(30, troubles=[Trouble("cancel_event", 401)]) as sim:
        targets = [ids(sim, n) + ((f"evt_{n:04x}",) if known else ()) for n in range(30)]
        results = await cancel_many(sim, targets, max_concurrency=1)
    assert len(results) == 30
    assert not any(result.ok or result.bots or result.event for result in results)
    assert all(isinstance(result.error, MeetStreamError) for result in results)
    assert isinstance(results[0].error, AuthenticationError)
    assert routes(sim) == ["cancel_event"]


async def test_a_listing_that_fails_is_the_reason_of_those_that_needed_it():
    """Given bots are still unscheduled; nothing is raised."""
    async with meetings(3, troubles=[Trouble("list", 503)]) as sim:
        results = await cancel_many(sim, [ids(sim, 0), (*ids(sim, 1), "evt_0001"), ids(sim, 2)])
    assert [result.ok for result in results] == [False, True, False]
    assert "bot" in results[0].reason
    assert all(result.event is not None for result in results)
    assert sim.ledger.unscheduled_events == {"evt_0001"}


async def test_of_a_full_listing_those_that_are_found_are_done():
    """The others are not ok: their bots may hide behind it."""
    async with meetings(101, calendar_connected=False) as sim:
        found, hidden = await cancel_many(sim, await on_and_off_the_page(sim))
    assert found.bots[0].status == OutcomeStatus.UNSCHEDULED
    assert not hidden.ok
    assert "full" in hidden.reason


async def test_a_dead_meetstream_does_not_lose_the_first_half():
    """Every event's cancellation is in its result, also where the run of the bots has stopped."""
    async with meetings(10, troubles=[Trouble("unschedule", 503)]) as sim:
        results = await cancel_many(
            sim, [ids(sim, n) for n in range(10)], stop_after_failures=2, max_concurrency=1
        )
    assert all(result.event is not None and not result.ok and result.reason for result in results)
    assert len(sim.ledger.cancelled_events) == 10


BAD_MANY = [
    ({"targets": "12"}, "targets"),
    ({"targets": 7}, "targets"),
    ({"targets": None}, "targets"),
    ({"targets": [(1,)]}, r"targets\[0\]"),
    ({"targets": [(1, 2), (1, 2, "x", 3)]}, r"targets\[1\]"),
    ({"targets": [(1, 2), "34"]}, r"targets\[1\]"),
    ({"targets": [(1, 2), b"34"]}, r"targets\[1\]"),
    ({"targets": [(1, 2), (True, 2)]}, "calendar_id"),
    ({"targets": [(1, 2), (1, 0)]}, "event_id"),
    ({"targets": [(1, 2), (1, 3, "")]}, "bot_event_id"),
    ({"targets": [(1, 2), (1, 3, 7)]}, "bot_event_id"),
    ({"targets": as_stream([(1, 2), (1, 0)])}, "event_id"),
    ({"cancel_note": ""}, "cancel_note"),
    ({"cancel_note": 5}, "cancel_note"),
    ({"max_concurrency": 0}, "max_concurrency"),
    ({"max_concurrency": "5"}, "max_concurrency"),
    ({"max_pause": -1}, "max_pause"),
    ({"max_pause": None}, "max_pause"),
    ({"stop_after_failures": 0}, "stop_after_failures"),
    ({"stop_after_failures": True}, "stop_after_failures"),
    ({"meetbit": None}, "MeetBitClient"),
    ({"meetstream": None}, "MeetStreamClient"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD_MANY, ids=[str(bad)[:40] for bad, _ in BAD_MANY])
async def test_bad_arguments_of_many_are_told_before_any_request(arguments, says):
    """Each is a ConfigurationError that names the argument, streams of targets included."""
    async with meetings(1) as sim, meetbit(sim) as calendar, connect(sim) as bots:
        call = {"meetbit": calendar, "meetstream": bots, "targets": [ids(sim)], "cancel_note": "Off"}
        with pytest.raises(ConfigurationError, match=says):
            await cancel_meetings(**{**call, **arguments})
    assert sim.requests == []


async def test_neither_apis_key_goes_to_the_other_api():
    """Each request carries the credential of its own API and no other."""
    calendar_api = RawServer(reply(200, {"data": {"id": 2, "provider_event_id": "evt_0000"}}))
    bot_api = RawServer(reply(200, {"scheduled_bots": []}))
    async with calendar_api, bot_api:
        async with client(calendar_api) as calendar, MeetStreamClient(KEY, base_url=bot_api.url) as bots:
            assert (await cancel_meeting(calendar, bots, 1, 2, "Off")).ok
    (first,), (second,) = calendar_api.requests, bot_api.requests
    assert first.header("x-access-key-id") == [ID]
    assert first.header("authorization") == []
    assert second.header("authorization") == [f"Token {KEY}"]
    assert second.header("x-access-key-id") + second.header("x-access-key-secret") == []
