"""What a bulk run would do, shown before it; and the consent that binds the run to what was shown."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import attrs
from attrs import frozen
from rich.table import Table
from rich.text import Text

from meetstream_async import (
    BulkReport,
    MeetStreamClient,
    OutcomeStatus,
    RejectedRow,
    ScheduledBot,
    UnscheduleOutcome,
)

from .output import clean, say, show
from .render import away, local_time
from .run import Refused

OneOffBots = Literal["report", "skip", "delete"]

_SOONEST = 3
_PLATFORMS = 8


@frozen
class Preview:
    """One listing, and what a run would do with it."""

    base_url: str
    key_source: str
    bots: tuple[ScheduledBot, ...]
    """Soonest first."""
    truncated: bool
    rejected: tuple[RejectedRow, ...]
    one_off_bots: OneOffBots

    @property
    def events(self) -> dict[str, list[ScheduledBot]]:
        """The bots of each event."""
        events: dict[str, list[ScheduledBot]] = {}
        for bot in self.bots:
            if bot.event_id is not None:
                events.setdefault(bot.event_id, []).append(bot)
        return events

    @property
    def one_off(self) -> dict[str, ScheduledBot]:
        """The bots without an event."""
        return {bot.bot_id: bot for bot in self.bots if bot.event_id is None}

    @property
    def to_do(self) -> int:
        """How many events, and one-off bots where they are deleted, a run would take off."""
        return len(self.events) + (len(self.one_off) if self.one_off_bots == "delete" else 0)

    @property
    def total(self) -> int | None:
        """How many outcomes a run will have, where the listing tells."""
        return None if self.truncated else len(self.events) + len(self.one_off)


async def look(client: MeetStreamClient, key_source: str, one_off_bots: OneOffBots) -> Preview:
    """List the account; sends nothing else."""
    stream = client.iter_scheduled_bots()
    bots = tuple([bot async for bot in stream])
    return Preview(
        client.base_url, key_source, bots, bool(stream.truncated), tuple(stream.rejected), one_off_bots
    )


def show_preview(preview: Preview) -> None:
    """Say on stderr what is there and what a run would do."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")

    def row(title: str, *lines: str) -> None:
        grid.add_row(Text(title), Text("\n".join(lines)))

    row("account", f"{clean(preview.base_url)} (key from {preview.key_source})")
    events, one_off = preview.events, preview.one_off
    least = "at least " if preview.truncated else ""
    row("scheduled", f"{least}{_bots(len(preview.bots))}: {_events(len(events))}, {_one_off(len(one_off))}")
    if preview.truncated:
        row("", "the listing is full, so there may be more; the run lists again until it sees the end")
    if preview.bots:
        row("platforms", _platforms(preview.bots))
        row("soonest", *map(_line, preview.bots[:_SOONEST]))
    left = []
    if one_off and preview.one_off_bots != "delete":
        left.append(f"{_one_off(len(one_off))}: without an event, they will join (--one-off-bots)")
    left += [f"a row that can't be read: {clean(row.path)} {clean(row.reason)}" for row in preview.rejected]
    if left:
        row("left alone", *left)
    deleted = f" and delete {_one_off(len(one_off))}" if one_off and preview.one_off_bots == "delete" else ""
    if preview.to_do or preview.truncated:
        all_of = "all: " if preview.truncated else ""
        row("to do", f"unschedule {all_of}{least}{_events(len(events))}{deleted}")
    else:
        row("to do", "nothing")
    show(grid)


def ask(preview: Preview) -> None:
    """Have the human type what is going to happen. Raises Refused for anything else."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused("nobody can be asked without a terminal: add --yes to go on; nothing was unscheduled")
    if not preview.to_do and not preview.truncated:
        return
    words = "unschedule all" if preview.truncated else f"unschedule {preview.to_do}"
    say("")
    say("Type ", (words, "bold"), " to go on, anything else to leave:")
    # Not input(), which writes to stdout, where only results go.
    if sys.stdin.readline().strip() != words:
        raise Refused("not confirmed; nothing was unscheduled")


class Consent:
    """What was shown is what is cancelled: the ``where`` of a run, and its completeness.

    It admits events, not rows: an event whose bot was replaced since the preview is the event that was
    agreed to, and must not drop out of the run unseen. With a truncated listing the consent is to all.
    """

    def __init__(self, preview: Preview) -> None:
        self.preview = preview
        self._events = preview.events
        self._one_off = preview.one_off
        self._newcomers: set[str] = set()

    @property
    def newcomers(self) -> int:
        """How many bots were scheduled since the preview and are left alone."""
        return len(self._newcomers)

    def admits(self, bot: ScheduledBot) -> bool:
        """Whether the run may touch this bot."""
        if self.preview.truncated:
            return True
        shown = bot.bot_id in self._one_off if bot.event_id is None else bot.event_id in self._events
        if not shown:
            self._newcomers.add(bot.bot_id)
        return shown

    def complete(self, report: BulkReport[UnscheduleOutcome]) -> BulkReport[UnscheduleOutcome]:
        """The report with an outcome for what was shown and had left the listing when the run began.

        Whoever waits at the prompt may find a bot in its meeting: no run may pass over that in silence.
        """
        if self.preview.truncated:
            return report
        heard = {outcome.event_id or outcome.bot_ids[0] for outcome in report.outcomes}
        gone = [
            _vanished(event_id, bots, report.complete)
            for event_id, bots in self._events.items()
            if event_id not in heard
        ]
        gone += [
            _vanished(None, [bot], report.complete)
            for bot_id, bot in self._one_off.items()
            if bot_id not in heard
        ]
        if not gone:
            return report
        counts = Counter(report.counts) + Counter(outcome.status for outcome in gone)
        lost = sum(outcome.status is OutcomeStatus.UNKNOWN for outcome in gone)
        reasons = [report.reason] if report.reason else []
        if lost:
            reasons.append(f"{lost} left the listing before the run, perhaps to join")
        return attrs.evolve(
            report,
            counts={status: counts[status] for status in report.counts},
            outcomes=(*report.outcomes, *gone),
            ok=report.ok and not lost,
            reason="; ".join(reasons) or None,
        )


def _vanished(event_id: str | None, bots: Sequence[ScheduledBot], whole: bool) -> UnscheduleOutcome:
    now = datetime.now(UTC)
    ahead = all(bot.scheduled_join_time is not None and bot.scheduled_join_time > now for bot in bots)
    return UnscheduleOutcome(
        event_id,
        tuple(bot.bot_id for bot in bots),
        OutcomeStatus.ALREADY_UNSCHEDULED if whole and ahead else OutcomeStatus.UNKNOWN,
        "not listed any more when the run began" + ("" if whole and ahead else "; may have joined"),
    )


def _line(bot: ScheduledBot) -> str:
    words = (local_time(bot), away(bot), clean(bot.platform or "", 40), clean(bot.bot_username or "", 40))
    return "  ".join((*filter(None, words), clean(bot.event_id or "one-off")))


def _platforms(bots: Sequence[ScheduledBot]) -> str:
    counted = Counter(clean(bot.platform or "unknown", 40) for bot in bots).most_common()
    words = [f"{count} {name}" for name, count in counted[:_PLATFORMS]]
    if rest := sum(count for _, count in counted[_PLATFORMS:]):
        words.append(f"{rest} others")
    return ", ".join(words)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _bots(count: int) -> str:
    return _plural(count, "bot")


def _events(count: int) -> str:
    return _plural(count, "event")


def _one_off(count: int) -> str:
    return _plural(count, "one-off bot")
