"""What listings and an index of events have shown of an account's bots, remembered for a whole run. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import define

from ..meetstream.filters import BotFilter
from ..meetstream.models import MeetStreamEvent, ScheduledBot
from ._evidence import (
    is_calendar_bot,
    is_cancelled,
    is_in_meeting,
    is_withdrawn,
    joins_later,
    lies_ahead,
    time_has_come,
)
from ._items import key_of
from .options import UnscheduleOptions

Key = tuple[str, str]
"""``("event", id)`` or ``("bot", id)``: what an outcome is about."""


CHECKS_FOR_PROOF: Final = 2
"""Whole listings in a row that must not show a bot of which no answer says that it is gone: one listing
may leave out a row."""


@define(eq=False)
class KnownBot:
    """One bot that was listed, and what speaks for its being gone."""

    bot: ScheduledBot
    """Its latest row, but for one that says that it was cancelled: that may be an older booking's."""
    key: Key
    inside: bool
    """Inside the filter, which is asked once."""
    late: bool = False
    """First seen after a whole listing without it: it was scheduled while the run went on."""
    listed: bool = True
    """The last listing shows it, and it is going to join."""
    absences: int = 0
    """Whole listings in a row that do not show it, each while its join time lay ahead."""
    confirmed: bool = False
    """An answer, or its own row, says that it is gone."""
    missed: bool = False
    """It left the listing, or its event's DELETE was answered, at a time when it may have joined."""
    doubted: bool = False
    """A listing asked for after its event's answer showed it, whatever the answer had said."""
    rebooked: bool = False
    """Its time had come when it was shown with another one: its earlier booking may have joined."""
    unindexed: bool = False
    """A whole index of the events, read after all answers, does not show it as scheduled any more."""

    @property
    def evidence(self) -> tuple[bool, int, bool, bool, bool, bool, bool]:
        """All that listings and answers change of it."""
        judged = self.confirmed, self.missed, self.doubted, self.rebooked, self.unindexed
        return self.listed, self.absences, *judged

    @property
    def is_plainly_gone(self) -> bool:
        """The answer says that it is gone, and nothing speaks against it."""
        return self.confirmed and not (self.missed or self.rebooked)

    @property
    def is_gone(self) -> bool:
        """It is not going to join, as far as can be known."""
        return not self.listed and (self.confirmed or self.absences >= CHECKS_FOR_PROOF)

    @property
    def is_pending(self) -> bool:
        """One more listing without it would prove it gone."""
        return not (self.listed or self.confirmed or self.missed) and 0 < self.absences < CHECKS_FOR_PROOF

    def see(self, row: ScheduledBot | None, whole: bool, time: datetime | None) -> bool:
        """Take in a listing made after all answers. True where it shows the bot, waiting to join.

        ``row``: None where it is not in the listing. ``time``: the server's.
        """
        if row is not None and not is_withdrawn(row):
            self.listed, self.absences, self.missed = not is_in_meeting(row), 0, False
            return self.listed
        self.listed = False
        if row is not None and is_cancelled(row) and (not self.doubted or lies_ahead(self.bot, time)):
            self.confirmed = True
        elif row is not None or whole:
            if lies_ahead(self.bot, time):
                self.absences += 1
            elif not self.is_gone:
                self.missed = True
        elif time_has_come(self.bot, time) and not self.is_gone:
            # Out of sight behind a full listing, and its time has come.
            self.missed = True
        return False


