"""Consent: the words to type before a run, and the bond between what was shown and what is done."""

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
    """What has to be typed for a listing: its number, or `all` where it was full."""
    if preview.truncated:
        return "unschedule all"
    return f"unschedule {preview.to_do}" if preview.to_do else None


class Consent:
    """What was shown is what is cancelled: the ``where`` of a run, and its completeness.

    It admits events, not rows: an event whose bot was replaced since the preview is the event that was
    agreed to, and must not drop out of the run unseen. With a truncated listing the consent is to all.
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
        """How many bots were scheduled since the preview and are left alone."""
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
        """How many outcomes there will be, where the listing tells."""
        return self.preview.total

    @property
    def listing(self) -> str:
        """Whether the listing was whole, for the first line of a report."""
        return "full" if self.preview.truncated else "whole"

    def targets(self) -> list[dict[str, Any]]:
        """What is agreed to, for the first line of a report."""
        lines = [target_line(event_id, ids_of(bots), self._joins) for event_id, bots in self._events.items()]
        if self.preview.one_off_bots == "delete":
            lines += [target_line(None, [bot_id], self._joins) for bot_id in self._one_off]
        return lines

    def describe(self, outcome: UnscheduleOutcome) -> dict[str, Any]:
        """An outcome for its line of a report: with the time when its first bot joins."""
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
        """Do what was agreed to. Raises what ``unschedule_all`` does."""
        preview = self.preview
        options = UnscheduleOptions(
            where=self.admits,
            one_off_bots=preview.one_off_bots,
            # Without a filter of the operator's own, no event is shared with anything.
            whole_events=preview.whole_events or preview.selection is None,
            dry_run=dry_run,
            cancel_all_occurrences=cancel_all_occurrences,
            from_date=from_date,
        )
        report = await unschedule_all(client, **options.keywords(), **bulk.keywords())
        return self._complete(report)

    def _complete(self, report: BulkReport[UnscheduleOutcome]) -> BulkReport[UnscheduleOutcome]:
        """The report with an outcome for all that was shown and that the run did not take up.

        Whoever waits at the prompt may find a bot in its meeting: no run may pass over that in silence.
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
        "not listed any more when the run began" + ("" if whole and ahead else "; may have joined"),
    )
