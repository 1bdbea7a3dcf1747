"""Results as tables: a listing, and the report of a bulk run."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from meetstream_async import (
    AuthenticationError,
    BulkReport,
    EventNotFoundError,
    MeetingCancellation,
    OutcomeStatus,
    PermissionDeniedError,
    ScheduledBot,
    UnscheduleOutcome,
)

from .output import clean, console
from .progress import wording

_COPYABLE = 40
"""Characters that an id can have and still be kept on one line of a narrow terminal."""
_BAD = (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN, OutcomeStatus.NOT_ATTEMPTED)


def local_time(bot: ScheduledBot) -> str:
    """When the bot joins, in local time."""
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
    """How far away that is, in its two largest units."""
    if bot.scheduled_join_time is None:
        return ""
    seconds = int((bot.scheduled_join_time - (now or datetime.now(UTC))).total_seconds())
    minutes = abs(seconds) // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    units = [f"{count} {unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if count]
    text = " ".join(units[:2]) or "1 min"
    return f"in {text}" if seconds >= 0 else f"{text} ago"


def bots_table(bots: Sequence[ScheduledBot]) -> Table:
    """One line a bot where there is room for that, else two."""
    wide = _table("JOINS (LOCAL)", "", "PLATFORM", "NAME", "EVENT", "BOT")
    for bot in bots:
        wide.add_row(*_cells(bot))
    target = console(sys.stdout)
    if target.measure(wide, options=target.options.update(width=10_000)).maximum <= target.width:
        return wide
    narrow = _table("JOINS (LOCAL)", "PLATFORM, NAME", "EVENT, BOT")
    for bot in bots:
        cells = _cells(bot)
        narrow.add_row(*(Text("\n").join(pair) for pair in zip(cells[::2], cells[1::2], strict=True)))
    return narrow


def _cells(bot: ScheduledBot) -> list[Text]:
    event = Text("one-off", "yellow") if bot.event_id is None else Text(clean(bot.event_id))
    return [
        Text(local_time(bot), "bold"),
        Text(away(bot), "cyan"),
        Text(clean(bot.platform or "unknown", 40)),
        Text(clean(bot.bot_username or "", 60)),
        event,
        Text(clean(bot.bot_id), "dim"),
    ]


def bot_to_dict(bot: ScheduledBot) -> dict[str, Any]:
    """Every field, as JSON values."""
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
        "custom_attributes": dict(bot.custom_attributes),
        "meeting_link": bot.meeting_link,
    }


def meetings_table(meetings: Sequence[MeetingCancellation]) -> Table:
    """What became of each meeting and of its bots."""
    table = _table("MEETING", "CALENDAR EVENT", "BOT", "")
    for meeting in meetings:
        title = meeting.event.event.title if meeting.event is not None else None
        bots = ", ".join(wording(outcome.status) for outcome in meeting.bots) or "none"
        table.add_row(
            Text(f"{meeting.calendar_id}/{meeting.event_id} {clean(title or '', 40)}"),
            Text("cancelled" if meeting.event is not None else "not cancelled"),
            Text(bots, "" if meeting.ok else "red"),
            Text(clean(meeting.reason or "")),
        )
    return table


def counts_table(report: BulkReport[Any]) -> Table:
    """How many ended in each status."""
    table = _table("STATUS", "COUNT")
    table.columns[1].justify = "right"
    for status, count in report.counts.items():
        if count:
            table.add_row(Text(wording(OutcomeStatus(status)), "red" if status in _BAD else ""), str(count))
    if report.still_listed:
        table.add_row(Text("still listed", "red"), str(len(report.still_listed)))
    return table


def attention_table(report: BulkReport[UnscheduleOutcome], *, one_off_bots: str) -> Table | None:
    """Each event that is not as it was asked for, why, and what to do next; None where there is none."""
    table = _table("EVENT OR BOT", "STATUS", "WHY, AND WHAT TO DO")
    # The words beside it may wrap; an id is for copying.
    table.columns[0].no_wrap = not _long_names(report)
    table.columns[1].no_wrap = True
    for outcome in _wanting(report, one_off_bots):
        names = [outcome.event_id] if outcome.event_id is not None else outcome.bot_ids
        why = Text(clean(outcome.reason or "no reason given"))
        why.append(f"\n{_advice(outcome)}", "cyan")
        table.add_row(
            Text("\n".join(map(clean, names))), Text(wording(outcome.status), _colour(outcome.status)), why
        )
    for bot in report.still_listed:
        why = Text("its event was unscheduled, and the last listing still shows it")
        why.append("\nlist again in a minute; if it is still there, run this again", "cyan")
        table.add_row(
            Text("\n".join(map(clean, filter(None, (bot.event_id, bot.bot_id))))),
            Text("still listed", "red"),
            why,
        )
    return table if table.row_count else None


def _long_names(report: BulkReport[UnscheduleOutcome]) -> bool:
    names = [name for one in report.outcomes for name in (one.event_id, *one.bot_ids) if name is not None]
    return max(map(len, names), default=0) > _COPYABLE


def verdict(report: BulkReport[Any], *, dry_run: bool = False) -> Text:
    """The last line."""
    text = "dry run: nothing was changed" if dry_run else "all that was asked for holds"
    if report.ok:
        return Text(f"ok: {text} ({report.elapsed:.1f} s)", "bold green")
    reason = clean(report.reason or "see above", 1000)
    if dry_run:
        reason = f"{text}; a run would stay short: {reason}"
    return Text(f"not ok: {reason} ({report.elapsed:.1f} s)", "bold red")


def _wanting(report: BulkReport[UnscheduleOutcome], one_off_bots: str) -> Iterable[UnscheduleOutcome]:
    for outcome in report.outcomes:
        on_request = outcome.event_id is None and one_off_bots == "skip"
        if outcome.status in _BAD or (outcome.status is OutcomeStatus.SKIPPED and not on_request):
            yield outcome


def _advice(outcome: UnscheduleOutcome) -> str:
    if outcome.status is OutcomeStatus.NOT_ATTEMPTED:
        return "nothing was sent for it; run this again"
    if outcome.status is OutcomeStatus.SKIPPED:
        if outcome.event_id is None:
            return "it will join; --one-off-bots delete takes it off, skip accepts it"
        return "it will join; run this again"
    if isinstance(outcome.error, AuthenticationError | PermissionDeniedError):
        return "use the key of the account that the bot belongs to"
    if isinstance(outcome.error, EventNotFoundError):
        return "the API doesn't know that id; --one-off-bots delete deletes its bots by their own ids"
    if outcome.status is OutcomeStatus.UNKNOWN and "joined" in (outcome.reason or ""):
        return "look into the meeting: the bot may be there"
    return "run this again, and look at the listing"


def _colour(status: OutcomeStatus) -> str:
    return "red" if status in _BAD else "yellow"


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        # Folded, not cut: half an id is no id.
        table.add_column(title, overflow="fold")
    return table
