"""Unschedule a whole account: list, cancel, list again, and verify.

The API lists at most 100 bots and has no cursor, so further bots only become visible once listed ones are
gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from attrs import evolve

from ..errors import ConfigurationError
from ..meetstream.client import MeetStreamClient
from ._drain import Drain
from .account_state import AccountState
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
from .unschedule import check_client


async def unschedule_all(
    client: MeetStreamClient,
    *,
    settle: float = 15.0,
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
    """Unschedule every scheduled bot of the account, beyond the 100 of one listing, and verify it.

    Lists, cancels and lists again until a listing shows nothing new, then keeps checking bots that are still
    listed until they are gone. An event whose bots disappear one by one gets one DELETE after another.
    Outcomes that were ``unknown`` are settled by what the listing shows. The report is final, and its
    ``still_listed`` names the bots that remain. A dry run lists once.

    settle: seconds without progress for which bots that should be gone are waited for at the end.
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
    dedupe: must be True, since draining depends on knowing what has been processed.
    on_outcome: a plain function that is called once for each event, with the API's response. An exception in
        it stops the run gracefully and is raised at the end.
    stop: setting it ends the run gracefully: nothing new is started, requests in flight finish, and the
        report is returned.

    The run also stops when the key is rejected. What was not sent is ``not_attempted``.

    Raises ConfigurationError for invalid arguments, and the error of the first listing; if a later one fails,
    the report is returned with ``complete=False`` and the reason.
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
    bulk = BulkOptions(
        max_concurrency=max_concurrency,
        max_pause=max_pause,
        stop_after_failures=stop_after_failures,
        on_outcome=on_outcome,
        stop=stop,
    )
    if dedupe is not True:
        raise ConfigurationError("unschedule_all needs dedupe=True; bulk_unschedule can do without")
    check_client(client)
    return _with_pace(client, await Drain(client, AccountState(options, settle=settle), bulk).run())


async def run_account(
    client: MeetStreamClient,
    state: AccountState,
    *,
    max_concurrency: int = BULK_DEFAULTS.max_concurrency,
    max_pause: float = BULK_DEFAULTS.max_pause,
    stop_after_failures: int = BULK_DEFAULTS.stop_after_failures,
    on_outcome: Callable[[UnscheduleOutcome], object] | None = None,
    on_still_listed: Callable[[int], object] | None = None,
    stop: asyncio.Event | None = None,
) -> BulkReport[UnscheduleOutcome]:
    """Carry out what a state asks for: its DELETEs and its listings, until it is over.

    ``unschedule_all`` is this with a new state. A state that was fed before brings what it knows: the listing
    of a preview, targets that were given, what an earlier run has done. The account is listed before
    anything is sent, except for given targets without a filter.

    state: an AccountState, which carries what is selected.
    max_concurrency: requests in flight at most, listings included.
    max_pause: seconds. The run stops where the API asks for a longer pause.
    stop_after_failures: how many targets in a row may fail with server or transport errors before the run
        stops.
    on_outcome: a plain function that is called once for each event, with the API's response.
    on_still_listed: called once, with how many bots are still listed, if these are waited for.
    stop: setting it ends the run gracefully, and the report is returned.

    Raises what ``unschedule_all`` does.
    """
    bulk = BulkOptions(
        max_concurrency=max_concurrency,
        max_pause=max_pause,
        stop_after_failures=stop_after_failures,
        on_outcome=on_outcome,
        stop=stop,
    )
    if not isinstance(state, AccountState):
        raise ConfigurationError(f"state must be an AccountState, not {type(state).__name__}")
    return _with_pace(client, await Drain(check_client(client), state, bulk, on_still_listed).run())


def _with_pace(
    client: MeetStreamClient, report: BulkReport[UnscheduleOutcome]
) -> BulkReport[UnscheduleOutcome]:
    pace = client.api.rate_limiter.pace
    return report if pace is None else evolve(report, pace=pace)
