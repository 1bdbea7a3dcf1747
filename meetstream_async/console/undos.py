"""The way back of the console's runs: a preview, its confirmation, and the undo in the background.

What is kept for it is in this process's memory only, and meeting links never reach the page.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from attrs import define, field

from .. import (
    BulkOptions,
    BulkReport,
    MeetStreamClient,
    MeetStreamError,
    OutcomeStatus,
    RescheduleOutcome,
    Snapshot,
    bulk_reschedule,
)
from .._tasks import join
from ..fastapi import ProblemError
from ..preview import Undoable
from .agreements import new_id
from .models import ConsentRequest, UndoPreview, UndoRow, UndoTold

_KEPT = 20
"""Number of undos kept, with their previews; older ones have to be asked for again."""
_ROWS = 500


@define(eq=False)
class _Undo:
    """An undo from its preview on."""

    told: UndoPreview
    snapshot: Snapshot = field(repr=False)
    why_not_all: str | None = None
    stop: asyncio.Event = field(factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    heard: dict[str, RescheduleOutcome] = field(factory=dict)
    report: BulkReport[RescheduleOutcome] | None = None
    problem: str | None = None


class Undos:
    """The undos of this process. ``options``: those of every run."""

    def __init__(self, host: str, options: BulkOptions[Any]) -> None:
        self._host = host
        self._options = options
        self._kept: dict[str, _Undo] = {}
        self._ending = False

    async def preview(self, client: MeetStreamClient, undoable: Undoable) -> UndoPreview:
        """What an undo of these bots would do. Raises the client's errors."""
        snapshot = undoable.snapshot
        dry = await bulk_reschedule(client, snapshot, dry_run=True)
        to_do = dry.counts[OutcomeStatus.WOULD_RESCHEDULE.value]
        ids = sorted((bot.bot_id, bot.event_id) for bot in snapshot)
        told = UndoPreview(
            id=new_id(),
            digest=hashlib.sha256(json.dumps([self._host, snapshot.id, ids, to_do]).encode()).hexdigest(),
            words=f"reschedule {to_do}" if to_do else None,
            host=self._host,
            counts={status: count for status, count in dry.counts.items() if count},
            rows=_rows(dry.outcomes),
            missing=len(undoable.missing),
        )
        self._kept[told.id] = _Undo(told, snapshot, undoable.why_not_all)
        for old in [key for key, undo in self._kept.items() if undo.task is None or undo.task.done()][
            :-_KEPT
        ]:
            del self._kept[old]
        return told

    def start(self, client: MeetStreamClient, undo_id: str, asked: ConsentRequest) -> UndoTold:
        """Start a confirmed undo. Calling it again returns the same one."""
        undo = self._find(undo_id)
        if undo.told.words is None:
            raise ProblemError(422, "nothing_to_do", "There is nothing to schedule again.")
        if asked.digest != undo.told.digest:
            raise ProblemError(409, "another_selection", "The confirmation was for a different selection.")
        if asked.words.strip() != undo.told.words:
            raise ProblemError(422, "not_confirmed", f"Not confirmed: type {undo.told.words}")
        if undo.task is None:
            if self._ending:
                raise ProblemError(
                    503, "shutting_down", "The console is shutting down: nothing new is started."
                )
            undo.task = asyncio.create_task(self._carry_out(client, undo), name="meetstream_async undo")
        return self.told(undo_id)

    async def _carry_out(self, client: MeetStreamClient, undo: _Undo) -> None:
        def note(outcome: RescheduleOutcome) -> None:
            undo.heard[outcome.bot_id] = outcome

        try:
            undo.report = await bulk_reschedule(
                client,
                undo.snapshot,
                on_outcome=note,
                stop=undo.stop,
                **self._options.to_dict(),
            )
        except MeetStreamError as error:
            undo.problem = str(error)

    def told(self, undo_id: str) -> UndoTold:
        """An undo as it stands. Raises ProblemError (404) if there is none."""
        undo = self._find(undo_id)
        report = undo.report
        outcomes = tuple(undo.heard.values()) if report is None else report.outcomes
        missing = undo.why_not_all
        reasons = [undo.problem if report is None else report.reason, missing]
        return UndoTold(
            id=undo_id,
            over=undo.task is not None and (report is not None or undo.task.done()),
            ok=report is not None and report.ok and not missing,
            reason="; ".join(filter(None, reasons)) or None,
            counts=dict(Counter(one.status.value for one in outcomes)),
            total=len(undo.snapshot),
            rows=_rows(outcomes),
        )

    def _find(self, undo_id: str) -> _Undo:
        if (undo := self._kept.get(undo_id)) is None:
            raise ProblemError(404, "preview_not_found", "That preview is gone: make a new one.")
        return undo

    async def stop_all(self) -> None:
        """Start nothing new in any undo, and wait for requests in flight."""
        self._ending = True
        for undo in self._kept.values():
            undo.stop.set()
        await join(*(undo.task for undo in self._kept.values() if undo.task is not None))

    def cancel_all(self) -> None:
        """Cancel all undos at once; what was in flight is unknown."""
        self._ending = True
        for undo in self._kept.values():
            if undo.task is not None:
                undo.task.cancel()


def _rows(outcomes: Iterable[RescheduleOutcome]) -> list[UndoRow]:
    """Those that need attention first."""

    def settled(one: RescheduleOutcome) -> bool:
        return not (one.status.is_undone or one.status is OutcomeStatus.NOT_RESTORABLE)

    return [UndoRow.of(one) for one in sorted(outcomes, key=settled)[:_ROWS]]
