"""A meeting in both APIs: its calendar event in MeetBit and its bot in MeetStream, cancelled together.

The event comes first. Once it is cancelled nothing is raised any more: what became of the bot is in the
result, so that the first half is never lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TypeAlias

from attrs import frozen

from .cancel import Id, bulk_cancel_events, check_meetbit
from .errors import ConfigurationError, MeetStreamError, NotFoundError
from .meetbit import MeetBitClient, check_id, check_note
from .meetbit_models import CancelledEvent
from .meetstream import MeetStreamClient
from .models import ScheduledBot, ScheduledBotPage
from .outcomes import BulkReport, OutcomeStatus, UnscheduleOutcome
from .safety import check_identifier
from .unschedule import bulk_unschedule, check_client

MeetingTarget: TypeAlias = tuple[Id, Id] | tuple[Id, Id, str | None]


@frozen
class MeetingCancellation:
    """What became of one meeting."""

    calendar_id: int
    event_id: int
    event: CancelledEvent | None
    """MeetBit's answer; None where the event was not cancelled by this call."""
    bots: tuple[UnscheduleOutcome, ...]
    """What became of its bots; empty where there was none to be found, or none was touched."""
    ok: bool
    """The event is cancelled, and no bot of it is left as far as can be seen."""
    reason: str | None
    """Why not ok, or what there is to know."""
    error: MeetStreamError | None = None
    """Why the event was not cancelled."""


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

    The bot is found by ``bot_event_id`` (MeetStream's event id), else by the listed bots whose
    ``event_id`` is the cancelled event's ``provider_event_id``. If the cancel fails, no bot is touched
    and its error is raised; with ``bot_event_id``, "not found" does not stop the bot part, so that a
    half-finished call can be repeated. A bot part that fails, or a bot that may hide behind a full
    listing, makes the result not ok, with the reason; it is never raised.

    Raises ConfigurationError for bad arguments before any request is sent, and the errors of
    ``MeetBitClient.cancel_event``.
    """
    calendar, event = check_id(calendar_id, "calendar_id"), check_id(event_id, "event_id")
    note = check_note(cancel_note, "cancel_note")
    if bot_event_id is not None:
        check_identifier(bot_event_id, "bot_event_id")
    check_client(meetstream)._api.transport.open()
    cancelled: CancelledEvent | None = None
    try:
        cancelled = await check_meetbit(meetbit).cancel_event(calendar, event, note)
    except NotFoundError as exc:
        if bot_event_id is None:
            raise
        not_found: MeetStreamError | None = exc
    else:
        not_found = None
    (result,) = await _unschedule_bots(
        meetstream, [_Half(calendar, event, cancelled, bot_event_id, not_found)]
    )
    return result


async def cancel_meetings(
    meetbit: MeetBitClient,
    meetstream: MeetStreamClient,
    targets: Iterable[MeetingTarget] | AsyncIterable[MeetingTarget],
    cancel_note: str,
    *,
    max_concurrency: int = 5,
    max_pause: float = 300.0,
    stop_after_failures: int = 20,
) -> tuple[MeetingCancellation, ...]:
    """Cancel many meetings: the events in bulk, then one listing, then their bots in bulk.

    ``targets``: (calendar id, event id), or (calendar id, event id, bot event id) where the caller knows
    MeetStream's. Results come in the order of the targets, one for each distinct event. Nothing is raised
    for a single meeting: where its event could not be cancelled, ``error`` says why and no bot of it was
    touched, but for "not found" with a bot event id, as in ``cancel_meeting``.

    Raises ConfigurationError for bad arguments before any request is sent.
    """
    check_meetbit(meetbit)
    check_client(meetstream)._api.transport.open()
    check_note(cancel_note, "cancel_note")
    bot_event_ids = await _read_targets(targets)
    events = await bulk_cancel_events(
        meetbit,
        list(bot_event_ids),
        cancel_note,
        max_concurrency=max_concurrency,
        max_pause=max_pause,
        stop_after_failures=stop_after_failures,
    )
    outcomes = {(outcome.calendar_id, outcome.event_id): outcome for outcome in events.outcomes}
    halves = []
    for (calendar, event), bot_event_id in bot_event_ids.items():
        outcome = outcomes[calendar, event]
        error = outcome.error
        if error is None and outcome.status is not OutcomeStatus.CANCELLED:
            error = MeetStreamError(outcome.reason or "not attempted")
        halves.append(_Half(calendar, event, outcome.result, bot_event_id, error))
    return await _unschedule_bots(meetstream, halves, max_concurrency, max_pause, stop_after_failures)


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
        found[key] = found.get(key) or bot_event_id
    return found


@frozen
class _Half:
    """A meeting whose calendar event has been dealt with."""

    calendar_id: int
    event_id: int
    cancelled: CancelledEvent | None
    bot_event_id: str | None
    error: MeetStreamError | None

    @property
    def goes_on(self) -> bool:
        """The bot's turn comes: the event is cancelled, or was not found where the bot is known."""
        if self.cancelled is not None:
            return True
        return self.bot_event_id is not None and isinstance(self.error, NotFoundError)

    @property
    def wanted(self) -> str | None:
        """The event id that its bots are scheduled under."""
        if self.bot_event_id is not None or self.cancelled is None:
            return self.bot_event_id
        return self.cancelled.event.provider_event_id or None

    @property
    def needs_listing(self) -> bool:
        return self.goes_on and self.bot_event_id is None and self.wanted is not None

    def result(
        self, bots: tuple[UnscheduleOutcome, ...], ok: bool, reason: str | None
    ) -> MeetingCancellation:
        return MeetingCancellation(
            self.calendar_id, self.event_id, self.cancelled, bots, ok, reason, self.error
        )


async def _unschedule_bots(
    meetstream: MeetStreamClient,
    halves: list[_Half],
    max_concurrency: int = 5,
    max_pause: float = 300.0,
    stop_after_failures: int = 20,
) -> tuple[MeetingCancellation, ...]:
    """The second half of each meeting, with one listing for all that need it."""
    page: ScheduledBotPage | None = None
    failure: str | None = None
    if any(half.needs_listing for half in halves):
        try:
            page = await meetstream.list_scheduled_bots()
        except MeetStreamError as error:
            failure = f"the bots could not be listed: {type(error).__name__}: {error}"
    wanted = {half.wanted for half in halves if half.needs_listing}
    rows = [bot for bot in page.bots if bot.event_id in wanted] if page is not None else []
    known = [half.bot_event_id for half in halves if half.goes_on and half.bot_event_id is not None]
    report: BulkReport[UnscheduleOutcome] = await bulk_unschedule(
        meetstream,
        [*rows, *known],
        max_concurrency=max_concurrency,
        max_pause=max_pause,
        stop_after_failures=stop_after_failures,
    )
    outcomes = {outcome.event_id: outcome for outcome in report.outcomes}
    still_there = await _look_again(meetstream, outcomes) if rows else {}
    return tuple(_conclude(half, page, failure, outcomes, still_there) for half in halves)


async def _look_again(
    meetstream: MeetStreamClient, outcomes: Mapping[str | None, UnscheduleOutcome]
) -> dict[str, str]:
    """Why an event that had several bots may have one left: one DELETE may take all of them, or one."""
    several = {event_id for event_id, outcome in outcomes.items() if len(outcome.bot_ids) > 1}
    if not several:
        return {}
    try:
        page = await meetstream.list_scheduled_bots()
    except MeetStreamError as error:
        why = f"ambiguous: several bots were listed, and a second listing failed: {error}"
        return {event_id: why for event_id in several if event_id is not None}
    left: dict[str, list[ScheduledBot]] = {}
    for bot in page.bots:
        if bot.event_id is not None and bot.event_id in several:
            left.setdefault(bot.event_id, []).append(bot)
    return {
        event_id: f"ambiguous: {len(bots)} of its {len(outcomes[event_id].bot_ids)} bots are still listed"
        for event_id, bots in left.items()
    }


def _conclude(
    half: _Half,
    page: ScheduledBotPage | None,
    failure: str | None,
    outcomes: Mapping[str | None, UnscheduleOutcome],
    still_there: Mapping[str, str],
) -> MeetingCancellation:
    if not half.goes_on:
        return half.result((), False, f"the event was not cancelled, and no bot touched: {half.error}")
    if half.wanted is None:
        return half.result(
            (), False, "the event has no provider_event_id to find its bot by; pass bot_event_id"
        )
    outcome = outcomes.get(half.wanted)
    if outcome is None:
        return half.result((), *_without_bot(half.wanted, page, failure))
    if outcome.status not in (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED):
        why = f"its bot is not unscheduled: {outcome.status}: {outcome.reason}"
        return half.result((outcome,), False, why)
    if half.wanted in still_there:
        return half.result((outcome,), False, still_there[half.wanted])
    if half.cancelled is None:
        why = "the event was not found: cancelled before, or its id is wrong; its bot is unscheduled"
        return half.result((outcome,), True, why)
    return half.result((outcome,), True, None)


def _without_bot(wanted: str, page: ScheduledBotPage | None, failure: str | None) -> tuple[bool, str]:
    if page is None:
        return False, failure or "the bots were not listed"
    if page.truncated:
        return False, f"no bot of {wanted!r} is in the listing, but that is full: it may hide behind it"
    if page.rejected:
        return False, f"no bot of {wanted!r} is in the listing, but rows of it can't be read"
    return True, f"no bot is scheduled for {wanted!r}"
