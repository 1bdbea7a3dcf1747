"""cancel_meeting and cancel_meetings: the calendar event first, then its bot, and no half that is lost."""

from __future__ import annotations

import asyncio
import pickle

import pytest
from accounts import bot, connect, deletes, listings
from support import KEY, RawServer, reply
from test_meetbit import ID, ONCE, client, free, meetbit

from meetstream_async import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    CancelledEvent,
    ConfigurationError,
    InvalidResponseError,
    MeetingCancellation,
    MeetStreamClient,
    MeetStreamError,
    NotFoundError,
    OutcomeStatus,
    ServerError,
    UnscheduleOutcome,
    cancel_meeting,
    cancel_meetings,
)
from meetstream_async.simulator import SimulatedEvent, Trouble


def meetings(count=3, **arguments):
    """``count`` meetings: a calendar event each, and a bot that is scheduled for it."""
    return free(None, [bot(number) for number in range(count)], **arguments)


def ids(sim, number=0):
    """Calendar id and event id of the meeting whose bot has this number."""
    event = sim.calendar_event(f"evt_{number:04x}")
    return event.calendar_id, event.event_id


async def on_and_off_the_page(sim):
    """One meeting whose bot is in the first listing, and one whose bot is not."""
    async with connect(sim) as bots:
        page = await bots.list_scheduled_bots()
    assert page.truncated
    listed = {bot.event_id for bot in page.bots}
    (hidden,) = sim.ledger.scheduled_events - listed
    return [(event.calendar_id, event.event_id) for event in map(sim.calendar_event, (min(listed), hidden))]


async def cancel(sim, *target, **options):
    """cancel_meeting against the simulator, with clients of its own."""
    async with meetbit(sim) as calendar, connect(sim) as bots:
        return await cancel_meeting(calendar, bots, *(target or ids(sim)), "Off", **options)


async def cancel_many(sim, targets, note="Off", **options):
    """cancel_meetings against the simulator, with clients of its own."""
    async with meetbit(sim) as calendar, connect(sim) as bots:
        return await cancel_meetings(calendar, bots, targets, note, **options)


def routes(sim):
    return [request.route for request in sim.requests]


# --- one meeting ---------------------------------------------------------------------------------------


async def test_a_meeting_is_cancelled_and_its_bot_unscheduled():
    """The event's provider_event_id is what its bot is found by; nothing else is touched."""
    async with meetings(3) as sim:
        result = await cancel(sim, *ids(sim, 1))
        calendar_id, event_id = ids(sim, 1)
    assert isinstance(result, MeetingCancellation)
    assert (result.calendar_id, result.event_id) == (calendar_id, event_id)
    assert isinstance(result.event, CancelledEvent)
    assert result.event.event.provider_event_id == "evt_0001"
    (outcome,) = result.bots
    assert isinstance(outcome, UnscheduleOutcome)
    assert (outcome.event_id, outcome.bot_ids) == ("evt_0001", ("bot-0001",))
    assert outcome.status == OutcomeStatus.UNSCHEDULED
    assert (result.ok, result.reason, result.error) == (True, None, None)
    assert routes(sim) == ["cancel_event", "list", "unschedule"]
    assert sim.ledger.cancelled_events == {event_id}
    assert sim.ledger.unscheduled_events == {"evt_0001"}
    assert pickle.loads(pickle.dumps(result)).ok


async def test_with_bot_event_id_nothing_is_listed():
    """If the caller gives the bot's event, it is unscheduled, whatever the provider's id is."""
    async with meetings(3) as sim:
        result = await cancel(sim, *ids(sim, 0), bot_event_id="evt_0002")
    assert result.ok
    assert routes(sim) == ["cancel_event", "unschedule"]
    assert sim.ledger.unscheduled_events == {"evt_0002"}


async def test_ids_may_be_strings():
    """As for cancel_event."""
    async with meetings(1) as sim:
        result = await cancel(sim, *map(str, ids(sim)))
        assert (result.calendar_id, result.event_id, result.ok) == (*ids(sim), True)


