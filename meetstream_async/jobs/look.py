"""A look at what an account has scheduled now, and what follows from it for what was done before."""

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
from .ledger import GONE, AccountLedger, Json, Known, key_of, outcome_of
from .options import JobOptions
from .steps import describe, settled

_FIRST_LOOK, _LONGEST_LOOK = 0.5, 5.0
"""Seconds between two looks at rows that should be gone."""
_OUTAGE = 10.0
"""Seconds that a later listing rides out an outage."""
_MOST_DELETES = 1000
"""Of one event. A server that schedules a new bot for each that goes must not keep us for ever."""


async def look(
    client: MeetStreamClient, options: JobOptions, ledger: AccountLedger, stop: asyncio.Event
) -> Json:
    """List until there is something to do, or nothing is left to wait for.

    Waits for rows that should be gone, until ``settle`` seconds have passed without progress. Sends nothing
    but listings. Setting ``stop`` cancels it: half a look says nothing, and another one costs nothing.
    """
    looker = _Looker(client, options, ledger)
    loop = asyncio.get_running_loop()
    fewest: int | None = None
    since, wait = loop.time(), _FIRST_LOOK
    while True:
        try:
            page = await looker.page()
        except MeetStreamError as error:
            return _look(stopped=_why(error, ledger))
        if stop.is_set():
            raise asyncio.CancelledError
        view = await looker.view(page)
        if view.events or options.dry_run:
            return _look(view)
        waiting = len(view.rows) + view.open_rows
        now = loop.time()
        if fewest is None or waiting < fewest:
            # Fewer than ever: a listing that flickers is no progress.
            fewest, since = waiting, now
        if not waiting or now - since >= options.settle:
            view.outcomes += [_last_word(known, view) for known in ledger.open]
            return _look(view, still_listed=view.rows)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(min(wait, since + options.settle - now), 0.01)):
                await stop.wait()
                raise asyncio.CancelledError
        wait = min(2 * wait, _LONGEST_LOOK)


@define
class _View:
    """What one listing means."""

    listed: dict[str, dict[str, ScheduledBot]]
    """The rows of each event that may be acted on, by its key."""
    whole: bool
    incomplete: list[str]
    events: list[Json] = field(factory=list)
    """To unschedule, for the first time or once more."""
    outcomes: list[Json] = field(factory=list)
    rows: list[ScheduledBot] = field(factory=list)
    """Still there, although their event was unscheduled."""
    open_rows: int = 0
    """Of events of which nobody knows yet."""

    def plan(self, event_id: str | None, rows: Iterable[ScheduledBot]) -> None:
        """Unschedule an event, of which these rows are listed."""
        joins = {row.bot_id: row.scheduled_join_time for row in rows}
        bots = {bot_id: time and time.isoformat() for bot_id, time in joins.items()}
        self.events.append({"event_id": event_id, "bots": bots})


class _Looker:
    def __init__(self, client: MeetStreamClient, options: JobOptions, ledger: AccountLedger) -> None:
        self._client = client
        self._options = options
        self._ledger = ledger

    async def page(self) -> ScheduledBotPage:
        """A listing. Waits for the end of a pause, and rides out an outage where the server worked before."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (_OUTAGE if self._ledger.looks else 0.0)
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
        """What this listing means for what is known."""
        view = _View(self._selected(page), not page.truncated and not page.rejected, _shortfall(page))
        if self._ledger.only is None:
            # Without a request: the library groups the rows into events, and says which it would leave alone.
            options = {**self._options.keywords(), "dry_run": True}
            planned = await bulk_unschedule(self._client, page, **options, **self._options.bulk().keywords())
            self._take_new(view, planned.outcomes, page)
        if not view.events:
            for known in self._ledger.known.values():
                self._judge(known, view)
        return view

    def _take_new(self, view: _View, planned: tuple[UnscheduleOutcome, ...], page: ScheduledBotPage) -> None:
        rows = {bot.bot_id: bot for bot in page.bots}
        for outcome in planned:
            if key_of(outcome.event_id, outcome.bot_ids) in self._ledger.known:
                continue
            if outcome.status is OutcomeStatus.WOULD_UNSCHEDULE and not self._options.dry_run:
                view.plan(outcome.event_id, [rows[bot_id] for bot_id in outcome.bot_ids])
            else:
                bots = dict.fromkeys(outcome.bot_ids)
                view.outcomes.append(
                    outcome_of(Known(outcome.event_id, bots), outcome.status, outcome.reason)
                )

    def _selected(self, page: ScheduledBotPage) -> dict[str, dict[str, ScheduledBot]]:
        where = None if self._options.whole_events else self._options.where
        start = self._options.from_date
        # Of a series that is cut, what joins before that stays.
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

    def _judge(self, known: Known, view: _View) -> None:
        """Draw the conclusions for one event."""
        here = view.listed.get(known.key, {})
        if not here or known.status not in (*GONE, None):
            return
        # With a row outside the filter, a DELETE would take that one, too.
        touchable = known.key not in self._untouchable
        if known.open is not None:
            if touchable and not known.tried_again:
                view.plan(known.event_id, here.values())
            elif known.open["status"] == OutcomeStatus.UNKNOWN:
                view.open_rows += len(here)
        elif touchable and not known.listed <= here.keys() and known.deletes < _MOST_DELETES:
            # The last DELETE took a row and left others: one more will take the next.
            view.plan(known.event_id, here.values())
        else:
            view.rows += here.values()


def _last_word(known: Known, view: _View) -> Json:
    assert known.open is not None
    return known.open if known.key in view.listed else settled(known, view.whole)


def _shortfall(page: ScheduledBotPage) -> list[str]:
    incomplete = []
    if page.truncated:
        incomplete.append(f"the last listing was full ({page.limit} rows); there may be more bots behind it")
    if page.rejected:
        incomplete.append(f"{len(page.rejected)} rows of the last listing can't be read")
    return incomplete


def _why(error: MeetStreamError, ledger: AccountLedger) -> str:
    if not ledger.looks:
        return describe(error)
    return f"a later listing failed: {describe(error)}"


def _look(
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
