"""What an account has come to: its outcomes, and whether and why they are not all. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import attrs

from ..meetstream.models import ScheduledBot
from ._account_checks import CheckedAccount
from ._choices import KEPT, left_alone, sort_out
from ._event_states import CONFIRMED
from ._summary import Gaps, bots_not_judged, report_of, unreadable_rows
from ._verification import Tracked
from .options import UnscheduleOptions
from .report import NOT_LOOKED_UP, BulkReport, UnscheduleOutcome
from .statuses import OutcomeStatus

MOST_LISTINGS: Final = 20_000
"""Listings of one run: about a million events. Beyond it a server is inventing them."""

STATUSES: Final = (
    OutcomeStatus.UNSCHEDULED,
    OutcomeStatus.ALREADY_UNSCHEDULED,
    OutcomeStatus.WOULD_UNSCHEDULE,
    OutcomeStatus.FAILED,
    OutcomeStatus.UNKNOWN,
    OutcomeStatus.SKIPPED,
    OutcomeStatus.NOT_ATTEMPTED,
)

SETTLED: Final = (
    OutcomeStatus.UNSCHEDULED,
    OutcomeStatus.ALREADY_UNSCHEDULED,
    OutcomeStatus.WOULD_UNSCHEDULE,
)
"""Nothing is left to do."""


class ReportedAccount(CheckedAccount):
    """An account, and what there is to report of it."""

    @property
    def is_over(self) -> bool:
        """Nothing is to be sent, in flight, or to be looked at."""
        raise NotImplementedError

    def outcomes(self) -> tuple[UnscheduleOutcome, ...]:
        """One for each event, and each bot without one, that was dealt with; in the order they came."""
        outcomes = ((item, self.outcome_of(item)) for item in self._items.values())
        return _each_bot_once(
            outcome
            for item, outcome in outcomes
            # What an earlier run did, and has reported, is not this one's.
            if outcome is not None and not (item.claimed and outcome.status is OutcomeStatus.UNSCHEDULED)
        )

    def outcome_of(self, item: Tracked) -> UnscheduleOutcome | None:
        """What an item has come to so far."""
        if item.unsent is not None:
            # A bot of it may have come to light since.
            return attrs.evolve(item.unsent, bot_ids=item.bot_ids)
        if not item.was_asked:
            return None
        return self._verification.final(item) if self._verified else self._verification.unverified(item)

    @property
    def still_listed(self) -> tuple[ScheduledBot, ...]:
        """Bots that the last listing shows although they should be gone, or that it may hide, being full."""
        cut_off = self._stopped is not None or self._listing_failure is not None
        if not (self._verified or cut_off):
            return ()
        return tuple(self._bots.bots[bot_id].bot for bot_id in self._remaining)

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Why the account was not seen as a whole."""
        reasons = []
        if self._listing_failure is not None:
            reasons.append(self._listing_failure)
        if self._page is not None and not self._only_given:
            rows, truncated, rejected = self._page
            if truncated and (self._events != CONFIRMED or self._bots.index_is_empty):
                reasons.append(f"the last listing was full ({rows} rows); there may be more bots behind it")
            elif truncated and self._options.one_off_bots != "skip":
                reasons.append(
                    f"the last listing was full ({rows} rows); "
                    "bots that belong to no calendar event may be behind it"
                )
            if truncated and (count := self._bots.undecided_bots):
                bots = "1 bot behind it is" if count == 1 else f"{count} bots behind it are"
                reasons.append(f"{bots} known by calendar events alone, which the filter can't judge")
            if rejected:
                reasons.append(unreadable_rows(rejected, "the last listing"))
        if self._listings >= MOST_LISTINGS:
            reasons.append(f"{MOST_LISTINGS} listings still showed new bots")
        return tuple(reasons)

    @property
    def left(self) -> tuple[str, ...]:
        """What was left alone although it was asked for."""
        left = left_alone(self._reasons, self._options)
        if unjudged := len(self._bots.unjudged):
            left += (bots_not_judged(unjudged),)
        return left

    @property
    def note(self) -> str | None:
        """What there is to know although nothing is missing."""
        if (
            self._options.dry_run
            and self._page is None
            and not all(item.bots for item in self._items.values())
        ):
            return NOT_LOOKED_UP
        items = [item for item in self._items.values() if item.skipped is None]
        if not self._bots.bots or items:
            return None
        if self._reasons[KEPT] and not self._options.dry_run:
            return f"nothing to do: all {self._reasons[KEPT]} events join before from_date"
        return self._bots.note() if self._options.where is not None and not self._items else None

    @property
    def ways(self) -> str | None:
        """How many were cancelled by their bots' own ids for want of a better way, and why."""
        if self._events_problem is None or self._options.cancel_by == "bot":
            return None
        sent = [item for item in self._items.values() if item.sent is not None]
        by_bot = sum(item.sent == "bot" and not self._is_one_off(item) for item in sent)
        if not by_bot:
            return None
        how_many = "all" if by_bot == len(sent) else f"{by_bot} of {len(sent)}"
        return f"{how_many} went by their bots' own ids: {self._events_problem}"

    def _is_one_off(self, item: Tracked) -> bool:
        return item.event_id is None and all(bot.is_one_off for bot in item.bots.values())

    def report(self, elapsed: float = 0.0) -> BulkReport[UnscheduleOutcome]:
        """The report as of now. ``elapsed``: seconds that the run took."""
        outcomes = self.outcomes()
        counts = Counter(outcome.status for outcome in outcomes)
        return report_of(
            {status.value: counts[status] for status in STATUSES},
            outcomes,
            self.gaps,
            exhausted=self._stopped is None and self.is_over,
            stop_reason=self._stopped,
            elapsed=elapsed,
        )

    @property
    def gaps(self) -> Gaps:
        """What is missing beyond the counts."""
        return Gaps(self.incomplete, self.left, self.still_listed, self.note, self.ways)

    @property
    def options(self) -> UnscheduleOptions:
        """What it was made for."""
        return self._options

    @property
    def only_given(self) -> bool:
        """Only targets that were given are work."""
        return self._only_given

    @property
    def settle(self) -> float:
        """Seconds that rows which should be gone are waited for."""
        return self._settle

    def settled(self) -> Iterator[UnscheduleOutcome]:
        """Outcomes that came to stand since ``changes`` was last asked: no listing is waited for.

        All that is done, or would be; what was not done may yet be tried, or turn out to be gone.
        """
        for key, item in self._changed.items():
            if item.waiting or item.in_flight or key in self._open:
                continue
            outcome = self.outcome_of(item)
            if outcome is not None and outcome.status in SETTLED:
                yield outcome

    def forecast(self) -> tuple[UnscheduleOutcome, ...]:
        """What would become of all that waits, if it were begun now: ``would_unschedule`` or skipped."""
        found = []
        for item in self._backlog:
            sort_out(item, self._options)
            reason = self._choose(item)
            status = OutcomeStatus.WOULD_UNSCHEDULE if reason is None else OutcomeStatus.SKIPPED
            found.append(item.left(status, reason))
        return tuple(found)

    def __len__(self) -> int:
        """Events that there is something to tell of, and bots without one."""
        return len(self._items)


def _each_bot_once(found: Iterable[UnscheduleOutcome]) -> tuple[UnscheduleOutcome, ...]:
    """A bot of several events is named with the first of them that anything was sent for."""
    outcomes = tuple(found)
    named = set(chain.from_iterable(outcome.bot_ids for outcome in outcomes))
    if len(named) == sum(len(outcome.bot_ids) for outcome in outcomes):
        return outcomes
    owners: dict[str, UnscheduleOutcome] = {}
    for outcome in sorted(outcomes, key=lambda one: one.method is None):
        for bot_id in outcome.bot_ids:
            owners.setdefault(bot_id, outcome)
    return tuple(
        attrs.evolve(
            outcome, bot_ids=tuple(bot_id for bot_id in outcome.bot_ids if owners[bot_id] is outcome)
        )
        for outcome in outcomes
    )
