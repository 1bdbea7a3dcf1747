"""The index that joins bots with their events, and the entries of a snapshot that it makes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import attrs

from ..meetstream.bots import BotDetail
from ..meetstream.models import MeetStreamEvent, ScheduledBot, is_own_event_id
from ._evidence import is_withdrawn
from .snapshot import SnapshotBot, kept


class EventsOfBots:
    """The index that joins bots with their events, from pages of ``GET /calendar/events``."""

    def __init__(self, events: Iterable[MeetStreamEvent] = ()) -> None:
        self._events: dict[str, list[str]] = {}
        self._bots: dict[str, list[str]] = {}
        self._rows: dict[str, ScheduledBot] = {}
        for event in events:
            self.take(event)

    def take(self, event: MeetStreamEvent) -> None:
        """Add an event."""
        if event.is_deleted or not is_own_event_id(event.id):
            return
        known = self._bots.setdefault(event.id, [])
        for bot in event.bots:
            if bot.id not in known:
                known.append(bot.id)
                self._rows.setdefault(bot.id, bot.as_row(event.id))
                self._events.setdefault(bot.id, []).append(event.id)

    def take_row(self, bot: ScheduledBot) -> None:
        """Add a bot whose row names its event by MeetStream's own id."""
        if is_own_event_id(bot.event_id) and bot.bot_id not in self._events:
            self._bots.setdefault(bot.event_id, []).append(bot.bot_id)
            self._events[bot.bot_id] = [bot.event_id]

    def hidden(self, listed: Collection[str]) -> list[ScheduledBot]:
        """The scheduled bots that only the events show."""
        return [row for bot_id, row in self._rows.items() if bot_id not in listed and not is_withdrawn(row)]

    def describe(self, bot: ScheduledBot, has_row: bool = True) -> SnapshotBot:
        """The entry of a bot of a listing."""
        listed = bot.event_id
        events = self._events.get(bot.bot_id, [])
        event_id = listed if is_own_event_id(listed) else None
        event_id = event_id or next(iter(events), None)
        others = [one for one in self._bots.get(event_id or "", ()) if one != bot.bot_id]
        return SnapshotBot(
            bot_id=bot.bot_id,
            event_id=event_id,
            listed_event_id=listed,
            is_one_off=bot.is_one_off and event_id is None,
            join_time=bot.scheduled_join_time,
            platform=bot.platform,
            bot_username=bot.bot_username,
            custom_attributes=kept(bot.custom_attributes) or {},
            meeting_link=bot.meeting_link,
            other_bots=tuple(others),
            other_events=tuple(one for one in events if one != event_id),
            has_row=has_row,
        )


def with_detail(bot: SnapshotBot, detail: BotDetail) -> SnapshotBot:
    """The entry with what the bot's detail tells beside its row."""
    return attrs.evolve(
        bot,
        config=kept(detail.request_payload),
        custom_attributes=bot.custom_attributes or kept(detail.custom_attributes) or {},
        meeting_link=bot.meeting_link or detail.meeting_link,
        bot_username=bot.bot_username or detail.bot_username,
        no_detail=None,
    )
