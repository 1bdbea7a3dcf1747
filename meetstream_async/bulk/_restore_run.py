"""Carrying out an undo: looks, sends what its state asks for, and looks again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from typing import Final

from .._http.observing import observed
from .._tasks import pause
from ..meetstream.client import MeetStreamClient
from ._patience import Patience
from ._restoration import LOST, Restoration
from ._restore_requests import RestoreRequests
from ._restore_state import RestoreState
from ._runner import Runner
from ._summary import Gaps
from .options import BulkOptions
from .report import BulkReport
from .reschedule_outcome import RescheduleOutcome
from .run import Tally, with_report
from .snapshot import Snapshot
from .statuses import OutcomeStatus

_MOST_TIMES: Final = 3
"""How often a creation is asked for, all under one key, while its answers are lost."""
_DOUBT_SECONDS: Final = 5.0
"""Seconds at most that a cancelled bot which is still listed is waited for."""


class RestoreRun(RestoreRequests):
    """One undo."""

    def __init__(
        self,
        client: MeetStreamClient,
        snapshot: Snapshot,
        bulk: BulkOptions[RescheduleOutcome],
        *,
        dry_run: bool,
        restore_times: bool,
        settle: float,
    ) -> None:
        super().__init__(client, snapshot, bulk, dry_run=dry_run, restore_times=restore_times)
        self._settle = settle
        self._queue: deque[Restoration] = deque()
        self._doubtful: list[Restoration] = []
        """Of which it is not clear yet whether they are gone."""
        self._out: set[Restoration] = set()
        """Given to the runner, and not done."""
        self._sent: dict[Restoration, int] = {}
        """How often each was given to be sent."""
        self._unsent: dict[Restoration, RescheduleOutcome] = {}
        self._told: set[Restoration] = set()
        self._changed = asyncio.Event()
        self._tally: Tally[RescheduleOutcome] = Tally(self.statuses)
        self._runner = Runner(self, bulk, self._done)
        self._slot = self._runner.slot

    async def run(self) -> BulkReport[RescheduleOutcome]:
        """All of it. Raises the error of the first listing."""
        return await observed("bulk_reschedule", self._run, lambda report: report)

    async def _run(self) -> BulkReport[RescheduleOutcome]:
        self._tally.start()
        # Outside of the runner: an error of the first listing is the caller's.
        first = await self._client.list_scheduled_bots()
        # By now the server's clock is known.
        self._state = RestoreState(self._snapshot, self._api.server_time())
        self._state.take_listing(first)
        await self._runner.run()
        self._tally.end()
        outcomes = tuple(self._final(item) for item in self._state.items)
        for outcome in outcomes:
            self._tally.add(outcome.status)
        stopped = self._runner.stop_reason
        gaps = self._state.gaps(outcomes)
        report = self._tally.report(outcomes, self._runner.exhausted, stopped, gaps)
        if self._runner.crash is not None:
            raise with_report(self._runner.crash, report)
        return report

    def _final(self, item: Restoration) -> RescheduleOutcome:
        if item.is_open:
            if self._dry_run and item not in self._unsent:
                return item.left(self._would, None)
            return self._unsent.get(item) or self.not_attempted(item, self._runner.stop_reason or "")
        return item.outcome()

    # --- what the runner asks -------------------------------------------------------------------------

    async def items(self) -> AsyncGenerator[Restoration, None]:
        """First what is clear, then what becomes clear; then the looks at what they came to."""
        state = self._state
        if any(item.is_open and item.way == "event" for item in state.items) and state.hides_events:
            await self._read_events()
        await self._ask_olds()
        self._doubtful = state.sort_out(patient=not self._dry_run, predict=self._dry_run)
        doubtful = set(self._doubtful)
        self._queue.extend(item for item in state.items if item not in doubtful)
        for item in self._given():
            yield item
        patience, settle = Patience(), min(_DOUBT_SECONDS, self._settle)
        while self._doubtful:
            lasts = patience.lasts(len(self._doubtful), self._clock(), settle)
            await pause(max(0.0, patience.next_check(self._clock(), settle) - self._clock()))
            lasts = await self._check_again() and lasts
            before, self._doubtful = self._doubtful, state.sort_out(patient=lasts)
            doubtful = set(self._doubtful)
            self._queue.extend(item for item in before if item not in doubtful)
            for item in self._given():
                yield item
        async for item in self._verify():
            yield item

    def _given(self) -> Iterable[Restoration]:
        while self._queue:
            item = self._queue.popleft()
            self._out.add(item)
            self._sent[item] = self._sent.get(item, 0) + 1
            yield item

    def remaining(self) -> Iterable[Restoration]:
        self._queue.extend(self._doubtful)
        self._doubtful = []
        while self._queue:
            yield self._queue.popleft()

    def without_request(self, item: Restoration) -> RescheduleOutcome | None:
        if item.is_open:
            return item.left(self._would, None) if self._dry_run else None
        return None if item.answer == LOST else item.outcome()

    async def _verify(self) -> AsyncGenerator[Restoration, None]:
        """Look until all that was sent is seen, or ``settle`` seconds have passed without progress."""
        patience = Patience()
        while True:
            while self._out:
                self._changed.clear()
                await self._changed.wait()
            if not any(item.is_unseen for item in self._sent):
                return
            lost = [item for item in self._sent if item.answer == LOST and item.way == "bot"]
            # Under its key, it is safe to ask again.
            self._queue.extend(item for item in lost if self._sent[item] < _MOST_TIMES)
            if self._queue:
                # The runner forgets a call one turn of the loop after it has ended.
                await pause()
                for item in self._given():
                    yield item
                continue
            unseen = await self._confirm()
            if unseen is None or not unseen:
                return
            if not patience.lasts(len(unseen), self._clock(), self._settle):
                self._state.give_up(unseen)
                return
            await pause(max(0.0, patience.next_check(self._clock(), self._settle) - self._clock()))

    def _end(self, reason: str) -> None:
        self._runner.stop(reason)

    def gaps(self) -> Gaps:
        return Gaps()

    def _done(self, item: Restoration, outcome: RescheduleOutcome) -> None:
        self._out.discard(item)
        if outcome.status is OutcomeStatus.NOT_ATTEMPTED:
            self._unsent[item] = outcome
        self._changed.set()
        if item not in self._told:
            self._told.add(item)
            self._tally.tell(self._bulk.on_outcome, outcome)
