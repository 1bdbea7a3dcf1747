"""What a bulk run would do, according to one listing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from attrs import frozen

from .. import MeetStreamClient, RejectedRow, ScheduledBot

Selects: TypeAlias = Callable[[ScheduledBot], bool]
"""Returns whether a bot is selected."""
OneOffBots = Literal["report", "skip", "delete"]


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
    selection: Selects | None = None
    whole_events: bool = False

    def selects(self, bot: ScheduledBot) -> bool:
        """Whether the bot matches the filter."""
        return self.selection is None or self.selection(bot)

    @property
    def bots(self) -> tuple[ScheduledBot, ...]:
        """The rows that match the filter."""
        return tuple(filter(self.selects, self.listed))

    @property
    def events(self) -> dict[str, list[ScheduledBot]]:
        """The bots of each event that a run would unschedule."""
        return self._split()[0]

    @property
    def shared(self) -> dict[str, list[ScheduledBot]]:
        """The bots of each event that only partly matches the filter, and is skipped for that reason."""
        return self._split()[1]

    @property
    def one_off(self) -> dict[str, ScheduledBot]:
        """The bots without an event."""
        return {bot.bot_id: bot for bot in self.bots if bot.event_id is None}

    @property
    def to_do(self) -> int:
        """Number of events, and of one-off bots if they are deleted, that a run would unschedule."""
        return len(self.events) + (len(self.one_off) if self.one_off_bots == "delete" else 0)

    @property
    def total(self) -> int | None:
        """Expected number of outcomes; None if the listing was full."""
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


async def make_preview(
    client: MeetStreamClient,
    key_source: str,
    one_off_bots: OneOffBots,
    selection: Selects | None = None,
    whole_events: bool = False,
) -> Preview:
    """List the account's bots and preview a run; sends no other request."""
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
