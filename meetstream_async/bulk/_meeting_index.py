"""Finding a meeting's bots by the calendar provider's id of its event, through the index of events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from attrs import define, field, frozen

from .._http.call import PACED
from .._http.secrets import clean_text
from ..meetstream import list_calendar_events
from ..meetstream.client import MeetStreamClient
from ..meetstream.models import MeetStreamEvent, MeetStreamEventPage, ScheduledBot
from ._event_reading import PAGE_SECONDS, read_events
from ._event_states import window
from ._evidence import is_in_meeting, is_withdrawn

ONE_MEETING = timedelta(hours=1)
"""Bots of one meeting join within this time of each other; those of a series do not."""
_NAMED = 5


def named(ids: Sequence[str]) -> str:
    """The first few ids, and how many there are beside them."""
    shown = ", ".join(clean_text(one, 60) for one in ids[:_NAMED])
    return f"{shown} and {len(ids) - _NAMED} more" if len(ids) > _NAMED else shown


@frozen
class Match:
    """What the index says of one provider's id."""

    event: MeetStreamEvent | None = None
    """The one event with exactly this id."""
    candidates: tuple[str, ...] = ()
    """Own ids of events that may be meant, where there is not exactly one."""

    @property
    def why_not(self) -> str:
        """Why none of the candidates is acted on."""
        shown = named(self.candidates)
        return f"several events or a series may be meant: {shown}; pass the right one as bot_event_id"


@define(eq=False)
class MeetingIndex:
    """The events of the calendars, by the provider's id."""

    events: dict[str, list[MeetStreamEvent]] = field(factory=dict)
    own: dict[str, MeetStreamEvent] = field(factory=dict)
    """By MeetStream's own id, which a calendar may hold as well."""
    problem: str | None = "the calendar events were not read"
    """Why not all of them are known."""
    bots: set[str] = field(factory=set)
    """The ids of all bots that events are shown with, whatever has become of them."""

    def take_events(self, events: Iterable[MeetStreamEvent], *, complete: bool = False) -> None:
        """Add events; with ``complete``, all of them are known."""
        if complete:
            self.problem = None
        for event in events:
            self.own[event.id] = event
            self.bots.update(one.id for one in event.bots)
            if event.platform_id:
                self.events.setdefault(event.platform_id, []).append(event)

    def take_events_error(self, reason: str) -> None:
        """Not all events could be had."""
        self.problem = reason

    def release_held(self) -> None:
        """Nothing waits for the events."""

    @property
    def is_whole(self) -> bool:
        """An event that is not in it is in no calendar that MeetStream reads."""
        return self.problem is None and bool(self.events)

    @property
    def has_bots(self) -> bool:
        """Events are shown with their bots at all."""
        return bool(self.bots)

    def find(self, provider_id: str) -> Match:
        """The event that the provider calls so, or what else may be meant."""
        exact = self.events.get(provider_id) or [self.own[one] for one in (provider_id,) if one in self.own]
        live = [event for event in exact if not event.is_deleted] or exact
        if len(live) == 1 and not _is_series(live[0]):
            return Match(live[0])
        if live:
            return Match(candidates=tuple(event.id for event in live))
        # Google calls an occurrence after its series: the series' id, an underscore, and the time.
        series = provider_id.rpartition("_")[0]
        related = [
            event.id
            for other, events in self.events.items()
            if other.startswith(f"{provider_id}_") or (series and other == series)
            for event in events
            if not event.is_deleted
        ]
        return Match(candidates=tuple(related))


def _is_series(event: MeetStreamEvent) -> bool:
    times = [one.scheduled_join_time for one in bots_of(event) if one.scheduled_join_time is not None]
    return bool(times) and max(times) - min(times) > ONE_MEETING


def bots_of(event: MeetStreamEvent) -> list[ScheduledBot]:
    """The bots of an event that are scheduled, or in their meeting, as rows of a listing."""
    rows = (bot.as_row(event.id) for bot in event.bots)
    return [row for row in rows if is_in_meeting(row) or not is_withdrawn(row)]


async def read_index(
    client: MeetStreamClient, times: Sequence[datetime | None], max_pause: float
) -> MeetingIndex:
    """The events around these times, or of a year where one is not known. Raises no error."""
    index, bounds = MeetingIndex(), window(times, True, client.api.server_time())

    async def fetch(cursor: str | None) -> MeetStreamEventPage:
        await client.api.rate_limiter.wait(pause_limit=max_pause)
        async with asyncio.timeout(PAGE_SECONDS):
            request = list_calendar_events(*bounds, cursor=cursor)
            return (await client.api.call(request, PACED)).value

    await read_events(index, fetch)
    return index
