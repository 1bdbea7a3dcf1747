"""The simulated account: its bots, their generation, and their removal."""

import json
from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from random import Random
from typing import Any
from uuid import UUID

from attrs import Factory, evolve, field, frozen

from .ledger import BotRecord, EventRecord

# The documented spellings, and occasionally those used in the vendor's other material.
_PLATFORMS = (
    "google_meet",
    "google_meet",
    "google_meet",
    "GMeet",
    "zoom",
    "zoom",
    "Zoom",
    "microsoft_teams",
    "Teams",
)
_DAYS = 14


@frozen
class SimulatedBot:
    """One scheduled bot. Several bots may share an `event_id`; a bot without one is a one-off bot.

    join_time: timezone-aware; by default in one day.
    series: the master event id shared by all occurrences of a series.
    source, event_id, deduplication_key, attributes: merged in this order into the row's `custom_attributes`;
        if none is set, the row has no `custom_attributes`. source is "calendar_schedule_api" by default, None
        for a one-off bot.
    """

    bot_id: str
    event_id: str | None = None
    platform: str = "google_meet"
    join_time: datetime = Factory(lambda: datetime.now(UTC).replace(microsecond=0) + timedelta(days=1))
    bot_username: str = "MeetStream Bot"
    series: str | None = None
    source: str | None = Factory(
        lambda self: "calendar_schedule_api" if self.event_id else None, takes_self=True
    )
    deduplication_key: str | None = None
    attributes: Mapping[str, Any] = field(factory=dict, hash=False)
    meeting_link: str | None = None

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.bot_id, str) or not self.bot_id:
            raise ValueError("SimulatedBot: bot_id must be a non-empty string")
        if self.event_id == "":
            raise ValueError("SimulatedBot: event_id must be a non-empty string or None")
        if self.join_time.tzinfo is None:
            raise ValueError("SimulatedBot: join_time must be timezone-aware")
        if self.series is not None and self.event_id is None:
            raise ValueError("SimulatedBot: a bot of a series needs an event_id")
        try:
            json.dumps(dict(self.attributes))
        except TypeError as error:
            raise ValueError(f"SimulatedBot: attributes must be JSON: {error}") from None


