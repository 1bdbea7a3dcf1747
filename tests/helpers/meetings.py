"""Meetings: a calendar event each with a bot, and the calls that cancel them."""

from __future__ import annotations

from meetstream_async import cancel_meeting, cancel_meetings
from tests.helpers.accounts import bot, connect
from tests.helpers.meetbit import free, meetbit


def meetings(count=3, **arguments):
    """``count`` meetings: a calendar event each, and a bot that is scheduled for it.

    The provider's ids are those that the listing shows, which is what the bridge goes by.
    """
    bots = [bot(number, provider_event_id=f"evt_{number:04x}") for number in range(count)]
    return free(None, bots, **arguments)


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
