"""The report of each run, in the same lines as the command line's ``--report``."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import attrs

from .. import BulkOptions, BulkReport, MeetStreamClient, MeetStreamError, UnscheduleOutcome
from ..preview import Leftovers, leftovers_of, name_of, outcome_line, run_line, summary_line
from .agreements import Agreement


class Record:
    """One run: the confirmed preview, and the outcomes so far."""

    def __init__(self, agreement: Agreement) -> None:
        told = agreement.told
        self.agreement = agreement
        self.report: BulkReport[UnscheduleOutcome] | None = None
        self.task: asyncio.Task[Any] | None = None
        """The task that carries out the run, until it ends."""
        self._statuses: dict[str, str] = {}
        self._lines = [
            run_line(
                command="console",
                api="meetstream",
                base_url=told.host,
                options=agreement.options,
                listing=agreement.job.listing,
                targets=agreement.job.targets(),
            )
        ]

    async def carry_out(
        self,
        client: MeetStreamClient,
        bulk: BulkOptions[UnscheduleOutcome],
    ) -> BulkReport[UnscheduleOutcome]:
        """Carry out the confirmed preview, recording each outcome as it arrives."""

        def record_outcome(outcome: UnscheduleOutcome) -> None:
            described = self.agreement.job.describe(outcome)
            self._lines.append(outcome_line(described))
            self._statuses[name_of(described)] = described["status"]
            if bulk.on_outcome is not None:
                bulk.on_outcome(outcome)

        stop = bulk.stop or asyncio.Event()
        self.task = asyncio.current_task()
        try:
            report = await self.agreement.job.carry_out(
                client, attrs.evolve(bulk, on_outcome=record_outcome, stop=stop)
            )
        except MeetStreamError as error:
            self._end(None, ok=False, complete=False, interrupted=stop.is_set(), reason=str(error))
            raise
        finally:
            self.task = None
        self.report = report
        self._end(report, interrupted=stop.is_set())
        return report

    def _end(self, report: BulkReport[UnscheduleOutcome] | None, **facts: Any) -> None:
        self._lines.append(summary_line(report, self._statuses, **facts, lost=None))

    def counts(self) -> dict[str, int]:
        """Number of targets in each status, according to the outcomes received so far."""
        return dict(Counter(self._statuses.values()))

    def document(self) -> bytes:
        """The report so far, as JSON lines."""
        return b"".join(json.dumps(line).encode() + b"\n" for line in self._lines)

    def leftovers(self) -> Leftovers:
        """The targets that a retry would process."""
        return leftovers_of(self._lines)
