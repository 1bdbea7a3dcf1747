"""The report of each run, in the same lines as the command line's ``--report``."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import attrs

from .. import (
    BulkOptions,
    BulkReport,
    MeetStreamClient,
    MeetStreamError,
    ScheduledBot,
    Snapshot,
    SnapshotBot,
    UnscheduleOutcome,
    take_snapshot,
)
from ..preview import (
    Consent,
    Leftovers,
    Undoable,
    leftovers_of,
    name_of,
    outcome_line,
    run_line,
    summary_line,
    undoable_of,
)
from .agreements import Agreement


class Record:
    """One run: the confirmed preview, and the outcomes so far."""

    def __init__(self, agreement: Agreement) -> None:
        told = agreement.told
        self.agreement = agreement
        self.report: BulkReport[UnscheduleOutcome] | None = None
        self.task: asyncio.Task[Any] | None = None
        """The task that carries out the run, until it ends."""
        self.snapshot: Snapshot | None = None
        """What was known of the bots before, for an undo; None if that could not be kept."""
        self._known: dict[str, SnapshotBot] = {}
        self._later: dict[str, SnapshotBot] = {}
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
            await self._keep(client)
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

    async def _keep(self, client: MeetStreamClient) -> None:
        """Keep what is known of the bots, in memory; a run is not kept from cancelling where that fails."""
        job = self.agreement.job
        try:
            if isinstance(job, Consent):
                preview = job.preview
                self.snapshot = await take_snapshot(
                    client,
                    preview.page,
                    where=preview.selects,
                    whole_events=preview.whole_events,
                    events=preview.index,
                )
                self._known = {one.bot_id: one for one in self.snapshot}
                job.on_admitted = self._admit
                return
            page = job.page if job.page is not None else await client.list_scheduled_bots()
            ids = {bot.bot_id for bots in job.events.values() for bot in bots}
            ids |= {bot.bot_id for bot in job.deleted}
            self.snapshot = await take_snapshot(
                client, page, where=lambda bot: bot.bot_id in ids, whole_events=True
            )
        except MeetStreamError:
            return

    def _admit(self, bot: ScheduledBot) -> bool:
        """Keep a bot that only a later listing shows."""
        if self.snapshot is not None:
            known = self._known.get(bot.bot_id)
            if bot.bot_id not in self._later and (known is None or not known.has_row):
                self._later[bot.bot_id] = (known or SnapshotBot(bot_id=bot.bot_id)).with_row(bot)
        return True

    def undoable(self) -> Undoable | None:
        """What can be undone of the run; None where nothing was kept."""
        if self.snapshot is None:
            return None
        bots = {**{bot.bot_id: bot for bot in self.snapshot}, **self._later}
        return undoable_of(self._lines, attrs.evolve(self.snapshot, bots=tuple(bots.values())))

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
