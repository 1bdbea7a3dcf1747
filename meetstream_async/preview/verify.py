"""A last look at the listing after events were unscheduled by their ids: are they gone?"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection
from datetime import datetime

import attrs

from .. import (
    BotFilter,
    BulkReport,
    MeetStreamClient,
    MeetStreamError,
    OutcomeStatus,
    ScheduledBot,
    UnscheduleOutcome,
)

_DONE = (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED)
_FIRST_LOOK, _LONGEST_LOOK = 0.5, 4.0
_MOST = 300
"""Characters of an error that a reason may hold."""


async def verify(
    client: MeetStreamClient,
    report: BulkReport[UnscheduleOutcome],
    stop: asyncio.Event,
    *,
    settle: float = 15.0,
    series_from: datetime | None = None,
    also: Collection[str] = (),
    note: Callable[[str], object] = lambda _: None,
) -> BulkReport[UnscheduleOutcome]:
    """The report with what the listing still shows of all that it calls done.

    Rows that should be gone are waited for, ``settle`` seconds at most. ``series_from``: what joins
    earlier was meant to stay. ``also``: events and bots that an earlier run calls done.
    """
    events = {one.event_id for one in report.outcomes if one.status in _DONE and one.event_id is not None}
    bots = {
        bot_id
        for one in report.outcomes
        if one.status in _DONE and one.event_id is None
        for bot_id in one.bot_ids
    }

    claimed = set(also) - {outcome.event_id for outcome in report.outcomes}

    def should_be_gone(bot: ScheduledBot) -> bool:
        if bot.event_id is None:
            return bot.bot_id in bots or bot.bot_id in claimed
        early = series_from is not None and BotFilter(before=series_from)(bot)
        return (bot.event_id in events or bot.event_id in claimed) and not early

    if not (events or bots or claimed) or stop.is_set():
        return report
    loop = asyncio.get_running_loop()
    until, delay = loop.time() + settle, _FIRST_LOOK
    told = False
    while True:
        try:
            page = await client.list_scheduled_bots()
        except MeetStreamError as error:
            text = f"whether they are gone could not be seen: {str(error)[:_MOST]}"
            return _short(report, text, complete=False)
        left = tuple(filter(should_be_gone, page.bots))
        if not left:
            return report
        if loop.time() >= until or stop.is_set():
            text = f"{len(left)} still listed although unscheduled"
            return attrs.evolve(_short(report, text, complete=report.complete), still_listed=left)
        if not told:
            note(f"{len(left)} still listed; looking again for {settle:.0f} s")
            told = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), min(delay, max(until - loop.time(), 0.01)))
        delay = min(2 * delay, _LONGEST_LOOK)


def _short(
    report: BulkReport[UnscheduleOutcome], reason: str, *, complete: bool
) -> BulkReport[UnscheduleOutcome]:
    reasons = [report.reason, reason] if report.reason else [reason]
    return attrs.evolve(report, ok=False, complete=complete, reason="; ".join(reasons))
