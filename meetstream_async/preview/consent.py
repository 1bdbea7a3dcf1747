"""Consent: the words to type before a run, and the guarantee that the run does what was previewed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from .. import (
    AccountState,
    BulkOptions,
    BulkReport,
    MeetStreamClient,
    ScheduledBot,
    UnscheduleOutcome,
    run_account,
)
from .preview import Preview
from .report_lines import described, target_lines


def words_for(preview: Preview) -> str | None:
    """The words that confirm a listing: its number of targets, or `all` if the listing was full."""
    if preview.truncated:
        return "unschedule all"
    return f"unschedule {preview.to_do}" if preview.to_do else None


class Consent:
    """Limits a run to what its preview showed: the run's ``where``, and the listing that the run begins with.

    It admits events, not rows: an event whose bot was replaced since the preview is still the event that was
    agreed to, and must not silently drop out of the run. With a truncated listing, the consent covers
    everything, but never more than ``most`` events and bots without one, if that is given.
    """

    def __init__(
        self,
        preview: Preview,
        most: int | None = None,
        on_admitted: Callable[[ScheduledBot], bool] = lambda _: True,
    ) -> None:
        """``on_admitted`` is called with each bot that the run may touch, before it does; one for which it
        returns False is left alone."""
        self.preview = preview
        self.on_admitted = on_admitted
        self._most = most
        self._taken: set[str] = set()
        self._beyond = False
        self._events = {one.event_id for one in preview.forecast if one.event_id is not None}
        self._bots = {bot_id for one in preview.forecast for bot_id in one.bot_ids}
        self._newcomers: set[str] = set()
        self._unkept: set[str] = set()
        self.known: dict[str, ScheduledBot] = {bot.bot_id: bot for bot in preview.listed}
        """Every bot that the preview or the run has seen, by its id."""

    @property
    def newcomers(self) -> int:
        """Number of bots that were scheduled since the preview; they are left alone."""
        return len(self._newcomers)

    def judge(self, bot: ScheduledBot) -> bool | None:
        """As ``BotFilter.judge``, for a bot that only the calendars' events show."""
        return self.preview.judges(bot)

    def __call__(self, bot: ScheduledBot) -> bool:
        if not self.admits(bot):
            if self._goes_along(bot):
                self.on_admitted(bot)
            return False
        if not self.on_admitted(bot):
            self._unkept.add(bot.bot_id)
            return False
        return True

    def admits(self, bot: ScheduledBot) -> bool:
        """Whether the run may touch this bot."""
        self.known[bot.bot_id] = bot
        if not self.preview.selects(bot):
            return False
        if self.preview.truncated:
            return self._has_room(bot)
        if bot.event_id in self._events or bot.bot_id in self._bots:
            return True
        self._newcomers.add(bot.bot_id)
        return False

    def _goes_along(self, bot: ScheduledBot) -> bool:
        """Whether a bot outside the filter, which a full listing had hidden, may go with its event."""
        whole = self.preview.whole_events and self.preview.truncated
        return whole and not bot.is_one_off and not self.preview.selects(bot)

    def _has_room(self, bot: ScheduledBot) -> bool:
        key = bot.bot_id if bot.event_id is None else bot.event_id
        if self._most is None or key in self._taken:
            return True
        if bot.is_one_off and self.preview.one_off_bots != "delete":
            return True
        if len(self._taken) >= self._most:
            self._beyond = True
            return False
        self._taken.add(key)
        return True

    @property
    def total(self) -> int | None:
        """Expected number of outcomes; None if the listing was full."""
        return self.preview.total

    @property
    def listing(self) -> str:
        """Whether the listing showed all there is ("whole") or not ("full"), for a report's first line."""
        unseen = self.preview.truncated or self.preview.rejected or self.preview.unjudged
        return "full" if unseen else "whole"

    def targets(self) -> list[dict[str, Any]]:
        """The agreed targets, for the first line of a report."""
        return target_lines(self.preview.events, self.preview.deleted, self.known)

    def describe(self, outcome: UnscheduleOutcome) -> dict[str, Any]:
        """An outcome as a line of a report, with the time its first bot joins."""
        return described(outcome, self.known)

    async def carry_out(
        self,
        client: MeetStreamClient,
        bulk: BulkOptions[UnscheduleOutcome],
        *,
        dry_run: bool = False,
        allow_empty: bool = True,
        settle: float = 15.0,
    ) -> BulkReport[UnscheduleOutcome]:
        """Carry out the agreed run. Errors are those of ``run_account``.

        Where the filter selects none of the listed bots, the report says so; with ``allow_empty`` it is ok.

        The run begins with what the preview has shown: a bot may join its meeting while the prompt waits, and
        the report must mention it. ``settle``: seconds to wait for bots that should be gone.
        """
        options = attrs.evolve(self.preview.options(self), dry_run=dry_run)
        state = AccountState(options, settle=settle)
        if not dry_run:
            state.take_listing(self.preview.agreed_page(), now=asyncio.get_running_loop().time())
            self.preview.tell_events(state)
        report = await run_account(client, state, **bulk.keywords())
        nothing = self.preview.why_none
        if nothing is not None and report.complete and not report.outcomes:
            report = attrs.evolve(report, ok=report.ok and allow_empty, reason=f"nothing to do: {nothing}")
        for reason in self._more_reasons():
            reasons = [report.reason, reason] if report.reason and not report.ok else [reason]
            report = attrs.evolve(report, ok=False, reason="; ".join(reasons))
        return report

    def _more_reasons(self) -> Iterator[str]:
        """What only the consent knows to be missing."""
        if self._beyond:
            yield f"stopped at {self._most}: there is more that the run would have taken"
        if self._unkept:
            bots = "1 bot" if len(self._unkept) == 1 else f"{len(self._unkept)} bots"
            yield f"left alone, since the snapshot for an undo can't be written: {bots}"
        if unjudged := self.preview.unjudged:
            rows = "1 row has" if unjudged == 1 else f"{unjudged} rows have"
            yield f"{rows} no join time that can be read, so the filter can't judge them"
