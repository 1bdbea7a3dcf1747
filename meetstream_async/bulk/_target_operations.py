"""The operations over given targets: their items, and what is remembered of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator
from typing import Any

from ..errors import ConfigurationError
from ..meetstream.client import MeetStreamClient, ScheduledBotStream
from ..meetstream.models import ScheduledBot, ScheduledBotPage
from ._choices import check_target, choose, sort_out
from ._items import EventItem, Target, Targets, key_of
from ._known_bots import KnownBots
from ._repeated_rows import one_each, repeated_in
from ._seen import Seen
from ._summary import Gaps, bots_not_judged, unreadable_rows
from ._targets import Source
from ._unscheduler import Unscheduler
from .options import UnscheduleOptions
from .report import NOT_LOOKED_UP, NOT_VERIFIED, UnscheduleOutcome
from .statuses import OutcomeStatus


class TargetOperation(Unscheduler[EventItem]):
    """The events of given targets."""

    _dedupe = True

    def __init__(self, client: MeetStreamClient, targets: Targets, options: UnscheduleOptions) -> None:
        super().__init__(client, options)
        self._listing = targets if isinstance(targets, ScheduledBotStream | ScheduledBotPage) else None
        self._bots = KnownBots(options)
        self._unverified = 0
        """Events that were not scheduled any more, by the API's word alone."""
        self._not_looked_up = False
        """A dry run was given an event of which it knows nothing but the id."""
        self._seen, self._seen_bots = Seen(), Seen()
        """Events of a stream, and its bots without one."""
        self._at_work: dict[str, EventItem] = {}
        """Events of a stream with known bots that have been handed out and have no outcome yet."""
        self._by_bot: dict[str, set[str]] = {}
        """Events whose bots were deleted by their own ids: which ones."""
        self._source: Source[EventItem] = Source(
            targets.bots if isinstance(targets, ScheduledBotPage) else targets,
            expected="bots or event ids",
            check=lambda target, name: check_target(target, options, name),
            known=self._known,
            single=self._single,
            # A later row may share an event with a row outside the filter.
            read_whole=self._listing is not None or options.where is not None,
        )

    def items(self) -> AsyncGenerator[EventItem, None]:
        return self._source.items()

    def remaining(self) -> Iterable[EventItem]:
        return self._source.remaining()

    def without_request(self, item: EventItem) -> UnscheduleOutcome | None:
        if item.bots and item.problem is None:
            sort_out(item, self._options)
            item.alone, item.series = True, bool(self._options.cancel_all_occurrences)
            bots = self._bots
            reason = choose(
                item,
                self._options,
                shared=item.event_id in bots.outside,
                safe=bots.is_safe(item.event_id),
            )
            if reason is not None:
                self._reasons[reason] += 1
                return item.left(OutcomeStatus.SKIPPED, reason)
        self._not_looked_up |= self._options.dry_run and not item.bots
        return super().without_request(item)

    def stop_reason_after(self, item: EventItem, outcome: UnscheduleOutcome) -> str | None:
        # Only the final outcome: a first attempt that got a 429 is followed by a second.
        if outcome.status is OutcomeStatus.ALREADY_UNSCHEDULED:
            self._unverified += 1
        if (
            self._at_work
            and item.event_id is not None
            and self._at_work.pop(item.event_id, None) is not None
            and item.fates
        ):
            self._by_bot[item.event_id] = set(item.bots)
        return super().stop_reason_after(item, outcome)

    def gaps(self) -> Gaps:
        incomplete = []
        if self._listing is not None:
            if self._listing.truncated:
                incomplete.append("the listing came back full, there may be more bots (use unschedule_all)")
            if self._listing.rejected:
                incomplete.append(unreadable_rows(len(self._listing.rejected), "the listing"))
        left, note = self.left(), self._bots.note()
        if unjudged := len(self._bots.unjudged):
            left += (bots_not_judged(unjudged),)
        if self._unverified:
            note = f"{self._unverified} {NOT_VERIFIED}"
        elif self._not_looked_up:
            note = NOT_LOOKED_UP
        return Gaps(incomplete=tuple(incomplete), left=left, note=note)

    def _known(self, targets: Collection[Any]) -> Iterator[EventItem]:
        """The events of targets that are available as a whole."""
        options = self._options
        if options.where is None and not self._dedupe:
            yield from map(_event_of, targets)
            return
        if not any(isinstance(target, ScheduledBot) for target in targets):
            yield from map(EventItem, dict.fromkeys(targets))
            return
        self._bots.listing_is_whole = self._listing is None or not (
            self._listing.truncated or self._listing.rejected
        )
        self._bots.repeated = repeated_in(target for target in targets if isinstance(target, ScheduledBot))
        items: dict[tuple[str, str], EventItem] = {}
        for target in one_each(tuple(targets)) if self._bots.repeated else targets:
            if isinstance(target, str):
                items.setdefault(("event", target), EventItem(target))
            elif options.where is None or self._bots.takes(target):
                item = items.setdefault(key_of(target), EventItem(target.event_id))
                item.bots[target.bot_id] = target
        if options.whole_events:
            # They are unscheduled with the event, and help to tell whether it is gone.
            for event_id, bots in self._bots.outside.items():
                if ("event", event_id) in items:
                    items["event", event_id].bots.update(
                        (bot_id, self._bots.bots[bot_id].bot) for bot_id in bots
                    )
        yield from items.values()

    def _single(self, target: Any, name: str) -> EventItem | None:
        """The event of one target of a stream; None if an event that was handed out covers it."""
        problem: ConfigurationError | None = None
        try:
            check_target(target, self._options, name)
        except ConfigurationError as error:
            if not isinstance(target, str):
                raise
            problem = error.with_traceback(None)
        event = _event_of(target)
        event.problem = problem
        if not self._dedupe:
            return event
        is_new = (
            self._seen_bots.add(target.bot_id) if event.event_id is None else self._seen.add(event.event_id)
        )
        if is_new:
            if event.bots and event.event_id and not self._options.dry_run and not problem:
                self._at_work[event.event_id] = event
            return event
        if event.event_id in self._at_work:
            self._at_work[event.event_id].bots.update(event.bots)
        elif event.event_id in self._by_bot and not event.bots.keys() <= self._by_bot[event.event_id]:
            # The event's other bots were deleted by their own ids; this one came too late for that.
            self._by_bot[event.event_id].update(event.bots)
            return EventItem(None, event.bots, request_id=event.event_id)
        return None


