"""Draining an account: carries out what its :class:`AccountState` asks for, listings and DELETEs at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable

from .._http.observing import observed
from .._tasks import end, pause
from ..meetstream.client import MeetStreamClient
from ..meetstream.models import ScheduledBotPage
from ._account_operation import AccountOperation
from ._relisting import Listing
from ._runner import Runner
from ._summary import Gaps
from ._verification import Tracked
from .account_state import AccountState
from .options import BulkOptions
from .report import BulkReport, UnscheduleOutcome
from .run import Tally, with_report
from .statuses import OutcomeStatus


class Drain(AccountOperation):
    """A whole run over an account."""

    def __init__(
        self,
        client: MeetStreamClient,
        state: AccountState,
        bulk: BulkOptions[UnscheduleOutcome],
        on_still_listed: Callable[[int], object] | None = None,
    ) -> None:
        # Clients and runs are made in the loop that they are used in.
        super().__init__(client, state, asyncio.get_running_loop().time)
        self._bulk = bulk
        self._on_still_listed = on_still_listed
        self._tally: Tally[UnscheduleOutcome] = Tally(self.statuses)
        self._runner = Runner(self, bulk, self._done)
        self._told: set[Tracked] = set()
        self._changed = asyncio.Event()

    async def run(self) -> BulkReport[UnscheduleOutcome]:
        return await observed("unschedule_all", self._run, lambda report: report)

    async def _run(self) -> BulkReport[UnscheduleOutcome]:
        self._tally.start()
        # Given targets need no listing first, unless other bots of their events are to stay.
        if not self._state.only_given or self._state.options.where is not None:
            # Outside of the runner: an error of the first listing is the caller's.
            requested_at = self._clock()
            self.take(await self._client.list_scheduled_bots(), requested_at)
        await self._runner.run()
        if self._runner.stop_reason is not None:
            self._state.stop(self._runner.stop_reason)
        self._tally.end()
        outcomes = self._state.outcomes()
        for outcome in outcomes:
            self._tally.add(outcome.status)
        report = self._tally.report(outcomes, self._runner.exhausted, self._runner.stop_reason, self.gaps())
        if self._runner.crash is not None:
            raise with_report(self._runner.crash, report)
        return report

    # --- what the runner asks -------------------------------------------------------------------------

    async def items(self) -> AsyncGenerator[Tracked, None]:
        """What waits comes first; the next listing is fetched while the last half page is still at work."""
        state = self._state
        listing: asyncio.Task[None] | None = None
        events: asyncio.Task[None] | None = None
        try:
            while True:
                if listing is not None and listing.done():
                    listing.result()
                    listing = None
                if events is not None and events.done():
                    events.result()
                    events = None
                if events is None and listing is None and state.wants_events:
                    state.expect_events()
                    reading = self.read_events(self._runner.slot, self._changed.set, self._is_short_of_work)
                    events = asyncio.create_task(reading, name="meetstream_async events")
                due = None if listing is not None else state.next_listing(self._clock())
                if due is not None and (state.busy or due <= self._clock()):
                    listing = asyncio.create_task(self._list())
                if (item := state.next_item()) is not None:
                    yield item
                elif listing is not None and events is None:
                    await asyncio.wait({listing})
                elif state.busy or (due is None and events is not None and state.is_hidden):
                    self._changed.clear()
                    await self._changed.wait()
                elif due is None:
                    return
                else:
                    await pause(due - self._clock())
        finally:
            await end(*(task for task in (listing, events) if task is not None))

    def remaining(self) -> Iterable[Tracked]:
        while (item := self._state.next_item()) is not None:
            yield item

    def gaps(self) -> Gaps:
        return self._state.gaps

    def _is_short_of_work(self) -> bool:
        """What waits and may be begun is gone before another page of events has come."""
        return self._state.at_hand < 4 * self._bulk.max_concurrency

    def _done(self, item: Tracked, outcome: UnscheduleOutcome) -> None:
        if item.unsent is not outcome:
            unsent = outcome if outcome.status is OutcomeStatus.NOT_ATTEMPTED else None
            self.end_turn(item, unsent)
        self._changed.set()
        if item not in self._told:
            self._told.add(item)
            self._tally.tell(self._bulk.on_outcome, outcome)

    # --- listing --------------------------------------------------------------------------------------

    async def _list(self) -> None:
        """Fetch a listing and take it in."""
        reason = await self.take_another(self._fetch)
        self._changed.set()
        if reason is not None:
            self._runner.stop(reason)

    def take(self, page: ScheduledBotPage, requested_at: float) -> None:
        super().take(page, requested_at)
        if self._on_still_listed is None or self._state.next_listing(self._clock()) is None:
            return
        if remaining := len(self._state.still_listed):
            tell, self._on_still_listed = self._on_still_listed, None
            tell(remaining)

    async def _fetch(self) -> Listing:
        # Answers that came while it waited for its slot are older than it is.
        async with self._runner.slot():
            return await self.fetch()
