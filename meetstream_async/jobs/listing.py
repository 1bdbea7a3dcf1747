"""List what an account has scheduled now, and decide what follows for the events cancelled before."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from attrs import define, field

from .. import (
    BotFilter,
    MeetStreamClient,
    MeetStreamError,
    OutcomeStatus,
    RateLimitError,
    ScheduledBot,
    ScheduledBotPage,
    ServerError,
    TransportError,
    UnscheduleOutcome,
    bulk_unschedule,
)
from .._tasks import pause
from .ledger import GONE, AccountLedger, Json, LedgerEntry, key_of, outcome_of
from .options import JobOptions
from .steps import describe, settled

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 5.0
"""First and longest delay, in seconds, between two listings while waiting for rows to disappear."""
_OUTAGE = 10.0
"""Seconds for which later listings are retried during an outage."""
_MOST_DELETES = 1000
"""Maximum DELETEs per event, so that a server that keeps re-creating bots cannot loop us forever."""


async def list_account(
    client: MeetStreamClient, options: JobOptions, ledger: AccountLedger, stop: asyncio.Event
) -> Json:
    """List until there is something to do, or nothing left to wait for.

    Waits for rows that should disappear, until ``settle`` seconds have passed without progress. Sends nothing
    but listings. Setting ``stop`` raises CancelledError: an unfinished listing step has no result, and
    repeating it is harmless.
    """
    lister = _Lister(client, options, ledger)
    loop = asyncio.get_running_loop()
    fewest: int | None = None
    since, wait = loop.time(), _FIRST_DELAY
    while True:
        try:
            page = await lister.page()
        except MeetStreamError as error:
            return _listing_step(stopped=_why(error, ledger))
        if stop.is_set():
            raise asyncio.CancelledError
        view = await lister.view(page)
        if view.events or options.dry_run:
            return _listing_step(view)
        waiting = len(view.rows) + view.open_rows
        now = loop.time()
        if fewest is None or waiting < fewest:
            # Only a new minimum counts as progress: the listing may flicker.
            fewest, since = waiting, now
        if not waiting or now - since >= options.settle:
            view.outcomes += [_last_word(entry, view) for entry in ledger.open]
            return _listing_step(view, still_listed=view.rows)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(min(wait, since + options.settle - now), 0.01)):
                await stop.wait()
                raise asyncio.CancelledError
        wait = min(2 * wait, _LONGEST_DELAY)


@define
class _View:
    """The conclusions from one listing."""

    listed: dict[str, dict[str, ScheduledBot]]
    """The listed rows of each event, by its key, as far as they may be acted on."""
    whole: bool
    incomplete: list[str]
    events: list[Json] = field(factory=list)
    """Events to unschedule, for the first time or again."""
    outcomes: list[Json] = field(factory=list)
    rows: list[ScheduledBot] = field(factory=list)
    """Bots that are still listed although their event was unscheduled."""
    open_rows: int = 0
    """Number of listed rows of events whose outcome is unknown."""

    def plan(self, event_id: str | None, rows: Iterable[ScheduledBot]) -> None:
        """Plan to unschedule an event with these listed rows."""
        joins = {row.bot_id: row.scheduled_join_time for row in rows}
        bots = {bot_id: time and time.isoformat() for bot_id, time in joins.items()}
        self.events.append({"event_id": event_id, "bots": bots})


class _Lister:
    def __init__(self, client: MeetStreamClient, options: JobOptions, ledger: AccountLedger) -> None:
        self._client = client
        self._options = options
        self._ledger = ledger

    async def page(self) -> ScheduledBotPage:
        """List the bots. Waits out one pause; retries in an outage if an earlier listing succeeded."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (_OUTAGE if self._ledger.listings else 0.0)
        waited = False
        while True:
            try:
                return await self._client.list_scheduled_bots()
            except RateLimitError as error:
                seconds = error.retry_after or 0.0
                if waited or seconds > self._options.max_pause:
                    raise
                waited = True
            except (ServerError, TransportError):
                if loop.time() >= until:
                    raise
                seconds = _OUTAGE / 20
            await pause(seconds)

    async def view(self, page: ScheduledBotPage) -> _View:
        """The conclusions from this listing, given the ledger."""
        view = _View(self._selected(page), not page.truncated and not page.rejected, _shortfall(page))
        if self._ledger.only is None:
            # No request is sent: a dry run groups the rows into events and decides which ones to leave alone.
            options = {**self._options.keywords(), "dry_run": True}
            planned = await bulk_unschedule(self._client, page, **options, **self._options.bulk().keywords())
            self._take_new(view, planned.outcomes, page)
        if not view.events:
            for entry in self._ledger.entries.values():
                self._judge(entry, view)
        return view

    def _take_new(self, view: _View, planned: tuple[UnscheduleOutcome, ...], page: ScheduledBotPage) -> None:
        rows = {bot.bot_id: bot for bot in page.bots}
        for outcome in planned:
            if key_of(outcome.event_id, outcome.bot_ids) in self._ledger.entries:
                continue
            if outcome.status is OutcomeStatus.WOULD_UNSCHEDULE and not self._options.dry_run:
                view.plan(outcome.event_id, [rows[bot_id] for bot_id in outcome.bot_ids])
            else:
                bots = dict.fromkeys(outcome.bot_ids)
                view.outcomes.append(
                    outcome_of(LedgerEntry(outcome.event_id, bots), outcome.status, outcome.reason)
                )

    def _selected(self, page: ScheduledBotPage) -> dict[str, dict[str, ScheduledBot]]:
        where = None if self._options.whole_events else self._options.where
        start = self._options.from_date
        # Occurrences before from_date are meant to stay.
        spared = None if start is None else BotFilter(before=start)
        rows: dict[str, dict[str, ScheduledBot]] = {}
        outside = set()
        for bot in page.bots:
            key = key_of(bot.event_id, [bot.bot_id])
            if spared is not None and spared(bot):
                continue
            if where is None or where(bot):
                rows.setdefault(key, {})[bot.bot_id] = bot
            else:
                outside.add(key)
        self._untouchable = outside
        return rows

    def _judge(self, entry: LedgerEntry, view: _View) -> None:
        """Decide what to do about one event."""
        here = view.listed.get(entry.key, {})
        if not here or entry.status not in (*GONE, None):
            return
        # A DELETE would also remove the row outside the filter.
        touchable = entry.key not in self._untouchable
        if entry.open is not None:
            if touchable and not entry.tried_again:
                view.plan(entry.event_id, here.values())
            elif entry.open["status"] == OutcomeStatus.UNKNOWN:
                view.open_rows += len(here)
        elif touchable and not entry.listed <= here.keys() and entry.deletes < _MOST_DELETES:
            # The last DELETE removed one row of several: another one will remove the next.
            view.plan(entry.event_id, here.values())
        else:
            view.rows += here.values()


def _last_word(entry: LedgerEntry, view: _View) -> Json:
    assert entry.open is not None
    return entry.open if entry.key in view.listed else settled(entry, view.whole)


def _shortfall(page: ScheduledBotPage) -> list[str]:
    incomplete = []
    if page.truncated:
        incomplete.append(f"the last listing was full ({page.limit} rows); there may be more bots behind it")
    if page.rejected:
        incomplete.append(f"{len(page.rejected)} rows of the last listing can't be read")
    return incomplete


def _why(error: MeetStreamError, ledger: AccountLedger) -> str:
    if not ledger.listings:
        return describe(error)
    return f"a later listing failed: {describe(error)}"


def _listing_step(
    view: _View | None = None, *, still_listed: list[ScheduledBot] | None = None, stopped: str | None = None
) -> Json:
    return {
        "step": "look",
        "events": [] if view is None else view.events,
        "outcomes": [] if view is None else view.outcomes,
        "incomplete": [] if view is None else view.incomplete,
        "still_listed": [[bot.bot_id, bot.event_id] for bot in still_listed or ()],
        "stopped": stopped,
    }