def generate(
    count: int, seed: int, now: datetime, *, series: float, one_off: float, several: float
) -> list[SimulatedBot]:
    """`count` bots, the same for the same arguments; join times are relative to `now`.

    Of these, round(count * share) bots each are
    - occurrences of recurring series: 2 to 7 daily occurrences, each an event of its own, under one master id
      (a single bot is not enough for a series);
    - one-off bots without an event, alternately without any attributes and with only a source;
    - additional rows of another bot's event.
    All others have an event of their own. Join times are whole seconds, one hour to 14 days ahead.
    """
    if count < 0:
        raise ValueError("bots must not be negative")
    if min(series, one_off, several) < 0 or series + one_off + several > 1:
        raise ValueError("series, one_off and several are shares: not negative, at most 1 together")
    random = Random(f"{seed}:bots")
    in_series, alone, extra = (round(count * share) for share in (series, one_off, several))
    in_series = 0 if in_series < 2 else min(in_series, count)
    alone = min(alone, count - in_series)
    extra = min(extra, (count - in_series - alone) // 2)

    def moment(days: float = _DAYS) -> datetime:
        return now.replace(microsecond=0) + timedelta(seconds=random.randint(3600, int(days * 86400)))

    def bot(event_id: str | None, when: datetime, **more: Any) -> SimulatedBot:
        platform = random.choice(_PLATFORMS)
        if event_id is not None and random.random() < 0.5:
            more["deduplication_key"] = f"dedup-{random.getrandbits(64):016x}"
        return SimulatedBot(
            bot_id=str(UUID(int=random.getrandbits(128), version=4)),
            event_id=event_id,
            platform=platform,
            join_time=when,
            bot_username=random.choice(("MeetStream Bot", "MeetStream Bot", "Notetaker")),
            meeting_link=_meeting_link(platform, random),
            **more,
        )

    def event_id() -> str:
        return f"evt_{random.getrandbits(64):016x}"

    bots = []
    left = in_series
    while left:
        size = random.randint(2, 6)
        # A series needs at least two bots.
        size = left if left - size < 2 else size
        master, first = event_id(), moment(_DAYS - size)
        bots += [bot(event_id(), first + timedelta(days=day), series=master) for day in range(size)]
        left -= size
    plain = [bot(event_id(), moment()) for _ in range(count - in_series - alone - extra)]
    bots += plain
    bots += [bot(random.choice(plain).event_id, moment()) for _ in range(extra)]
    bots += [bot(None, moment(), source="calendar_integration" if n % 2 else None) for n in range(alone)]
    return bots


def _meeting_link(platform: str, random: Random) -> str:
    code = f"{random.getrandbits(40):010x}"
    if "eet" in platform:
        return f"https://meet.google.com/{code[:3]}-{code[3:7]}-{code[7:]}"
    if "oom" in platform:
        return f"https://zoom.us/j/{int(code, 16)}"
    return f"https://teams.microsoft.com/l/meetup-join/{code}"


class World:
    """The bots of the account, and the records about them. Every lookup except the listing is O(1)."""

    def __init__(self, seed: int, listing_lag: float) -> None:
        self._seed = seed
        self._lag = timedelta(seconds=listing_lag)
        self._bots: dict[str, SimulatedBot] = {}
        self._order: list[tuple[bytes, str]] = []
        self._left: dict[str, list[SimulatedBot]] = {}
        self._series: dict[str, dict[str, None]] = {}
        self.event_records: dict[str, EventRecord] = {}
        self.bot_records: dict[str, BotRecord] = {}
        self.event_deletes: Counter[str] = Counter()
        self.bot_deletes: Counter[str] = Counter()

    def add(self, bots: Iterable[SimulatedBot]) -> None:
        """Schedule bots. Their positions in the listing depend only on the seed and their ids."""
        fresh = {}
        for bot in bots:
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
            )
            if bot.event_id is not None:
                self._add_to_event(bot, bot.event_id)
        self._order += [(self._place(bot_id), bot_id) for bot_id in fresh]
        self._order.sort()

    def _add_to_event(self, bot: SimulatedBot, event_id: str) -> None:
        known = self.event_records.get(event_id)
        record = known or EventRecord(event_id=event_id, delete_requests=self.event_deletes[event_id])
        self.event_records[event_id] = evolve(
            record,
            bot_ids=(*record.bot_ids, bot.bot_id),
            master_event_id=record.master_event_id or bot.series,
            scheduled=True,
            unscheduled_at=None,
            applied_by=None,
        )
        insort(self._left.setdefault(event_id, []), bot, key=lambda one: (one.join_time, one.bot_id))
        if bot.series is not None:
            self._series.setdefault(bot.series, {})[event_id] = None

    def _place(self, bot_id: str) -> bytes:
        return blake2b(f"{self._seed} {bot_id}".encode("utf-8", "surrogatepass"), digest_size=16).digest()

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

    def listing(self, limit: int, now: datetime) -> list[SimulatedBot]:
        """The first `limit` bots that a listing shows: waiting, or removed less than the listing lag ago."""
        shown: list[SimulatedBot] = []
        past = 0
        for _, bot_id in self._order:
            if len(shown) >= limit:
                break
            bot = self._bots[bot_id]
            if self._is_past(bot, now):
                past += 1
            else:
                shown.append(bot)
        # Drop bots that no listing will show again, so that they are not walked over each time.
        if past > 100:
            self._order = [entry for entry in self._order if not self._is_past(self._bots[entry[1]], now)]
        return shown

    def _is_past(self, bot: SimulatedBot, now: datetime) -> bool:
        removed_at = self.bot_records[bot.bot_id].removed_at
        return bot.join_time <= now or (removed_at is not None and now - removed_at >= self._lag)

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
