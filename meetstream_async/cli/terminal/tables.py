"""Results as tables: a listing, and the report of a bulk run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from ... import BulkReport, MeetingCancellation, OutcomeStatus, ScheduledBot, platform_name
from .output import clean, console, keep_whole, lasting, table
from .progress import wording


def local_time(bot: ScheduledBot) -> str:
    """The bot's join time in local time."""
    joins = bot.scheduled_join_time
    if joins is None:
        return "no time"
    try:
        local = joins.astimezone()
    except (OverflowError, OSError, ValueError):
        return joins.isoformat()
    this_year = local.year == datetime.now().year
    return local.strftime("%a %d %b %H:%M" if this_year else "%a %d %b %Y %H:%M")


def away(bot: ScheduledBot, now: datetime | None = None) -> str:
    """The time until the bot joins, in its two largest units, and a minute at least."""
    if bot.scheduled_join_time is None:
        return ""
    seconds = int((bot.scheduled_join_time - (now or datetime.now(UTC))).total_seconds())
    text = lasting(max(60, abs(seconds)))
    return f"in {text}" if seconds >= 0 else f"{text} ago"


def bots_table(bots: Sequence[ScheduledBot]) -> Table:
    """A table with one line per bot if the terminal is wide enough, otherwise two."""
    wide = table("JOINS (LOCAL)", "", "PLATFORM", "NAME", "EVENT", "BOT")
    for bot in bots:
        wide.add_row(*_cells(bot))
    target = console(sys.stdout)
    if target.measure(wide, options=target.options.update(width=10_000)).maximum <= target.width:
        return wide
    narrow = table("JOINS (LOCAL)", "PLATFORM, NAME", "EVENT, BOT")
    keep_whole(narrow.columns[2], (name for bot in bots for name in (bot.event_id or "", bot.bot_id)))
    for bot in bots:
        cells = _cells(bot)
        narrow.add_row(*(Text("\n").join(pair) for pair in zip(cells[::2], cells[1::2], strict=True)))
    return narrow


def _cells(bot: ScheduledBot) -> list[Text]:
    event = Text("one-off", "yellow") if bot.is_one_off else Text(clean(bot.event_id or "calendar"))
    return [
        Text(local_time(bot), "bold"),
        Text(away(bot), "cyan"),
        Text(platform_name(bot.platform)),
        Text(clean(bot.bot_username or "", 60)),
        event,
        Text(clean(bot.bot_id), "dim"),
    ]


def bot_to_dict(bot: ScheduledBot) -> dict[str, Any]:
    """A bot as JSON values, without its meeting link and what may be personal in its attributes."""
    joins = bot.scheduled_join_time
    return {
        "bot_id": bot.bot_id,
        "event_id": bot.event_id,
        "platform": bot.platform,
        "status": bot.status,
        "scheduled_join_time": joins and joins.isoformat(),
        "bot_username": bot.bot_username,
        "is_scheduled": bot.is_scheduled,
        "source": bot.source,
        "deduplication_key": bot.deduplication_key,
        "custom_attributes": bot.shown_attributes,
    }


def meetings_table(meetings: Sequence[MeetingCancellation]) -> Table:
    """The outcome of each meeting and of its bots."""
    grid = table("MEETING", "CALENDAR EVENT", "BOT", "")
    for meeting in meetings:
        bots = ", ".join(wording(outcome.status) for outcome in meeting.bots) or "none"
        grid.add_row(
            Text(f"{meeting.calendar_id}/{meeting.event_id}"),
            Text("cancelled" if meeting.event is not None else "not cancelled"),
            Text(bots, "" if meeting.ok else "red"),
            Text(clean(meeting.reason or "")),
        )
    return grid


def counts_table(report: BulkReport[Any]) -> Table:
    """The number of targets in each status."""
    grid = table("STATUS", "COUNT")
    grid.columns[1].justify = "right"
    for status, count in report.counts.items():
        if count:
            colour = "red" if OutcomeStatus(status).is_undone else ""
            grid.add_row(Text(wording(OutcomeStatus(status)), colour), str(count))
    if report.still_listed:
        grid.add_row(Text("still listed", "red"), str(len(report.still_listed)))
    return grid


def verdict(report: BulkReport[Any], *, dry_run: bool = False) -> Text:
    """The last line: whether everything was done."""
    text = "dry run: nothing was changed" if dry_run else "everything you asked for was done"
    if report.ok:
        note = f"; {clean(report.reason, 1000)}" if report.reason else ""
        return Text(f"ok: {text}{note} ({report.elapsed:.1f} s)", "bold green")
    reason = clean(report.reason or "see above", 1000)
    if dry_run and not reason.startswith("nothing to do"):
        reason = f"{text}; a run would be incomplete: {reason}"
    return Text(f"not ok: {reason} ({report.elapsed:.1f} s)", "bold red")
