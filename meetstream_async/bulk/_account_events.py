"""What the events of the calendars tell an account: whose a bot is, and which are out of sight. Pure.

The index of events joins on the bots' ids, whatever a listing shows as the id of their event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime

from ..meetstream.models import MeetStreamEvent, ScheduledBot, is_own_event_id
from ._account_report import ReportedAccount
from ._event_states import AWAITED, CONFIRMED, KNOWN, READ, UNASKED, UNKNOWN, window
from ._evidence import is_in_meeting, is_withdrawn, lies_ahead
from ._known_bots import CHECKS_FOR_PROOF, KnownBot
from ._verification import FIRST_CHECK, LONGEST_CHECK, Tracked
from .options import UnscheduleOptions
from .statuses import OutcomeStatus


class IndexedAccount(ReportedAccount):
    """An account whose bots may also be known by the events that they belong to.

    Whoever can read the events asks ``wants_events``, and then calls ``expect_events`` before the first page,
    ``take_events`` for each, and at the end ``take_events(..., complete=True)`` or ``take_events_error``.
    """

    def __init__(
        self, options: UnscheduleOptions | None = None, *, settle: float = 15.0, only_given: bool = False
    ) -> None:
        super().__init__(options, settle=settle, only_given=only_given)
        self.events_pause: float = 0.0
        """Seconds to wait before the events are read once more."""
        self._events_waited = 0.0
        self._listed_by_events: set[str] = set()
        self._weighed = 0
        """Listings when nothing was found that depends on the events."""

    # --- what it is asked for -------------------------------------------------------------------------

    @property
    def wants_events(self) -> bool:
        """The events of the calendars can matter, and should be read now.

        Where the listing does not name events by MeetStream's own ids, or is full; and once more at the end
        of a run, where a full listing can't tell what is gone.
        """
        if self._stopped is not None or self._listing_failure is not None or self._only_given:
            return False
        if self._page is None:
            return False
        if self._events == UNASKED:
            if self._weighed == self._listings:
                return False
            if self._page[1] or any(map(self._depends, self._backlog)):
                return True
            # Until the next listing: it is asked for each item that is taken.
            self._weighed = self._listings
            return False
        return self._events == KNOWN and self._finished and not self.busy and self._page[1]

    @property
    def is_hidden(self) -> bool:
        """The last listing was full: bots may be out of its sight that the events show."""
        return self._page is not None and self._page[1]

    @property
    def undecided(self) -> int:
        """Bots behind a full listing that the filter can't judge by what the events tell of them.

        They are left alone, and the report is not complete.
        """
        return self._bots.undecided_bots if self.is_hidden else 0

    def events_window(self, time: datetime) -> tuple[datetime, datetime]:
        """From when to when events matter: around the listed bots, or a year where these are not all.

        ``time``: the server's.
        """
        times = [one.bot.scheduled_join_time for one in self._bots.bots.values()]
        return window(times, self._bots.listing_is_whole, time)

    def next_item(self) -> Tracked | None:
        """The next event or bot whose turn may begin, until ``end_turn`` or ``outcome_without_request``."""
        while (item := super().next_item()) is not None:
            if self._events != AWAITED or not self._depends(item):
                return item
            item.waiting, item.in_flight = True, False
            self._at_work -= 1
            self._held.append(item)
        return None

    # --- what it is fed with --------------------------------------------------------------------------

    def expect_events(self) -> None:
        """They are being read: items whose cancel depends on them wait for ``take_events``."""
        if self._events == KNOWN:
            self._shown_again = {}
        else:
            self._events = AWAITED

    def take_events(self, events: Iterable[MeetStreamEvent], *, complete: bool = False) -> None:
        """Events of ``GET /calendar/events``, the index that joins bots with their events.

        ``complete``: with these, all of them have been seen.
        """
        again, time = self._shown_again, self.latest_time
        for event in events:
            if again is not None and not event.is_deleted:
                again.update((one.id, one.as_row(event.id)) for one in event.bots)
            self._take_event(event, time)
        if complete and again is not None:
            self._conclude(again)
        elif complete:
            self._events = KNOWN
            self._bots.index_is_whole = True
            self._release()
        elif self._held:
            self._release(those_that_depend=False)

    def take_events_error(self, reason: str) -> None:
        """Not all events could be had; what was learnt of them stays. ``reason``: for the report."""
        if self._shown_again is None:
            self._events, self._events_problem = UNKNOWN, reason
            self._release()
        else:
            # Once more, and in vain: what the full listing may hide stays unknown.
            self._events = READ
        self._shown_again = None

    def release_held(self) -> None:
        """The events take too long: nothing waits for them any more, though they may still come."""
        if self._events == AWAITED:
            self._events = READ
            self._release()

    # --- within ---------------------------------------------------------------------------------------

    def _depends(self, item: Tracked) -> bool:
        """Which request cancels it may depend on the events of the calendars."""
        if not item.bots or item.was_asked or item.claimed:
            return False
        if item.event_id is None and next(iter(item.bots.values())).is_one_off and item.request_id is None:
            return True
        options, index = self._options, self._bots.index
        if options.cancel_by == "bot":
            return False
        if item.request_id is not None:
            return not item.bots.keys() <= index.keys()
        if not is_own_event_id(item.event_id):
            return True
        return not (options.where is None or options.whole_events or self._bots.listing_is_whole)

    def _is_indexed(self, item: Tracked) -> bool:
        return bool(item.bots) and item.bots.keys() <= self._bots.index.keys()

    def _release(self, *, those_that_depend: bool = True) -> None:
        ready, kept = list[Tracked](), list[Tracked]()
        for item in self._held:
            (ready if those_that_depend or not self._depends(item) else kept).append(item)
        self._held = deque(kept)
        self._backlog.extendleft(reversed(ready))

    def _take_event(self, event: MeetStreamEvent, time: datetime | None) -> None:
        """``time``: the server's."""
        hidden = self._bots.index_event(event, time)
        if event.is_deleted:
            return
        for one in event.bots:
            known = self._bots.bots.get(one.id)
            if known is None:
                continue
            item = self._items.get(known.key)
            if item is not None and one.id in item.bots:
                self._join(item, known, event)
            elif known.bot.event_id is None and (known.inside or item is None):
                self._set_key(known, event.id)
        if self._options.whole_events and (target := self._target(event.id)) is not None:
            others = self._bots.of(self._bots.outside.get(event.id, ()))
            target.bots.update((one.bot.bot_id, one.bot) for one in others)
        if self._only_given or not hidden:
            return
        before = len(self._backlog)
        for bot in hidden:
            self._take_row(bot, listed=False)
        if len(self._backlog) > before:
            self._finished = False

    def _target(self, own_id: str) -> Tracked | None:
        return self._items.get(self._aliases.get(own_id, ("event", own_id)))

    def _join(self, item: Tracked, known: KnownBot, event: MeetStreamEvent) -> None:
        """One of an item's bots belongs to this event."""
        self._note(item)
        target = self._target(event.id)
        has_own_id = is_own_event_id(item.event_id)
        # An item under way keeps its id, and so does one that is listed by MeetStream's own.
        may_change = not (item.in_flight or has_own_id)
        if item.request_id not in (None, event.id):
            # The listing shows the bots of several events under one id.
            if self._is_untouched(item) and not has_own_id:
                self._move(item, known, event.id)
                if not item.bots:
                    # All of them are other events' items now: without bots it would ask for its event again.
                    self._drop(item)
            else:
                item.certain = False
        elif target is item:
            if may_change or event.id == item.event_id:
                item.request_id = event.id
        elif (
            target is None and not has_own_id and (item.event_id is not None or not self._is_untouched(item))
        ):
            self._aliases[event.id] = item.key
            if may_change:
                item.request_id = event.id
        elif (target is None and has_own_id) or not self._is_untouched(item) or len(item.bots) > 1:
            # One DELETE of an event at a time: another item has it. Or the bot has another event as well.
            item.certain = False
            if may_change:
                item.request_id = event.id
        else:
            self._drop(item)
            self._move(item, known, event.id)

    def _move(self, item: Tracked, known: KnownBot, own_id: str) -> None:
        """The bot is no longer this item's, but that of its event's."""
        bot = known.bot
        item.bots.pop(bot.bot_id, None)
        self._set_key(known, own_id)
        if (target := self._target(own_id)) is None:
            self._add(Tracked(own_id, {bot.bot_id: bot}, request_id=own_id))
            return
        target.bots[bot.bot_id] = bot
        self._note(target)
        if target.turns:
            self._open[target.key] = target

    def _set_key(self, known: KnownBot, own_id: str) -> None:
        known.key = self._aliases.get(own_id, ("event", own_id))
        self._changed_rows[known.bot.bot_id] = None

    def _is_untouched(self, item: Tracked) -> bool:
        return item.waiting and not item.turns and not item.was_asked and not item.claimed

    def _drop(self, item: Tracked) -> None:
        """It is another item's from now on."""
        key = item.key
        for waiting in (self._backlog, self._held):
            if item in waiting:
                waiting.remove(item)
        del self._items[key]
        self._changed.pop(key, None)
        self._open.pop(key, None)
        self._dropped.append(key)
        if self._aliases.get(item.request_id or "") == key:
            del self._aliases[item.request_id or ""]

    def _conclude(self, shown: dict[str, ScheduledBot]) -> None:
        """Draw the conclusions of an index that was read after all answers, where the listing is full."""
        remaining = dict.fromkeys(self._remaining)
        waited_for = 0
        for item in self._items.values():
            if not (item.was_asked and self._is_indexed(item)):
                continue
            self._note(item)
            settled = item.outcome().status in (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED)
            for one in self._bots.of(item.bots):
                bot_id = one.bot.bot_id
                if one.listed and bot_id not in self._listed_by_events:
                    # The listing shows it, which is the better evidence.
                    continue
                self._changed_bots.add(bot_id)
                remaining.pop(bot_id, None)
                if self._still_scheduled(one, shown.get(bot_id)):
                    self._open[item.key] = item
                    if settled:
                        remaining[bot_id] = None
                        waited_for += 1
        self._remaining = tuple(remaining)
        self._shown_again = None
        self._events_waited += self.events_pause
        self.events_pause = min(2 * self.events_pause, LONGEST_CHECK) or FIRST_CHECK
        if not waited_for or self._events_waited + self.events_pause > self._settle:
            self._events = CONFIRMED

    def _still_scheduled(self, one: KnownBot, row: ScheduledBot | None) -> bool:
        """Take in whether the events show a bot that the full listing does not."""
        if row is not None and not is_withdrawn(row) and not is_in_meeting(row):
            one.listed, one.confirmed, one.doubted, one.unindexed = True, False, True, False
            self._listed_by_events.add(one.bot.bot_id)
            return True
        one.listed = False
        if lies_ahead(one.bot, self.latest_time) and not one.missed:
            one.absences, one.unindexed = CHECKS_FOR_PROOF, True
        elif not one.is_gone:
            one.missed = one.unindexed = True
        return False
