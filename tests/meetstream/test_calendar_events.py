"""The events of the connected calendars: what is asked, what a page means, and how the pages end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meetstream_async import (
    ConfigurationError,
    EventBot,
    InvalidResponseError,
    MeetStreamClient,
    MeetStreamEvent,
    MeetStreamEventPage,
    MeetStreamEventStream,
    NotFoundError,
    PermissionDeniedError,
    RetryPolicy,
    ServerError,
)
from meetstream_async._http.call import ONE_ATTEMPT, Context
from meetstream_async.meetstream._event_replies import read_events
from meetstream_async.meetstream.events import MOST_FRUITLESS, EventPages
from meetstream_async.simulator import SimulatedBot, SimulatedMeetStreamEvent, Simulator, Trouble
from tests.helpers.replies import ignored_paths, reply_of

NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = {"time_min": NOW - timedelta(days=366), "time_max": NOW + timedelta(days=366)}
NOON = datetime(2024, 12, 20, 12, tzinfo=UTC)


def _client(sim: Simulator) -> MeetStreamClient:
    policy = RetryPolicy(max_attempts=2, initial_wait=0.01, max_wait=0.02)
    return MeetStreamClient(sim.api_key, base_url=sim.base_url, retry=policy)


def _events(count: int) -> list[SimulatedMeetStreamEvent]:
    return [SimulatedMeetStreamEvent(event_id=f"evt_{number}") for number in range(count)]


def _page(body: object) -> MeetStreamEventPage:
    return read_events(reply_of(body), ONE_ATTEMPT)[0]


# --- what is asked -------------------------------------------------------------------------------------


async def test_the_api_is_never_told_to_read_the_calendars_again() -> None:
    """`sync=false` goes with every page, times in UTC, and the same times with every cursor."""
    async with Simulator(0, meetstream_events=_events(250)) as sim, _client(sim) as client:
        first = await client.list_calendar_events(limit=7)
        events = [event async for event in client.iter_calendar_events(**YEAR)]
        queries = [dict(request.query) for request in sim.requests]
        assert sim.ledger.syncs == ()
    assert len(first.events) <= 7
    assert first.next is not None
    assert queries[0] == {"sync": "false", "limit": "7"}
    assert len(events) == 250
    assert len(queries) == 4
    for query in queries[1:]:
        query.pop("cursor", None)
        assert query == {
            "sync": "false",
            "limit": "100",
            "time_min": f"{YEAR['time_min']:%Y-%m-%dT%H:%M:%S}Z",
            "time_max": f"{YEAR['time_max']:%Y-%m-%dT%H:%M:%S}Z",
        }


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"limit": 0}, "limit must be an int from 1 to 100"),
        ({"limit": 101}, "limit must be"),
        ({"time_min": datetime(2024, 1, 1)}, "time_min has no time zone"),
        ({"time_max": "2024-01-01"}, "time_max must be a datetime"),
        ({"time_max": datetime.max.replace(tzinfo=UTC)}, "time_max .* is out of range in UTC"),
        ({"time_min": NOON, "time_max": NOON}, "time_min must be before time_max"),
        ({"cursor": ""}, "cursor is empty"),
        ({"cursor": 5}, "cursor is int"),
        ({"cursor": "a\nb"}, "cursor contains a control character"),
    ],
)
async def test_bad_arguments_are_refused_before_anything_is_sent(
    arguments: dict[str, Any], says: str
) -> None:
    """The error names the argument."""
    async with Simulator(0) as sim, _client(sim) as client:
        with pytest.raises(ConfigurationError, match=says):
            await client.list_calendar_events(**arguments)
        if not arguments.keys() & {"limit", "cursor"}:
            with pytest.raises(ConfigurationError, match=says):
                client.iter_calendar_events(**arguments)
        assert not sim.requests


# --- what a page means ---------------------------------------------------------------------------------

RESULT: dict[str, Any] = {
    "id": "evt_2a1179ef047a5285",
    "platform": "google",
    "platform_id": "7vq1google",
    "ical_uid": "7vq1google@google.com",
    "calendar_id": "ada@example.com",
    "start_time": "2024-12-20T12:00:00Z",
    "end_time": "2024-12-20T12:30:00+00:00",
    "created_at": "2024-01-08T09:00:00Z",
    "updated_at": "2024-01-08T10:00:00Z",
    "meeting_platform": "google_meet",
    "meeting_url": "https://meet.example.com/secret",
    "is_deleted": False,
    "raw": {"summary": "Layoffs", "attendees": [{"email": "grace@example.com"}]},
    "bots": [
        {
            "id": "0834f3b9",
            "status": "Scheduled",
            "scheduled_join_time": "2024-12-20T11:58:00+00:00",
            "bot_username": "MeetStream Bot",
            "platform": "google_meet",
            "is_scheduled": True,
        }
    ],
}


def test_a_result_is_read_and_what_is_personal_is_not_kept() -> None:
    """Every documented field, but for the provider's own words and the link; no address is in a repr."""
    page = _page({"next": "a+/b=", "previous": None, "has_more": True, "results": [RESULT]})
    assert page == MeetStreamEventPage(
        events=(
            MeetStreamEvent(
                id="evt_2a1179ef047a5285",
                platform="google",
                platform_id="7vq1google",
                ical_uid="7vq1google@google.com",
                calendar_id="ada@example.com",
                start_time=NOON,
                end_time=NOON + timedelta(minutes=30),
                meeting_platform="google_meet",
                is_deleted=False,
                bots=(
                    EventBot(
                        "0834f3b9",
                        "Scheduled",
                        NOON - timedelta(minutes=2),
                        "MeetStream Bot",
                        "google_meet",
                        True,
                    ),
                ),
            ),
        ),
        next="a+/b=",
        has_more=True,
    )
    for word in ("Layoffs", "grace@", "ada@", "secret", "a+/b="):
        assert word not in repr(page)


