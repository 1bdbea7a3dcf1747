"""A live view of a job."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.live import Live

from ..._tasks import pause
from ...jobs import JobState, JobStatus, job_status
from .jobs import headline, status_table
from .output import console, say

_EVERY = 3.0
"""Seconds between two plain lines."""
_SOONEST, _POLL = 0.1, 0.5
"""Shortest and longest delay, in seconds, between two status checks: short at first, for small jobs."""
_ROOM = 15
"""Maximum number of accounts in the live table."""


async def follow(job_id: str, stop: asyncio.Event | None = None) -> JobStatus:
    """Show a job's progress on stderr until it has ended or ``stop`` is set."""
    status = await job_status(job_id)
    if not sys.stderr.isatty():
        return await _lines(job_id, status, stop)
    with Live(console=console(sys.stderr), refresh_per_second=4, transient=True) as live:
        waits = _waits()
        while not status.state.is_over and not (stop is not None and stop.is_set()):
            live.update(_moving(status))
            await pause(next(waits))
            status = await job_status(job_id)
    return status


async def _lines(job_id: str, status: JobStatus, stop: asyncio.Event | None) -> JobStatus:
    said, last = "", time.monotonic()
    waits = _waits()
    while not status.state.is_over and not (stop is not None and stop.is_set()):
        await pause(next(waits))
        status = await job_status(job_id)
        line = headline(status).plain
        if line != said and time.monotonic() - last >= _EVERY:
            say(line)
            said, last = line, time.monotonic()
    return status


def _waits() -> Iterator[float]:
    wait = _SOONEST
    while True:
        yield wait
        wait = min(wait * 1.2, _POLL)


def _moving(status: JobStatus) -> RenderableType:
    """The live view: the accounts that need attention first, as many as fit on a screen."""
    order = [JobState.FAILED, JobState.CANCELLED, JobState.RUNNING, JobState.QUEUED]
    lines = [line for line in status.accounts if line.state in order]
    lines.sort(key=lambda line: order.index(line.state))
    parts: list[RenderableType] = [status_table(lines[:_ROOM])] if lines else []
    return Group(*parts, headline(status))
