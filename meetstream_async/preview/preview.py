"""What a bulk run would do, according to one listing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal, TypeAlias

import attrs
from attrs import field, frozen

from .. import (
    AccountState,
    MeetStreamClient,
    MeetStreamError,
    MeetStreamEvent,
    OutcomeStatus,
    RejectedRow,
    ScheduledBot,
    ScheduledBotPage,
    SkipReason,
    UnscheduleOptions,
    UnscheduleOutcome,
)
from .selection import Selection

_MOST_SECONDS = 20.0
"""Seconds that reading the events may take."""

Selects: TypeAlias = Callable[[ScheduledBot], bool]
"""Returns whether a bot is selected."""
OneOffBots = Literal["report", "skip", "delete"]
CancelBy = Literal["auto", "event", "bot"]


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
    cancel_by: CancelBy = "auto"
    cancel_all_occurrences: bool | None = None
    from_date: datetime | None = None
    index: tuple[MeetStreamEvent, ...] | None = field(default=None, repr=False)
    """All events of the calendars; None where they don't matter, or can't be read."""

    def selects(self, bot: ScheduledBot) -> bool:
        """Whether the bot matches the filter."""
        return self.selection is None or self.selection(bot)

    def judges(self, bot: ScheduledBot) -> bool | None:
        """Whether a bot that only the events show matches the filter; None where they don't tell."""
        judge = getattr(self.selection, "judge", None)
        if self.selection is None:
            return True
        return judge(bot) if callable(judge) else None

    def options(self, where: Selects | None) -> UnscheduleOptions:
        """The options of a run that selects bots with ``where``."""
        return UnscheduleOptions(
            where=where,
            one_off_bots=self.one_off_bots,
            # Without a filter of the operator's own, no event can match only partly.
            whole_events=self.whole_events or self.selection is None,
            cancel_by=self.cancel_by,
            cancel_all_occurrences=self.cancel_all_occurrences,
            from_date=self.from_date,
        )

    @property
    def why_none(self) -> str | None:
        """Why the filter selects none of the listed bots, in words; None where it selects some."""
        if not isinstance(self.selection, Selection) or self.bots or not self.listed:
            return None
        return self.selection.why_none(self.listed)

    @property
    def unjudged(self) -> int:
        """Number of rows without a join time that the filter would select but for its times."""
        if not isinstance(self.selection, Selection):
            return 0
        return sum(map(self.selection.cannot_judge, self.listed))

    @property
    def page(self) -> ScheduledBotPage:
        """The listing."""
        return ScheduledBotPage(self.listed, len(self.listed), self.truncated, self.rejected)

    @cached_property
    def forecast(self) -> tuple[UnscheduleOutcome, ...]:
        """What would become of each event and one-off bot that matches the filter."""
        return self._state.forecast()

    @property
    def hidden(self) -> tuple[ScheduledBot, ...]:
        """Bots that a run would unschedule and only the calendars' events show, behind a full listing."""
        listed = {bot.bot_id for bot in self.listed}
        agreed = {bot_id for one in self.forecast for bot_id in one.bot_ids}
        return tuple(self.by_id[bot_id] for bot_id in sorted(agreed - listed))

    @property
    def undecided(self) -> int:
        """Bots behind a full listing that the filter can't judge; a run leaves them alone."""
        return self._state.undecided

    @cached_property
    def _state(self) -> AccountState:
        state = AccountState(self.options(self.selection))
        state.take_listing(self.page, now=0.0)
        self.tell_events(state)
        return state

    def tell_events(self, state: AccountState) -> None:
        """Feed a state that knows the listing with the calendars' events, where they were read."""
        if self.index is not None and state.wants_events:
            state.expect_events()
            state.take_events(self.index, complete=True)

    @cached_property
    def by_id(self) -> dict[str, ScheduledBot]:
        """The rows by the ids of their bots, and bots that only the events show."""
        hidden = {bot.id: bot.as_row(event.id) for event in self.index or () for bot in event.bots}
        return {**hidden, **{bot.bot_id: bot for bot in self.listed}}

    @property
    def bots(self) -> tuple[ScheduledBot, ...]:
        """The rows that match the filter."""
        return tuple(filter(self.selects, self.listed))

    @property
    def events(self) -> dict[str, list[ScheduledBot]]:
        """The bots of each event that a run would unschedule."""
        return bots_of_events(self.forecast, self.by_id)

    @property
    def one_off(self) -> dict[str, ScheduledBot]:
        """The bots without an event."""
        return {
            bot_id: self.by_id[bot_id]
            for outcome in self.forecast
            if outcome.event_id is None
            for bot_id in outcome.bot_ids
        }

    @property
    def deleted(self) -> dict[str, ScheduledBot]:
        """The bots without an event that a run would delete."""
        return bots_without_event(self.forecast, self.by_id)

    @property
    def to_do(self) -> int:
        """Number of events, and of bots without one, that a run would unschedule."""
        return len(self.events) + len(self.deleted)

    @property
    def to_do_listed(self) -> int:
        """Of these, the ones that the listing shows."""
        hidden = {bot.bot_id for bot in self.hidden}
        would = (one for one in self.forecast if one.status is OutcomeStatus.WOULD_UNSCHEDULE)
        return sum(not hidden.issuperset(one.bot_ids) for one in would)

    @property
    def total(self) -> int | None:
        """Expected number of outcomes; None if the listing was full."""
        return None if self.truncated else len(self.forecast)

    @property
    def shared(self) -> list[str]:
        """The events that only partly match the filter, and are skipped for that reason."""
        return self.skipped(SkipReason.SHARED)

    def skipped(self, reason: SkipReason) -> list[str]:
        """The ids of the events, or of bots without one, that a run would skip for this reason."""
        return [
            outcome.event_id or outcome.bot_ids[0] for outcome in self.forecast if outcome.reason == reason
        ]

    def agreed_page(self) -> ScheduledBotPage:
        """The listing without the bots that a run leaves alone for having no event.

        Whether these are gone by the time of the run is not the run's business.
        """
        left = set(self.skipped(SkipReason.ONE_OFF))
        return attrs.evolve(self.page, bots=tuple(bot for bot in self.listed if bot.bot_id not in left))