@pytest.mark.parametrize(
    ("row", "rejected", "events"),
    [
        (5, ["$.results[0]"], 0),
        ({}, ["$.results[0].id"], 0),
        ({"id": None}, ["$.results[0].id"], 0),
        ({"id": ""}, ["$.results[0].id"], 0),
        ({"id": ".."}, ["$.results[0].id"], 0),
        ({"id": "e", "bots": {}}, [], 1),
        ({"id": "e", "bots": "x"}, ["$.results[0].bots"], 1),
        ({"id": "e", "bots": [None, {"id": "b"}]}, ["$.results[0].bots[0]"], 1),
        ({"id": "e", "bots": [{"id": 5}, {"status": "Scheduled"}]},
         ["$.results[0].bots[0].id", "$.results[0].bots[1].id"], 1),
        ({"id": "e", "bots": None}, [], 1),
    ],
)  # fmt: skip
def test_what_has_no_usable_id_is_rejected(row: object, rejected: list[str], events: int) -> None:
    """An event or a bot without one is named, never acted on, and the rest goes on."""
    page = _page({"results": [row]})
    assert [one.path for one in page.rejected] == rejected
    assert len(page.events) == events


def test_a_field_of_another_type_reads_as_none() -> None:
    """With a remark that names the place; a time needs an offset."""
    row = {
        "id": "e",
        "start_time": "2024-12-20T12:00:00",
        "is_deleted": "no",
        "bots": [{"id": "b", "status": 1}],
    }
    page, remarks = read_events(reply_of({"results": [row]}), ONE_ATTEMPT)
    assert page.events == (MeetStreamEvent("e", bots=(EventBot("b"),)),)
    assert sorted(ignored_paths(remarks)) == [
        "$.results[0].bots[0].status",
        "$.results[0].is_deleted",
        "$.results[0].start_time",
    ]


def test_an_id_that_is_damaged_is_rejected() -> None:
    """Bytes that are not UTF-8 cost the id that they are in, and nothing else."""
    body = json.dumps({"results": [{"id": "e?", "bots": []}, {"id": "f"}]}).encode().replace(b"?", b"\xff")
    page = _page(body)
    assert [event.id for event in page.events] == ["f"]
    assert [row.reason for row in page.rejected] == ["is not valid UTF-8"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"<html>", "$"),
        ([], "$"),
        ({}, "$.results"),
        ({"results": None}, "$.results"),
        ({"results": {}}, "$.results"),
        ({"results": [], "error": "no"}, "$.error"),
    ],
)
def test_a_body_without_a_list_of_events_is_an_error(body: object, path: str) -> None:
    """It must not read as a calendar without events."""
    with pytest.raises(InvalidResponseError) as caught:
        _page(body)
    assert caught.value.path == path
    assert not caught.value.outcome_unknown


@pytest.mark.parametrize(
    ("body", "cursor", "more"),
    [
        ({}, None, False),
        ({"next": None, "has_more": False}, None, False),
        ({"next": "", "has_more": False}, None, False),
        ({"next": "x"}, "x", True),
        ({"next": None, "has_more": True}, None, True),
        ({"next": {"S": "x"}}, None, True),
        ({"next": "a\ud800b"}, None, True),
    ],
)
def test_where_the_next_page_is(body: dict[str, Any], cursor: str | None, more: bool) -> None:
    """A cursor that can't be sent back is none, although there is more."""
    page = _page({"results": [], **body})
    assert (page.next, page.has_more) == (cursor, more)


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFoundError), (403, PermissionDeniedError), (500, ServerError)]
)
def test_a_refusal_is_its_own_error(status: int, kind: type[Exception]) -> None:
    """No calendar connected, a key without the right, and a server's failure are told apart."""
    with pytest.raises(kind):
        read_events(reply_of({"message": "no"}, status), Context(attempts=1))


# --- how the pages end ---------------------------------------------------------------------------------


