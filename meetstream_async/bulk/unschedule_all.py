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

    Takes the options of ``bulk_unschedule``. Lists, cancels and lists again until a listing shows nothing
    new, then keeps checking bots that are still listed until they are gone or ``settle`` seconds have passed
    without progress. An event whose bots disappear one by one gets one DELETE after another. Outcomes that
    were ``unknown`` are settled by what the listing shows. ``on_outcome`` is called once per event, with the
    API's response; the report is final, and ``still_listed`` names the bots that remain.

    A dry run lists once. ``dedupe`` is accepted for symmetry but must be True, since draining depends on
    knowing what has been processed. Raises the error of the first listing; if a later one fails, the report
    is returned with ``complete=False`` and the reason.
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
    anything is sent, except for given targets without a filter. The options are those of ``unschedule_all``;
    ``on_still_listed`` is called once, with how many bots are still listed, if these are waited for.

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