class KnownBots:
    """Every bot that was seen, by its id, and what follows for their events."""

    def __init__(self, options: UnscheduleOptions) -> None:
        self._options = options
        self.bots: dict[str, KnownBot] = {}
        self.outside: dict[str, set[str]] = {}
        """By event id: bots outside the filter that were ever shown with it."""
        self.undecided: dict[str, set[str]] = {}
        """By event id: bots that the index shows, and that the filter can't judge by that."""
        self.passed: set[str] = set()
        """Those of them whose time had come by then: no work, though the event's DELETE might take them."""
        self.withdrawn: set[str] = set()
        """Bots that were never listed but as cancelled, stopped or not scheduled."""
        self.index: dict[str, str] = {}
        """Bot id to the event's own id, as the index of events says."""
        self.several: dict[str, set[str]] = {}
        """Bot id to the own ids of its events, where the index shows it with more than one."""
        self.also: dict[str, set[str]] = {}
        """The inverse of ``several``: by own id of an event, those of its bots that have others, too."""
        self.indexed: set[str] = set()
        """The own ids of the events in ``index``: all of their bots are known."""
        self.index_is_whole = False
        self.listing_is_whole = False
        """The last listing showed all there is."""
        self.was_whole = False
        """A listing has done so."""
        self.unjudged: set[str] = set()
        """Bots that the filter can't judge: it asks for a time, and their rows have no readable one, or it
        selects one row of a bot and not another."""
        self.repeated: Mapping[str, Sequence[ScheduledBot]] = {}
        """Bots that the last listing shows more than once, with all their rows."""

    def key_of(self, bot: ScheduledBot) -> Key:
        """The event of a row, by its own word or by the index; else the bot itself."""
        own_id = self.index.get(bot.bot_id) if bot.event_id is None else None
        return key_of(bot) if own_id is None else ("event", own_id)

    def is_shared(self, event_id: str | None, own_id: str | None = None) -> bool:
        """A bot outside the filter belongs to the event. ``own_id``: its id in the index, if it is there."""
        return event_id in self.outside or own_id in self.outside

    def is_safe(self, event_id: str | None, own_id: str | None = None) -> bool:
        """The DELETE of the event takes no bot outside the filter."""
        if self._options.where is None or self._options.whole_events:
            return True
        known = self.listing_is_whole or (own_id or event_id) in self.indexed
        undecided = any(self.undecided.get(one or "") for one in (event_id, own_id))
        return known and not self.is_shared(event_id, own_id) and not undecided

    def compare(self, rows: Iterable[ScheduledBot], time: datetime | None) -> None:
        """Notice bots that were scheduled again after their time had come. ``time``: the server's."""
        for row in rows:
            known = self.bots.get(row.bot_id)
            if known is not None and known.bot.scheduled_join_time != row.scheduled_join_time:
                another = not is_withdrawn(row) or joins_later(row, known.bot)
                known.rebooked = known.rebooked or (time_has_come(known.bot, time) and another)

    def take(self, bot: ScheduledBot, *, listed: bool = True) -> KnownBot | None:
        """Remember a row. None for one that is no work and never was."""
        known = self.bots.get(bot.bot_id)
        if known is None:
            if is_withdrawn(bot):
                return None
            known = KnownBot(bot, self.key_of(bot), self._is_inside(bot), self.was_whole, listed)
            self.bots[bot.bot_id] = known
        elif listed:
            if not is_cancelled(bot):
                known.bot = bot
            if not known.inside and bot.event_id is None:
                return known
        own_ids = self._own_ids(bot.bot_id)
        if self.undecided:
            for own_id in (bot.event_id or "", *own_ids):
                self.undecided.get(own_id, set()).discard(bot.bot_id)
        if not known.inside:
            for own_id in own_ids:
                self.outside.setdefault(own_id, set()).add(bot.bot_id)
            # By its event of now: a bot may move to another.
            kind, event_id = self.key_of(bot)
            if kind == "event":
                self.outside.setdefault(event_id, set()).add(bot.bot_id)
            if known.key[0] == "event" and known.key[1] != event_id:
                self.outside.setdefault(known.key[1], set()).add(bot.bot_id)
        return known

    def _own_ids(self, bot_id: str) -> Iterable[str]:
        """Of all events that the index shows the bot with."""
        if bot_id in self.several:
            return self.several[bot_id]
        own_id = self.index.get(bot_id)
        return () if own_id is None else (own_id,)

    def beside(self, own_id: str | None, bot_ids: Collection[str]) -> int:
        """Other bots that the index shows with the event, and with another one, too: the DELETE of the event
        may have taken one of them."""
        return len(self.also.get(own_id or "", set()).difference(bot_ids)) if self.also else 0

    @property
    def index_is_empty(self) -> bool:
        """It knows no bot, though bots of events are listed: it may be that of another calendar."""
        return not self.index and any(is_calendar_bot(one.bot) for one in self.bots.values())

    def index_event(self, event: MeetStreamEvent, time: datetime | None = None) -> list[ScheduledBot]:
        """Take in one event of the index. Returns rows of its bots that a full listing may hide.

        ``time``: the server's.
        """
        new: list[ScheduledBot] = []
        if event.is_deleted:
            return new
        for one in event.bots:
            if (other := self.index.get(one.id, event.id)) != event.id:
                self.several.setdefault(one.id, {other}).add(event.id)
                for own_id in self.several[one.id]:
                    self.also.setdefault(own_id, set()).add(one.id)
            self.index[one.id] = event.id
            self.indexed.add(event.id)
            if (known := self.bots.get(one.id)) is not None:
                if not known.inside:
                    self.outside.setdefault(event.id, set()).add(one.id)
                continue
            row = one.as_row(event.id)
            # A whole listing shows all that are scheduled: the index may lag behind it.
            if self.listing_is_whole or is_withdrawn(row):
                continue
            inside, has_come = self._judge(row), time_has_come(row, time)
            if inside is None:
                self.undecided.setdefault(event.id, set()).add(one.id)
                if has_come:
                    self.passed.add(one.id)
            elif not (inside and has_come):
                new.append(row)
        return new

    def takes(self, bot: ScheduledBot) -> bool:
        """Remember a row that was given; whether it lies inside the filter."""
        known = self.bots.get(bot.bot_id)
        if known is None:
            known = KnownBot(bot, key_of(bot), self._is_inside(bot))
            self.bots[bot.bot_id] = known
        if not known.inside and bot.event_id is not None:
            self.outside.setdefault(bot.event_id, set()).add(bot.bot_id)
        return known.inside

    def note(self) -> str | None:
        """What there is to know of a run that had nothing to do."""
        if not self.bots or any(one.inside for one in self.bots.values()):
            return None
        where = self._options.where
        if isinstance(where, BotFilter):
            return f"nothing to do: {where.why_none(one.bot for one in self.bots.values())}"
        return f"nothing to do: the filter selects none of {len(self.bots)} listed bots"

    @property
    def undecided_bots(self) -> int:
        """Bots that the last listing may hide, being full, and that the filter can't judge."""
        if self.listing_is_whole:
            return 0
        return len(set().union(*self.undecided.values()) - self.bots.keys() - self.withdrawn - self.passed)

    def of(self, bot_ids: Iterable[str]) -> list[KnownBot]:
        return [self.bots[bot_id] for bot_id in bot_ids]

    def _is_inside(self, bot: ScheduledBot) -> bool:
        where = self._options.where
        inside = self._options.selects(bot)
        others = (row for row in self.repeated.get(bot.bot_id, ()) if not is_withdrawn(row))
        if any(self._options.selects(row) is not inside for row in others):
            self.unjudged.add(bot.bot_id)
            return False
        if (
            not inside
            and bot.scheduled_join_time is None
            and isinstance(where, BotFilter)
            and (where.before or where.after)
            and where.matches_but_for_times(bot)
        ):
            self.unjudged.add(bot.bot_id)
        return inside

    def _judge(self, row: ScheduledBot) -> bool | None:
        """Whether a bot that only the events show lies inside the filter; None where they don't tell."""
        where = self._options.where
        if where is None:
            return True
        # A function of the caller's own may look at anything, unless it says what it can't judge.
        judge = getattr(where, "judge", None)
        return judge(row) if callable(judge) else None