async def test_all_events_come_once_with_their_bots() -> None:
    """Over pages that are unordered, short, and retried: each event once, and the stream is complete."""
    troubles = [Trouble("events", 503, rate=0.3)]
    async with Simulator(230, troubles=troubles) as sim:
        async with MeetStreamClient(
            sim.api_key,
            base_url=sim.base_url,
            retry=RetryPolicy(max_attempts=30, initial_wait=0.001, max_wait=0.002),
        ) as client:
            stream = client.iter_calendar_events(**YEAR)
            assert (stream.complete, stream.why_incomplete) == (None, None)
            events = [event async for event in stream]
            assert (stream.complete, stream.why_incomplete) == (True, None)
            assert [event async for event in stream] == []
        ids = [event.id for event in events]
        assert len(set(ids)) == len(ids) == len(sim.meetstream_events)
        joined = {bot.id: event.id for event in events for bot in event.bots}
        assert joined == {
            bot.bot_id: bot.event_id for bot in sim.ledger.bots.values() if bot.event_id is not None
        }


async def test_an_error_in_the_middle_leaves_the_place(caplog: pytest.LogCaptureFixture) -> None:
    """The next step asks for the same page: nothing is missed and nothing comes twice."""
    troubles = [Trouble("events", 500, skip=1, times=2)]
    async with Simulator(0, meetstream_events=_events(250), troubles=troubles) as sim, _client(sim) as client:
        stream = client.iter_calendar_events(**YEAR)
        found = [(await anext(stream)).id for _ in range(100)]
        with pytest.raises(ServerError):
            await anext(stream)
        found += [event.id async for event in stream]
    assert len(set(found)) == len(found) == 250
    assert stream.complete is True


@pytest.mark.parametrize(
    ("paging", "says", "requests"),
    [
        ("repeated", "leads back to a page that it has shown before", 2),
        ("empty", "10 pages in a row had no new event", MOST_FRUITLESS),
        ("endless", "10 pages in a row had no new event", 3 + MOST_FRUITLESS),
    ],
)
async def test_a_stream_ends_whatever_the_cursors_say(paging: Any, says: str, requests: int) -> None:
    """A repeated cursor, empty pages with more to come, and pages without an end."""
    troubles = [Trouble("events", paging=paging)]
    async with Simulator(0, meetstream_events=_events(250), troubles=troubles) as sim, _client(sim) as client:
        stream = client.iter_calendar_events(**YEAR)
        found = [event.id async for event in stream]
        assert len(set(found)) == len(found) == {"repeated": 100, "empty": 0, "endless": 250}[paging]
        assert stream.complete is False
        assert says in (stream.why_incomplete or "")
        assert len(sim.requests) == requests


def _pages(page: Callable[[int], MeetStreamEventPage], most: int = 5) -> EventPages:
    number = -1

    async def fetch(cursor: str | None) -> MeetStreamEventPage:
        nonlocal number
        number += 1
        return page(number)

    return EventPages(fetch, most)


async def test_the_number_of_pages_is_bounded() -> None:
    """An API that makes up events for ever is left, and the events so far are kept."""
    pages = _pages(lambda n: MeetStreamEventPage((MeetStreamEvent(f"e{n}"),), f"c{n}", True))
    assert [event.id async for page in pages for event in page] == [f"e{n}" for n in range(5)]
    assert pages.complete is False
    assert pages.why_incomplete == "there are more than 5 pages of events"


async def test_more_without_a_cursor_is_incomplete() -> None:
    """The API says that there is more, and not where."""
    pages = _pages(lambda n: MeetStreamEventPage((), None, True))
    assert [page async for page in pages] == [()]
    assert pages.complete is False
    assert "and not where" in (pages.why_incomplete or "")


async def test_what_cannot_be_read_makes_it_incomplete() -> None:
    """An event without an id may be anything."""

    async def fetch(cursor: str | None) -> MeetStreamEventPage:
        return _page({"results": [{"id": "e"}, {"id": 5}]})

    stream = MeetStreamEventStream(fetch)
    assert [event.id async for event in stream] == ["e"]
    assert stream.complete is False
    assert stream.why_incomplete == "1 of the events and their bots can't be read"


async def test_no_calendar_is_an_error_of_the_first_step() -> None:
    """`iter_calendar_events` raises what a page raises, and is not complete."""
    async with Simulator([SimulatedBot("b", "e")], calendar_connected=False) as sim, _client(sim) as client:
        stream = client.iter_calendar_events()
        with pytest.raises(NotFoundError):
            await anext(stream)
        assert stream.complete is None


async def test_a_tombstone_is_marked() -> None:
    """A deleted event is shown, and says so."""
    gone = SimulatedMeetStreamEvent(event_id="evt_1", is_deleted=True)
    async with Simulator(0, meetstream_events=[gone]) as sim, _client(sim) as client:
        (event,) = [event async for event in client.iter_calendar_events()]
    assert (event.id, event.is_deleted, event.bots) == ("evt_1", True, ())
