"""A meeting in both APIs: its calendar event in MeetBit and its bot in MeetStream, cancelled together.

The event comes first. Once it is cancelled nothing is raised any more: what became of the bot is in the
result, so that the first half is never lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Any, TypeAlias

from attrs import evolve

from .._http.urls import check_identifier
from ..errors import ConfigurationError, MeetStreamError, NotFoundError
from ..meetbit import check_id, check_note, event_is_missing
from ..meetbit.client import MeetBitClient
from ..meetbit.models import CancelledEvent
from ..meetstream.client import MeetStreamClient
from ._meeting_bots import MeetingState, unschedule_bots
from .cancel import Id, bulk_cancel_events, check_meetbit
from .options import BULK_DEFAULTS, UNSCHEDULE_DEFAULTS, BulkOptions
from .report import MeetingCancellation
from .statuses import OutcomeStatus
from .unschedule import check_client

MeetingTarget: TypeAlias = tuple[Id, Id] | tuple[Id, Id, str | None]


async def cancel_meeting(
    meetbit: MeetBitClient,
    meetstream: MeetStreamClient,
    calendar_id: Id,
    event_id: Id,
    cancel_note: str,
    *,
    bot_event_id: str | None = None,
) -> MeetingCancellation:
    """Cancel a calendar event, then unschedule its bot.

    The bot is found by ``bot_event_id`` (MeetStream's event id), else by the event of MeetStream's calendars
    whose ``platform_id`` is the cancelled event's ``provider_event_id``, else by listed bots that name it
    so. Where several events, or a series, may be meant, they are named and not touched.

    If the cancel fails, no bot is touched and its error is raised; with ``bot_event_id``, MeetBit's "does
    not exist" does not stop the bot part, so that a meeting-finished call can be repeated: ``event`` is
    then None, and the reason says so. Where several bots are listed for the event, or the listing is not
    whole, its DELETE is repeated until the API says that nothing is scheduled any more. A bot part that
    fails, or a bot that may hide behind a full listing, makes the result not ok, with the reason; it is
    never raised.

    Raises ConfigurationError for bad arguments before any request is sent, and the errors of
    ``MeetBitClient.cancel_event``.
    """
    calendar, event = check_id(calendar_id, "calendar_id"), check_id(event_id, "event_id")
    note = check_note(cancel_note, "cancel_note")
    if bot_event_id is not None:
        check_identifier(bot_event_id, "bot_event_id")
    check_client(meetstream).api.open()
    cancelled: CancelledEvent | None = None
    try:
        cancelled = await check_meetbit(meetbit).cancel_event(calendar, event, note)
    except NotFoundError as exc:
        if bot_event_id is None or not event_is_missing(exc):
            raise
        not_found: MeetStreamError | None = exc
    else:
        not_found = None
    (result,) = await unschedule_bots(
        meetstream, [MeetingState(calendar, event, cancelled, bot_event_id, not_found)]
    )
    return result


async def cancel_meetings(
    meetbit: MeetBitClient,
    meetstream: MeetStreamClient,
    targets: Iterable[MeetingTarget] | AsyncIterable[MeetingTarget],
    cancel_note: str,
    *,
    max_concurrency: int = BULK_DEFAULTS.max_concurrency,
    max_pause: float = BULK_DEFAULTS.max_pause,
    stop_after_failures: int = BULK_DEFAULTS.stop_after_failures,
    dry_run: bool = UNSCHEDULE_DEFAULTS.dry_run,
    on_outcome: Callable[[MeetingCancellation], object] | None = None,
    stop: asyncio.Event | None = None,
) -> tuple[MeetingCancellation, ...]:
    """Cancel many meetings: the events in bulk, then one listing, then their bots in bulk.

    Returns a tuple, in the order of the targets, with one result for each distinct event. Nothing is raised
    for a single meeting: where its event could not be cancelled, ``error`` says why and no bot of it was
    touched, but for "not found" with a bot event id, as in ``cancel_meeting``.

    targets: (calendar id, event id), or (calendar id, event id, bot event id) where the caller knows
        MeetStream's.
    cancel_note: 1 to 255 characters.
    max_concurrency: requests in flight at most.
    dry_run: send nothing: what would become of an event is only known once MeetBit has answered.
    max_pause: seconds. The run stops where the API asks for a longer pause.
    stop_after_failures: how many targets in a row may fail with server or transport errors before the run
        stops.
    on_outcome: called once with each result, when it is final; what it raises is raised at the end.
    stop: setting it begins no further meeting: what was not sent is in the results. The bots of events that
        are cancelled by then still go, since nobody would expect them in the call.

    Raises ConfigurationError for bad arguments before any request is sent.
    """
    options: BulkOptions[Any] = BulkOptions(
        max_concurrency=max_concurrency,
        max_pause=max_pause,
        stop_after_failures=stop_after_failures,
        on_outcome=on_outcome,
        stop=stop,
    )
    # It hears of meetings, not of the requests that they take.
    options = evolve(options, on_outcome=None)
    check_meetbit(meetbit)
    check_client(meetstream).api.open()
    check_note(cancel_note, "cancel_note")
    bot_event_ids = await _read_targets(targets)
    events = await bulk_cancel_events(
        meetbit, list(bot_event_ids), cancel_note, dry_run=dry_run, **options.keywords()
    )
    outcomes = {(outcome.calendar_id, outcome.event_id): outcome for outcome in events.outcomes}
    meetings = []
    for (calendar, event), bot_event_id in bot_event_ids.items():
        outcome = outcomes[calendar, event]
        error = outcome.error
        is_dry = outcome.status is OutcomeStatus.WOULD_CANCEL
        if error is None and outcome.status is not OutcomeStatus.CANCELLED and not is_dry:
            error = MeetStreamError(outcome.reason or "not attempted")
        meetings.append(MeetingState(calendar, event, outcome.result, bot_event_id, error, is_dry))
    results = await unschedule_bots(meetstream, meetings, evolve(options, stop=None), dry_run=dry_run)
    if on_outcome is not None:
        for result in results:
            on_outcome(result)
    return results


async def _read_targets(
    targets: Iterable[MeetingTarget] | AsyncIterable[MeetingTarget],
) -> dict[tuple[int, int], str | None]:
    if isinstance(targets, str | bytes) or not isinstance(targets, Iterable | AsyncIterable):
        raise ConfigurationError("targets must be an iterable of (calendar id, event id) pairs")
    rows = [row async for row in targets] if isinstance(targets, AsyncIterable) else list(targets)
    found: dict[tuple[int, int], str | None] = {}
    for index, row in enumerate(rows):
        name = f"targets[{index}]"
        if not isinstance(row, tuple | list) or len(row) not in (2, 3):
            raise ConfigurationError(
                f"{name} must be (calendar id, event id) or (calendar id, event id, bot event id)"
            )
        key = check_id(row[0], f"{name}: calendar_id"), check_id(row[1], f"{name}: event_id")
        bot_event_id = row[2] if len(row) == 3 else None
        if bot_event_id is not None:
            check_identifier(bot_event_id, f"{name}: bot_event_id")
        if bot_event_id is not None and found.get(key) not in (None, bot_event_id):
            raise ConfigurationError(f"{name} names another bot event id than before for the same event")
        found[key] = found.get(key) or bot_event_id
    return found
