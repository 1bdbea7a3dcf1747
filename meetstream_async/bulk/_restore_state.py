"""The judge of an undo: what is still to be sent, what is there already, and what became of each bot. Pure.

Its rules:

- A bot is only scheduled where nothing shows that it, or another one in its place, is there.
- A request by event that may have taken effect is never sent again: listings, the calendars' events and the
  new bot's own detail say what it did. A bot that is created has a key, under which it is created once.
- "Scheduled" is believed where it is seen. What nothing shows in the end is unknown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from ..meetstream.bots import BotDetail
from ..meetstream.models import (
    EventBot,
    MeetStreamEvent,
    ScheduledBot,
    ScheduledBotPage,
    is_own_event_id,
)
from ._evidence import is_in_meeting, is_withdrawn
from ._restoration import ALREADY, ANSWERED, LOST, Restoration
from ._restore_items import items_of
from ._summary import Gaps
from ._way_back import SIBLING, attributes_of, attributes_of_row, link_of
from .reschedule_outcome import RescheduleOutcome
from .snapshot import Snapshot, SnapshotBot
from .statuses import OutcomeStatus

STILL_LISTED: Final = "the bot itself is still listed: it was not cancelled, or the listing is late"
STILL_THERE: Final = "the bot itself is scheduled: it was not cancelled"
UNCLEAR: Final = "it can't be told whether the bot itself is still scheduled, so no other one was created"
TWIN: Final = "a bot like it is scheduled for the same meeting and time"


class RestoreState:
    """What is known of one undo."""

    def __init__(self, snapshot: Snapshot, time: datetime) -> None:
        """``time``: the server's, as far as it is known."""
        self.items = items_of(snapshot, time)
        self._old = {bot.bot_id for bot in snapshot.bots}
        self._rows: dict[str, ScheduledBot] = {}
        """The live bots of the last listing."""
        self._of_events: dict[str, tuple[str, EventBot]] = {}
        """The live bots of the calendars' events, as they were read last, with their event's id."""
        self._event_of: dict[str, str] = {}
        self._live: dict[str, frozenset[str]] | None = None
        """Bots by event; None where something new was heard since it was made."""
        self._gone: set[str] = set()
        self._there: set[str] = set()
        """Old bots of which their details say whether they are scheduled."""
        self.is_whole = False
        """Whether the last listing showed all there is."""
        self.doubts = 0
        """Old bots that are still listed, and may be gone."""
        self.unverified: str | None = None
        """Why it could not be seen what the run did."""

    # --- what it is fed with --------------------------------------------------------------------------

    def take_listing(self, page: ScheduledBotPage) -> None:
        """A listing."""
        self.is_whole = not page.truncated and not page.rejected
        self._rows = {bot.bot_id: bot for bot in page.bots if not is_withdrawn(bot)}
        self._live = None

    def forget_events(self) -> None:
        """The events are read anew."""
        self._of_events, self._live = {}, None

    def take_events(self, events: Iterable[MeetStreamEvent], *, complete: bool = False) -> None:
        """Events of the calendars, with their bots."""
        self._live = None
        for event in events:
            if event.is_deleted or not is_own_event_id(event.id):
                continue
            for bot in event.bots:
                self._event_of.setdefault(bot.id, event.id)
                if not is_withdrawn(bot.as_row(event.id)):
                    self._of_events[bot.id] = event.id, bot

    def take_events_error(self, reason: str) -> None:
        """Not all events could be had. What they would have shown stays unseen, and so unknown."""

    def release_held(self) -> None:
        """Nothing waits for the events."""

    def take_old(self, bot_id: str, detail: BotDetail | None) -> None:
        """The detail of an old bot; None where the API knows of no such bot."""
        row = ScheduledBot(bot_id, status=None if detail is None else detail.status)
        if detail is None or is_withdrawn(row):
            self._gone.add(bot_id)
        elif detail.status is not None:
            self._there.add(bot_id)

    def take_detail(self, item: Restoration, detail: BotDetail) -> None:
        """The detail of a new bot that no listing shows."""
        row = ScheduledBot(detail.bot_id, status=detail.status)
        if not is_withdrawn(row) and detail.status is not None:
            item.was_seen(detail.bot_id, None)

    def to_ask(self) -> list[str]:
        """Old bots whose details are to be asked for: those that are still seen, and one-off bots that a full
        listing may hide."""
        known = self._gone | self._there
        found = []
        for item in self.items:
            bot_id = item.entry.bot_id
            seen = bot_id in self._rows or bot_id in self._of_events
            if bot_id not in known and (seen or (item.is_open and item.way == "bot" and not self.is_whole)):
                found.append(bot_id)
        return found

    # --- before anything is sent ----------------------------------------------------------------------

    @property
    def hides_events(self) -> bool:
        """The listing can't tell by itself which events have a bot."""
        return not self.is_whole or any(
            not bot.is_one_off and not is_own_event_id(bot.event_id) for bot in self._rows.values()
        )

    def sort_out(self, *, patient: bool, predict: bool = False) -> list[Restoration]:
        """Take note of what is there already. Returns those of which that is not clear yet.

        ``patient``: a bot that should be gone may still be listed for a while. ``predict``: nothing will be
        sent, so that the API's own answer is foretold.
        """
        taken = {item.new_bot_id for item in self.items if item.new_bot_id is not None}
        doubtful = []
        for item in self.items:
            if not item.is_open:
                continue
            if item.way == "bot":
                clear = self._sort_out_one_off(item, taken, patient)
            else:
                clear = self._sort_out_by_event(item, patient, predict)
            if not clear:
                doubtful.append(item)
        return doubtful

    def _sort_out_by_event(self, item: Restoration, patient: bool, predict: bool) -> bool:
        if item.entry.bot_id in self._there:
            item.is_there(item.entry.bot_id, self._joins(item.entry.bot_id), STILL_THERE)
            return True
        there = self._live_of_event(item.event_id or "") - self._gone
        strangers = sorted(there - item.siblings - {item.entry.bot_id})
        if strangers:
            item.is_there(strangers[0], self._joins(strangers[0]))
            return True
        if there & item.siblings - self._old:
            item.refusal = SIBLING
            return True
        if item.entry.bot_id not in there and not there & item.siblings:
            return True
        if patient:
            return False
        if item.entry.bot_id in there:
            item.is_there(item.entry.bot_id, self._joins(item.entry.bot_id), STILL_LISTED)
            self.doubts += 1
        elif predict:
            item.refusal = SIBLING
        # Of a bot that was to be cancelled as well, and is there, the API's own answer tells.
        return True

    def _sort_out_one_off(self, item: Restoration, taken: set[str], patient: bool) -> bool:
        bot_id = item.entry.bot_id
        if bot_id in self._there:
            item.is_there(bot_id, self._joins(bot_id), STILL_THERE)
            return True
        if bot_id not in self._gone and (bot_id in self._rows or not self.is_whole):
            if patient:
                return False
            if bot_id in self._rows:
                item.is_there(bot_id, self._joins(bot_id), STILL_LISTED)
                self.doubts += 1
            else:
                item.block(UNCLEAR)
            return True
        if (twin := self._twin(item.entry, taken)) is not None:
            taken.add(twin)
            item.is_there(twin, self._joins(twin), TWIN)
        return True

    # --- after it was sent ----------------------------------------------------------------------------

    def confirm(self) -> list[Restoration]:
        """Take note of what is seen by now. Returns those whose bots are not."""
        taken = {item.new_bot_id for item in self.items if item.new_bot_id is not None}
        unseen = []
        for item in self.items:
            if item.answer not in (ALREADY, ANSWERED, LOST) or item.refusal is not None:
                continue
            if item.confirmed and self._joins(item.new_bot_id) is None:
                continue
            found = self._find(item, taken)
            if found is not None:
                taken.add(found)
                item.was_seen(found, self._joins(found))
            elif not item.confirmed:
                unseen.append(item)
        return unseen

    def _find(self, item: Restoration, taken: set[str]) -> str | None:
        """The live bot in the place of an old one."""
        if item.new_bot_id is not None:
            live = item.new_bot_id in self._rows or item.new_bot_id in self._of_events
            return item.new_bot_id if live else None
        if item.way == "bot":
            return self._twin(item.entry, taken)
        there = self._live_of_event(item.event_id or "")
        own = {item.entry.bot_id} if item.answer != ALREADY else set()
        return next(iter(sorted(there - item.siblings - own)), None)

    def give_up(self, items: Iterable[Restoration]) -> None:
        """Nothing shows these, and they are not looked for any more."""
        for item in items:
            item.unseen = True

    # --- what it comes to -----------------------------------------------------------------------------

    def outcomes(self) -> tuple[RescheduleOutcome, ...]:
        """One for each bot."""
        return tuple(item.outcome() for item in self.items)

    def gaps(self, outcomes: Sequence[RescheduleOutcome]) -> Gaps:
        """What is missing beyond the counts, and what else there is to know."""
        counts = Counter(one.status for one in outcomes)
        left: list[str] = []
        notes: list[str] = []
        if self.doubts:
            left.append(f"{self.doubts} still listed themselves, as if they had not been cancelled")
        hopeless = counts[OutcomeStatus.NOT_RESTORABLE]
        if hopeless and hopeless == len(outcomes):
            left.append("nothing of it can come back")
        elif hopeless:
            notes.append(f"{hopeless} of {len(outcomes)} bots can't come back")
        if unmoved := sum(item.not_moved is not None for item in self.items):
            times = "1 join time" if unmoved == 1 else f"{unmoved} join times"
            left.append(f"{times} could not be restored")
        elif differing := sum(one.differs for one in outcomes):
            notes.append(f"{differing} {'joins' if differing == 1 else 'join'} at another time than before")
        incomplete = () if self.unverified is None else (self.unverified,)
        return Gaps(incomplete, tuple(left), note="; ".join(notes) or None)

    # --- within ---------------------------------------------------------------------------------------

    def _live_of_event(self, event_id: str) -> frozenset[str]:
        """The live bots of an event, by the last listing and the last reading of the events."""
        if self._live is None:
            live: dict[str, set[str]] = defaultdict(set)
            for bot_id, (event, _) in self._of_events.items():
                live[event].add(bot_id)
            for bot in self._rows.values():
                for event_or_none in (bot.event_id, self._event_of.get(bot.bot_id)):
                    if event_or_none is not None:
                        live[event_or_none].add(bot.bot_id)
            self._live = {event: frozenset(bots) for event, bots in live.items()}
        return self._live.get(event_id, frozenset())

    def _joins(self, bot_id: str | None) -> datetime | None:
        if bot_id in self._rows:
            return self._rows[bot_id].scheduled_join_time
        if bot_id in self._of_events:
            return self._of_events[bot_id][1].scheduled_join_time
        return None

    def _twin(self, entry: SnapshotBot, taken: set[str]) -> str | None:
        """A listed bot without an event that is like this one in all that was sent."""
        link, time = link_of(entry), entry.join_time
        if link is None or time is None:
            return None
        for bot in self._rows.values():
            if (
                bot.meeting_link == link
                and bot.bot_id not in self._old
                and bot.bot_id not in taken
                and bot.is_one_off
                and bot.bot_username == entry.bot_username
                and bot.scheduled_join_time is not None
                and abs((bot.scheduled_join_time - time).total_seconds()) <= 1
                and attributes_of_row(bot) == attributes_of(entry)
                and not is_in_meeting(bot)
            ):
                return bot.bot_id
        return None
