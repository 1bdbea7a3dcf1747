"""What every run over an AccountState does alike: its items, its listings, and what it tells the state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from .._http.call import PACED
from .._tasks import pause
from ..meetstream import list_calendar_events, list_scheduled_bots
from ..meetstream.client import MeetStreamClient
from ..meetstream.models import MeetStreamEventPage, ScheduledBotPage
from ._event_reading import PAGE_SECONDS, read_events
from ._relisting import Fetch, Listing, list_again
from ._summary import Gaps
from ._unscheduler import Unscheduler
from ._verification import Tracked
from .account_state import AccountState
from .report import UnscheduleOutcome

Clock: TypeAlias = Callable[[], float]
"""The ``now`` of a state, in seconds."""


Turn: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]
"""Waits until a request may start, and holds what it takes while it is made."""


class AccountOperation(Unscheduler[Tracked]):
    """The events of an account, as its state knows them."""

    def __init__(self, client: MeetStreamClient, state: AccountState, clock: Clock) -> None:
        super().__init__(client, state.options)
        self._state = state
        self._clock = clock

    def without_request(self, item: Tracked) -> UnscheduleOutcome | None:
        return self._state.outcome_without_request(item)

    def remaining(self) -> Iterable[Tracked]:
        # They wait in the state.
        return ()

    def gaps(self) -> Gaps:
        return Gaps()

    def end_turn(self, item: Tracked, unsent: UnscheduleOutcome | None = None) -> None:
        """Tell the state that an item's turn is over, and the time that the last answer told."""
        now = self._clock()
        self._state.take_time(self._api.server_time(), now)
        self._state.end_turn(item, now, unsent)

    async def fetch(self) -> Listing:
        """A listing whose turn has come."""
        requested_at = self._clock()
        page: ScheduledBotPage = (await self._api.call(list_scheduled_bots(), PACED)).value
        return page, requested_at

    async def read_events(
        self,
        turn: Turn,
        changed: Callable[[], object] = lambda: None,
        is_urgent: Callable[[], bool] = lambda: True,
    ) -> None:
        """Read the events that the state expects. ``turn`` waits for the turn of each page.

        ``is_urgent``: see ``_event_reading``.
        """
        if seconds := self._state.events_pause:
            await pause(seconds)
        time_min, time_max = self._state.events_window(self._api.server_time())

        async def fetch(cursor: str | None) -> MeetStreamEventPage:
            request = list_calendar_events(time_min, time_max, cursor=cursor)
            async with turn(), asyncio.timeout(PAGE_SECONDS):
                page = (await self._api.call(request, PACED)).value
            self._state.take_time(self._api.server_time(), self._clock())
            return page

        await read_events(self._state, fetch, changed, is_urgent)

    async def take_another(self, fetch: Fetch) -> str | None:
        """List again, and tell the state, also if there is no listing. Returns why the run ends, if so."""
        listing = await list_again(self._state, fetch, self.longest_outage)
        if isinstance(listing, str):
            return listing
        if listing is not None:
            self.take(*listing)
        return None

    def take(self, page: ScheduledBotPage, requested_at: float) -> None:
        """Tell the state what a listing shows."""
        time = self._api.server_time()
        self._state.take_listing(page, now=self._clock(), requested_at=requested_at, server_time=time)
