"""One reader of times, for replies, filters, options, bodies and typed words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from meetstream_async import BotFilter, ConfigurationError, MeetStreamClient, UnscheduleOptions
from meetstream_async._times import read_time, time_of, whole_second
from meetstream_async.console.models import FilterRequest
from meetstream_async.fastapi import BulkRequest
from meetstream_async.jobs import JobOptions
from tests.helpers.raw_server import RawServer, reply

SEVEN = datetime(2026, 5, 1, 7, tzinfo=UTC)

STANDARD = [
    ("2026-05-01T07:00:00Z", SEVEN),
    ("2026-05-01T07:00:00z", SEVEN),
    ("2026-05-01t07:00:00z", SEVEN),
    ("2026-05-01 07:00:00Z", SEVEN),
    ("2026-05-01 07:00:00+00:00", SEVEN),
    ("2026-05-01T09:00:00+0200", SEVEN),
    ("2026-05-01T09:00+02", SEVEN),
    ("20260501T070000Z", SEVEN),
    ("2026-05-01T07:00:00.0000000Z", SEVEN),
    ("2026-05-01T07:00:00,5Z", SEVEN + timedelta(seconds=0.5)),
    ("2026-05-01T07:00:00.123456789z", SEVEN + timedelta(microseconds=123456)),
    ("2026-05-01T06:59:60Z", SEVEN),
    ("2026-04-30T24:00:00Z", SEVEN - timedelta(hours=7)),
    ("2026-05-01T09:00:00\N{MINUS SIGN}00:00", SEVEN + timedelta(hours=2)),
    ("2026-W18-5T07:00:00Z", SEVEN),
    ("2026-121T07:00:00Z", SEVEN),
    ("2026121T070000Z", SEVEN),
    ("2024-366T00:00Z", datetime(2024, 12, 31, tzinfo=UTC)),
    ("2026-05-01T06:59.75Z", SEVEN - timedelta(seconds=15)),
    ("20260501T0659,75z", SEVEN - timedelta(seconds=15)),
    ("2026-05-01T06.5+00:00", SEVEN - timedelta(minutes=30)),
    ("2026-05-01T06:59.99999999999Z", SEVEN - timedelta(microseconds=1)),
    ("2026-05-01T12:30:00+05:30[Asia/Kolkata]", SEVEN),
    ("2026-05-01T07:00:00Z[Etc/UTC][u-ca=gregory]", SEVEN),
]


@pytest.mark.parametrize(("text", "expected"), STANDARD)
def test_what_the_standards_allow_is_read(text: str, expected: datetime) -> None:
    """RFC 3339 and ISO 8601: small letters, a space for the T, offsets without a colon, any fraction."""
    assert read_time(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "soon", "1777618800", "2026-13-01T00:00Z", "2026-05-01T25:00Z", "2026-05-01T24:01Z",
     "2026-05-01T07:61:60Z", "2026-05-01T07:00:61Z", "9999-12-31T24:00:00Z", "2026-366T00:00Z",
     "9999-366T00:00Z", "2026-000T00:00Z", "0000-001T00:00Z", "2026-05-01T07.5.5Z", "2026-05-01T07.5:00Z",
     f"2026-05-01T07:00.{'9' * 5000}Z", "2026-05-01T07:00:00Z[!u-ca=hebrew]", "[Asia/Kolkata]",
     "2026-05-01T07:00:00Z[]"],
)  # fmt: skip
def test_what_is_no_time_is_a_value_error(text: str) -> None:
    """Everything else is a ValueError, dates after the end of the calendar included."""
    with pytest.raises(ValueError, match=r"\w"):
        read_time(text)


def test_a_time_without_an_offset_is_not_guessed_at() -> None:
    """It is read as naive, and refused where it is used."""
    assert read_time("2026-05-01 07:00:00").tzinfo is None
    with pytest.raises(ConfigurationError, match="no time zone"):
        BotFilter.from_dict({"after": "2026-05-01 07:00:00"})
    with pytest.raises(ConfigurationError, match="no time zone"):
        UnscheduleOptions.from_dict({"cancel_all_occurrences": True, "from_date": "2026-05-01T07:00:00"})


def test_a_number_is_not_taken_for_an_epoch() -> None:
    """Models read text and nothing else as a time."""
    with pytest.raises(ValueError, match="ISO 8601"):
        time_of(1777618800)
    assert time_of(None) is None
    assert time_of(SEVEN) is SEVEN


def test_stored_bounds_are_rounded_towards_cancelling_less() -> None:
    """Finer than a microsecond, a start is rounded up and an end is cut down."""
    assert read_time("2026-05-01T06:59.99999999999Z", up=True) == SEVEN
    text = "2026-05-01T07:00:00.0000001z"
    read = BotFilter.from_dict({"after": text, "before": text})
    assert read.after == SEVEN + timedelta(microseconds=1)
    assert read.before == SEVEN
    for kind in (UnscheduleOptions, JobOptions):
        options = kind.from_dict({"cancel_all_occurrences": True, "from_date": text})
        assert options.from_date == SEVEN + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("moment", "sent"),
    [
        (SEVEN, "2026-05-01T07:00:00Z"),
        (SEVEN + timedelta(microseconds=1), "2026-05-01T07:00:01Z"),
        (SEVEN + timedelta(seconds=0.5), "2026-05-01T07:00:01Z"),
        (datetime(2026, 5, 1, 9, 0, 59, 999999, timezone(timedelta(hours=2))), "2026-05-01T07:01:00Z"),
    ],
)
async def test_a_fraction_of_from_date_takes_no_occurrence_before_it(moment: datetime, sent: str) -> None:
    """Requests carry whole seconds: a fraction is rounded up to the next one."""
    async with RawServer(reply(body={"unscheduled": True})) as server:
        async with MeetStreamClient("key", base_url=server.url) as client:
            await client.unschedule_event("evt_1", cancel_all_occurrences=True, from_date=moment)
    assert json.loads(server.requests[0].body)["from_date"] == sent


def test_request_models_read_the_same_times() -> None:
    """The bodies of FastAPI and of the console take every form, and round the bounds in the same way."""
    text = "2026-05-01 07:00:00.0000001z"
    start, end = SEVEN + timedelta(microseconds=1), SEVEN
    request = BulkRequest.model_validate_json(
        json.dumps({"filter": {"after": text, "before": text}, "from_date": text})
    )
    assert request.filter == BotFilter(after=start, before=end)
    assert request.from_date == start
    typed = FilterRequest.model_validate({"after": text, "before": text})
    assert (typed.after, typed.before) == (start, end)


@pytest.mark.parametrize("value", ["2026-05-01T07:00:00", "1777618800", 1777618800, "soon"])
def test_request_models_refuse_what_is_no_time(value: object) -> None:
    """A time without an offset, an epoch and other text are errors of the body."""
    for model, body in (
        (BulkRequest, {"from_date": value}),
        (BulkRequest, {"filter": {"after": value}}),
        (FilterRequest, {"before": value}),
    ):
        with pytest.raises((ValidationError, ConfigurationError)):
            model.model_validate(body)


def test_the_next_second_is_right_where_the_clocks_go_back() -> None:
    """Rounding up counts in UTC, not on a wall clock that shows an hour twice."""
    moment = datetime(2026, 10, 25, 2, 59, 59, 500000, ZoneInfo("Europe/Berlin"))
    assert whole_second(moment, up=True).astimezone(UTC) == datetime(2026, 10, 25, 1, tzinfo=UTC)


@pytest.mark.parametrize(("text", "expected"), STANDARD)
async def test_join_times_of_a_listing_are_read(text: str, expected: datetime) -> None:
    """A listed bot has its join time in whatever form of the standards the API writes."""
    row = {"bot_id": "b", "scheduled_join_time": text}
    async with RawServer(reply(body={"scheduled_bots": [row]})) as server:
        async with MeetStreamClient("key", base_url=server.url) as client:
            (bot,) = (await client.list_scheduled_bots()).bots
    assert bot.scheduled_join_time == expected
