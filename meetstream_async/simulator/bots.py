"""The bots of the simulated account, and their generation."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from attrs import Factory, evolve, field, frozen

from .identities import digest

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

    bot_id: unique in the account.
    platform, bot_username, meeting_link: as the row shows them.
    join_time: timezone-aware; by default in one day.
    series: the master event id shared by all occurrences of a series.
    source, event_id, deduplication_key, attributes: merged in this order into the row's `custom_attributes`;
        if none is set, the row has no `custom_attributes`. source is "calendar_schedule_api" by default, None
        for a one-off bot. What a listing shows as the event id is for the simulator's `ids` to say.
    provider_event_id: the id of its event at Google or Outlook; made from `event_id` by default.
    config: what it was made with, as `GET /bots/{bot_id}/detail` tells it.
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
    provider_event_id: str | None = None
    config: Mapping[str, Any] = field(factory=dict, hash=False)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.bot_id, str) or not self.bot_id:
            raise ValueError("SimulatedBot: bot_id must be a non-empty string")
        if self.event_id == "":
            raise ValueError("SimulatedBot: event_id must be a non-empty string or None")
        if self.join_time.tzinfo is None:
            raise ValueError("SimulatedBot: join_time must be timezone-aware")
        if self.series is not None and self.event_id is None:
            raise ValueError("SimulatedBot: a bot of a series needs an event_id")
        if not self.attributes and not self.config:
            return
        try:
            json.dumps([dict(self.attributes), dict(self.config)])
        except TypeError as error:
            raise ValueError(f"SimulatedBot: attributes and config must be JSON: {error}") from None


def generate(
    count: int,
    seed: int,
    now: datetime,
    *,
    series: float,
    one_off: float,
    several: float,
    soon: float = 0.0,
    in_meeting: float = 0.0,
    past: float = 0.0,
) -> list[SimulatedBot]:
    """`count` bots, the same for the same arguments; join times are relative to `now`.

    Of these, round(count * share) bots each are
    - occurrences of recurring series: 2 to 7 daily occurrences, each an event of its own, under one master id
      (a single bot is not enough for a series);
    - one-off bots without an event, alternately without any attributes and with their customer's name;
    - additional rows of another bot's event.
    All others have an event of their own. Join times are whole seconds, one hour to 14 days ahead; of those
    that have an event of their own, the shares `soon`, `in_meeting` and `past` join or joined at other times.
    About a quarter are the customer acme's, with names like "Acme notes"; another quarter are globex's.
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

    def of_customer(bot: SimulatedBot) -> SimulatedBot:
        number = digest(seed, "customer", bot.bot_id, size=1)[0]
        customer = ("acme", "globex", None, None)[number % 4]
        if customer is None:
            return bot
        name = f"Acme {('notes', 'recorder')[number % 8 // 4]}" if customer == "acme" else bot.bot_username
        return evolve(bot, bot_username=name, attributes={"customer": customer})

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
    bots += _at_other_times(plain, [round(count * share) for share in (soon, in_meeting, past)], now, seed)
    bots += [bot(random.choice(plain).event_id, moment()) for _ in range(extra)]
    bots += [bot(None, moment(), attributes={"customer": "globex"} if n % 2 else {}) for n in range(alone)]
    return [of_customer(one) if one.event_id is not None else one for one in bots]


def _at_other_times(
    bots: list[SimulatedBot], counts: list[int], now: datetime, seed: int
) -> list[SimulatedBot]:
    """So many of the bots join soon, have just joined, or joined long ago."""
    random = Random(f"{seed}:times")
    minutes = [
        random.randint(*span)
        for count, span in zip(counts, ((1, 10), (-30, -1), (-26 * 60, -2 * 60)), strict=True)
        for _ in range(count)
    ]
    if len(minutes) > len(bots):
        raise ValueError("soon, in_meeting and past are shares of the bots that have an event of their own")
    moved = [
        evolve(bot, join_time=now.replace(microsecond=0) + timedelta(minutes=number))
        for bot, number in zip(bots, minutes, strict=False)
    ]
    return [*moved, *bots[len(moved) :]]


def _meeting_link(platform: str, random: Random) -> str:
    code = f"{random.getrandbits(40):010x}"
    if "eet" in platform:
        return f"https://meet.google.com/{code[:3]}-{code[3:7]}-{code[7:]}"
    if "oom" in platform:
        return f"https://zoom.us/j/{int(code, 16)}"
    return f"https://teams.microsoft.com/l/meetup-join/{code}"