async def make_preview(
    client: MeetStreamClient,
    key_source: str,
    one_off_bots: OneOffBots,
    selection: Selects | None = None,
    whole_events: bool = False,
    *,
    cancel_by: CancelBy = "auto",
    cancel_all_occurrences: bool | None = None,
    from_date: datetime | None = None,
    events: bool = True,
) -> Preview:
    """List the account's bots, and preview a run.

    The calendars' events are read as well where the run will: rows don't name their events by MeetStream's
    own ids, some name none, or the listing is full. ``events``: False where nothing but the rows is wanted.
    """
    stream = client.iter_scheduled_bots()
    bots = tuple([bot async for bot in stream])
    preview = Preview(
        client.base_url,
        key_source,
        bots,
        bool(stream.truncated),
        tuple(stream.rejected),
        one_off_bots,
        selection,
        whole_events,
        cancel_by,
        cancel_all_occurrences,
        from_date,
    )
    state = AccountState(preview.options(selection))
    state.take_listing(preview.page, now=0.0)
    if not (events and state.wants_events):
        return preview
    return attrs.evolve(preview, index=await _read_events(client, state))


async def _read_events(client: MeetStreamClient, state: AccountState) -> tuple[MeetStreamEvent, ...] | None:
    """All events; None where they can't be read. The run then says why."""
    time_min, time_max = state.events_window(datetime.now(UTC))
    stream = client.iter_calendar_events(time_min=time_min, time_max=time_max)
    try:
        async with asyncio.timeout(_MOST_SECONDS):
            events = tuple([event async for event in stream])
    except (MeetStreamError, TimeoutError):
        return None
    return events if stream.complete else None


def bots_of_events(
    forecast: tuple[UnscheduleOutcome, ...], bots: dict[str, ScheduledBot]
) -> dict[str, list[ScheduledBot]]:
    """The bots of each event that would be unscheduled."""
    return {
        outcome.event_id: [bots[bot_id] for bot_id in outcome.bot_ids]
        for outcome in forecast
        if outcome.event_id is not None and outcome.status is OutcomeStatus.WOULD_UNSCHEDULE
    }


def bots_without_event(
    forecast: tuple[UnscheduleOutcome, ...], bots: dict[str, ScheduledBot]
) -> dict[str, ScheduledBot]:
    """The bots without an event that would be deleted by their own ids."""
    return {
        bot_id: bots[bot_id]
        for outcome in forecast
        if outcome.event_id is None and outcome.status is OutcomeStatus.WOULD_UNSCHEDULE
        for bot_id in outcome.bot_ids
    }
