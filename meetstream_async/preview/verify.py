"""Verify in the listing that bots are gone after their events were unscheduled."""

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
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 4.0
_MOST = 300
"""Maximum length of an error in a reason, in characters."""


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
    """The report, with every bot that is still listed although the report calls it done.

    settle: maximum seconds to wait for such bots to disappear.
    series_from: bots that join earlier were meant to stay.
    also: names of events and bots that an earlier run calls done.
    note: called with a message when verification has to wait.
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
    until, delay = loop.time() + settle, _FIRST_DELAY
    told = False
    while True:
        try:
            page = await client.list_scheduled_bots()
        except MeetStreamError as error:
            text = f"could not verify that they are gone: {str(error)[:_MOST]}"
            return _short(report, text, complete=False)
        left = tuple(filter(should_be_gone, page.bots))
        if not left:
            return report
        if loop.time() >= until or stop.is_set():
            text = f"{len(left)} still listed although unscheduled"
            return attrs.evolve(_short(report, text, complete=report.complete), still_listed=left)
        if not told:
            note(f"{len(left)} still listed; checking again for up to {settle:.0f} s")
            told = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), min(delay, max(until - loop.time(), 0.01)))
        delay = min(2 * delay, _LONGEST_DELAY)


def _short(
    report: BulkReport[UnscheduleOutcome], reason: str, *, complete: bool
) -> BulkReport[UnscheduleOutcome]:
    reasons = [report.reason, reason] if report.reason else [reason]
    return attrs.evolve(report, ok=False, complete=complete, reason="; ".join(reasons))
