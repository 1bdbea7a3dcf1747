"""One event, or one bot without an event: what is asked next, and what the answers mean.

An :class:`EventItem` knows which request comes next, takes in what became of it, and says at any time what
the answers come to. It does no I/O. What a listing shows afterwards is the business of
:mod:`meetstream_async.bulk.account_state`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Collection, Iterable
from datetime import datetime
from typing import TypeAlias

from attrs import define, field, frozen

from ..errors import BadRequestError, MeetStreamError, NotFoundError
from ..meetstream.models import ScheduledBot, ScheduledBotPage, UnscheduleResult, is_own_event_id
from ._evidence import (
    lies_ahead,
    may_be_another_id,
    says_no_such_bot,
    says_not_scheduled,
    time_has_come,
)
from ._facts import (
    DELETED,
    DONE,
    DOUBTFUL,
    ENDLESS,
    FOREIGN,
    INFERRED_DONE,
    JOINED,
    LOST,
    MAYBE,
    MISSING,
    PARTLY,
    REFUSED,
    UNTOLD,
    Facts,
)
from ._item import request_id_of
from .report import Method

Target: TypeAlias = ScheduledBot | str

Targets: TypeAlias = Iterable[Target] | AsyncIterable[Target] | ScheduledBotPage

_MOST_REPEATS = 5
"""DELETEs of an event that is to be emptied, beyond one for each of its bots."""


@frozen
class CancelRequest:
    """One request to be made now, for :class:`~meetstream_async.bulk.account_state.AccountState`."""

    method: Method
    """``event``: ``unschedule_event(id)``, with the series options; ``bot``: ``delete_scheduled_bot(id)``."""
    id: str
    """The event's or the bot's id."""
    item: EventItem = field(repr=False)
    """The event or bot that it is for."""


@define(eq=False)
class EventItem(Facts):
    """One calendar event with those of its bots that were agreed to, or one bot that has no event.

    A turn begins with ``start_turn`` and goes on while ``next_request`` returns one: the DELETE of the
    event and, where that is refused in a way that may mean "not this id" and ``falls_back`` is set, the
    DELETE of each of its bots by their own ids; or only these where ``way`` is ``bot``. The requests of one
    item are made one after the other. ``outcome`` is what all its turns so far have come to.
    """

    # --- a turn ---------------------------------------------------------------------------------------

    def start_turn(self) -> None:
        """Start a turn along its ``way``; one that was cut off goes on where its last answer leads."""
        by_bot = self.way == "bot" or (self.falls_back and self.answer in (MISSING, MAYBE, FOREIGN))
        self.event_asked: bool = by_bot
        self._tried = set() if by_bot else None

    def next_request(self) -> CancelRequest | None:
        """The next one of this turn, the same until its answer came in; None when the turn is over."""
        if not self.event_asked:
            return CancelRequest("event", self.request_id or self.event_id or "", self)
        bot_id = self.next_bot()
        return None if bot_id is None else CancelRequest("bot", bot_id, self)

    @property
    def tried(self) -> Collection[str]:
        """The bots that were asked for by their own ids in this turn."""
        return self._tried or ()

    def next_bot(self) -> str | None:
        """The next bot to be deleted by its own id in this turn."""
        if self._tried is None:
            return None
        fates, aim = self.fates or {}, self.aim
        # Asked anew each time: a stream of rows may bring another bot of the event while this goes on.
        for bot_id in self.bots:
            if bot_id in self._tried or fates.get(bot_id) in (DELETED, JOINED):
                continue
            if aim is None or bot_id in aim:
                return bot_id
        return None

    def end_turn(self) -> None:
        """Nothing more is sent in this turn."""
        self.event_asked = True
        self._tried = None

    # --- what became of a request ---------------------------------------------------------------------

    def event_done(self, result: UnscheduleResult, attempts: int, time: datetime | None) -> None:
        """The DELETE of the event succeeded. ``time``: the server's."""
        self.event_asked = True
        self.sent = "event"
        self.attempts += attempts
        self.error = None
        self.result: UnscheduleResult | None = result
        self.last_request = result.request_id
        if result.inferred:
            # "Not scheduled", which the inference stands on, is also true of a bot in its meeting.
            self.answer = INFERRED_DONE if self._lies_ahead(time) else MAYBE
            self.uncertain = True
            if not self._fall_back() and self._may_be_another_id():
                self.answer = DOUBTFUL
            return
        self.answer: str | None = DONE
        self.took_effect: bool = True
        if self.until_empty or (self.alone and len(self.bots) > 1 and not self.is_covered):
            self._go_on()
        elif self.alone and self._time_has_come(time) and not self._fall_back():
            # It may be in its meeting, and the DELETE may have taken a bot that was never shown.
            self.answer = MAYBE

    def _go_on(self) -> None:
        """Find out which of its bots a successful DELETE took: that is not documented."""
        if not self.until_empty and self._fall_back():
            return
        self._successes += 1
        if self.series:
            self.answer = PARTLY
        elif self._successes < len(self.bots) + _MOST_REPEATS:
            self.event_asked = False
        else:
            self.answer = ENDLESS

    def _fall_back(self) -> bool:
        """Go on with the bots' own ids, where that is wanted."""
        if self.falls_back and self.bots:
            self._tried = set()
            return True
        return False

    def event_failed(self, error: MeetStreamError, time: datetime | None) -> None:
        """The DELETE of the event ended in an error. ``time``: the server's."""
        self.event_asked = True
        self._take_error(error, "event")
        not_scheduled = says_not_scheduled(error)
        if error.outcome_unknown:
            self.answer = LOST
        elif not_scheduled:
            self.answer = MISSING if self._lies_ahead(time) else MAYBE
        else:
            self.answer = FOREIGN if may_be_another_id(error) else REFUSED
        if self.took_effect and not_scheduled:
            # The id is the right one, and nothing is left of it.
            return
        fell_back = may_be_another_id(error) and self._fall_back()
        if self.answer == MISSING and not fell_back and self._may_be_another_id():
            self.answer = DOUBTFUL

    def bot_done(self, bot_id: str, attempts: int, request_id: str | None = None) -> None:
        """The DELETE of a bot by its own id succeeded. ``request_id``: the API's own id of the request."""
        self.sent, self.last_request = "bot", request_id
        self.attempts += attempts
        self._set_fate(bot_id, DELETED)

    def bot_failed(self, bot_id: str, error: MeetStreamError, time: datetime | None) -> None:
        """The DELETE of a bot by its own id ended in an error. ``time``: the server's."""
        of_the_event = self.error if self.answer == FOREIGN else None
        self._take_error(error, "bot")
        missing, fate_if_missing = says_not_scheduled(error) or says_no_such_bot(error), MISSING
        if (
            isinstance(error, NotFoundError)
            and self.answer in (MISSING, MAYBE)
            and not self._may_be_another_id()
        ):
            missing, fate_if_missing = True, fate_if_missing if missing else UNTOLD
        if isinstance(error, BadRequestError) and "active" in error.message.casefold():
            fate = JOINED
        elif error.outcome_unknown:
            fate = LOST
        elif missing:
            fate = fate_if_missing if lies_ahead(self.bots[bot_id], time) else MAYBE
        else:
            fate = REFUSED
            if of_the_event is not None and isinstance(error, NotFoundError):
                # It says more than that of a route which isn't there.
                self.error = of_the_event
        self._set_fate(bot_id, fate)

    def interrupted(self) -> None:
        """The request in flight was cancelled: it may have taken effect."""
        self.uncertain = True
        self.attempts += 1
        self.error = None
        if not self.event_asked:
            self.answer, self.sent = LOST, "event"
        elif (bot_id := self.next_bot()) is not None:
            self.sent = "bot"
            self._set_fate(bot_id, LOST)
        self.end_turn()

    def saw_in_meeting(self, bot_id: str) -> None:
        """A row says that the bot is in its meeting."""
        if self.fates is None:
            self.fates = {}
        self.fates[bot_id] = JOINED

    def _lies_ahead(self, time: datetime | None) -> bool:
        return all(lies_ahead(bot, time) for bot in self.bots.values())

    @property
    def may_be_another_id(self) -> bool:
        """The id came with rows, and doesn't look like MeetStream's own."""
        return bool(self.bots) and not is_own_event_id(self.request_id or self.event_id)

    def _may_be_another_id(self) -> bool:
        """No listing will tell, either."""
        return self.alone and self.may_be_another_id

    def _time_has_come(self, time: datetime | None) -> bool:
        return any(time_has_come(bot, time) for bot in self.bots.values())

    def _take_error(self, error: MeetStreamError, method: Method) -> None:
        # The report keeps the error: with its traceback, it would keep every frame of the call alive.
        error.with_traceback(None)
        self.error = error
        self.uncertain: bool = self.uncertain or error.outcome_unknown
        self.attempts: int = self.attempts + error.attempts
        if error.attempts:
            self.sent: Method | None = method
            self.last_request = request_id_of(error)

    def _set_fate(self, bot_id: str, fate: str) -> None:
        if self.fates is None:
            self.fates: dict[str, str] | None = {}
        self.fates[bot_id] = fate
        if self._tried is not None:
            self._tried.add(bot_id)


def key_of(bot: ScheduledBot) -> tuple[str, str]:
    """Deduplication key: the bot's event, or the bot itself if it has none."""
    return ("bot", bot.bot_id) if bot.event_id is None else ("event", bot.event_id)
