"""MeetBit's calendars in the simulator: how they are filled, the books about them, and trouble with them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from meetstream_async.simulator import SimulatedBot, SimulatedEvent, Simulator, Trouble
from tests.helpers.simulator import access, ask, cancel

EVENT = SimulatedEvent(event_id=77, calendar_id=12, provider_event_id="evt_1")
TEXT = "text/plain; charset=utf-8"


def one_event(*troubles: Trouble, **more: Any) -> Simulator:
    return Simulator([SimulatedBot("b", "evt_1")], events=[EVENT], troubles=troubles, **more)


async def test_a_cancelled_event_is_gone() -> None:
    """The ledger tells when, by which request and why; a second cancel is 404, and is counted."""
    async with one_event() as sim:
        assert (sim.ledger.live_events, sim.ledger.cancelled_events) == ({77}, frozenset())
        await ask(sim, "GET", "/calendar/scheduled")
        first = await cancel(sim, EVENT, {"cancel_note": "Ill."})
        again = await cancel(sim, EVENT)
        record = sim.ledger.calendar_events[77]
        assert (sim.ledger.live_events, sim.ledger.cancelled_events) == (frozenset(), {77})
    assert (first.status, again.status, again.body) == (200, 404, b"Resource object does not exist.")
    assert (record.calendar_id, record.provider_event_id, record.cancel_note) == (12, "evt_1", "Ill.")
    assert (record.cancelled, record.applied_by, record.cancel_requests) == (True, 1, 2)
    assert record.cancelled_at is not None
    assert record.cancelled_at.tzinfo is UTC


async def test_cancelling_an_event_leaves_its_bot_alone() -> None:
    """The two APIs are two systems: a cancelled event's bot stays scheduled, and the other way round."""
    async with one_event() as sim:
        await cancel(sim, EVENT)
        assert sim.ledger.scheduled_bots == {"b"}
    async with one_event() as sim:
        await ask(sim, "DELETE", "/calendar/schedule/evt_1")
        assert sim.ledger.live_events == {77}


async def test_trouble_comes_in_meetbit_s_own_words() -> None:
    """A scripted status has the words and the content type that MeetBit documents for it."""
    noted = {
        "message": "The given data was invalid.",
        "errors": {"cancel_note": ["The cancel note field is required."]},
    }
    words = {
        401: b"Invalid or missing access key.",
        404: b"Resource object does not exist.",
        429: b"Too many requests.",
    }
    troubles = [Trouble("cancel_event", status, times=1) for status in (*words, 400, 422, 500, 503)]
    async with one_event(*troubles, meetbit_rate=None, meetbit_tenant_rate=None) as sim:
        for status, text in words.items():
            reply = await cancel(sim, EVENT)
            assert (reply.status, reply.body, reply.headers["content-type"]) == (status, text, TEXT)
        for status in (400, 422):
            reply = await cancel(sim, EVENT)
            assert (reply.status, reply.json) == (status, noted)
        for status in (500, 503):
            reply = await cancel(sim, EVENT)
            assert (reply.status, set(reply.json)) == (status, {"message"})
        assert sim.ledger.live_events == {77}
        assert (await cancel(sim, EVENT)).status == 200


@pytest.mark.parametrize(
    ("trouble", "status", "applied"),
    [
        (Trouble("cancel_event", 503), 503, False),
        (Trouble("cancel_event", 503, apply="before"), 503, True),
        (Trouble("cancel_event", drop="before"), None, False),
        (Trouble("cancel_event", drop="after"), None, True),
        (Trouble("cancel_event", half_body=True), 200, True),
        (Trouble("cancel_event", html=True, status=502), 502, False),
        (Trouble("cancel_event", body="gone", apply="before"), 200, True),
        (Trouble("cancel_event", latency=0.001), 200, True),
        (Trouble("cancel_event", missing_route=True), 404, False),
        (Trouble("*", 500), 500, False),
        (Trouble("unschedule", 500), 200, True),
        (Trouble("*", 500, when=lambda record: record.calendar_event_id == 77), 500, False),
    ],
)
async def test_every_trouble_works_on_a_cancel(trouble: Trouble, status: int | None, applied: bool) -> None:
    """Whatever was answered, the ledger tells whether and by which request the event was cancelled."""
    async with one_event(trouble) as sim:
        reply = await cancel(sim, EVENT)
        event = sim.ledger.calendar_events[77]
        assert reply.status == status == sim.requests[0].status
        assert event.cancelled is applied
        assert event.applied_by == (0 if applied else None)
        assert event.cancel_requests == sim.ledger.cancel_requests(12, 77) == 1


async def test_trouble_cancels_nothing_for_a_stranger() -> None:
    """A trouble that lets the change happen first does so only for a request with the right key."""
    async with one_event(Trouble("cancel_event", 503, apply="before")) as sim:
        assert (await cancel(sim, EVENT, headers={})).status == 503
        assert sim.ledger.live_events == {77}


