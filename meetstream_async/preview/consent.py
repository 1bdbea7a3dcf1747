"""Consent: the words to type before a run, and the guarantee that the run does what was previewed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from .. import (
    BulkOptions,
    BulkReport,
    MeetStreamClient,
    OutcomeStatus,
    ScheduledBot,
    UnscheduleOptions,
    UnscheduleOutcome,
    unschedule_all,
)
from ._report_edit import SHARED, extended, ids_of, left_alone
from .preview import Preview
from .report_lines import first_join, target_line


def words_for(preview: Preview) -> str | None:
    """The words that confirm a listing: its number of targets, or `all` if the listing was full."""
    if preview.truncated:
        return "unschedule all"
    return f"unschedule {preview.to_do}" if preview.to_do else None


class Consent:
    """Limits a run to what its preview showed: the run's ``where``, and the check that nothing was missed.

    It admits events, not rows: an event whose bot was replaced since the preview is still the event that was
    agreed to, and must not silently drop out of the run. With a truncated listing, the consent covers
    everything.
    """

    def __init__(self, preview: Preview) -> None:
        self.preview = preview
        self._events = preview.events
        self._shared = preview.shared
        self._one_off = preview.one_off
        self._newcomers: set[str] = set()
        self._seen: set[str] = set()
        self._joins = {bot.bot_id: bot.scheduled_join_time for bot in preview.listed}

    @property
    def newcomers(self) -> int:
        """Number of bots that were scheduled since the preview; they are left alone."""
        return len(self._newcomers)

    def admits(self, bot: ScheduledBot) -> bool:
        """Whether the run may touch this bot."""
        key = bot.bot_id if bot.event_id is None else bot.event_id
        self._seen.add(key)
        self._joins[bot.bot_id] = bot.scheduled_join_time
        selected = self.preview.selects(bot)
        if self.preview.truncated or key in (self._one_off if bot.event_id is None else self._events):
            return selected
        if selected and (bot.event_id is None or key not in self._shared):
            self._newcomers.add(bot.bot_id)
        return False

    @property
    def total(self) -> int | None:
        """Expected number of outcomes; None if the listing was full."""
        return self.preview.total

    @property
    def listing(self) -> str:
        """Whether the listing was complete ("whole") or not ("full"), for the first line of a report."""
        return "full" if self.preview.truncated else "whole"

    def targets(self) -> list[dict[str, Any]]:
        """The agreed targets, for the first line of a report."""
        lines = [target_line(event_id, ids_of(bots), self._joins) for event_id, bots in self._events.items()]
        if self.preview.one_off_bots == "delete":
            lines += [target_line(None, [bot_id], self._joins) for bot_id in self._one_off]
        return lines

    def describe(self, outcome: UnscheduleOutcome) -> dict[str, Any]:
        """An outcome as a line of a report, with the time its first bot joins."""
        return {**outcome.to_dict(), "joins": first_join(outcome.bot_ids, self._joins)}

    async def carry_out(
        self,
        client: MeetStreamClient,
        bulk: BulkOptions[UnscheduleOutcome],
        *,
        dry_run: bool = False,
        cancel_all_occurrences: bool | None = None,
        from_date: datetime | None = None,
    ) -> BulkReport[UnscheduleOutcome]:
        """Carry out the agreed run. Errors are those of ``unschedule_all``."""
        preview = self.preview
        options = UnscheduleOptions(
            where=self.admits,
            one_off_bots=preview.one_off_bots,
            # Without a filter of the operator's own, no event can match only partly.
            whole_events=preview.whole_events or preview.selection is None,
            dry_run=dry_run,
            cancel_all_occurrences=cancel_all_occurrences,
            from_date=from_date,
        )
        report = await unschedule_all(client, **options.keywords(), **bulk.keywords())
        return self._complete(report)

    def _complete(self, report: BulkReport[UnscheduleOutcome]) -> BulkReport[UnscheduleOutcome]:
        """The report with an outcome added for every previewed target that the run did not process.

        A bot may join its meeting while the prompt waits; the report must mention it.
        """
        if self.preview.truncated:
            return report
        heard = {outcome.event_id or outcome.bot_ids[0] for outcome in report.outcomes}
        missing: list[tuple[str | None, list[ScheduledBot]]] = [
            (event_id, bots) for event_id, bots in self._events.items() if event_id not in heard
        ]
        missing += [(None, [bot]) for bot_id, bot in self._one_off.items() if bot_id not in heard]
        added = [
            _changed(event_id, bots)
            if (event_id or bots[0].bot_id) in self._seen
            else _vanished(event_id, bots, report.complete)
            for event_id, bots in missing
        ]
        shared = [left_alone(event_id, bots) for event_id, bots in self._shared.items()]
        counts = Counter(outcome.status for outcome in added)
        reasons = [
            (counts[OutcomeStatus.UNKNOWN], "left the listing before the run, perhaps to join"),
            (counts[OutcomeStatus.SKIPPED], "changed since the preview and left alone"),
            (len(shared), SHARED),
        ]
        return extended(report, (*added, *shared), [f"{count} {text}" for count, text in reasons if count])


def _changed(event_id: str | None, bots: Sequence[ScheduledBot]) -> UnscheduleOutcome:
    reason = "changed since the preview: it lies outside the filter now"
    return UnscheduleOutcome(event_id, ids_of(bots), OutcomeStatus.SKIPPED, reason)


def _vanished(event_id: str | None, bots: Sequence[ScheduledBot], whole: bool) -> UnscheduleOutcome:
    now = datetime.now(UTC)
    ahead = all(bot.scheduled_join_time is not None and bot.scheduled_join_time > now for bot in bots)
    return UnscheduleOutcome(
        event_id,
        ids_of(bots),
        OutcomeStatus.ALREADY_UNSCHEDULED if whole and ahead else OutcomeStatus.UNKNOWN,
        "no longer listed when the run began" + ("" if whole and ahead else "; may have joined"),
    )
