"""What a bulk run would do, shown before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from meetstream_async import MeetStreamClient, RejectedRow, ScheduledBot

from .output import clean, facts, plural, show
from .render import away, local_time
from .selection import Selection

OneOffBots = Literal["report", "skip", "delete"]

_SOONEST = 3
_PLATFORMS = 8


@frozen
class Preview:
    """One listing, and what a run would do with it."""

    base_url: str
    key_source: str
    listed: tuple[ScheduledBot, ...]
    """Every row, soonest first."""
    truncated: bool
    rejected: tuple[RejectedRow, ...]
    one_off_bots: OneOffBots
    selection: Selection | None = None
    whole_events: bool = False

    def selects(self, bot: ScheduledBot) -> bool:
        """Whether the bot lies inside the filter."""
        return self.selection is None or self.selection(bot)

    @property
    def bots(self) -> tuple[ScheduledBot, ...]:
        """The rows inside the filter."""
        return tuple(filter(self.selects, self.listed))

    @property
    def events(self) -> dict[str, list[ScheduledBot]]:
        """The bots of each event that a run takes off."""
        return self._split()[0]

    @property
    def shared(self) -> dict[str, list[ScheduledBot]]:
        """The bots of each event that has bots outside the filter, too, and is left alone for that."""
        return self._split()[1]

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

    def _split(self) -> tuple[dict[str, list[ScheduledBot]], dict[str, list[ScheduledBot]]]:
        inside = {bot.event_id for bot in self.bots if bot.event_id is not None}
        rows: dict[str, list[ScheduledBot]] = {}
        for bot in self.listed:
            if bot.event_id in inside and bot.event_id is not None:
                rows.setdefault(bot.event_id, []).append(bot)
        shared = {
            event_id: bots
            for event_id, bots in rows.items()
            if not self.whole_events and not all(map(self.selects, bots))
        }
        return {event_id: bots for event_id, bots in rows.items() if event_id not in shared}, shared


async def look(
    client: MeetStreamClient,
    key_source: str,
    one_off_bots: OneOffBots,
    selection: Selection | None = None,
    whole_events: bool = False,
) -> Preview:
    """List the account; sends nothing else."""
    stream = client.iter_scheduled_bots()
    bots = tuple([bot async for bot in stream])
    return Preview(
        client.base_url,
        key_source,
        bots,
        bool(stream.truncated),
        tuple(stream.rejected),
        one_off_bots,
        selection,
        whole_events,
    )


def show_preview(preview: Preview, series: str | None = None) -> None:
    """Say on stderr what is there and what a run would do; ``series`` is what it does to series."""
    bots, events, one_off = preview.bots, preview.events, preview.one_off
    every = len({bot.event_id for bot in preview.listed if bot.event_id is not None})
    alone = sum(bot.event_id is None for bot in preview.listed)
    least = "at least " if preview.truncated else ""
    scheduled = [f"{least}{_bots(len(preview.listed))}: {_events(every)}, {_one_off(alone)}"]
    if preview.truncated:
        scheduled.append("the listing is full, so there may be more; the run lists again until its end")
    filtered = []
    if preview.selection is not None:
        inside = _events(len(events) + len(preview.shared))
        also = f", {_one_off(len(one_off))}" if one_off else ""
        filtered = [*preview.selection.words(), f"selects {_bots(len(bots))} of these: {inside}{also}"]
    show(
        facts(
            ("account", [f"{clean(preview.base_url)} (key from {clean(preview.key_source)})"]),
            ("scheduled", scheduled),
            ("filter", filtered),
            ("platforms", [_platforms(bots)] if bots else []),
            ("soonest", [line(bot) for bot in bots[:_SOONEST]]),
            ("left alone", _left_alone(preview)),
            ("to do", [_to_do(preview, series)]),
        )
    )


def _left_alone(preview: Preview) -> list[str]:
    left = []
    if preview.one_off and preview.one_off_bots != "delete":
        left.append(f"{_one_off(len(preview.one_off))}: without an event, they will join (--one-off-bots)")
    if preview.shared:
        left.append(
            f"{_events(len(preview.shared))} with bots outside the filter, too (--whole-events takes them): "
            + ", ".join(clean(event_id, 60) for event_id in list(preview.shared)[:_SOONEST])
            + (", …" if len(preview.shared) > _SOONEST else "")
        )
    if outside := len(preview.listed) - len(preview.bots):
        left.append(f"{_bots(outside)} outside the filter")
    return left + [
        f"a row that can't be read: {clean(row.path)} {clean(row.reason)}" for row in preview.rejected
    ]


def _to_do(preview: Preview, series: str | None) -> str:
    if not preview.to_do and not preview.truncated:
        return "nothing"
    what = "all: at least " if preview.truncated else ""
    deleted = ""
    if preview.one_off and preview.one_off_bots == "delete":
        deleted = f" and delete {_one_off(len(preview.one_off))}"
    return f"unschedule {what}{_events(len(preview.events))}{series or ''}{deleted}"


def line(bot: ScheduledBot) -> str:
    """One bot on one line."""
    words = (local_time(bot), away(bot), clean(bot.platform or "", 40), clean(bot.bot_username or "", 40))
    return "  ".join((*filter(None, words), clean(bot.event_id or "one-off")))


def _platforms(bots: Sequence[ScheduledBot]) -> str:
    counted = Counter(clean(bot.platform or "unknown", 40) for bot in bots).most_common()
    words = [f"{count} {name}" for name, count in counted[:_PLATFORMS]]
    if rest := sum(count for _, count in counted[_PLATFORMS:]):
        words.append(f"{rest} others")
    return ", ".join(words)


def _bots(count: int) -> str:
    return plural(count, "bot")


def _events(count: int) -> str:
    return plural(count, "event")


def _one_off(count: int) -> str:
    return plural(count, "one-off bot")
