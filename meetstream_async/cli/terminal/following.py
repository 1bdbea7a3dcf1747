"""A live view of a job."""

from __future__ import annotations

import asyncio
import sys
import time

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
_SHARE = 0.1
"""Of the time that status checks may take, as long as they are made every three seconds."""
_ROOM = 15
"""Maximum number of accounts in the live table."""


async def follow(job_id: str, stop: asyncio.Event | None = None) -> JobStatus:
    """Show a job's progress on stderr until it has ended or ``stop`` is set."""
    polls = _Polls(job_id)
    status = await polls.poll()
    if not sys.stderr.isatty():
        return await _lines(polls, status, stop)
    with Live(console=console(sys.stderr), refresh_per_second=4, transient=True) as live:
        while not status.state.is_over and not (stop is not None and stop.is_set()):
            live.update(_moving(status))
            status = await polls.next_poll()
    return status


async def _lines(polls: _Polls, status: JobStatus, stop: asyncio.Event | None) -> JobStatus:
    said, last = "", time.monotonic()
    while not status.state.is_over and not (stop is not None and stop.is_set()):
        status = await polls.next_poll()
        line = headline(status).plain
        if line != said and time.monotonic() - last >= _EVERY:
            say(line)
            said, last = line, time.monotonic()
    return status


class _Polls:
    """Status checks of a job; fewer where each takes long, since the job's worker may be in this process."""

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._wait = _SOONEST
        self._seconds = 0.0

    async def poll(self) -> JobStatus:
        began = time.monotonic()
        status = await job_status(self._job_id)
        self._seconds = time.monotonic() - began
        return status

    async def next_poll(self) -> JobStatus:
        await pause(max(self._wait, min(self._seconds / _SHARE, _EVERY)))
        self._wait = min(self._wait * 1.2, _POLL)
        return await self.poll()


def _moving(status: JobStatus) -> RenderableType:
    """The live view: the accounts that need attention first, as many as fit on a screen."""
    order = [JobState.FAILED, JobState.CANCELLED, JobState.RUNNING, JobState.QUEUED]
    lines = [line for line in status.accounts if line.state in order]
    lines.sort(key=lambda line: order.index(line.state))
    parts: list[RenderableType] = [status_table(lines[:_ROOM])] if lines else []
    return Group(*parts, headline(status))
