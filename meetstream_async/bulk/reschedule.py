"""Schedule bots again that were cancelled, as far as the API allows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from attrs import evolve

from ..errors import ConfigurationError
from ..meetstream.client import MeetStreamClient
from ._restore_run import RestoreRun
from .options import BULK_DEFAULTS, BulkOptions
from .report import BulkReport
from .reschedule_outcome import RescheduleOutcome
from .snapshot import Snapshot
from .unschedule import check_client


async def bulk_reschedule(
    client: MeetStreamClient,
    snapshot: Snapshot,
    *,
    max_concurrency: int = BULK_DEFAULTS.max_concurrency,
    dry_run: bool = False,
    on_outcome: Callable[[RescheduleOutcome], object] | None = None,
    stop: asyncio.Event | None = None,
    restore_times: bool = False,
    settle: float = 15.0,
    max_pause: float = BULK_DEFAULTS.max_pause,
    stop_after_failures: int = BULK_DEFAULTS.stop_after_failures,
) -> BulkReport[RescheduleOutcome]:
    """Schedule the bots of a snapshot again, each once, and verify that they are listed.

    A calendar's bot is scheduled for its event, with the name, attributes and, where the snapshot has its
    detail, the configuration that it had; the API decides when it joins. A one-off bot is created again,
    under an idempotency key made of the snapshot and the bot. What is there already is left alone, so an undo
    that is repeated schedules nothing twice. What can't come back is ``not_restorable``, with the reason;
    each outcome names what it ``restores`` and what is ``lost``.

    A request by event whose answer was lost is never sent again: listings, the calendars' events and the
    bots' details are asked, and what nothing shows is ``unknown``.

    snapshot: from ``take_snapshot``, taken before the bots were cancelled; ``snapshot.only(...)`` limits it.
    max_concurrency: requests in flight at most.
    dry_run: send GETs only; outcomes are ``would_reschedule``.
    on_outcome: a plain function that is called once for each bot, with the API's answer; the report is final.
    stop: setting it ends the run gracefully: nothing new is started, requests in flight finish, and the
        report is returned.
    restore_times: move a new bot that joins at another time than the old one to that time.
    settle: seconds for which a lost answer, or a bot that is not listed yet, is looked for.
    max_pause: seconds. The run stops where the API asks for a longer pause.
    stop_after_failures: how many bots in a row may fail with server or transport errors before the run stops.

    Its report is ok where everything that can come back is seen to be scheduled. Raises ConfigurationError
    for bad arguments, and for a snapshot of another address than the client's; and the error of the first
    listing.
    """
    check_client(client)
    if not isinstance(snapshot, Snapshot):
        raise ConfigurationError(f"snapshot must be a Snapshot, not {type(snapshot).__name__}")
    for name, value in (("dry_run", dry_run), ("restore_times", restore_times)):
        if not isinstance(value, bool):
            raise ConfigurationError(f"{name} must be True or False, not {value!r}")
    if isinstance(settle, bool) or not isinstance(settle, int | float) or not 0 <= settle < 86400:
        raise ConfigurationError(f"settle must be a number of seconds, 0 or more, not {settle!r}")
    if snapshot.base_url != client.base_url:
        raise ConfigurationError(
            f"the snapshot was taken at {snapshot.base_url}, and this client is for {client.base_url}"
        )
    bulk = BulkOptions(
        max_concurrency=max_concurrency,
        max_pause=max_pause,
        stop_after_failures=stop_after_failures,
        on_outcome=on_outcome,
        stop=stop,
    )
    run = RestoreRun(client, snapshot, bulk, dry_run=dry_run, restore_times=restore_times, settle=settle)
    report = await run.run()
    pace = client.api.rate_limiter.pace
    return report if pace is None else evolve(report, pace=pace)
