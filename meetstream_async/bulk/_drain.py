"""What draining an account does: listings into a backlog, the backlog into DELETEs, and verification."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from datetime import UTC, datetime

import attrs
from attrs import define, field

from .._http.api_errors import rejects_the_key
from .._http.call import PACED
from .._http.rate_limit import WaitTooLongError
from .._tasks import end, pause
from ..errors import MeetStreamError, RateLimitError, ServerError, TransportError
from ..meetstream import MAX_LIMIT, list_scheduled_bots
from ..meetstream.client import MeetStreamClient
from ..meetstream.models import ScheduledBot, ScheduledBotPage, UnscheduleResult, soonest_first
from ._items import EventItem, group, key_of
from ._operation import Gaps
from ._runner import Runner
from ._unscheduler import Unscheduler
from .options import BulkOptions, UnscheduleOptions
from .report import BulkReport, OutcomeStatus, UnscheduleOutcome
from .run import Tally, with_report

_FIRST_LOOK, _LONGEST_LOOK = 0.5, 5.0
"""Seconds between two looks at rows that should be gone."""
_MOST_DELETES = 1000
"""Of one event. A server that schedules a new bot for each that goes must not keep us for ever."""
_MOST_LISTINGS = 20_000
"""About a million events. Beyond it a server is inventing them."""

_GONE = (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED)


@define(eq=False)
class _Dealt(EventItem):
    """An event that a listing has shown, and what has become of it."""

    waiting: bool = True
    """In the backlog."""
    deletes: int = 0
    listed: frozenset[str] = frozenset()
    """Its rows when its last DELETE was planned."""
    outcome: UnscheduleOutcome | None = None
    tried_again: bool = False
    """Its outcome was unknown, and it has had its one more try."""


@define(eq=False)
class _Patience:
    """How long rows that should be gone are waited for."""

    settle: float
    rows: int | None = None
    since: float = 0.0
    look: float = field(default=_FIRST_LOOK)

    def lasts(self, rows: int, now: float) -> bool:
        # Fewer than ever: a listing that flickers is no progress.
        if self.rows is None or rows < self.rows:
            self.rows, self.since = rows, now
        return now - self.since < self.settle

    def next_look(self, now: float) -> float:
        seconds = min(self.look, self.since + self.settle - now)
        self.look = min(2 * self.look, _LONGEST_LOOK)
        return max(seconds, 0.01)


class Drain(Unscheduler):
    """The events of an account, as its listings show them."""

    def __init__(
        self,
        client: MeetStreamClient,
        options: UnscheduleOptions,
        bulk: BulkOptions[UnscheduleOutcome],
        settle: float,
    ) -> None:
        super().__init__(client, options)
        self._bulk = bulk
        self._settle = settle
        self._tally: Tally[UnscheduleOutcome] = Tally(self.statuses)
        self._runner = Runner(self, bulk, self._done)
        self._events: dict[tuple[str, str], _Dealt] = {}
        self._backlog: deque[_Dealt] = deque()
        self._in_flight = 0
        self._changed = asyncio.Event()
        self._listings = 0
        self._page: ScheduledBotPage | None = None
        self._listing_failure: str | None = None
        self._still_listed: tuple[ScheduledBot, ...] = ()

    async def run(self) -> BulkReport[UnscheduleOutcome]:
        self._tally.start()
        # Outside of the runner: an error of the first listing is the caller's.
        self._take_in(await self._client.list_scheduled_bots())
        await self._runner.run()
        self._tally.end()
        outcomes = [event.outcome for event in self._events.values() if event.outcome is not None]
        for outcome in outcomes:
            self._tally.add(outcome.status)
        report = self._tally.report(outcomes, self._runner.exhausted, self._runner.stop_reason, self.gaps())
        if self._runner.crash is not None:
            raise with_report(self._runner.crash, report)
        return report

    # --- what the runner asks -------------------------------------------------------------------------

    async def items(self) -> AsyncGenerator[EventItem, None]:
        """Backlog first; the next listing is fetched while the last meeting page is still at work."""
        listing: asyncio.Task[bool] | None = None
        fruitless = False
        longest_outage = _Patience(self._settle)
        try:
            while True:
                if listing is not None and listing.done():
                    fruitless, listing = not listing.result(), None
                if listing is None and self._wants_listing(fruitless):
                    listing = asyncio.create_task(self._list())
                if self._backlog:
                    event = self._backlog.popleft()
                    event.waiting = False
                    self._in_flight += 1
                    yield event
                elif listing is not None:
                    await asyncio.wait({listing})
                elif self._in_flight:
                    self._changed.clear()
                    await self._changed.wait()
                elif not await self._verify(longest_outage):
                    return
                else:
                    fruitless = False
                    if self._backlog:
                        longest_outage = _Patience(self._settle)
        finally:
            if listing is not None:
                await end(listing)

    def remaining(self) -> Iterable[EventItem]:
        while self._backlog:
            yield self._backlog.popleft()

    def gaps(self) -> Gaps:
        incomplete = []
        if self._listing_failure is not None:
            incomplete.append(self._listing_failure)
        if self._page is not None and self._page.truncated:
            incomplete.append(
                f"the last listing was full ({self._page.limit} rows); there may be more bots behind it"
            )
        if self._page is not None and self._page.rejected:
            incomplete.append(f"{len(self._page.rejected)} rows of the last listing can't be read")
        return Gaps(tuple(incomplete), self.left(), self._still_listed)

    def _done(self, item: EventItem, outcome: UnscheduleOutcome) -> None:
        assert isinstance(item, _Dealt)
        if not item.waiting:
            self._in_flight -= 1
        self._changed.set()
        earlier, item.outcome = item.outcome, outcome
        if earlier is None:
            self._tally.tell(self._bulk.on_outcome, outcome)
            return
        merged = self.again(earlier, outcome)
        if earlier.status is OutcomeStatus.UNSCHEDULED and outcome.status in _GONE:
            # Another DELETE for the rows that were left; the first answer stays the event's own.
            merged = attrs.evolve(earlier, attempts=merged.attempts, elapsed=merged.elapsed)
        elif outcome.status is OutcomeStatus.NOT_ATTEMPTED:
            merged = earlier
        item.outcome = attrs.evolve(merged, bot_ids=item.bot_ids)

    # --- listing --------------------------------------------------------------------------------------

    def _wants_listing(self, fruitless: bool) -> bool:
        if self._page is None or not self._page.truncated or self._listing_failure or self._options.dry_run:
            return False
        if fruitless or self._listings >= _MOST_LISTINGS:
            return False
        at_work = len(self._backlog) + self._in_flight
        return 0 < at_work <= MAX_LIMIT // 2

    async def _list(self) -> bool:
        """Fetch a listing and take it in. False where it brought nothing to do, or failed."""
        self._listings += 1
        try:
            page = await self._fetch_through_an_outage()
        except WaitTooLongError as exc:
            self._listing_failure = f"the API asked for a pause of {exc.seconds:.0f} s before a listing"
            return False
        except MeetStreamError as error:
            self._listing_failure = f"a later listing failed: {type(error).__name__}: {error}"
            if rejects_the_key(error):
                self._runner.stop(f"the API rejects the key: {error}")
            return False
        return self._take_in(page)

    async def _fetch_through_an_outage(self) -> ScheduledBotPage:
        """A listing; the server has answered before, so it is waited for as long as the targets do."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.longest_outage
        while True:
            try:
                try:
                    return await self._fetch()
                except RateLimitError:
                    # A 429 that the call could not wait for: like a target, it goes back once, at its turn.
                    return await self._fetch()
            except (ServerError, TransportError):
                if loop.time() >= until:
                    raise
            await pause(self.longest_outage / 20)

    async def _fetch(self) -> ScheduledBotPage:
        async with self._runner.slot():
            return (await self._api.call(list_scheduled_bots(), PACED)).value

    def _take_in(self, page: ScheduledBotPage) -> bool:
        """Put what is new into the backlog."""
        self._page = page
        before = len(self._backlog)
        events, left_out = group(soonest_first(page.bots), self._options)
        for event in events:
            key = key_of(next(iter(event.bots.values())))
            known = self._events.get(key)
            if known is None:
                known = self._events[key] = _Dealt(event.event_id, event.bots, event.shared)
                self._plan_delete(known, event.bot_ids)
            elif known.waiting:
                known.bots.update(event.bots)
                known.listed = frozenset(known.bots)
        for known in self._backlog:
            known.shared = known.shared or known.event_id in left_out
        return len(self._backlog) > before

    def _plan_delete(self, event: _Dealt, listed: Iterable[str]) -> None:
        event.waiting = True
        event.listed = frozenset(listed)
        event.deletes += 1
        self._backlog.append(event)

    # --- verification ---------------------------------------------------------------------------------

    async def _verify(self, longest_outage: _Patience) -> bool:
        """One look at what is listed now. False when there is nothing more to do or to wait for."""
        page = self._page
        assert page is not None
        acted = any(
            event.outcome is not None and (event.outcome.status in _GONE or _is_open(event.outcome))
            for event in self._events.values()
        )
        if self._listing_failure or not acted or self._listings >= _MOST_LISTINGS:
            return False
        if await self._list():
            return True
        if self._listing_failure:
            return False
        rows, open_rows = self._settle_by_listing()
        if self._backlog:
            return True
        now = asyncio.get_running_loop().time()
        if not rows and not open_rows:
            return False
        if not longest_outage.lasts(len(rows) + open_rows, now):
            self._still_listed = tuple(rows)
            return False
        await pause(longest_outage.next_look(now))
        return True

    def _settle_by_listing(self) -> tuple[list[ScheduledBot], int]:
        """Draw the conclusions of the last listing.

        Returns the rows that should be gone and are not, and how many rows of unknown events there are
        that may still go.
        """
        page = self._page
        assert page is not None
        whole = not page.truncated and not page.rejected
        listed: dict[tuple[str, str], dict[str, ScheduledBot]] = {}
        for bot in page.bots:
            listed.setdefault(key_of(bot), {})[bot.bot_id] = bot
        rows: list[ScheduledBot] = []
        open_rows = 0
        for key, event in self._events.items():
            outcome = event.outcome
            if outcome is None or not (outcome.status in _GONE or _is_open(outcome)):
                continue
            all_here = listed.get(key, {})
            here = all_here
            if not self._options.whole_events:
                here = {bot_id: bot for bot_id, bot in all_here.items() if self._options.selects(bot)}
            # A DELETE would now take a bot that the filter leaves out.
            untouchable = len(here) < len(all_here)
            here = {bot_id: bot for bot_id, bot in here.items() if not self._options.spares(bot)}
            if _is_open(outcome):
                if here and not event.tried_again and not untouchable:
                    event.tried_again = True
                    self._plan_delete(event, here)
                elif here and outcome.status is OutcomeStatus.UNKNOWN:
                    open_rows += len(here)
                elif outcome.status is OutcomeStatus.UNKNOWN and whole and _lies_ahead(event):
                    event.outcome = _inferred(outcome)
            elif here and not untouchable and self._removes_rows(event, here):
                event.bots.update(here)
                self._plan_delete(event, here)
            else:
                rows += here.values()
        return rows, open_rows

    def _removes_rows(self, event: _Dealt, here: dict[str, ScheduledBot]) -> bool:
        """The last DELETE took a row and left others: one more will take the next."""
        return not event.listed <= here.keys() and event.deletes < _MOST_DELETES


def _is_open(outcome: UnscheduleOutcome) -> bool:
    """It may turn out otherwise: nobody knows, or there was only no server to do it."""
    if outcome.status is OutcomeStatus.UNKNOWN:
        return True
    return outcome.status is OutcomeStatus.FAILED and isinstance(outcome.error, ServerError | TransportError)


def _inferred(outcome: UnscheduleOutcome) -> UnscheduleOutcome:
    """An unknown outcome of an event that is not listed any more."""
    result = outcome.result or UnscheduleResult(unscheduled=True, event_id=outcome.event_id)
    return attrs.evolve(
        outcome,
        status=OutcomeStatus.UNSCHEDULED,
        reason="inferred: not listed any more",
        result=attrs.evolve(result, inferred=True),
        error=None,
    )


def _lies_ahead(event: EventItem) -> bool:
    """All its bots are known to join later, so none can have left the listing by joining."""
    now = datetime.now(UTC)
    times = [bot.scheduled_join_time for bot in event.bots.values()]
    return bool(times) and all(time is not None and time > now for time in times)