REFUSALS = [
    ({"status": 400}, BadRequestError),
    ({"status": 401}, AuthenticationError),
    ({"status": 404}, NotFoundError),
    ({"status": 503}, ServerError),
    ({"status": 503, "apply": "before"}, ApiError),
    ({"body": "<html>"}, InvalidResponseError),
    ({"drop": "after"}, MeetStreamError),
]


@pytest.mark.parametrize("known", [False, True], ids=["bot not known", "bot known"])
@pytest.mark.parametrize(("trouble", "kind"), REFUSALS, ids=[str(trouble) for trouble, _ in REFUSALS])
async def test_if_the_cancel_fails_no_bot_is_touched(trouble, kind, known):
    """The error is raised without a request to MeetStream, except for "not found" with a given bot."""
    options = {"bot_event_id": "evt_0000"} if known else {}
    async with meetings(2, troubles=[Trouble("cancel_event", **trouble)]) as sim:
        async with meetbit(sim, retry=ONCE) as calendar, connect(sim) as bots:
            call = cancel_meeting(calendar, bots, *ids(sim), "Off", **options)
            if known and trouble == {"status": 404}:
                assert (await call).event is None
                assert deletes(sim) == ["evt_0000"]
                return
            with pytest.raises(kind):
                await call
    assert set(routes(sim)) == {"cancel_event"}
    assert sim.ledger.unscheduled_events == frozenset()


async def test_an_unknown_event_raises_not_found():
    """Without a known bot there is nothing more to do."""
    async with meetings(1) as sim:
        with pytest.raises(NotFoundError):
            await cancel(sim, 1, 999_999)
    assert routes(sim) == ["cancel_event"]


async def test_a_half_finished_call_can_be_repeated():
    """The bot part failed; the same call again, with bot_event_id, finishes it."""
    async with meetings(1, troubles=[Trouble("unschedule", 503, times=4)]) as sim:
        first = await cancel(sim, *ids(sim), bot_event_id="evt_0000")
        assert not first.ok
        assert first.event is not None
        assert first.bots[0].status == OutcomeStatus.UNKNOWN
        second = await cancel(sim, *ids(sim), bot_event_id="evt_0000")
        third = await cancel(sim, *ids(sim), bot_event_id="evt_0000")
    assert second.event is None
    assert isinstance(second.error, NotFoundError)
    assert [outcome.status for outcome in second.bots] == [OutcomeStatus.UNSCHEDULED]
    assert "not found" in second.reason
    assert [outcome.status for outcome in third.bots] == [OutcomeStatus.ALREADY_UNSCHEDULED]
    assert sim.ledger.scheduled_bots == frozenset()


BOT_FAILURES = [
    (Trouble("unschedule", 503), "unknown"),
    (Trouble("unschedule", 503, apply="before", times=1), None),
    (Trouble("unschedule", 403), "failed"),
    (Trouble("unschedule", 401), "failed"),
    (Trouble("unschedule", 404, body='{"message": "Event not found"}'), "failed"),
    (Trouble("unschedule", body='{"unscheduled": false}'), "failed"),
    (Trouble("unschedule", body="<html>"), "unknown"),
    (Trouble("unschedule", drop="before"), "unknown"),
    (Trouble("list", 503), "bot"),
    (Trouble("list", 401), "bot"),
    (Trouble("list", body="[]"), "bot"),
    (Trouble("list", drop="before"), "bot"),
    (Trouble("list", bad_rows=1), None),
]


@pytest.mark.parametrize(
    ("trouble", "says"),
    BOT_FAILURES,
    ids=[f"{t.route} {t.status or t.body or t.drop or ''}" for t, _ in BOT_FAILURES],
)
async def test_a_bot_part_that_fails_is_in_the_result_not_raised(trouble, says):
    """The event is cancelled, and the result is not ok with the reason; passing trouble costs nothing."""
    async with meetings(2, troubles=[trouble]) as sim:
        result = await cancel(sim)
        assert result.event.event.id == ids(sim)[1]
    assert (result.ok, result.error) == (says is None, None)
    assert (result.reason is None) if says is None else says in result.reason
    assert result.ok is ("evt_0000" in sim.ledger.unscheduled_events)


