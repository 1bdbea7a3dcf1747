"""Bulk unscheduling of given targets: an iterable of bots or event ids, one DELETE per event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from ..errors import ConfigurationError
from ..meetstream.client import MeetStreamClient
from ._items import Target, Targets
from ._target_operations import EmptyingOperation, ForgetfulOperation, TargetOperation
from .options import (
    BULK_DEFAULTS,
    UNSCHEDULE_DEFAULTS,
    BulkOptions,
    CancelBy,
    OneOffBots,
    UnscheduleOptions,
    Where,
)
from .report import BulkReport, UnscheduleOutcome
from .run import BulkRun, run_to_end


def stream_unschedule(
    client: MeetStreamClient,
    targets: Targets,
    *,
    max_concurrency: int = BULK_DEFAULTS.max_concurrency,
    where: Where | None = UNSCHEDULE_DEFAULTS.where,
    cancel_all_occurrences: bool | None = UNSCHEDULE_DEFAULTS.cancel_all_occurrences,
    from_date: datetime | None = UNSCHEDULE_DEFAULTS.from_date,
    one_off_bots: OneOffBots = UNSCHEDULE_DEFAULTS.one_off_bots,
    whole_events: bool = UNSCHEDULE_DEFAULTS.whole_events,
    cancel_by: CancelBy = UNSCHEDULE_DEFAULTS.cancel_by,
    dry_run: bool = UNSCHEDULE_DEFAULTS.dry_run,
    max_pause: float = BULK_DEFAULTS.max_pause,
    stop_after_failures: int = BULK_DEFAULTS.stop_after_failures,
    dedupe: bool = True,
    on_outcome: Callable[[UnscheduleOutcome], object] | None = None,
) -> BulkRun[UnscheduleOutcome]:
    """Unschedule the targets as a stream: ``async with`` the run, ``async for`` its outcomes.

    As ``bulk_unschedule``, in constant memory: outcomes are handed out, not kept, and nothing is started that
    the consumer has no room for. Leaving the block and ``await run.stop()`` end it gracefully.

    targets: any iterable or async iterable of ScheduledBot or event-id strings, such as
        ``client.iter_scheduled_bots()``. With ``where``, all are read before anything is sent, since a later
        one may share an event.
    max_concurrency: requests in flight at most, listings included.
    where: selects bots: a BotFilter, or a plain function of a bot. None selects all. An event that has bots
        outside it as well is skipped as "shared", unless ``whole_events``.
    cancel_all_occurrences: unschedule the whole series of a recurring event. None leaves the parameter out of
        the request.
    from_date: of a series only the occurrences from this aware datetime on; needs ``cancel_all_occurrences``.
    one_off_bots: what becomes of bots without an event: they are left and make the report not ok ("report"),
        are left ("skip"), or are deleted by their own ids ("delete").
    whole_events: also take events that have bots outside ``where``.
    cancel_by: "auto" sends the DELETE of the event if that takes no bot that was not asked for, and falls
        back to the bots' own ids if the event's id is refused; "event" and "bot" force one way. Each outcome
        says its ``method``.
    dry_run: send nothing that changes anything; outcomes are ``would_unschedule``.
    max_pause: seconds. The run stops where the API asks for a longer pause.
    stop_after_failures: how many targets in a row may fail with server or transport errors before the run
        stops.
    dedupe: False does not remember events: for millions of targets that are known to be distinct.
    on_outcome: a plain function that is called with each outcome as it arrives. An exception in it stops the
        run gracefully and is raised at the end.

    Raises as ``bulk_unschedule`` does.
    """
    options = UnscheduleOptions(
        where=where,
        cancel_all_occurrences=cancel_all_occurrences,
        from_date=from_date,
        one_off_bots=one_off_bots,
        whole_events=whole_events,
        dry_run=dry_run,
        cancel_by=cancel_by,
    )
    operation = _operation(client, targets, options, dedupe)
    bulk = BulkOptions(
        max_concurrency=max_concurrency,
        max_pause=max_pause,
        stop_after_failures=stop_after_failures,
        on_outcome=on_outcome,
    )
    return BulkRun(operation, bulk)


async def bulk_unschedule(
    client: MeetStreamClient,
    targets: Targets,
    *,
    max_concurrency: int = BULK_DEFAULTS.max_concurrency,
    where: Where | None = UNSCHEDULE_DEFAULTS.where,
    cancel_all_occurrences: bool | None = UNSCHEDULE_DEFAULTS.cancel_all_occurrences,
    from_date: datetime | None = UNSCHEDULE_DEFAULTS.from_date,
    one_off_bots: OneOffBots = UNSCHEDULE_DEFAULTS.one_off_bots,
    whole_events: bool = UNSCHEDULE_DEFAULTS.whole_events,
    cancel_by: CancelBy = UNSCHEDULE_DEFAULTS.cancel_by,
    dry_run: bool = UNSCHEDULE_DEFAULTS.dry_run,
    max_pause: float = BULK_DEFAULTS.max_pause,
    stop_after_failures: int = BULK_DEFAULTS.stop_after_failures,
    dedupe: bool = True,
    on_outcome: Callable[[UnscheduleOutcome], object] | None = None,
    stop: asyncio.Event | None = None,
) -> BulkReport[UnscheduleOutcome]:
    """Unschedule every target, with at most ``max_concurrency`` requests in flight, one DELETE per event.

    targets: any iterable or async iterable of ScheduledBot or event-id strings, such as
        ``client.iter_scheduled_bots()``. With ``where``, all are read before anything is sent, since a later
        one may share an event.
    max_concurrency: requests in flight at most, listings included.
    where: selects bots: a BotFilter, or a plain function of a bot. None selects all. An event that has bots
        outside it as well is skipped as "shared", unless ``whole_events``.
    cancel_all_occurrences: unschedule the whole series of a recurring event. None leaves the parameter out of
        the request.
    from_date: of a series only the occurrences from this aware datetime on; needs ``cancel_all_occurrences``.
    one_off_bots: what becomes of bots without an event: they are left and make the report not ok ("report"),
        are left ("skip"), or are deleted by their own ids ("delete").
    whole_events: also take events that have bots outside ``where``.
    cancel_by: "auto" sends the DELETE of the event if that takes no bot that was not asked for, and falls
        back to the bots' own ids if the event's id is refused; "event" and "bot" force one way. Each outcome
        says its ``method``.
    dry_run: send nothing that changes anything; outcomes are ``would_unschedule``.
    max_pause: seconds. The run stops where the API asks for a longer pause.
    stop_after_failures: how many targets in a row may fail with server or transport errors before the run
        stops.
    dedupe: False does not remember events: for millions of targets that are known to be distinct.
    on_outcome: a plain function that is called with each outcome as it arrives. An exception in it stops the
        run gracefully and is raised at the end.
    stop: setting it ends the run gracefully: nothing new is started, requests in flight finish, and the
        report is returned.

    The run also stops when the key is rejected. What was not sent is ``not_attempted``.

    Raises ConfigurationError for invalid arguments and targets, before any request is sent, and exceptions of
    the iterable itself. The outcome of each event is in the report, never raised: see
    ``BulkReport.raise_for_failures``.
    """
    options = UnscheduleOptions(
        where=where,
        cancel_all_occurrences=cancel_all_occurrences,
        from_date=from_date,
        one_off_bots=one_off_bots,
        whole_events=whole_events,
        dry_run=dry_run,
        cancel_by=cancel_by,
    )
    operation = _operation(client, targets, options, dedupe)
    bulk = BulkOptions(
        max_concurrency=max_concurrency,
        max_pause=max_pause,
        stop_after_failures=stop_after_failures,
        on_outcome=on_outcome,
        stop=stop,
    )
    return await run_to_end(operation, bulk, "bulk_unschedule")


async def unschedule_until_empty(
    client: MeetStreamClient,
    targets: Sequence[Target],
    bulk: BulkOptions[UnscheduleOutcome],
    *,
    whole: bool,
    dry_run: bool = False,
) -> tuple[UnscheduleOutcome, ...]:
    """Like ``bulk_unschedule``, and an event of which bots may be left gets another DELETE until none is.

    ``whole``: the listing that the bots are from showed all there is.
    """
    options = UnscheduleOptions(dry_run=True) if dry_run else UNSCHEDULE_DEFAULTS
    operation = EmptyingOperation(client, targets, options, whole)
    return (await run_to_end(operation, bulk, "bulk_unschedule")).outcomes


def check_client(client: object) -> MeetStreamClient:
    if not isinstance(client, MeetStreamClient):
        raise ConfigurationError(f"client must be a MeetStreamClient, not {type(client).__name__}")
    return client


def _operation(
    client: MeetStreamClient, targets: Targets, options: UnscheduleOptions, dedupe: bool
) -> TargetOperation:
    if not isinstance(dedupe, bool):
        raise ConfigurationError(f"dedupe must be True or False, not {dedupe!r}")
    kind = TargetOperation if dedupe else ForgetfulOperation
    return kind(check_client(client), targets, options)
