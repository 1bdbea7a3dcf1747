"""How the command line interprets typed times and filters."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetstream_async.cli.exit_codes import Refused
from meetstream_async.cli.inputs.filters import select
from meetstream_async.cli.inputs.times import both, day_start, parse_time
from meetstream_async.simulator import SimulatedBot, Simulator
from tests.helpers.command_line import command

NOW = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)


@contextmanager
def local_time(zone: str) -> Iterator[None]:
    """Local time is that of the zone."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


@pytest.fixture
def berlin() -> Iterator[None]:
    """Local time is Berlin's, where the clocks go forward on the night after NOW."""
    with local_time("Europe/Berlin"):
        yield


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-01T09:00:00+02:00", datetime(2026, 5, 1, 7, tzinfo=UTC)),
        ("2026-05-01T07:00Z", datetime(2026, 5, 1, 7, tzinfo=UTC)),
        ("2026-05-01 07:00:00.0000000z", datetime(2026, 5, 1, 7, tzinfo=UTC)),
        ("2026-05-01T09:00:00+0200", datetime(2026, 5, 1, 7, tzinfo=UTC)),
        ("now", NOW),
        (" NOW ", NOW),
        ("+2h", NOW + timedelta(hours=2)),
        ("-30m", NOW - timedelta(minutes=30)),
        ("+3d", NOW + timedelta(days=3)),
        ("+1h30m", NOW + timedelta(minutes=90)),
        ("+90s", NOW + timedelta(seconds=90)),
        ("+1w", NOW + timedelta(weeks=1)),
        ("today", datetime(2026, 3, 27, 23, tzinfo=UTC)),
        # The clocks have not yet gone forward at local midnight.
        ("tomorrow", datetime(2026, 3, 28, 23, tzinfo=UTC)),
    ],
)
def test_times_are_read(text: str, expected: datetime, berlin: None) -> None:
    """ISO 8601 with an offset, distances from now, and where the local day begins."""
    moment = parse_time(text, "--before", NOW)
    assert moment == expected
    assert moment.utcoffset() is not None


def test_a_local_day_begins_where_the_clocks_say(berlin: None) -> None:
    """`tomorrow` is local midnight also on the other side of a change of the clocks."""
    sunday = datetime(2026, 3, 29, 10, tzinfo=UTC)
    assert parse_time("tomorrow", "--before", sunday) == datetime(2026, 3, 29, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "now", "starts"),
    [
        # At midnight the clocks go forward to 01:00.
        ("Africa/Cairo", datetime(2024, 4, 25, 12, tzinfo=UTC), datetime(2024, 4, 25, 22, tzinfo=UTC)),
        ("America/Santiago", datetime(2024, 9, 7, 12, tzinfo=UTC), datetime(2024, 9, 8, 4, tzinfo=UTC)),
        # At 01:00 they go back to midnight, which comes twice.
        ("America/Havana", datetime(2024, 11, 2, 12, tzinfo=UTC), datetime(2024, 11, 3, 4, tzinfo=UTC)),
        # At midnight they go back to 23:00.
        ("America/Asuncion", datetime(2024, 3, 23, 12, tzinfo=UTC), datetime(2024, 3, 24, 4, tzinfo=UTC)),
        # The 30th of December does not exist.
        ("Pacific/Apia", datetime(2011, 12, 29, 20, tzinfo=UTC), datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ],
)
def test_tomorrow_is_the_first_moment_of_the_day(zone: str, now: datetime, starts: datetime) -> None:
    """Where a change of the clocks skips or repeats midnight, the day still begins with its first moment."""
    with local_time(zone):
        assert parse_time("tomorrow", "--after", now) == starts


@cache
def changes(zone: str) -> list[datetime]:
    """The moments from 1970 to 2037, by the day, at which a zone's clocks have been changed.

    By the week first: no zone has changed them twice within one.
    """
    info = ZoneInfo(zone)
    begin, day, week = datetime(1970, 1, 2, tzinfo=UTC), timedelta(days=1), timedelta(days=7)
    weeks = [begin + number * week for number in range(68 * 53)]
    offsets = [one.astimezone(info).utcoffset() for one in weeks]
    return [
        next(at for at in (first + n * day for n in range(1, 8)) if at.astimezone(info).utcoffset() != before)
        for first, (before, after) in zip(weeks, pairwise(offsets), strict=False)
        if before != after
    ]


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_a_day_begins_with_its_first_moment_in_every_zone(data: st.DataObject) -> None:
    """Around every change of every zone's clocks no second before the start belongs to the day."""
    name = data.draw(st.sampled_from(sorted(available_timezones())))
    near = data.draw(st.sampled_from(changes(name) or [NOW])) + timedelta(days=data.draw(st.integers(-2, 1)))
    zone = ZoneInfo(name)
    day = near.astimezone(zone).date()
    start = day_start(day, zone)
    assert start.date() >= day
    second = timedelta(seconds=1)
    assert (start.astimezone(UTC) - second).astimezone(zone).date() < day
    earlier = (start.astimezone(UTC) - second - timedelta(minutes=step) for step in range(0, 60 * 36, 5))
    assert not any(moment.astimezone(zone).date() >= day for moment in earlier)


