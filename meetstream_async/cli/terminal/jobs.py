"""A job as a table, and in words."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ...jobs import AccountStatus, JobState, JobStatus
from ..exit_codes import ExitCode
from .output import clean, lasting, plural, print_json, show, table, write_rows

if TYPE_CHECKING:
    from ...jobs import AccountPreview

_TITLES = ("ACCOUNT", "STATE", "EVENTS", "WORKER", "WHY")
_ON_A_SCREEN = 100
"""Accounts that a terminal is shown."""
_ATTENTION = (
    JobState.FAILED,
    JobState.CANCELLED,
    JobState.RUNNING,
    JobState.QUEUED,
    JobState.SUCCEEDED,
)
"""What needs attention first."""
_STYLES = {
    JobState.RUNNING: "cyan",
    JobState.SUCCEEDED: "green",
    JobState.FAILED: "red",
    JobState.CANCELLED: "yellow",
}


def status_table(lines: list[AccountStatus]) -> Table:
    """A table with one line per account."""
    grid = table(*_TITLES)
    for line in lines:
        grid.add_row(*_cells(line))
    return grid


def show_accounts(lines: Sequence[AccountStatus]) -> None:
    """The accounts on stdout: in a pipe all of them, on a terminal as many as somebody reads, and the rest
    counted, with what needs attention first.
    """
    if not sys.stdout.isatty():
        write_rows(_TITLES, [_cells(line) for line in lines])
        return
    shown, rest = list(lines), []
    if len(shown) > _ON_A_SCREEN:
        shown.sort(key=lambda line: _ATTENTION.index(line.state))
        shown, rest = shown[:_ON_A_SCREEN], shown[_ON_A_SCREEN:]
    show(status_table(shown), results=True)
    if rest:
        states = [line.state for line in rest]
        counts = ", ".join(f"{states.count(state)} {state}" for state in _ATTENTION if state in states)
        show(f"and {plural(len(rest), 'more account')}: {counts} (in a pipe, all are shown)", results=True)


def _cells(line: AccountStatus) -> tuple[Text, ...]:
    counts = [f"{count} {status.replace('_', ' ')}" for status, count in line.counts.items()]
    if line.still_listed:
        counts.append(f"{line.still_listed} still listed")
    return (
        Text(clean(line.account, 200), "bold"),
        _state(line),
        Text(", ".join(counts)),
        _worker(line),
        Text(clean(line.reason or "", 1000)),
    )


def _state(line: AccountStatus) -> Text:
    """The state; whether an account that is not ok was worked through, or could not be worked on."""
    if line.state is JobState.FAILED and line.complete:
        return Text("not ok", "yellow")
    return Text(line.state.value, _STYLES.get(line.state, ""))


def _worker(line: AccountStatus) -> Text:
    name = clean(line.worker or "")
    if line.worker_seen is None:
        return Text(name, "dim")
    seconds = (datetime.now(UTC) - line.worker_seen).total_seconds()
    return Text(f"{name}: gone, last seen {lasting(seconds)} ago", "red")


def jobs_table(jobs: list[JobStatus]) -> Table:
    """A table with one line per job."""
    grid = table("JOB", "SUBMITTED", "STATE", "ACCOUNTS", "EVENTS")
    for job in jobs:
        states = ", ".join(f"{count} {state}" for state, count in job.states.items())
        counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in job.counts.items())
        submitted = "" if job.submitted is None else f"{job.submitted.astimezone():%a %d %b %Y %H:%M}"
        word = "cancelling" if job.cancelling else job.state.value
        grid.add_row(
            Text(clean(job.job_id), "bold"),
            Text(submitted),
            Text(word, _STYLES.get(job.state, "")),
            Text(states),
            Text("none: the filter selects nothing", "yellow")
            if selects_nothing(job)
            else Text(counts or "none"),
        )
    return grid


class _Reference:
    """Where a key is found. A path that is too wide is broken after a slash, not within a name."""

    def __init__(self, text: str) -> None:
        self._parts = re.findall(r"[^/ ]+[/ ]?|[/ ]", text) or [""]

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        widths = [cell_len(part) for part in self._parts]
        return Measurement(max(widths), sum(widths))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = [""]
        for part in self._parts:
            if lines[-1] and cell_len(lines[-1] + part.rstrip()) > options.max_width:
                lines.append("")
            lines[-1] += part
        yield Text("\n".join(line.rstrip() for line in lines), overflow="fold")


def preview_table(previews: Sequence[AccountPreview], most: int) -> Table:
    """What a job would do in each account: those with something to say first, then the largest."""
    grid = table("ACCOUNT", "KEY FROM", "BOTS", "TO DO", "NOTES")
    for column in grid.columns[2:4]:
        column.justify = "right"
    order = sorted(previews, key=lambda one: (not one.failed, one.reason is None, -one.to_do))
    for one in order[:most]:
        least = "≥ " if one.full else ""
        notes = [one.reason] if one.reason else []
        if one.full:
            notes.append("the listing is full")
        if one.undecided:
            notes.append(f"{one.undecided} behind it can't be judged yet")
        if one.left_alone:
            notes.append(f"{one.left_alone} left alone, will join")
        grid.add_row(
            Text(clean(one.account, 60), "bold"),
            _Reference(clean(one.reference, 200)),
            Text("" if one.failed else f"{least}{one.bots}"),
            Text("?" if one.failed else f"{least}{one.to_do}"),
            Text(clean("; ".join(notes), 1000), "red" if one.failed else ""),
        )
    if rest := order[most:]:
        failed, full = sum(one.failed for one in rest), sum(one.full for one in rest)
        left = sum(one.left_alone for one in rest)
        notes = [f"{failed} can't be listed"] if failed else []
        notes += [f"{plural(full, 'full listing')}"] if full else []
        notes += [f"{left} left alone, will join"] if left else []
        least = "≥ " if failed or full else ""
        grid.add_row(
            f"and {len(rest)} more",
            "",
            f"{least}{sum(one.bots for one in rest)}",
            f"{least}{sum(one.to_do for one in rest)}",
            Text("; ".join(notes), "red" if failed else ""),
        )
    return grid


def gone_workers(status: JobStatus) -> Text | None:
    """What to do about accounts whose workers have died."""
    gone = sorted({line.worker or "" for line in status.accounts if line.worker_seen is not None})
    if not gone:
        return None
    return Text(
        f"{', '.join(clean(name, 60) for name in gone)} died: start it again under its name, or put its "
        f"accounts back with `jobs resume {status.job_id}`",
        "yellow",
    )


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


def verdict(status: JobStatus, *, allow_empty: bool = False) -> Text:
    """The last line: whether everything was done."""
    if not status.state.is_over:
        return headline(status)
    accounts = plural(len(status.accounts), "account")
    seconds = ""
    if status.submitted is not None and status.ended is not None:
        seconds = f" ({(status.ended - status.submitted).total_seconds():.0f} s)"
    if status.ok:
        text = "everything you asked for was done"
        if status.options.get("dry_run"):
            text = "dry run: nothing was changed"
        if selects_nothing(status):
            text = "nothing to do: the filter selects nothing"
            if not allow_empty:
                where = f"in any of {accounts}" if len(status.accounts) > 1 else "in its account"
                return Text(f"not ok: {text} {where}; --allow-empty makes this 0{seconds}", "bold red")
        return Text(f"ok: {text} in {accounts}{seconds}", "bold green")
    bad = sum(not account.ok for account in status.accounts)
    what = "was cancelled" if status.state is JobState.CANCELLED else "is not fully done"
    return Text(f"not ok: job {status.job_id} {what}: {bad} of {accounts} not ok{seconds}", "bold red")


def conclude(status: JobStatus, *, as_json: bool, allow_empty: bool) -> ExitCode:
    """Print the final status of a job, and return the command's exit code."""
    empty = selects_nothing(status) and not allow_empty
    if as_json:
        print_json({**status.to_dict(), "ok": status.ok and not empty})
    else:
        show_accounts(status.accounts)
        show("", results=True)
        if (gone := gone_workers(status)) is not None:
            show(gone, results=True)
        show(verdict(status, allow_empty=allow_empty), results=True)
    return ExitCode.NOT_OK if empty or (status.state.is_over and not status.ok) else ExitCode.OK


def selects_nothing(status: JobStatus) -> bool:
    """The job has ended, and its filter selected nothing in any account, although there are bots."""
    reasons = [line.reason or "" for line in status.accounts]
    nothing = any("the filter selects none of" in reason for reason in reasons)
    return status.ok and nothing and not status.counts
