"""Whether a meeting has a bot, by what a listing and the events of the calendars show together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from meetstream_async import CalendarEvent, CancelledEvent, MeetStreamEvent, ScheduledBot, ScheduledBotPage
from meetstream_async.bulk._meeting_bots import Found, MeetingState, _conclude
from meetstream_async.bulk._meeting_index import MeetingIndex
from meetstream_async.meetstream.models import EventBot

START = datetime(2031, 5, 1, 9, tzinfo=UTC)


def found(bot: ScheduledBot, *, placed: bool = False) -> Found:
    """One listed bot; the events know the meeting's event, and the bot only if it is placed."""
    index = MeetingIndex(problem=None)
    others = (EventBot(bot.bot_id, "Stopped", is_scheduled=False),) if placed else ()
    index.take_events(
        [MeetStreamEvent("evt_1", platform_id="p1google"), MeetStreamEvent("evt_2", bots=others)]
    )
    return Found(ScheduledBotPage((bot,), 100, False), index)


def verdict(known: Found, start: datetime | None = START) -> tuple[bool, str | None]:
    end = None if start is None else start + timedelta(hours=1)
    event = CalendarEvent(1, 7, start=start, end=end, provider_event_id="p1google")
    meeting = _conclude(MeetingState(7, 1, CancelledEvent(event), None, None), known)
    return meeting.ok, meeting.reason


def listed(
    joins: datetime | None, source: str = "calendar_schedule_api", event: str | None = None
) -> ScheduledBot:
    ids = {} if event is None else {"event_id": event}
    return ScheduledBot("b1", scheduled_join_time=joins, custom_attributes={"source": source, **ids})


@pytest.mark.parametrize("joins", [START, START - timedelta(hours=1), START + timedelta(hours=2), None])
def test_a_listed_bot_that_may_be_the_meetings_own_leaves_it_open(joins: datetime | None) -> None:
    """It may have joined between the listing, which names no event, and the events, which show it no more."""
    ok, reason = verdict(found(listed(joins)))
    assert not ok
    assert reason is not None
    assert "cannot tell" in reason
    assert "b1" in reason
    assert not verdict(found(listed(START + timedelta(days=9))), start=None)[0]


@pytest.mark.parametrize(
    ("bot", "placed"),
    [
        (listed(START), True),
        (listed(START, event="evt_9"), False),
        (listed(START, source="api"), False),
        (listed(START - timedelta(hours=1, seconds=1)), False),
        (listed(START + timedelta(hours=2, seconds=1)), False),
    ],
)
def test_a_bot_that_can_not_be_the_meetings_own_does_not(bot: ScheduledBot, placed: bool) -> None:
    """Of another event, of none at all, or at another time."""
    assert verdict(found(bot, placed=placed)) == (True, "no bot is scheduled for 'p1google'")
