"""The two steps of ``unschedule_all``, for doors that store an :class:`AccountState` between them.

::

    state = AccountState(UnscheduleOptions())
    while not state.is_over:
        if state.busy:
            await cancel_waiting(client, state)
        else:
            await list_account(client, state)
        store(state.changes(0.0))
    report = state.report()
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from .._http.observing import observed
from .._http.rate_limit import WaitTooLongError
from .._tasks import end, pause
from ..errors import ConfigurationError, RateLimitError
from ..meetstream.client import MeetStreamClient
from ._account_operation import AccountOperation, Clock
from ._relisting import Listing
from ._runner import Runner
from ._verification import Tracked
from .account_state import AccountState
from .options import BULK_DEFAULTS, BulkOptions
from .report import UnscheduleOutcome
from .statuses import OutcomeStatus
from .unschedule import check_client


async def cancel_waiting(
    client: MeetStreamClient,
    state: AccountState,
    *,
    most: int = 100,
    max_concurrency: int = BULK_DEFAULTS.max_concurrency,
    max_pause: float = BULK_DEFAULTS.max_pause,
    stop_after_failures: int = BULK_DEFAULTS.stop_after_failures,
    stop: asyncio.Event | None = None,
    clock: Clock = time.monotonic,
) -> None:
    """Send the cancels of up to ``most`` events that wait in the state, and take in the answers.

    ``clock``: the ``now`` of the state, in seconds. Setting ``stop`` sends nothing new: what was not sent
    waits on. If no further event can succeed (the key is rejected, the server is down, a pause is longer
    than ``max_pause`` seconds, ``stop_after_failures`` targets in a row failed with server or transport
    errors), the state is stopped. ``max_concurrency``: requests in flight at most. Raises
    ConfigurationError; errors of the API are in the state's outcomes.
    """
    bulk: BulkOptions[Any] = BulkOptions(
        max_concurrency=max_concurrency,
        max_pause=max_pause,
        stop_after_failures=stop_after_failures,
        stop=stop,
    )
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ConfigurationError(f"most must be an int, 1 or more, not {most!r}")
    check_client(client)
    if state.busy and state.wants_events and not (stop is not None and stop.is_set()):
        # The step that listed was stopped before it had read them.
        await _Lister(client, state, max_pause, clock).take_events(stop)
    chunk = _Chunk(client, state, most, clock)
    runner = Runner(chunk, bulk, chunk.done)
    try:
        await observed("cancel_waiting", runner.run, lambda _: None)
    finally:
        state.put_back(chunk.unsent)
    if runner.crash is not None:
        raise runner.crash
    if runner.stop_reason is not None and not (stop is not None and stop.is_set()):
        state.stop(runner.stop_reason)


async def list_account(
    client: MeetStreamClient,
    state: AccountState,
    *,
    max_pause: float = BULK_DEFAULTS.max_pause,
    stop: asyncio.Event | None = None,
    clock: Clock = time.monotonic,
) -> None:
    """List until there is something to cancel, or nothing to wait for. Sends nothing but listings.

    Where they can matter, the events of the calendars are read as well.

    ``max_pause``: seconds; where the API asks for a longer pause, the listing fails. ``clock``: the ``now``
    of the state, in seconds. Setting ``stop`` ends it after the listing in flight. Raises the error of the
    first listing; of a later one that fails, the state is told.
    """
    lister = _Lister(check_client(client), state, max_pause, clock)
    while True:
        if state.wants_events and not (stop is not None and stop.is_set()):
            await lister.take_events(stop)
            continue
        due = None if state.busy else state.next_listing(clock())
        if due is None or not await _wait(due - clock(), stop):
            return
        await lister.take_listing()


async def _wait(seconds: float, stop: asyncio.Event | None) -> bool:
    """Wait, unless it is stopped, which returns False."""
    if stop is None:
        await pause(max(seconds, 0.0))
        return True
    if not stop.is_set() and seconds > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()
    return not stop.is_set()


class _Lister(AccountOperation):
    """Takes one listing after another into a state."""

    def __init__(self, client: MeetStreamClient, state: AccountState, max_pause: float, clock: Clock) -> None:
        super().__init__(client, state, clock)
        self._max_pause = max_pause

    async def take_listing(self) -> None:
        if not self._state.was_listed:
            self.take(*await self._fetch_first())
        elif (reason := await self.take_another(self._fetch)) is not None:
            self._state.stop(reason)

    async def take_events(self, stop: asyncio.Event | None) -> None:
        """Read the events; ``stop`` ends that at once, and a later step begins anew."""
        self._client.api.open()
        self._state.expect_events()
        reading = asyncio.create_task(self.read_events(self._turn), name="meetstream_async events")
        stopping = asyncio.create_task((stop or asyncio.Event()).wait())
        try:
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
            else:
                self._state.release_held()
        finally:
            await end(reading, stopping)

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        await self.rate_limiter.wait(pause_limit=self._max_pause)
        yield

    async def _fetch_first(self) -> Listing:
        """Its errors are the caller's; a pause of up to ``max_pause`` is waited for once."""
        requested_at = self._clock()
        try:
            return await self._client.list_scheduled_bots(), requested_at
        except RateLimitError as error:
            first = error
        with contextlib.suppress(WaitTooLongError):
            return await self._fetch()
        raise first

    async def _fetch(self) -> Listing:
        self._client.api.open()
        await self.rate_limiter.wait(pause_limit=self._max_pause)
        return await self.fetch()


class _Chunk(AccountOperation):
    """Some of the events that wait in a state."""

    def __init__(self, client: MeetStreamClient, state: AccountState, most: int, clock: Clock) -> None:
        super().__init__(client, state, clock)
        self._most = most
        self.unsent: list[Tracked] = []
        """Events that the run ended before."""

    async def items(self) -> AsyncGenerator[Tracked, None]:
        for _ in range(self._most):
            if (item := self._state.next_item()) is None:
                return
            yield item

    def done(self, item: Tracked, outcome: UnscheduleOutcome) -> None:
        if item.unsent is outcome:
            return
        if outcome.status is OutcomeStatus.NOT_ATTEMPTED:
            self.unsent.append(item)
        else:
            self.end_turn(item)
