"""Events and bots named by the caller or left over by an earlier run: targets of a run without a listing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs

from .. import (
    AccountState,
    BulkOptions,
    BulkReport,
    MeetStreamClient,
    ScheduledBot,
    ScheduledBotPage,
    UnscheduleOptions,
    UnscheduleOutcome,
    run_account,
)
from .leftovers import Leftovers
from .preview import bots_of_events, bots_without_event
from .report_lines import described, target_lines


class NamedEvents:
    """The targets of a run without a listing, for its preview, its execution and its report.

    options: those of the run; the bots that ``where`` leaves out are not touched.
    leftovers: the leftovers of an earlier run that the targets come from.
    page: the listing that the targets were picked from.
    """

    def __init__(
        self,
        targets: Sequence[ScheduledBot | str],
        options: UnscheduleOptions,
        leftovers: Leftovers | None = None,
        page: ScheduledBotPage | None = None,
    ) -> None:
        self._targets = list(targets)
        self._options = options
        self.page = page
        """The listing that the targets were picked from."""
        self.leftovers = leftovers
        bots = [*(page.bots if page is not None else ()), *targets]
        self.known: dict[str, ScheduledBot] = {
            bot.bot_id: bot for bot in bots if isinstance(bot, ScheduledBot)
        }
        """The bots that are known, by their ids."""
        by_id = self.known
        # Without a listing, nobody can tell yet which other bots an event has.
        forecast = self._state(options if page is not None else attrs.evolve(options, where=None)).forecast()
        shared = leftovers.shared if leftovers is not None and not options.whole_events else frozenset()
        events = bots_of_events(forecast, by_id)
        self.events: dict[str, list[ScheduledBot]] = {
            event_id: bots for event_id, bots in events.items() if event_id not in shared
        }
        """The bots of each event that a run unschedules."""
        self.shared: list[str] = [event_id for event_id in events if event_id in shared]
        """The events that the earlier run left alone for bots outside its filter, and this one does, too."""
        self.deleted: list[ScheduledBot] = list(bots_without_event(forecast, by_id).values())
        """The bots without an event that a run deletes."""
        self.one_off: list[ScheduledBot] = [
            by_id[bot_id] for one in forecast if one.event_id is None for bot_id in one.bot_ids
        ]
        self.total: int = len(forecast)
        """Expected number of outcomes."""

    @property
    def to_do(self) -> int:
        return len(self.events) + len(self.deleted)

    @property
    def listing(self) -> str | None:
        """For the first line of a report: "full" if the earlier run did not see the whole account."""
        return "full" if self.leftovers is not None and self.leftovers.unseen else None

    @property
    def why_incomplete(self) -> str | None:
        """What the report of the earlier run leaves open, and what to do about it."""
        if self.leftovers is None:
            return None
        if self.leftovers.unseen:
            return "the run of that report did not see the whole account: run unschedule-all as well"
        if count := self.leftovers.perhaps_back:
            bots = "1 more bot" if count == 1 else f"{count} more bots"
            return f"{bots} may be back, by the report of that undo: `undo --retry-from` finds out"
        return None

    def targets(self) -> list[dict[str, Any]]:
        """The agreed targets, for the first line of a report."""
        return target_lines(self.events, (bot.bot_id for bot in self.deleted), self.known)

    def describe(self, outcome: UnscheduleOutcome) -> dict[str, Any]:
        """An outcome as a line of a report, with the time its first bot joins."""
        return described(outcome, self.known)

    async def carry_out(
        self,
        client: MeetStreamClient,
        bulk: BulkOptions[UnscheduleOutcome],
        *,
        note: Callable[[str], object] = lambda _: None,
        dry_run: bool = False,
        settle: float = 15.0,
    ) -> BulkReport[UnscheduleOutcome]:
        """Carry out the agreed run, then verify that the bots are gone.

        Errors are those of ``run_account``. ``note`` is called with a message when verification has to wait,
        for ``settle`` seconds at most.
        """
        state = self._state(attrs.evolve(self._options, dry_run=dry_run), settle)
        if self.leftovers is not None and not dry_run:
            state.take_claims(self.leftovers.unverified)

        def wait(remaining: int) -> None:
            note(f"{remaining} still listed; checking again for up to {settle:.0f} s")

        report = await run_account(client, state, on_still_listed=wait, **bulk.keywords())
        if self.leftovers is None:
            return report
        if (reason := self.why_incomplete) is not None:
            reasons = [report.reason, reason] if report.reason else [reason]
            return attrs.evolve(report, ok=False, complete=False, reason="; ".join(reasons))
        why = self.leftovers.why_not_ok
        if why is None or self._targets or self.leftovers.unverified or self.leftovers.pairs:
            return report
        return attrs.evolve(report, ok=False, reason=f"that run left nothing that can be retried: {why}")

    def _state(self, options: UnscheduleOptions, settle: float = 15.0) -> AccountState:
        state = AccountState(options, settle=settle, only_given=True)
        state.take_targets(self._targets)
        if self.page is not None:
            state.take_listing(self.page, now=0.0)
        return state
