"""One event, or one bot without an event: what is asked next, and what the answers mean.

An :class:`EventItem` knows which request comes next, takes in what became of it, and says at any time what
the answers come to. It does no I/O. What a listing shows afterwards is the business of
:mod:`meetstream_async.bulk.account_state`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from datetime import datetime
from typing import Final, TypeAlias

from attrs import define, field, frozen

from ..errors import BadRequestError, MeetStreamError, NotFoundError
from ..meetstream.models import ScheduledBot, ScheduledBotPage, UnscheduleResult
from ._evidence import lies_ahead, may_be_another_id, says_no_such_bot, says_not_scheduled
from ._item import Item
from .report import Method, OutcomeStatus, UnscheduleOutcome

Target: TypeAlias = ScheduledBot | str

Targets: TypeAlias = Iterable[Target] | AsyncIterable[Target] | ScheduledBotPage

MAY_HAVE_JOINED: Final = "may have joined"

INFERRED: Final = "inferred: not scheduled any more after an attempt whose answer was lost"

_MOST_REPEATS = 5
"""DELETEs of an event that is to be emptied, beyond one for each of its bots."""

_CANCELLED: Final = "cancelled while its request was in flight"

# What an answer means, for the event (`answer`) and for each bot that was asked for by its own id (`fates`).
DONE: Final = "done"
"""Success, for the event."""
DELETED: Final = "deleted"
"""Success, for a bot."""
MISSING: Final = "missing"
"""Not scheduled any more, while the join time lay ahead by the server's clock."""
MAYBE: Final = "maybe"
"""Not scheduled any more, or it has joined: the join time is unknown or past."""
INFERRED_DONE: Final = "inferred"
"""MISSING after an attempt whose answer was lost."""
FOREIGN: Final = "foreign"
"""Refused in a way that an id of another kind would be refused as well."""
REFUSED: Final = "refused"
"""Refused; nothing took effect."""
LOST: Final = "lost"
"""Nobody knows."""
ENDLESS: Final = "endless"
"""Success again and again, for an event that is to be emptied."""
JOINED: Final = "joined"
"""A row, or the API's refusal, says that the bot is in its meeting."""


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
class EventItem(Item):
    """One calendar event with those of its bots that were agreed to, or one bot that has no event.

    A turn begins with ``start_turn`` and goes on while ``next_request`` returns one: the DELETE of the
    event and, where that is refused in a way that may mean "not this id" and ``falls_back`` is set, the
    DELETE of each of its bots by their own ids; or only these where ``way`` is ``bot``. The requests of one
    item are made one after the other. ``outcome`` is what all its turns so far have come to.
    """

    event_id: str | None
    bots: dict[str, ScheduledBot] = field(factory=dict)
    """By bot id; empty where only the event's id was given."""
    skipped: str | None = None
    """Why it is left alone, where that was known when it was made."""
    request_id: str | None = None
    """The id to send, where an index of events knows a better one than the listing's."""
    certain: bool = True
    """Nothing speaks against ``request_id`` or ``event_id`` being MeetStream's own id of the event."""
    way: Method = "event"
    falls_back: bool = False
    """Whether a refusal of the event's id leads to the bots' own."""
    alone: bool = False
    """No listing will be asked what became of it."""
    until_empty: bool = False
    """The event's DELETE is repeated until the API calls it not scheduled: a listing can't tell."""
    aim: frozenset[str] | None = None
    """The bots that may be asked for by their own ids; None for all of them."""

    answer: str | None = None
    """What the last answer to the DELETE of the event means."""
    fates: dict[str, str] | None = None
    """By bot id: what is known of bots that were asked for by their own ids, or seen in their meetings."""
    took_effect: bool = False
    """A DELETE of the event was answered with success."""
    result: UnscheduleResult | None = None
    error: MeetStreamError | None = None
    sent: Method | None = None
    """How the last request was sent."""
    attempts: int = 0
    elapsed: float = 0.0
    _successes: int = 0
    event_asked: bool = False
    """The event's DELETE had its turn, or has none."""
    _tried: set[str] | None = None
    """Bots that were asked for in this turn, where it is their turn."""

    @property
    def bot_ids(self) -> tuple[str, ...]:
        return tuple(self.bots)

    # --- a turn ---------------------------------------------------------------------------------------

    def start_turn(self) -> None:
        """Start a turn along its ``way``; one that was cut off goes on where its last answer leads."""
        by_bot = self.way == "bot" or (self.falls_back and self.answer in (MISSING, MAYBE, FOREIGN))
        self.event_asked = by_bot
        self._tried = set() if by_bot else None

    def next_request(self) -> CancelRequest | None:
        """The next one of this turn, the same until its answer came in; None when the turn is over."""
        if not self.event_asked:
            return CancelRequest("event", self.request_id or self.event_id or "", self)
        bot_id = self.next_bot()
        return None if bot_id is None else CancelRequest("bot", bot_id, self)

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
        self.result = result
        if not result.inferred:
            self.answer, self.took_effect = DONE, True
            self._successes += 1
            if self.until_empty:
                # Whether one DELETE takes one of an event's bots or all of them is not documented.
                self.event_asked = self._successes >= len(self.bots) + _MOST_REPEATS
                self.answer = ENDLESS if self.event_asked else DONE
            elif (
                len(self.bots) > 1 and self.alone and self.falls_back and _took_fewer(result, len(self.bots))
            ):
                # Which ones it took, the answer doesn't say; their own ids do.
                self._tried = set()
        else:
            # "Not scheduled", which the inference stands on, is also true of a bot in its meeting.
            self.answer = INFERRED_DONE if self._lies_ahead(time) else MAYBE

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
        if self.falls_back and self.bots and may_be_another_id(error):
            self._tried = set()

    def bot_done(self, bot_id: str, attempts: int) -> None:
        """The DELETE of a bot by its own id succeeded."""
        self.sent = "bot"
        self.attempts += attempts
        self._set_fate(bot_id, DELETED)

    def bot_failed(self, bot_id: str, error: MeetStreamError, time: datetime | None) -> None:
        """The DELETE of a bot by its own id ended in an error. ``time``: the server's."""
        of_the_event = self.error if self.answer == FOREIGN else None
        self._take_error(error, "bot")
        missing = says_not_scheduled(error) or says_no_such_bot(error)
        if isinstance(error, NotFoundError) and self.answer in (MISSING, MAYBE):
            # A gateway's "Not Found" says nothing of the bot, but the event's own answer did.
            missing = True
        if isinstance(error, BadRequestError) and "active" in error.message.casefold():
            fate = JOINED
        elif error.outcome_unknown:
            fate = LOST
        elif missing:
            fate = MISSING if lies_ahead(self.bots[bot_id], time) else MAYBE
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

    def _take_error(self, error: MeetStreamError, method: Method) -> None:
        # Kept with the report: a traceback would keep every frame of the call alive with it.
        error.with_traceback(None)
        self.error = error
        self.uncertain = self.uncertain or error.outcome_unknown
        self.attempts += error.attempts
        if error.attempts:
            self.sent = method

    def _set_fate(self, bot_id: str, fate: str) -> None:
        if self.fates is None:
            self.fates = {}
        self.fates[bot_id] = fate
        if self._tried is not None:
            self._tried.add(bot_id)

    # --- the verdict of the answers -------------------------------------------------------------------

    @property
    def was_asked(self) -> bool:
        """An answer, or the lack of one, was heard."""
        return self.answer is not None or bool(self.fates)

    @property
    def has_effect(self) -> bool:
        """At least a part of it is done, by an answer that says so."""
        return self.took_effect or (self.fates is not None and DELETED in self.fates.values())

    def outcome(self) -> UnscheduleOutcome:
        """What the answers so far come to."""
        if self.answer is DONE and self.fates is None:
            return UnscheduleOutcome(
                self.event_id,
                tuple(self.bots),
                OutcomeStatus.UNSCHEDULED,
                None,
                self.result,
                None,
                self.attempts,
                self.elapsed,
                "event",
            )
        status, reason = self._verdict_by_bots() if self.fates else self._verdict()
        settled = status in (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED)
        return UnscheduleOutcome(
            self.event_id,
            tuple(self.bots),
            status,
            reason,
            self.result,
            None if settled else self.error,
            self.attempts,
            self.elapsed,
            self.sent,
        )

    def left(self, status: OutcomeStatus, reason: str | None) -> UnscheduleOutcome:
        """Its outcome where nothing was sent."""
        return UnscheduleOutcome(self.event_id, tuple(self.bots), status, reason=reason)

    def _verdict(self) -> tuple[OutcomeStatus, str | None]:
        if self.answer == DONE:
            return OutcomeStatus.UNSCHEDULED, None
        if self.answer == INFERRED_DONE:
            return OutcomeStatus.UNSCHEDULED, INFERRED
        if self.answer == MISSING:
            if self.took_effect:
                return OutcomeStatus.UNSCHEDULED, None
            return OutcomeStatus.ALREADY_UNSCHEDULED, self._message()
        if self.answer == MAYBE:
            return OutcomeStatus.UNKNOWN, MAY_HAVE_JOINED
        if self.answer == ENDLESS:
            return OutcomeStatus.UNKNOWN, "the API does not come to an end of its bots"
        if self.answer in (REFUSED, FOREIGN):
            return self._refused()
        return OutcomeStatus.UNKNOWN, self._because()

    def _verdict_by_bots(self) -> tuple[OutcomeStatus, str | None]:
        assert self.fates is not None
        fates = set(self.fates.values())
        if JOINED in fates:
            return OutcomeStatus.UNKNOWN, f"{MAY_HAVE_JOINED}: the API says that it is in its meeting"
        if MAYBE in fates:
            return OutcomeStatus.UNKNOWN, MAY_HAVE_JOINED
        if LOST in fates:
            return OutcomeStatus.UNKNOWN, self._because()
        if REFUSED in fates:
            return self._refused()
        asked_for_all = self.took_effect or self.answer == INFERRED_DONE
        if not asked_for_all and not self.fates.keys() >= self.bots.keys():
            return OutcomeStatus.UNKNOWN, "some of its bots were not asked for: the run ended first"
        if DELETED in fates:
            return OutcomeStatus.UNSCHEDULED, self._deleted_by_id()
        if self.has_effect:
            return OutcomeStatus.UNSCHEDULED, None
        if self.uncertain:
            # Not there after a lost answer: most likely taken by us, which only a listing can tell.
            return OutcomeStatus.UNKNOWN, self._because()
        return OutcomeStatus.ALREADY_UNSCHEDULED, self._message()

    def _refused(self) -> tuple[OutcomeStatus, str | None]:
        if self.has_effect:
            return OutcomeStatus.UNKNOWN, f"a part took effect; then {self._because()}"
        if self.uncertain:
            return OutcomeStatus.UNKNOWN, f"an earlier request may have taken effect; then {self._because()}"
        return OutcomeStatus.FAILED, self._because()

    def _message(self) -> str | None:
        return None if self.error is None else self.error.message

    def _because(self) -> str:
        return _CANCELLED if self.error is None else str(self.error)

    def _deleted_by_id(self) -> str:
        if self.event_id is None:
            return "deleted by its own id"
        if self.answer is None:
            return "its bots were deleted by their own ids"
        if self.took_effect:
            return "the bots that were left were deleted by their own ids"
        return "the event's id was refused; its bots were deleted by their own ids"


def _took_fewer(result: UnscheduleResult, bots: int) -> bool:
    """The reply counts fewer bots than the event is known to have."""
    counts = [n for n in (result.bots_deleted, result.schedules_cancelled) if n is not None]
    return bool(counts) and max(counts) < bots


def key_of(bot: ScheduledBot) -> tuple[str, str]:
    """What a row is one with: its event, or itself."""
    return ("bot", bot.bot_id) if bot.event_id is None else ("event", bot.event_id)