def test_every_event_of_the_bots_has_a_calendar_event() -> None:
    """By default each event of the bots is in a calendar, by the provider's id and at the same time."""
    sim = Simulator(250, seed=3)
    events = sim.calendar_events
    own = {record.provider_event_id: record.event_id for record in sim.ledger.events.values()}
    known = {event.event_id: event for event in sim.meetstream_events}
    assert [event.provider_event_id for event in events] == list(own)
    assert len(events) == len(sim.ledger.events) == len(sim.ledger.live_events)
    assert all(event.event_id > 0 and event.calendar_id > 0 for event in events)
    assert 2 <= len({event.calendar_id for event in events}) <= 5
    for event in events:
        assert event.provider_event_id is not None
        event_id = own[event.provider_event_id]
        assert (event.start, event.end) == (known[event_id].start, known[event_id].end)
        first_bot = sim.ledger.bots[sim.ledger.events[event_id].bot_ids[0]]
        assert event.start - first_bot.join_time == timedelta(minutes=2)
        assert sim.calendar_event(event.provider_event_id) is sim.calendar_event(event_id) is event
    with pytest.raises(KeyError):
        sim.calendar_event("evt_of_nothing")


def test_the_same_seed_makes_the_same_calendars_and_keys() -> None:
    """Ids of events and calendars, and the access key, depend on the seed alone."""

    def ids(sim: Simulator) -> list[tuple[int, int, str | None]]:
        return [(event.event_id, event.calendar_id, event.provider_event_id) for event in sim.calendar_events]

    # The id of an occurrence names its time, and that is reckoned from now.
    with time_machine.travel(datetime(2031, 5, 1, tzinfo=UTC), tick=False):
        one, same, other = (Simulator(50, seed=seed) for seed in (4, 4, 5))
    assert ids(one) == ids(same) != ids(other)
    assert access(one) == access(same) != access(other)
    assert len({one.api_key, one.access_key_id, one.access_key_secret}) == 3
    assert all(len(key) >= 20 for key in access(one).values())


@pytest.mark.parametrize("count", [0, 2, 5])
def test_so_many_events_are_generated(count: int) -> None:
    """A number takes the first of the bots' events, and goes on with events that belong to no bot."""
    bots = [
        SimulatedBot("a", "evt_1", provider_event_id="7vq1"),
        SimulatedBot("b", "evt_1"),
        SimulatedBot("c", "evt_2", provider_event_id="8wr2"),
        SimulatedBot("d"),
    ]
    sim = Simulator(iter(bots), events=count)
    known = [event.provider_event_id for event in sim.calendar_events]
    assert len(set(known)) == len(known) == count
    assert known[:2] == ["7vq1", "8wr2"][:count]
    assert not {"7vq1", "8wr2"} & set(known[2:])


async def test_an_event_can_be_added() -> None:
    """An event added while it runs can be cancelled; what named it before counts."""
    async with Simulator(0) as sim:
        assert (await cancel(sim, EVENT)).status == 404
        sim.add_event(EVENT)
        assert (await cancel(sim, EVENT)).status == 200
        assert sim.ledger.calendar_events[77].cancel_requests == 2
        with pytest.raises(ValueError, match="two events with the id 77"):
            sim.add_event(EVENT)


async def test_the_hour_of_an_answer_is_the_simulator_s() -> None:
    """`deleted_at` and the ledger follow the simulator's clock, and an event that is over has occurred."""
    seconds = [0.0]
    event = SimulatedEvent(event_id=1, calendar_id=2)
    async with Simulator(0, events=[event], clock=lambda: seconds[0]) as sim:
        seconds[0] = 3 * 86400.0
        data = (await cancel(sim, event)).json["data"]
        cancelled_at = sim.ledger.calendar_events[1].cancelled_at
    assert data["online_conference"]["is_occurred"] is True
    assert cancelled_at is not None
    assert cancelled_at > event.end + timedelta(days=1)
    assert data["deleted_at"] == f"{cancelled_at:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"access_key_id": "kä"}, "access_key_id"),
        ({"access_key_secret": ""}, "access_key_secret"),
        ({"meetbit_clients": {"id": "käse"}}, "meetbit_clients"),
        ({"meetbit_clients": {"": "x"}}, "meetbit_clients"),
        ({"meetbit_permissions": "events.delete.*"}, "meetbit_permissions"),
        ({"meetbit_rate": 0}, "meetbit_rate"),
        ({"meetbit_tenant_rate": float("inf")}, "meetbit_tenant_rate"),
        ({"meetbit_suspend_after": 0}, "meetbit_suspend_after"),
        ({"events": -1}, "events"),
        ({"events": [EVENT, EVENT]}, "two events"),
    ],
)
def test_a_meetbit_that_makes_no_sense_is_refused(arguments: dict[str, Any], words: str) -> None:
    """Bad arguments raise a ValueError that names them and never a key."""
    with pytest.raises(ValueError, match=words) as caught:
        Simulator(1, **arguments)
    assert "kä" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"event_id": 0},
        {"event_id": "7"},
        {"event_id": True},
        {"calendar_id": -1},
        {"start": datetime(2030, 1, 1)},
        {"end": datetime(2030, 1, 1)},
        {"fields": {"x": object()}},
    ],
)
def test_an_event_that_cannot_exist_is_refused(arguments: dict[str, Any]) -> None:
    """Ids that are not positive integers, naive times and fields that are not JSON raise a ValueError."""
    with pytest.raises(ValueError, match="SimulatedEvent: "):
        SimulatedEvent(**{"event_id": 1, "calendar_id": 1, **arguments})