def test_bounds_that_are_typed_are_rounded_towards_cancelling_less(berlin: None) -> None:
    """A start is rounded up and an end cut down, relative ones to the second, and --from always."""
    now = NOW + timedelta(seconds=0.5)
    assert parse_time("+1h", "--after", now, up=True) == NOW + timedelta(hours=1, seconds=1)
    assert parse_time("+1h", "--before", now) == NOW + timedelta(hours=1)
    exact = "2026-03-28T22:30:00.5Z"
    assert parse_time(exact, "--after", now, up=True) == now
    assert parse_time(exact, "--from", now, up=True, whole=True) == NOW + timedelta(seconds=1)
    assert both(now) == "2026-03-28T22:30:00.500000Z, local Sat 28 Mar 2026 23:30:00 +01:00"


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2h", "+2", "+2x", "+h", "++2h", "+2h ago", "5", "2026-13-01T00:00Z", "\x1b[2J"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Invalid times are refused with the option and examples, on one clean line."""
    with pytest.raises(Refused) as refusal:
        parse_time(text, "--before", NOW)
    assert str(refusal.value).startswith("--before ")
    assert "+2h" in str(refusal.value)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("text", ["2026-05-01", "2026-05-01T09:00", "2026-05-01 09:00:00"])
def test_a_time_without_an_offset_is_refused(text: str, berlin: None) -> None:
    """A naive time could be any of many: the refusal writes out both readings."""
    with pytest.raises(Refused, match=r"has no UTC offset") as refusal:
        parse_time(text, "--after", NOW)
    assert "Z for UTC" in str(refusal.value)
    assert "+02:00 for local time" in str(refusal.value)


@pytest.mark.parametrize("text", ["+999999999w", "-999999999w", "9999-12-31T23:59:59-23:00"])
def test_times_beyond_all_calendars_are_refused(text: str) -> None:
    """Times outside the calendar are refused, without a crash."""
    with pytest.raises(Refused, match=r"--before"):
        parse_time(text, "--before", NOW)


def test_times_are_shown_in_utc_and_local_time(berlin: None) -> None:
    """Both readings of a time are shown."""
    assert both(NOW) == "2026-03-28T22:30:00Z, local Sat 28 Mar 2026 23:30:00 +01:00"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"attributes": ["team"]}, "is not KEY=VALUE"),
        ({"attributes": ["=x"]}, "is not KEY=VALUE"),
        ({"attributes": ["a=1", "a=2"]}, "given twice"),
        ({"before": "now", "after": "now"}, "no bot can join in between"),
        ({"before": "+1h", "after": "+2h"}, "no bot can join in between"),
    ],
)
def test_filters_that_can_match_nothing_are_refused(options: dict[str, object], words: str) -> None:
    """A filter that can't be read, or that no bot can match, is refused."""
    with pytest.raises(Refused, match=words):
        select(now=NOW, **options)  # type: ignore[arg-type]


async def test_list_shows_what_lies_inside_a_filter() -> None:
    """list takes the filters, echoes times in UTC and local time, and counts what is outside."""
    soon = datetime.now(UTC) + timedelta(hours=1)
    bots = [
        SimulatedBot("bot-a", "evt_a", platform="zoom", join_time=soon, attributes={"team": 7}),
        SimulatedBot("bot-b", "evt_b", platform="Zoom", join_time=soon, attributes={"team": "7"}),
        SimulatedBot("bot-c", "evt_c", platform="zoom"),
        SimulatedBot("bot-d", "evt_d", join_time=soon),
    ]
    async with Simulator(bots) as sim:
        ended = await command(
            "list", "--platform", "ZOOM", "--after", "-5m", "--before", "+2h", "--attr", "team=7",
            sim=sim, TZ="Asia/Tokyo",
        )  # fmt: skip
    assert ended.code == 0
    assert "evt_a" in ended.out
    assert "evt_b" in ended.out
    assert "evt_c" not in ended.out
    assert "evt_d" not in ended.out
    after, before, count = ended.err.splitlines()
    assert after.startswith("--after -5m is 20")
    assert before.startswith("--before +2h is 20")
    assert "Z, local " in before
    assert before.endswith("+09:00")
    assert count == "2 scheduled bots inside the filter, 2 outside"
