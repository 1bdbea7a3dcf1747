"""The simulated account: its bots and their events, and the records about them."""

from bisect import insort
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from attrs import evolve

from .bots import SimulatedBot
from .identities import digest
from .index import CalendarIndex, SimulatedMeetStreamEvent
from .ledger import BotRecord, EventRecord
from .settings import Settings

# How long a bot stays in its meeting.
_MEETING = timedelta(hours=1)


def _soonest(bot: SimulatedBot) -> tuple[datetime, str]:
    return bot.join_time, bot.bot_id


class World:
    """The bots of the account, and the records about them. Every lookup except the listing is O(1)."""

    def __init__(self, seed: int, index: CalendarIndex, settings: Settings) -> None:
        self._seed = seed
        self._index = index
        self._one_event_for_a_series = settings.series_as == "master"
        self._lag = timedelta(seconds=settings.listing_lag)
        self._listed = frozenset(settings.listed_states)
        self._ended: dict[str, datetime] = {}
        self._of_key: dict[str, str] = {}
        self._bots: dict[str, SimulatedBot] = {}
        self._order: list[tuple[bytes, str]] = []
        self._left: dict[str, list[SimulatedBot]] = {}
        self._series: dict[str, dict[str, None]] = {}
        self.event_records: dict[str, EventRecord] = {}
        self.bot_records: dict[str, BotRecord] = {}
        self.event_deletes: Counter[str] = Counter()
        self.bot_deletes: Counter[str] = Counter()

    def add(self, bots: Iterable[SimulatedBot], request: int | None = None) -> None:
        """Schedule bots, by the request with this index.

        Their positions in the listing depend only on the seed and their ids.
        """
        fresh = {}
        for bot in bots:
            if self._one_event_for_a_series and bot.series is not None:
                bot = evolve(bot, event_id=bot.series)
            if bot.bot_id in self._bots or bot.bot_id in fresh:
                raise ValueError(f"two bots with the id {bot.bot_id!r}")
            fresh[bot.bot_id] = bot
        for bot in fresh.values():
            self._bots[bot.bot_id] = bot
            self.bot_records[bot.bot_id] = BotRecord(
                bot_id=bot.bot_id,
                event_id=bot.event_id,
                join_time=bot.join_time,
                delete_requests=self.bot_deletes[bot.bot_id],
                created_by=request,
            )
            if bot.deduplication_key is not None:
                self._of_key.setdefault(bot.deduplication_key, bot.bot_id)
            if bot.event_id is not None:
                self._add_to_event(bot, bot.event_id)
        self._order += [(self._place(bot_id), bot_id) for bot_id in fresh]
        self._order.sort()

    def _add_to_event(self, bot: SimulatedBot, event_id: str) -> None:
        event = self._index.put_for_bot(bot, event_id)
        known = self.event_records.get(event_id)
        if known is None:
            self.event_records[event_id] = EventRecord(
                event_id=event_id,
                bot_ids=(bot.bot_id,),
                master_event_id=bot.series,
                provider_event_id=event.platform_id,
                ical_uid=event.ical_uid,
                delete_requests=self.event_deletes[event_id],
            )
        else:
            self.event_records[event_id] = evolve(
                known,
                bot_ids=(*known.bot_ids, bot.bot_id),
                master_event_id=known.master_event_id or bot.series,
                scheduled=True,
                unscheduled_at=None,
                applied_by=None,
            )
        insort(self._left.setdefault(event_id, []), bot, key=_soonest)
        if bot.series is not None:
            self._series.setdefault(bot.series, {})[event_id] = None

    def _place(self, bot_id: str) -> bytes:
        return digest(self._seed, bot_id)

    def know(self, event: SimulatedMeetStreamEvent) -> None:
        """Add an event to the calendars, or replace the one with its id."""
        known = self._index.put(event)
        record = self.event_records.get(event.event_id)
        if record is not None:
            self.event_records[event.event_id] = evolve(
                record, provider_event_id=known.platform_id, ical_uid=known.ical_uid
            )

    def move(self, bot: SimulatedBot, join_time: datetime, request: int) -> None:
        """Let a scheduled bot join at another time, by the request with this index."""
        moved = evolve(bot, join_time=join_time)
        self._bots[bot.bot_id] = moved
        record = self.bot_records[bot.bot_id]
        self.bot_records[bot.bot_id] = evolve(record, join_time=join_time, moved_by=request)
        if bot.event_id is not None:
            left = self._left[bot.event_id]
            left.remove(bot)
            insort(left, moved, key=_soonest)

    def end(self, bot_id: str, now: datetime) -> None:
        """Let a bot leave its meeting."""
        self._ended[bot_id] = now

    def state(self, bot: SimulatedBot, now: datetime) -> str:
        """Scheduled, InMeeting for an hour, Stopped, or Cancelled."""
        if not self.bot_records[bot.bot_id].scheduled:
            return "Cancelled"
        if bot.join_time > now:
            return "Scheduled"
        ended = self._ended.get(bot.bot_id, bot.join_time + _MEETING)
        return "InMeeting" if now < ended else "Stopped"

    def bots(self) -> list[SimulatedBot]:
        """All bots that were ever scheduled, in the order of the listings."""
        return sorted(self._bots.values(), key=lambda bot: self._place(bot.bot_id))

    def of_key(self, deduplication_key: str) -> SimulatedBot | None:
        """The first bot that was scheduled with this key, cancelled or not."""
        bot_id = self._of_key.get(deduplication_key)
        return None if bot_id is None else self._bots[bot_id]

    def of_event(self, event_id: str, now: datetime) -> list[tuple[SimulatedBot, str]]:
        """An event's bots that are to be seen, with their states, soonest first."""
        record = self.event_records.get(event_id)
        bots = [self._bots[bot_id] for bot_id in record.bot_ids] if record is not None else []
        seen = {"Scheduled", "InMeeting"} | self._listed
        return [(bot, state) for bot in sorted(bots, key=_soonest) if (state := self.state(bot, now)) in seen]

    def bot(self, bot_id: str) -> SimulatedBot | None:
        """The bot with this id, scheduled or not."""
        return self._bots.get(bot_id)

    def event(self, event_id: str) -> EventRecord | None:
        """The event with this id, scheduled or not."""
        return self.event_records.get(event_id)

    def occurrences(self, master_event_id: str) -> tuple[str, ...]:
        """Ids of the events of a series."""
        return tuple(self._series.get(master_event_id, ()))

    def waiting(self, event_id: str, now: datetime) -> list[SimulatedBot]:
        """The event's scheduled bots that have not joined yet, soonest first."""
        return [bot for bot in self._left.get(event_id, ()) if bot.join_time > now]

    def is_scheduled(self, bot_id: str) -> bool:
        """Whether this (known) bot has not been removed. It may have joined already."""
        return self.bot_records[bot_id].scheduled

    def listing(self, limit: int, now: datetime) -> list[tuple[SimulatedBot, str]]:
        """The first `limit` bots that a listing shows, with the states that it tells.

        Those removed less than the listing lag ago are told as they were before.
        """
        shown: list[tuple[SimulatedBot, str]] = []
        past = 0
        for _, bot_id in self._order:
            if len(shown) >= limit:
                break
            bot = self._bots[bot_id]
            state = self._told(bot, now)
            if state in self._listed:
                shown.append((bot, state))
            else:
                past += 1
        # Drop bots that no listing will show again, so that they are not walked over each time.
        if past > 100 and self._listed == {"Scheduled"}:
            self._order = [
                entry for entry in self._order if self._told(self._bots[entry[1]], now) in self._listed
            ]
        return shown

    def _told(self, bot: SimulatedBot, now: datetime) -> str:
        removed_at = self.bot_records[bot.bot_id].removed_at
        if removed_at is not None and now - removed_at < self._lag and bot.join_time > now:
            return "Scheduled"
        return self.state(bot, now)

    def count_delete(self, event_id: str | None, bot_id: str | None) -> None:
        """Record one DELETE request that names an event or a bot."""
        if event_id is not None:
            self.event_deletes[event_id] += 1
            if event := self.event_records.get(event_id):
                self.event_records[event_id] = evolve(event, delete_requests=self.event_deletes[event_id])
        if bot_id is not None:
            self.bot_deletes[bot_id] += 1
            if bot := self.bot_records.get(bot_id):
                self.bot_records[bot_id] = evolve(bot, delete_requests=self.bot_deletes[bot_id])

    def remove(self, bots: Iterable[SimulatedBot], now: datetime, request: int) -> None:
        """Remove scheduled bots, by the request with this index."""
        for bot in bots:
            self.bot_records[bot.bot_id] = evolve(
                self.bot_records[bot.bot_id], scheduled=False, removed_at=now, applied_by=request
            )
            if bot.event_id is None:
                continue
            left = self._left[bot.event_id]
            left.remove(bot)
            if not left:
                self.event_records[bot.event_id] = evolve(
                    self.event_records[bot.event_id], scheduled=False, unscheduled_at=now, applied_by=request
                )
