"""Unscheduling a whole account: list, cancel, list again, and look whether it is true.

The API shows 100 rows at most and has no cursor, so what lies behind them only comes to light as the
rows before it go.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import datetime

from ..errors import ConfigurationError
from ..meetstream.client import MeetStreamClient
from ._drain import Drain
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
    """Unschedule every scheduled bot of the account, past the 100 that a listing shows, and verify it.

    Takes the options of ``bulk_unschedule``. Lists, cancels, lists again until a listing brings nothing
    new, then looks again at rows that are still listed until they are gone or ``settle`` seconds have
    passed without progress. An event whose rows go one by one gets one DELETE after another. Outcomes
    that were ``unknown`` are settled by what the listing shows. ``on_outcome`` hears each event once,
    with the API's answer; the report is the final word, and ``still_listed`` names the bots that remain.

    A dry run lists once. ``dedupe`` is accepted for symmetry and has to be True: draining is knowing
    what has been dealt with. Raises the error of the first listing; if a later one fails, the report
    comes back with ``complete=False`` and the reason.
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
    if isinstance(settle, bool) or not isinstance(settle, int | float) or not 0 <= settle < math.inf:
        raise ConfigurationError(f"settle must be a number of seconds, 0 or more, not {settle!r}")
    if dedupe is not True:
        raise ConfigurationError("unschedule_all needs dedupe=True; bulk_unschedule can do without")
    operation = Drain(check_client(client), options, bulk, settle)
    return await operation.run()