class ForgetfulOperation(TargetOperation):
    """Does not remember events, but still allows only one DELETE per event at a time."""

    _dedupe = False

    def __init__(self, client: MeetStreamClient, targets: Targets, options: UnscheduleOptions) -> None:
        super().__init__(client, targets, options)
        self._busy: dict[str, asyncio.Event] = {}

    async def attempt(self, item: EventItem) -> UnscheduleOutcome:
        if item.event_id is None:
            return await super().attempt(item)
        while (running := self._busy.get(item.event_id)) is not None:
            await running.wait()
        self._busy[item.event_id] = over = asyncio.Event()
        try:
            return await super().attempt(item)
        finally:
            del self._busy[item.event_id]
            over.set()


class EmptyingOperation(TargetOperation):
    """No listing is asked afterwards, so the API's own word has to say that an event is empty."""

    def __init__(
        self, client: MeetStreamClient, targets: Targets, options: UnscheduleOptions, whole: bool
    ) -> None:
        super().__init__(client, targets, options)
        self._whole = whole

    def without_request(self, item: EventItem) -> UnscheduleOutcome | None:
        item.until_empty = len(item.bots) > 1 or (bool(item.bots) and not self._whole)
        return super().without_request(item)


def _event_of(target: Target) -> EventItem:
    return (
        EventItem(target) if isinstance(target, str) else EventItem(target.event_id, {target.bot_id: target})
    )
