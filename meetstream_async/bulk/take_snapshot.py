"""Take a snapshot of bots before they are cancelled: their rows, their events' ids, and their details."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterable, Iterable

import attrs

from .._http.api_errors import why_no_other_can_succeed
from .._http.pace_key import mark_of
from ..errors import (
    ConfigurationError,
    MeetStreamError,
    NotFoundError,
    ServerError,
    TransportError,
)
from ..meetstream import get_bot_detail
from ..meetstream.client import MeetStreamClient
from ..meetstream.models import MeetStreamEvent, ScheduledBot, ScheduledBotPage, is_own_event_id
from ._each import for_each
from ._event_index import EventsOfBots, with_detail
from ._event_reading import MOST_SECONDS, why_partly_read, why_unread
from ._event_states import window
from ._repeated_rows import by_id
from .options import BULK_DEFAULTS, BulkOptions, UnscheduleOptions, Where
from .snapshot import Snapshot, SnapshotBot
from .unschedule import check_client

_ALIKE = 5
"""Details in a row that can't be had for want of a server."""


async def take_snapshot(
    client: MeetStreamClient,
    bots: Iterable[ScheduledBot] | AsyncIterable[ScheduledBot] | ScheduledBotPage,
    *,
    detail: bool = False,
    max_concurrency: int = BULK_DEFAULTS.max_concurrency,
    where: Where | None = None,
    whole_events: bool = False,
    events: Iterable[MeetStreamEvent] | None = None,
) -> Snapshot:
    """What is known of these bots, for ``bulk_reschedule``. Sends GETs only.

    ``bots``: a listing, or any iterable or async iterable of ScheduledBot. Where a row does not name its
    event by MeetStream's own id, or the listing is full, the calendars' events are read as well; ``events``
    are all of them, if you have read them already. Of bots behind a full listing, the events' part is kept.
    ``where`` selects the bots to keep, as in ``bulk_unschedule``; the others are known as bots that stay,
    beside which an event can't get another one. ``whole_events`` keeps the other bots of a selected bot's
    events as well: pass what the run is passed. ``detail`` also reads each bot's detail, which has its full
    configuration, with at most ``max_concurrency`` requests in flight and at the client's pace: do it before
    the bots are cancelled, since cancelled bots may be unknown to the API.

    What can't be had is named in ``why_incomplete`` and in the bots' ``no_detail``. Raises ConfigurationError
    for bad arguments, and the errors of a rejected key or of a server that does not answer.
    """
    check_client(client)
    for name, value in (("detail", detail), ("whole_events", whole_events)):
        if not isinstance(value, bool):
            raise ConfigurationError(f"{name} must be True or False, not {value!r}")
    cap = BulkOptions[object](max_concurrency=max_concurrency).max_concurrency  # type: ignore[type-var]
    rows, full = await _rows(bots)
    missing: list[str] = []
    index = EventsOfBots()
    unclear = full or any(not is_own_event_id(row.event_id) for row in rows.values())
    if events is not None:
        index = EventsOfBots(events)
    elif unclear and (problem := await _read_events(client, index, list(rows.values()), full)) is not None:
        missing.append(problem)
    for row in rows.values():
        index.take_row(row)
    entries = {bot_id: index.describe(row) for bot_id, row in rows.items()}
    if full:
        entries |= {row.bot_id: index.describe(row, False) for row in index.hidden(rows)}
    if where is not None:
        selects = UnscheduleOptions(where=where).selects
        chosen = {
            bot_id
            for bot_id, entry in entries.items()
            if (bot_id in rows and selects(rows[bot_id])) or selects(entry.as_row())
        }
        shared = {name for bot_id in chosen for name in _names(entries[bot_id]) if whole_events}
        entries = {
            bot_id: entry
            for bot_id, entry in entries.items()
            if bot_id in chosen or not shared.isdisjoint(_names(entry))
        }
    if detail:
        await _read_details(client, entries, cap)
        if unread := sum(entry.no_detail is not None for entry in entries.values()):
            missing.append(f"the detail of {unread} of {len(entries)} bots can't be read")
    nameless = sum(entry.event_id is None and not entry.is_one_off for entry in entries.values())
    if nameless:
        missing.append(f"the event of {nameless} of {len(entries)} bots is not known for certain")
    snapshot_id = secrets.token_hex(16)
    return Snapshot(
        id=snapshot_id,
        taken_at=client.api.server_time(),
        base_url=client.base_url,
        bots=tuple(entries.values()),
        why_incomplete="; ".join(missing) or None,
        key_mark=mark_of(client.api.key_name, snapshot_id),
    )


def _names(entry: SnapshotBot) -> set[str]:
    """All ids under which a bot's events are known."""
    return {name for name in (entry.event_id, entry.listed_event_id, *entry.other_events) if name is not None}


async def _rows(bots: object) -> tuple[dict[str, ScheduledBot], bool]:
    """The rows by their bots' ids, and whether the listing was full."""
    if isinstance(bots, ScheduledBotPage):
        return by_id(bots.bots), bots.truncated
    if isinstance(bots, AsyncIterable):
        given = [bot async for bot in bots]
    elif isinstance(bots, Iterable) and not isinstance(bots, str | bytes):
        given = list(bots)
    else:
        raise ConfigurationError(f"bots must be ScheduledBots, not {type(bots).__name__}")
    for number, bot in enumerate(given):
        if not isinstance(bot, ScheduledBot):
            raise ConfigurationError(f"bots[{number}] must be a ScheduledBot, not {type(bot).__name__}")
    return {bot.bot_id: bot for bot in given}, bool(getattr(bots, "truncated", False))


async def _read_events(
    client: MeetStreamClient, index: EventsOfBots, rows: list[ScheduledBot], full: bool
) -> str | None:
    """Read the events into the index. Returns why not all of them are known, if so."""
    joins = [row.scheduled_join_time for row in rows]
    time_min, time_max = window(joins, not full, client.api.server_time())
    stream = client.iter_calendar_events(time_min=time_min, time_max=time_max)
    try:
        async with asyncio.timeout(MOST_SECONDS):
            async for event in stream:
                index.take(event)
    except NotFoundError:
        # No calendar is connected: there are no events.
        return None
    except (MeetStreamError, TimeoutError) as error:
        return why_unread(error)
    return why_partly_read(stream.why_incomplete)


async def _read_details(client: MeetStreamClient, entries: dict[str, SnapshotBot], cap: int) -> None:
    """Read each bot's detail into its entry, or why it can't be had."""
    in_a_row = 0

    async def read(bot_id: str) -> None:
        nonlocal in_a_row
        try:
            detail = (await client.api.call(get_bot_detail(bot_id))).value
        except MeetStreamError as error:
            problem = error.with_traceback(None)
        else:
            in_a_row = 0
            entries[bot_id] = with_detail(entries[bot_id], detail)
            return
        entries[bot_id] = attrs.evolve(entries[bot_id], no_detail=f"{type(problem).__name__}: {problem}")
        in_a_row = in_a_row + 1 if isinstance(problem, ServerError | TransportError) else 0
        fatal = why_no_other_can_succeed(problem) is not None
        if fatal or in_a_row >= _ALIKE:
            raise problem

    await for_each(list(entries), read, min(cap, client.api.open() or cap))