async def test_without_a_bot_in_a_whole_listing_the_result_is_ok():
    """Nothing is scheduled for the event, and the reason says so."""
    events = [SimulatedEvent(event_id=5, calendar_id=1, provider_event_id="nobody-goes-there")]
    async with free(events, [bot(1)]) as sim:
        result = await cancel(sim, 1, 5)
    assert (result.ok, result.bots) == (True, ())
    assert "nobody-goes-there" in result.reason
    assert deletes(sim) == []


async def test_a_bot_may_hide_behind_a_full_listing():
    """100 rows and none of them for the event: not ok, with that reason."""
    async with meetings(101) as sim:
        _, hidden = await on_and_off_the_page(sim)
        result = await cancel(sim, *hidden)
    assert result.event is not None
    assert (result.ok, result.bots) == (False, ())
    assert "full" in result.reason
    assert len(sim.ledger.scheduled_bots) == 101


async def test_a_bot_may_be_in_a_row_that_cannot_be_read():
    """None of the readable rows is for the event: not ok, with that reason."""
    events = [SimulatedEvent(event_id=5, calendar_id=1, provider_event_id="evt_here")]
    async with free(events, [bot(1)], troubles=[Trouble("list", bad_rows=1)]) as sim:
        result = await cancel(sim, 1, 5)
    assert (result.ok, result.bots) == (False, ())
    assert "can't be read" in result.reason


@pytest.mark.parametrize("value", [None, "", 77, ["evt_0000"], {"id": "evt_0000"}], ids=repr)
async def test_without_a_provider_event_id_there_is_nothing_to_look_for(value):
    """The event is cancelled; not ok, and the reason says what to pass. MeetStream is not asked."""
    events = [SimulatedEvent(event_id=5, calendar_id=1, fields={"provider_event_id": value})]
    async with free(events, [bot(0)]) as sim:
        result = await cancel(sim, 1, 5)
        assert result.event.event.id == 5
    assert (result.ok, result.bots) == (False, ())
    assert "bot_event_id" in result.reason
    assert routes(sim) == ["cancel_event"]


@pytest.mark.parametrize(
    "value", ["..", "a\nb", "../../bots", "x" * 5000, "\u202e"], ids=lambda v: ascii(v)[:12]
)
async def test_a_hostile_provider_event_id_goes_nowhere(value):
    """The id is only compared with listed ids, never put into a URL, and nothing is raised."""
    events = [SimulatedEvent(event_id=5, calendar_id=1, fields={"provider_event_id": value})]
    async with free(events, [bot(0)]) as sim:
        result = await cancel(sim, 1, 5)
    assert result.bots == ()
    assert routes(sim) == ["cancel_event", "list"]


async def test_a_bot_that_was_taken_off_meanwhile_is_fine():
    """400 "Event not scheduled" to its DELETE is the goal reached."""
    trouble = Trouble("unschedule", 400, body='{"message": "Event not scheduled"}')
    async with meetings(1, troubles=[trouble]) as sim:
        result = await cancel(sim)
    assert result.ok
    assert result.bots[0].status == OutcomeStatus.ALREADY_UNSCHEDULED


async def test_all_bots_of_an_event_go():
    """One outcome names all of its rows, and nothing but the event is asked for."""
    events = [SimulatedEvent(event_id=5, calendar_id=1, provider_event_id="evt_shared")]
    async with free(events, [bot(number, "evt_shared") for number in range(3)]) as sim:
        result = await cancel(sim, 1, 5)
    assert result.ok
    assert sorted(result.bots[0].bot_ids) == ["bot-0000", "bot-0001", "bot-0002"]
    assert set(deletes(sim)) == {"evt_shared"}
    assert sim.ledger.scheduled_bots == frozenset()


@pytest.mark.parametrize("removes", ["event", "occurrence", "nothing"])
async def test_no_result_is_ok_while_one_of_several_bots_is_left(removes):
    """Whether a DELETE takes all bots of an event, one, or none: ok means that they are gone."""
    events = [SimulatedEvent(event_id=5, calendar_id=1, provider_event_id="evt_shared")]
    bots = [bot(number, "evt_shared") for number in range(3)]
    async with free(events, bots, removes=removes) as sim:
        result = await cancel(sim, 1, 5)
    assert result.ok is (not sim.ledger.scheduled_bots)
    assert result.ok or "ambiguous" in result.reason


