"""Whether the worker that holds an account is still there, and when it was last seen."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import attrs

from .lock import is_held, last_seen
from .names import account_id
from .source import Row, Source
from .status import AccountStatus, JobState

_FRESH = timedelta(seconds=10)
"""A worker that was seen within this time is not asked for: its lock is left alone."""


async def mark_gone(
    engine: Source, job_id: str, lines: list[AccountStatus], rows: Mapping[str, Row]
) -> list[AccountStatus]:
    """The lines, with ``worker_seen`` where an account waits for a worker that has died."""
    now = datetime.now(UTC)
    gone: dict[str, datetime | None] = {}
    found = []
    for index, line in enumerate(lines):
        holder = line.worker
        if line.state is JobState.RUNNING and holder is not None and holder != engine.worker_id:
            row = rows[account_id(job_id, index)]
            if holder not in gone:
                gone[holder] = await _gone_since(engine, holder, row, now)
            line = attrs.evolve(line, worker_seen=gone[holder])
        found.append(line)
    return found


async def _gone_since(engine: Source, worker_id: str, row: Row, now: datetime) -> datetime | None:
    """When the worker was last seen; None if it is there."""
    seen = await asyncio.to_thread(last_seen, engine.store, worker_id)
    if seen is None:
        milliseconds = row.updated_at or row.dequeued_at or row.created_at or 0
        seen = datetime.fromtimestamp(milliseconds / 1000, UTC)
    if now - seen < _FRESH:
        return None
    with engine.store.errors():
        return None if await asyncio.to_thread(is_held, engine.store, worker_id) else seen
