"""Draining an account: carries out what its :class:`AccountState` asks for, listings and DELETEs at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable

from .._http.call import PACED
from .._tasks import end, pause
from ..meetstream import list_scheduled_bots
from ..meetstream.client import MeetStreamClient
from ..meetstream.models import ScheduledBotPage
from ._operation import Gaps
from ._relisting import Listing, list_again
from ._runner import Runner
from ._unscheduler import Unscheduler
from ._verification import Tracked
from .account_state import AccountState
from .options import BulkOptions
from .report import BulkReport, OutcomeStatus, UnscheduleOutcome
from .run import Tally, with_report


class Drain(Unscheduler[Tracked]):
    """The events of an account, as its state knows them."""

    def __init__(
        self,
        client: MeetStreamClient,
        state: AccountState,
        bulk: BulkOptions[UnscheduleOutcome],
        on_still_listed: Callable[[int], object] | None = None,
    ) -> None:
        super().__init__(client, state.options)
        self._bulk = bulk
        self._state = state
        self._on_still_listed = on_still_listed
        self._tally: Tally[UnscheduleOutcome] = Tally(self.statuses)
        self._runner = Runner(self, bulk, self._done)
        self._told: set[Tracked] = set()
        self._changed = asyncio.Event()

    async def run(self) -> BulkReport[UnscheduleOutcome]:
        self._tally.start()
        # Given targets need no listing first, unless other bots of their events are to stay.
        if not self._state.only_given or self._state.options.where is not None:
            # Outside of the runner: an error of the first listing is the caller's.
            requested_at = asyncio.get_running_loop().time()
            self._take(await self._client.list_scheduled_bots(), requested_at)
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
        state, loop = self._state, asyncio.get_running_loop()
        listing: asyncio.Task[None] | None = None
        try:
            while True:
                if listing is not None and listing.done():
                    listing.result()
                    listing = None
                due = None if listing is not None else state.next_listing(loop.time())
                if due is not None and (state.busy or due <= loop.time()):
                    listing = asyncio.create_task(self._list())
                if (item := state.next_item()) is not None:
                    yield item
                elif listing is not None:
                    await asyncio.wait({listing})
                elif state.busy:
                    self._changed.clear()
                    await self._changed.wait()
                elif due is None:
                    return
                else:
                    await pause(due - loop.time())
        finally:
            if listing is not None:
                await end(listing)

    def remaining(self) -> Iterable[Tracked]:
        while (item := self._state.next_item()) is not None:
            yield item

    def without_request(self, item: Tracked) -> UnscheduleOutcome | None:
        return self._state.foresee(item)

    def gaps(self) -> Gaps:
        state = self._state
        return Gaps(state.incomplete, state.left, state.still_listed, state.note)

    def _done(self, item: Tracked, outcome: UnscheduleOutcome) -> None:
        if item.unsent is not outcome:
            unsent = outcome if outcome.status is OutcomeStatus.NOT_ATTEMPTED else None
            self._state.end_turn(item, asyncio.get_running_loop().time(), unsent)
        self._changed.set()
        if item not in self._told:
            self._told.add(item)
            self._tally.tell(self._bulk.on_outcome, outcome)

    # --- listing --------------------------------------------------------------------------------------

    async def _list(self) -> None:
        """Fetch a listing and take it in."""
        listing = await list_again(self._state, self._fetch, self.longest_outage)
        if isinstance(listing, str):
            self._runner.stop(listing)
        elif listing is not None:
            self._take(*listing)

    def _take(self, page: ScheduledBotPage, requested_at: float) -> None:
        now = asyncio.get_running_loop().time()
        self._state.take_listing(
            page, now=now, requested_at=requested_at, server_time=self._api.server_time()
        )
        if self._on_still_listed is None or self._state.next_listing(now) is None:
            return
        if remaining := len(self._state.still_listed):
            tell, self._on_still_listed = self._on_still_listed, None
            tell(remaining)

    async def _fetch(self) -> Listing:
        # Answers that came while it waited for its slot are older than it is.
        async with self._runner.slot():
            requested_at = asyncio.get_running_loop().time()
            page: ScheduledBotPage = (await self._api.call(list_scheduled_bots(), PACED)).value
            return page, requested_at
