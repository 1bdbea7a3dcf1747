"""Groups listed bots into events; each event gets one DELETE and one outcome."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from datetime import UTC, datetime
from typing import TypeAlias

from attrs import define, field

from ..meetstream.models import ScheduledBot, ScheduledBotPage
from ._api_operation import Item
from .options import UnscheduleOptions

Target: TypeAlias = ScheduledBot | str

Targets: TypeAlias = Iterable[Target] | AsyncIterable[Target] | ScheduledBotPage


@define(eq=False)
class EventItem(Item):
    """An item: one calendar event with its known bots, or one bot without an event."""

    event_id: str | None
    bots: dict[str, ScheduledBot] = field(factory=dict)
    """The known bots, by bot id."""
    shared: bool = False
    """Whether a listed bot of the event lies outside the filter."""
    gone: frozenset[str] = frozenset()
    """Ids of bots that were deleted by their own ids."""

    @property
    def bot_ids(self) -> tuple[str, ...]:
        return tuple(self.bots)

    def may_have_joined(self) -> bool:
        """Whether a bot's join time has passed, so "not scheduled" may mean that it is in the meeting."""
        now = datetime.now(UTC)
        times = (bot.scheduled_join_time for bot in self.bots.values())
        return any(time is not None and time <= now for time in times)


def group(targets: Iterable[Target], options: UnscheduleOptions) -> tuple[list[EventItem], set[str]]:
    """Group rows into events with at least one selected row, in the order of their first row.

    Returns (events with a selected bot, ids of events with an excluded bot).
    """
    events: dict[tuple[str, str], EventItem] = {}
    left_out: dict[str, list[ScheduledBot]] = {}
    for target in targets:
        if isinstance(target, str):
            events.setdefault(("event", target), EventItem(target))
        elif options.selects(target):
            event = events.setdefault(key_of(target), EventItem(target.event_id))
            event.bots[target.bot_id] = target
        elif target.event_id is not None:
            left_out.setdefault(target.event_id, []).append(target)
    for event in events.values():
        outside = left_out.get(event.event_id or "", [])
        event.shared = bool(outside)
        if options.whole_events:
            # They are unscheduled with the event, and help to tell whether it is gone.
            event.bots.update((bot.bot_id, bot) for bot in outside)
    return list(events.values()), set(left_out)


def key_of(bot: ScheduledBot) -> tuple[str, str]:
    """Deduplication key: the bot's event, or the bot itself if it has none."""
    return ("bot", bot.bot_id) if bot.event_id is None else ("event", bot.event_id)
