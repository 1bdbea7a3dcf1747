"""KnownBots: what rows and events say of the bots of one event, one after the other."""

from __future__ import annotations

from meetstream_async import BotFilter, MeetStreamEvent, ScheduledBot, UnscheduleOptions
from meetstream_async.bulk._known_bots import KnownBots
from meetstream_async.meetstream.models import EventBot


def test_a_bot_that_is_listed_after_all_is_judged_and_its_event_may_be_taken_whole() -> None:
    """An event has a bot that only the index shows, which does not say whether the filter selects it: the
    event's DELETE might take it by mistake. Once a row has shown that it is selected, it does not."""
    bots = KnownBots(UnscheduleOptions(where=BotFilter(attributes={"customer": "acme"})))
    bots.index_event(MeetStreamEvent("evt_1", bots=(EventBot("b1"),)))
    assert bots.undecided_bots == 1
    assert not bots.is_safe("evt_1")
    bots.take(ScheduledBot("b1", custom_attributes={"event_id": "evt_1", "customer": "acme"}))
    assert bots.undecided_bots == 0
    assert bots.is_safe("evt_1")


def test_a_bot_outside_the_filter_that_moves_to_another_event_counts_for_both() -> None:
    """The listing may lag, so that the DELETE of the first one would still take it."""
    bots = KnownBots(UnscheduleOptions(where=lambda bot: bot.bot_id == "in"))
    bots.listing_is_whole = True
    for event_id in ("evt_1", "evt_2"):
        bots.take(ScheduledBot("out", custom_attributes={"event_id": event_id}))
    bots.outside.pop("evt_1")
    bots.take(ScheduledBot("out", custom_attributes={"event_id": "evt_2"}))
    assert not bots.is_safe("evt_1")
    assert not bots.is_safe("evt_2")
