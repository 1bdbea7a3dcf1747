"""cancel_meeting: the calendar event first, then its bot, and no half that is lost."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from meetstream_async import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    CancelledEvent,
    ConfigurationError,
    InvalidResponseError,
    MeetingCancellation,
    MeetStreamError,
    NotFoundError,
    OutcomeStatus,
    ServerError,
    UnscheduleOutcome,
    cancel_meeting,
    cancel_meetings,
)
from meetstream_async.simulator import SimulatedEvent, Trouble
from tests.helpers.accounts import bot, connect, deletes
from tests.helpers.meetbit import ONCE, free, meetbit
from tests.helpers.meetings import cancel, ids, meetings, on_and_off_the_page, routes

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
    (Trouble("unschedule", 404, body='{"message": "User not found"}'), "failed"),
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
    async with free(events, [bot(1, "another-meeting")]) as sim:
        result = await cancel(sim, 1, 5)
    assert (result.ok, result.bots) == (True, ())
    assert "nobody-goes-there" in result.reason
    assert deletes(sim) == []


async def test_a_bot_may_hide_behind_a_full_listing():
    """100 rows and none of them for the event, and no index of events: not ok, with that reason."""
    async with meetings(101, calendar_connected=False) as sim:
        _, hidden = await on_and_off_the_page(sim)
        result = await cancel(sim, *hidden)
    assert result.event is not None
    assert (result.ok, result.bots) == (False, ())
    assert "full" in result.reason
    assert len(sim.ledger.scheduled_bots) == 101


async def test_a_bot_may_be_in_a_row_that_cannot_be_read():
    """None of the readable rows is for the event: not ok, with that reason."""
    events = [SimulatedEvent(event_id=5, calendar_id=1, provider_event_id="evt_here")]
    troubles = [Trouble("list", bad_rows=1)]
    async with free(events, [bot(1)], troubles=troubles, calendar_connected=False) as sim:
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
    """The id is only compared with ids that the API shows, never sent, and nothing is raised."""
    events = [SimulatedEvent(event_id=5, calendar_id=1, fields={"provider_event_id": value})]
    async with free(events, [bot(0)]) as sim:
        result = await cancel(sim, 1, 5)
    assert result.bots == ()
    assert routes(sim) == ["cancel_event", "list", "events"]


async def test_a_bot_that_was_taken_off_meanwhile_is_fine():
    """400 "Event not scheduled" to the event's DELETE leads to the bot's own id, which is surer."""
    trouble = Trouble("unschedule", 400, body='{"message": "Event not scheduled"}')
    async with meetings(1, troubles=[trouble]) as sim:
        result = await cancel(sim)
        assert result.ok
        assert (result.bots[0].status, result.bots[0].method) == (OutcomeStatus.UNSCHEDULED, "bot")
        assert sim.ledger.scheduled_bots == frozenset()


async def test_a_given_event_without_a_bot_is_ok_and_says_that_nothing_was_verified():
    """Its bot was unscheduled before; no listing is asked."""
    async with meetings(1) as sim:
        async with connect(sim) as client:
            await client.unschedule_event("evt_0000")
        result = await cancel(sim, *ids(sim), bot_event_id="evt_0000")
    assert (result.ok, result.reason) == (
        True, "not scheduled by the API's first answer; no listing was asked",
    )  # fmt: skip


async def test_bots_that_went_by_their_own_ids_are_not_all_behind_a_full_listing():
    """The event's id is refused, so nothing speaks for bots that the listing did not show."""
    trouble = Trouble("unschedule", 404, body='{"error": "Event not found"}')
    async with meetings(101, troubles=[trouble], calendar_connected=False) as sim:
        listed, _ = await on_and_off_the_page(sim)
        result = await cancel(sim, *listed)
    assert (result.bots[0].status, result.bots[0].method) == (OutcomeStatus.UNSCHEDULED, "bot")
    assert not result.ok
    assert "hide" in result.reason


async def test_where_listed_ids_are_not_the_providers_nobody_can_tell():
    """MeetStream's own ids, or none at all, in the listing: that no bot matches proves nothing."""
    events = [SimulatedEvent(event_id=5, calendar_id=1, provider_event_id="7vq1google")]
    for row in (bot(1), bot(1, None, source="calendar_integration")):
        async with free(events, [row], calendar_connected=False) as sim:
            result = await cancel(sim, 1, 5)
        assert (result.ok, result.bots) == (False, ())
        assert "cannot tell" in result.reason


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
