"""The console's runs. Each one starts from a confirmed preview."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import attrs
from pydantic import StrictBool

from .. import BulkOptions, BulkReport, MeetStreamClient, UnscheduleOutcome
from ..fastapi import BulkRequest, InProcessRuns, ProblemError, RunState
from .agreements import Agreement
from .records import Record

_KEEP_FOR = 7 * 86_400.0
"""Seconds after which a finished run is forgotten."""


class AgreedRequest(BulkRequest):
    """A request that refers to a confirmed preview."""

    preview: str
    all: StrictBool = True
    """What the preview has shown, whatever that is."""


class ConsoleRuns(InProcessRuns):
    """Runs of this process, each with a record. ``options``: those of every run."""

    def __init__(self, options: BulkOptions[UnscheduleOutcome]) -> None:
        super().__init__(keep_for=_KEEP_FOR)
        self._options = options
        self._records: dict[str, Record] = {}
        self._by_run: dict[str, Record] = {}
        self._ending = False

    async def start_agreed(self, client: MeetStreamClient, agreement: Agreement) -> RunState:
        """Start the run of a confirmed preview. Calling it again returns the same run."""
        if agreement.run_id is not None:
            return await self.state(agreement.run_id)
        if self._ending:
            raise ProblemError(503, "shutting_down", "The console is shutting down: no new run is started.")
        preview = agreement.told.id
        record = self._records[preview] = Record(agreement)
        try:
            state = await self.start(client, AgreedRequest(preview=preview), preview)
        except BaseException:
            del self._records[preview]
            raise
        agreement.run_id = state.id
        self._by_run[state.id] = record
        return state

    async def start(
        self, client: MeetStreamClient, request: BulkRequest, key: str | None, caller: str | None = None
    ) -> RunState:
        if not isinstance(request, AgreedRequest):
            raise ProblemError(403, "no_consent", "A run can only start from a confirmed preview.")
        return await super().start(client, request, key, caller)

    async def carry_out(
        self,
        client: MeetStreamClient,
        request: BulkRequest,
        *,
        on_outcome: Callable[[UnscheduleOutcome], None],
        stop: asyncio.Event,
    ) -> BulkReport[UnscheduleOutcome]:
        assert isinstance(request, AgreedRequest)
        record = self._records[request.preview]
        bulk = attrs.evolve(self._options, on_outcome=on_outcome, stop=stop)
        return await record.carry_out(client, bulk)

    async def kept(self) -> list[tuple[RunState, Record]]:
        """The runs that have not been forgotten, newest first."""
        found = []
        for run_id, record in reversed(list(self._by_run.items())):
            try:
                found.append((await self.state(run_id), record))
            except ProblemError:
                # The number of runs is bounded and this one was dropped; drop its record, too.
                del self._by_run[run_id], self._records[record.agreement.told.id]
        return found

    async def record(self, run_id: str) -> Record:
        """The record of a run. Raises ProblemError (404) if there is no such run."""
        await self.state(run_id)
        return self._by_run[run_id]

    async def under_way(self) -> list[Record]:
        """The records of the runs in progress."""
        return [record for state, record in await self.kept() if not state.over]

    async def stop_all(self) -> None:
        """Start nothing new in any run, and wait for requests in flight."""
        self._ending = True
        running = [state.id for state, _ in await self.kept() if not state.over]
        for run_id in running:
            await self.stop(run_id)
        for run_id in running:
            while not (state := await self.state(run_id)).over:
                await self.changed(run_id, state, 1.0)

    def cancel_all(self) -> None:
        """Cancel all runs at once; the outcome of requests in flight is unknown."""
        for record in self._by_run.values():
            if record.task is not None:
                record.task.cancel()