async def test_no_result_is_ok_while_a_second_bot_hides_behind_a_full_listing():
    """One row of the event is listed, another is not, and a DELETE takes one of them."""
    events = [SimulatedEvent(event_id=5, calendar_id=1, provider_event_id="evt_shared")]
    others = [bot(number) for number in range(190)]
    for seed in range(50):
        async with (
            free(
                events,
                [*others, bot(500, "evt_shared"), bot(501, "evt_shared")],
                seed=seed,
                removes="occurrence",
            ) as sim,
            connect(sim) as bots,
        ):
            page = await bots.list_scheduled_bots()
            if sum(row.event_id == "evt_shared" for row in page.bots) == 1:
                result = await cancel(sim, 1, 5)
                break
    assert result.ok is ("evt_shared" not in sim.ledger.scheduled_events)


async def test_when_nobody_can_tell_what_is_left_the_result_is_not_ok():
    """Several bots, of which a DELETE takes one, and then the API fails: ambiguous."""
    events = [SimulatedEvent(event_id=5, calendar_id=1, provider_event_id="evt_shared")]
    troubles = [Trouble("list", 503, skip=1), Trouble("unschedule", 503, skip=1)]
    bots = [bot(number, "evt_shared") for number in range(3)]
    async with free(events, bots, troubles=troubles, removes="occurrence") as sim:
        result = await cancel(sim, 1, 5)
    assert not result.ok
    assert "ambiguous" in result.reason


async def test_a_cancelled_call_leaves_nothing_running():
    """Cancelled in the bot part, CancelledError comes out and no request follows."""
    async with meetings(1, troubles=[Trouble("unschedule", hang=True)]) as sim:
        task = asyncio.create_task(cancel(sim))
        while not deletes(sim):
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        seen = len(sim.requests)
        await asyncio.sleep(0.05)
        assert len(sim.requests) == seen


BAD = [
    ({"calendar_id": 0}, "calendar_id"),
    ({"calendar_id": True}, "calendar_id"),
    ({"event_id": "x"}, "event_id"),
    ({"event_id": None}, "event_id"),
    ({"cancel_note": ""}, "cancel_note"),
    ({"cancel_note": "x" * 256}, "cancel_note"),
    ({"cancel_note": None}, "cancel_note"),
    ({"bot_event_id": ""}, "bot_event_id"),
    ({"bot_event_id": ".."}, "bot_event_id"),
    ({"bot_event_id": "a\nb"}, "bot_event_id"),
    ({"bot_event_id": 7}, "bot_event_id"),
    ({"bot_event_id": True}, "bot_event_id"),
    ({"meetbit": None}, "MeetBitClient"),
    ({"meetstream": None}, "MeetStreamClient"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD, ids=[str(bad)[:40] for bad, _ in BAD])
async def test_bad_arguments_are_told_before_any_request(arguments, says):
    """Each raises a ConfigurationError that names the argument, before any request."""
    async with meetings(1) as sim, meetbit(sim) as calendar, connect(sim) as bots:
        calendar_id, event_id = ids(sim)
        call = {
            "meetbit": calendar,
            "meetstream": bots,
            "calendar_id": calendar_id,
            "event_id": event_id,
            "cancel_note": "Off",
        }
        with pytest.raises(ConfigurationError, match=says):
            await cancel_meeting(**{**call, **arguments})
        with pytest.raises(ConfigurationError):
            await cancel_meeting(bots, calendar, calendar_id, event_id, "Off")
    assert sim.requests == []


@pytest.mark.parametrize("closed", ["meetbit", "meetstream"])
@pytest.mark.parametrize("many", [False, True], ids=["one", "many"])
async def test_a_closed_client_is_told_before_any_request(closed, many):
    """Half a meeting is never begun with a client that cannot finish it."""
    async with meetings(1) as sim, meetbit(sim) as calendar, connect(sim) as bots:
        await (calendar if closed == "meetbit" else bots).close()
        with pytest.raises(ConfigurationError, match="closed"):
            if many:
                await cancel_meetings(calendar, bots, [ids(sim)], "Off")
            else:
                await cancel_meeting(calendar, bots, *ids(sim), "Off")
    assert sim.requests == []


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
    async with meetings(101) as sim:
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
