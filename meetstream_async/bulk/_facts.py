"""What the answers to an item's requests mean, and what they come to. Pure."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from .._http.making import maker
from ..errors import MeetStreamError
from ..meetstream.models import ScheduledBot, UnscheduleResult, is_own_event_id
from ._item import Item
from ._summary import IN_FLIGHT
from .report import Method, UnscheduleOutcome
from .statuses import OutcomeStatus

MAY_HAVE_JOINED: Final = "may have joined"

NOT_ITS_ID: Final = "not scheduled, but the id may not be MeetStream's own id of the event"

INFERRED: Final = "inferred: not scheduled any more after an attempt whose answer was lost"

# What an answer means, for the event (`answer`) and for each bot that was asked for by its own id (`fates`).
DONE: Final = "done"
"""Success, for the event."""
DELETED: Final = "deleted"
"""Success, for a bot."""
MISSING: Final = "missing"
"""Not scheduled any more, while the join time lay ahead by the server's clock."""
MAYBE: Final = "maybe"
"""Not scheduled any more, or it has joined: the join time is unknown or past."""
UNTOLD: Final = "untold"
"""MISSING by the answer for its event: its own was a gateway's "Not Found", which says nothing of it."""
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
PARTLY: Final = "partly"
"""Success, for a part of an event's bots at least: no answer says more."""
DOUBTFUL: Final = "doubtful"
"""Not scheduled, says the API of a listed id that may be of another kind; nothing else may be asked for."""
JOINED: Final = "joined"
"""A row, or the API's refusal, says that the bot is in its meeting."""


_make_outcome = maker(UnscheduleOutcome)


@define(eq=False)
class Facts(Item):
    """What is known of one event, or of one bot that has no event, from the answers to its requests."""

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
    series: bool = False
    """Options for a whole series go with the DELETE."""
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
    last_request: str | None = None
    """The API's own id of the last request that it told one for."""
    sent: Method | None = None
    """How the last request was sent."""
    attempts: int = 0
    elapsed: float = 0.0
    _successes: int = 0
    event_asked: bool = False
    """The event's DELETE had its turn, or has none."""
    _tried: set[str] | None = None
    """Bots that were asked for in this turn, where it is their turn."""
    _made: UnscheduleOutcome | None = None
    """The last plain success that was made of it."""

    @property
    def bot_ids(self) -> tuple[str, ...]:
        return tuple(self.bots)

    @property
    def is_certain(self) -> bool:
        """The id that its DELETE would name is MeetStream's own: the index says so, or it looks like one."""
        if self.request_id is not None:
            return self.certain
        return self.certain and is_own_event_id(self.event_id)

    @property
    def was_asked(self) -> bool:
        """An answer, or the lack of one, was heard."""
        return self.answer is not None or bool(self.fates)

    @property
    def is_covered(self) -> bool:
        """The last success counts as many bots as the event is known to have."""
        return self.counted >= len(self.bots)

    @property
    def counted(self) -> int:
        """Bots that the last success says it took."""
        result = self.result
        if result is None or result.inferred:
            return 0
        counts = (result.bots_deleted, result.schedules_cancelled, result.occurrences_affected)
        return max((n for n in counts if n is not None), default=1)

    @property
    def has_effect(self) -> bool:
        """At least a part of it is done, by an answer that says so."""
        return self.took_effect or (self.fates is not None and DELETED in self.fates.values())

    def outcome(self) -> UnscheduleOutcome:
        """What the answers so far come to."""
        if self.answer is DONE and self.fates is None:
            return self._success()
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
            self.last_request,
        )

    def _success(self) -> UnscheduleOutcome:
        """Made once: the report of a large account would otherwise make all of them anew, at its end."""
        bot_ids, made = tuple(self.bots), self._made
        if (
            made is None
            or made.result is not self.result
            or made.attempts != self.attempts
            or made.elapsed != self.elapsed
            or made.bot_ids != bot_ids
        ):
            made = self._made = _make_outcome(
                self.event_id,
                bot_ids,
                OutcomeStatus.UNSCHEDULED,
                None,
                self.result,
                None,
                self.attempts,
                self.elapsed,
                "event",
                self.last_request,
            )
        return made

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
        if self.answer == DOUBTFUL:
            return OutcomeStatus.UNKNOWN, NOT_ITS_ID
        if self.answer == PARTLY:
            return OutcomeStatus.UNKNOWN, "of several bots, the answer does not say which it took"
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
        if REFUSED in fates or {UNTOLD, DELETED} <= fates:
            # One that is deleted by its own id shows that the answer for the event meant nothing.
            return self._refused()
        asked_for_all = self.took_effect or self.answer == INFERRED_DONE
        if not asked_for_all and not self.fates.keys() >= self.bots.keys():
            return OutcomeStatus.UNKNOWN, "some of its bots were not asked for: the run ended first"
        if DELETED in fates:
            return OutcomeStatus.UNSCHEDULED, self._deleted_by_id()
        if self.has_effect:
            return OutcomeStatus.UNSCHEDULED, None
        if self.answer == INFERRED_DONE:
            return OutcomeStatus.UNSCHEDULED, INFERRED
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
        return IN_FLIGHT if self.error is None else str(self.error)

    def _deleted_by_id(self) -> str:
        if self.event_id is None:
            return "deleted by its own id"
        if self.answer is None:
            return "its bots were deleted by their own ids"
        if self.took_effect:
            return "the bots that were left were deleted by their own ids"
        return "the event's id was refused; its bots were deleted by their own ids"
