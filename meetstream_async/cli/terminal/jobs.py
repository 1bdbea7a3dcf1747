"""A job as a table, and a live view of it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..._tasks import pause
from ...jobs import AccountStatus, JobState, JobStatus, job_status
from ..exit_codes import ExitCode
from .output import clean, console, plural, print_json, say, show
from .tables import table

_EVERY = 3.0
"""Seconds between two plain lines."""
_SOONEST, _POLL = 0.1, 0.5
"""Shortest and longest delay, in seconds, between two status checks: short at first, for small jobs."""
_ROOM = 15
"""Maximum number of accounts in the live table."""
_STYLES = {
    JobState.RUNNING: "cyan",
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.CANCELLED: "yellow",
}


def status_table(lines: list[AccountStatus]) -> Table:
    """A table with one line per account."""
    grid = table("ACCOUNT", "STATE", "EVENTS", "WORKER", "WHY")
    for line in lines:
        counts = [f"{count} {status.replace('_', ' ')}" for status, count in line.counts.items()]
        if line.still_listed:
            counts.append(f"{line.still_listed} still listed")
        grid.add_row(
            Text(clean(line.account, 200), "bold"),
            Text(line.state.value, _STYLES.get(line.state, "")),
            Text(", ".join(counts)),
            Text(clean(line.worker or ""), "dim"),
            Text(clean(line.reason or "", 1000)),
        )
    return grid


def headline(status: JobStatus) -> Text:
    """The whole job in one line."""
    over = sum(account.state.is_over for account in status.accounts)
    parts = [f"{over} of {plural(len(status.accounts), 'account')} over"]
    parts += [
        f"{status.states[state]} {state.value}"
        for state in (JobState.RUNNING, JobState.QUEUED)
        if state in status.states
    ]
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in status.counts.items())
    events = f"; events: {counts}" if counts else ""
    word = "cancelling" if status.cancelling else status.state.value
    return Text(f"job {status.job_id} is {word}: {', '.join(parts)}{events}")


def verdict(status: JobStatus) -> Text:
    """The last line: whether everything was done."""
    if not status.state.is_over:
        return headline(status)
    accounts = plural(len(status.accounts), "account")
    seconds = ""
    if status.submitted is not None and status.ended is not None:
        seconds = f" ({(status.ended - status.submitted).total_seconds():.0f} s)"
    if status.ok:
        text = (
            "dry run: nothing was changed"
            if status.options.get("dry_run")
            else "everything you asked for was done"
        )
        return Text(f"ok: {text} in {accounts}{seconds}", "bold green")
    bad = sum(not account.ok for account in status.accounts)
    what = "was cancelled" if status.state is JobState.CANCELLED else "is not fully done"
    return Text(f"not ok: job {status.job_id} {what}: {bad} of {accounts} not ok{seconds}", "bold red")


def conclude(status: JobStatus, *, as_json: bool) -> ExitCode:
    """Print the final status of a job, and return the command's exit code."""
    if as_json:
        print_json(status.to_dict())
    else:
        show(status_table(list(status.accounts)), results=True)
        show("", results=True)
        show(verdict(status), results=True)
    return ExitCode.NOT_OK if status.state.is_over and not status.ok else ExitCode.OK


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
