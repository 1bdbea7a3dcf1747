"""Consent: the words to type before a run, and the bond between what was shown and what is done."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import attrs

from meetstream_async import BulkReport, OutcomeStatus, ScheduledBot, UnscheduleOutcome

from .output import say
from .preview import Preview
from .run import Refused


def ask(words: str | None, undone: str = "nothing was unscheduled") -> None:
    """Have the human type what is going to happen. Raises Refused for anything else.

    ``words`` is None where there is nothing to do, and so nothing to ask.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(f"nobody can be asked without a terminal: add --yes to go on; {undone}")
    if words is None:
        return
    say("")
    say("Type ", (words, "bold"), " to go on, anything else to leave:")
    # Not input(), which writes to stdout, where only results go.
    if sys.stdin.readline().strip() != words:
        raise Refused(f"not confirmed; {undone}")


def words_for(preview: Preview) -> str | None:
    """What has to be typed for a listing: its number, or `all` where it was full."""
    if preview.truncated:
        return "unschedule all"
    return f"unschedule {preview.to_do}" if preview.to_do else None


def check_most(count: int, most: int | None, *, unbounded: str | None = None) -> None:
    """Heed ``--max``. Raises Refused where more would be cancelled, or where nobody knows how many."""
    if most is None:
        return
    if count > most:
        least = "at least " if unbounded else ""
        raise Refused(f"{least}{count} would be cancelled, more than --max {most}; nothing was sent")
    if unbounded:
        raise Refused(f"--max {most} can't be kept: {unbounded}; nothing was sent")


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

    def joins(self, bot_ids: Iterable[str]) -> datetime | None:
        """When the first of these bots joins, as far as it was listed."""
        times = [self._joins.get(bot_id) for bot_id in bot_ids]
        return min((time for time in times if time is not None), default=None)

    def complete(self, report: BulkReport[UnscheduleOutcome]) -> BulkReport[UnscheduleOutcome]:
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
        shared = [_left(event_id, bots) for event_id, bots in self._shared.items()]
        counts = Counter(outcome.status for outcome in added)
        reasons = [
            (counts[OutcomeStatus.UNKNOWN], "left the listing before the run, perhaps to join"),
            (counts[OutcomeStatus.SKIPPED], "changed since the preview and left alone"),
            (len(shared), "shared with bots outside the filter and left alone"),
        ]
        return _extended(report, (*added, *shared), [f"{count} {text}" for count, text in reasons if count])


def _extended(
    report: BulkReport[UnscheduleOutcome], more: Sequence[UnscheduleOutcome], reasons: list[str]
) -> BulkReport[UnscheduleOutcome]:
    if not more:
        return report
    counts = Counter(report.counts) + Counter(outcome.status for outcome in more)
    return attrs.evolve(
        report,
        counts={status: counts[status] for status in report.counts},
        outcomes=(*report.outcomes, *more),
        ok=report.ok and not reasons,
        reason="; ".join([report.reason, *reasons] if report.reason else reasons) or None,
    )


def _changed(event_id: str | None, bots: Sequence[ScheduledBot]) -> UnscheduleOutcome:
    reason = "changed since the preview: it lies outside the filter now"
    return UnscheduleOutcome(event_id, _ids(bots), OutcomeStatus.SKIPPED, reason)


def _left(event_id: str, bots: Sequence[ScheduledBot]) -> UnscheduleOutcome:
    reason = "shared: a bot of the event lies outside the filter"
    return UnscheduleOutcome(event_id, _ids(bots), OutcomeStatus.SKIPPED, reason)


def _vanished(event_id: str | None, bots: Sequence[ScheduledBot], whole: bool) -> UnscheduleOutcome:
    now = datetime.now(UTC)
    ahead = all(bot.scheduled_join_time is not None and bot.scheduled_join_time > now for bot in bots)
    return UnscheduleOutcome(
        event_id,
        _ids(bots),
        OutcomeStatus.ALREADY_UNSCHEDULED if whole and ahead else OutcomeStatus.UNKNOWN,
        "not listed any more when the run began" + ("" if whole and ahead else "; may have joined"),
    )


def _ids(bots: Sequence[ScheduledBot]) -> tuple[str, ...]:
    return tuple(bot.bot_id for bot in bots)
