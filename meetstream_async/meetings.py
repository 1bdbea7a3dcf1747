"""A meeting in both APIs: its calendar event in MeetBit and its bot in MeetStream, cancelled together.

The event comes first. Once it is cancelled nothing is raised any more: what became of the bot is in the
result, so that the first half is never lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from attrs import frozen

from .cancel import Id, bulk_cancel_events, check_meetbit
from .errors import ConfigurationError, MeetStreamError, NotFoundError, RateLimitError
from .meetbit import MeetBitClient, check_id, check_note
from .meetbit_models import CancelledEvent
from .meetstream import MAX_LIMIT, MeetStreamClient
from .models import ScheduledBot, ScheduledBotPage
from .outcomes import OutcomeStatus, UnscheduleOutcome
from .pacing import WaitTooLongError
from .refusals import event_is_missing
from .safety import check_identifier, clean_text
from .unschedule import bulk_unschedule, check_client

MeetingTarget: TypeAlias = tuple[Id, Id] | tuple[Id, Id, str | None]

_MOST_DELETES = 50
"""Of one event's bots, before the API is taken to answer anything with yes."""


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
    """The event is cancelled, or not there any more, and no bot of it is left as far as can be seen."""
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
    and its error is raised; with ``bot_event_id``, MeetBit's "does not exist" does not stop the bot part,
    so that a half-finished call can be repeated: ``event`` is then None, and the reason says so. Where
    several bots are listed for the event, or the listing is not whole, its DELETE is repeated until the
    API says that nothing is scheduled any more. A bot part that fails, or a bot that may hide behind a full
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
        if bot_event_id is None or not event_is_missing(exc):
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
        if bot_event_id is not None and found.get(key) not in (None, bot_event_id):
            raise ConfigurationError(f"{name} names another bot event id than before for the same event")
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
        return self.bot_event_id is not None and self.error is not None and event_is_missing(self.error)

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
    """The second half of each meeting, with one listing for all that need it. Raises no error."""
    page: ScheduledBotPage | None = None
    failure: str | None = None
    outcomes: dict[str | None, UnscheduleOutcome] = {}
    left: dict[str, str] = {}

    async def unschedule(targets: Sequence[ScheduledBot | str]) -> tuple[UnscheduleOutcome, ...]:
        report = await bulk_unschedule(
            meetstream,
            targets,
            max_concurrency=max_concurrency,
            max_pause=max_pause,
            stop_after_failures=stop_after_failures,
        )
        return report.outcomes

    if any(half.needs_listing for half in halves):
        try:
            page = await _list(meetstream, max_pause)
        except MeetStreamError as error:
            failure = f"the bots could not be listed: {type(error).__name__}: {error}"
    wanted = {half.wanted for half in halves if half.needs_listing}
    rows = [bot for bot in page.bots if bot.event_id in wanted] if page is not None else []
    known = [half.bot_event_id for half in halves if half.goes_on and half.bot_event_id is not None]
    try:
        if rows or known:
            outcomes = {outcome.event_id: outcome for outcome in await unschedule([*rows, *known])}
        whole = page is not None and not page.truncated and not page.rejected
        unsure = [
            outcome.event_id
            for outcome in outcomes.values()
            if outcome.event_id is not None
            and outcome.status is OutcomeStatus.UNSCHEDULED
            and (len(outcome.bot_ids) > 1 or (outcome.bot_ids and not whole))
        ]
        left = await _until_nothing_is_left(unschedule, unsure)
    except MeetStreamError as error:
        failure = f"its bot was not unscheduled: {type(error).__name__}: {error}"
    return tuple(_conclude(half, page, failure, outcomes, left) for half in halves)


async def _list(meetstream: MeetStreamClient, max_pause: float) -> ScheduledBotPage:
    """A listing at its turn; a 429 that the call could not wait for is waited for once, as in bulk."""
    try:
        await meetstream._api.pacer.wait(pause_limit=max_pause)
        try:
            return await meetstream._list(MAX_LIMIT, slot_taken=True)
        except RateLimitError:
            await meetstream._api.pacer.wait(pause_limit=max_pause)
        return await meetstream._list(MAX_LIMIT, slot_taken=True)
    except WaitTooLongError as exc:
        seconds = exc.seconds
    raise MeetStreamError(f"the API asked for a pause of {seconds:.0f} s before the listing")


async def _until_nothing_is_left(
    unschedule: Callable[[Sequence[str]], Awaitable[tuple[UnscheduleOutcome, ...]]], event_ids: list[str]
) -> dict[str, str]:
    """Repeat the DELETEs until each is answered "not scheduled"; why that was not reached, by event.

    Whether one DELETE takes one of an event's bots or all of them is not documented, and a listing may
    lag; this answer does not.
    """
    left: dict[str, str] = {}
    for _ in range(_MOST_DELETES):
        if not event_ids:
            return left
        again = []
        for outcome in await unschedule(event_ids):
            assert outcome.event_id is not None
            if outcome.status is OutcomeStatus.UNSCHEDULED:
                if outcome.result is None or not outcome.result.inferred:
                    again.append(outcome.event_id)
            elif outcome.status is not OutcomeStatus.ALREADY_UNSCHEDULED:
                left[outcome.event_id] = f"ambiguous: bots may be left: {outcome.reason}"
        event_ids = again
    return left | dict.fromkeys(event_ids, "ambiguous: the API does not come to an end of its bots")


def _conclude(
    half: _Half,
    page: ScheduledBotPage | None,
    failure: str | None,
    outcomes: Mapping[str | None, UnscheduleOutcome],
    left: Mapping[str, str],
) -> MeetingCancellation:
    if not half.goes_on:
        return half.result((), False, f"the event was not cancelled, and no bot touched for it: {half.error}")
    if half.wanted is None:
        return half.result(
            (), False, "the event has no provider_event_id to find its bot by; pass bot_event_id"
        )
    outcome = outcomes.get(half.wanted)
    if outcome is None and failure is not None:
        return half.result((), False, failure)
    if outcome is None:
        return half.result((), *_without_bot(half.wanted, page))
    if outcome.status not in (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED):
        why = f"its bot is not unscheduled: {outcome.status}: {outcome.reason}"
        return half.result((outcome,), False, why)
    if half.wanted in left:
        return half.result((outcome,), False, left[half.wanted])
    if failure is not None and len(outcome.bot_ids) > 1:
        return half.result((outcome,), False, f"ambiguous: bots may be left: {failure}")
    if half.cancelled is None:
        why = "the event was not found: cancelled before, or its id is wrong; its bot is unscheduled"
        # After a lost answer even less is known of the event.
        return half.result((outcome,), half.error is not None and not half.error.outcome_unknown, why)
    return half.result((outcome,), True, None)


def _without_bot(wanted: str, page: ScheduledBotPage | None) -> tuple[bool, str]:
    shown = repr(clean_text(wanted, 100))
    if page is None:
        return False, "the bots were not listed"
    if page.truncated:
        return False, f"no bot of {shown} is in the listing, but that is full: it may hide behind it"
    if page.rejected:
        return False, f"no bot of {shown} is in the listing, but rows of it can't be read"
    return True, f"no bot is scheduled for {shown}"
