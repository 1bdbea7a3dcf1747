"""One bot that is to be scheduled again: what can come back of it, and what its answers mean. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from attrs import define, field

from ..errors import EventAlreadyScheduledError, MeetStreamError
from ..meetstream.bots import CreatedBot, ScheduleResult
from ._item import Item, request_id_of
from ._summary import IN_FLIGHT
from ._way_back import SIBLING, losses, restores
from .report import Method
from .reschedule_outcome import RescheduleOutcome
from .snapshot import SnapshotBot
from .statuses import OutcomeStatus

# What an answer means.
ANSWERED: Final = "answered"
"""The API says that a bot is scheduled now."""
ALREADY: Final = "already"
"""A bot is there, and was before this run's request."""
LOST: Final = "lost"
"""Nobody knows: a request may have taken effect."""
REFUSED: Final = "refused"
"""Nothing took effect."""

NOT_SHOWN: Final = "the API says that it is scheduled, but nothing shows it"


@define(eq=False)
class Restoration(Item):
    """One bot of a snapshot, and what is known of its way back."""

    entry: SnapshotBot
    way: Method | None
    refusal: str | None = None
    """Why it can't come back."""
    key: str | None = None
    """Under which a one-off bot is created, once."""
    answer: str | None = None
    new_bot_id: str | None = None
    new_join_time: datetime | None = None
    confirmed: bool = False
    """The new bot was seen to be scheduled."""
    unseen: bool = False
    """It was looked for, and nothing shows it."""
    stale: bool = False
    """The bot of the answer was created by an earlier run with the same key."""
    inferred: bool = False
    moved: bool = False
    not_moved: str | None = None
    """Why its join time could not be restored."""
    hint: str | None = None
    error: MeetStreamError | None = None
    last_request: str | None = None
    """The API's own id of the request that was to schedule it."""
    attempts: int = 0
    elapsed: float = 0.0
    siblings: frozenset[str] = field(factory=frozenset)
    """Ids of the other bots that its event is known to have had."""

    @property
    def event_id(self) -> str | None:
        return self.entry.event_id

    @property
    def is_open(self) -> bool:
        """Its request is still to be made."""
        return self.refusal is None and self.answer is None

    @property
    def is_unseen(self) -> bool:
        """An answer, or the lack of one, says that a bot may be in its place, and nothing has shown it."""
        return self.refusal is None and self.answer in (ANSWERED, ALREADY, LOST) and not self.confirmed

    # --- what it is told ------------------------------------------------------------------------------

    def take_scheduled(self, result: ScheduleResult, attempts: int) -> None:
        """Its event has a bot now."""
        self.attempts += attempts
        self.answer, self.error = ANSWERED, None
        self.last_request = result.request_id
        self.new_bot_id, self.new_join_time = result.bot_id, result.scheduled_time

    def take_created(self, result: CreatedBot, attempts: int) -> None:
        """It was created, now or under the same key before."""
        self.attempts += attempts
        self.last_request = result.request_id
        ours = result.inferred or self.uncertain or not result.repeated
        self.answer, self.error = ANSWERED if ours else ALREADY, None
        self.stale, self.inferred = not ours, result.inferred or (self.uncertain and result.repeated)
        self.new_bot_id, self.new_join_time = result.bot_id, self.entry.join_time

    def take_error(self, error: MeetStreamError) -> None:
        """Its request ended in an error."""
        self.attempts += error.attempts
        self.error, self.last_request = error, request_id_of(error)
        if error.outcome_unknown or self.uncertain:
            self.answer = LOST
        elif isinstance(error, EventAlreadyScheduledError):
            if error.bot_id is not None and error.bot_id in self.siblings:
                self.answer, self.refusal, self.error = REFUSED, SIBLING, None
            else:
                self.is_there(error.bot_id)
                self.confirmed = False
        else:
            self.answer = REFUSED

    def is_there(
        self, bot_id: str | None, join_time: datetime | None = None, hint: str | None = None
    ) -> None:
        """A bot is in its place already."""
        self.answer, self.error, self.confirmed = ALREADY, None, True
        self.new_bot_id, self.hint = bot_id, hint
        self.new_join_time = join_time

    def block(self, reason: str) -> None:
        """Nothing is sent for it."""
        self.answer, self.hint = REFUSED, reason

    def was_seen(self, bot_id: str, join_time: datetime | None) -> None:
        """A listing, the calendars' events or its detail show it."""
        if self.answer == LOST:
            self.answer, self.inferred, self.error = ANSWERED, True, None
        self.new_bot_id, self.confirmed, self.unseen = bot_id, True, False
        if join_time is not None and not self.moved:
            self.new_join_time = join_time

    def interrupted(self) -> None:
        """Its request was cancelled in flight."""
        self.uncertain, self.answer, self.error = True, LOST, None
        self.attempts += 1

    # --- what it comes to -----------------------------------------------------------------------------

    def outcome(self) -> RescheduleOutcome:
        """What is known of it so far."""
        status, reason = self._verdict()
        settled = status in (OutcomeStatus.RESCHEDULED, OutcomeStatus.ALREADY_SCHEDULED)
        return self._outcome(status, reason, None if settled else self.error)

    def left(self, status: OutcomeStatus, reason: str | None) -> RescheduleOutcome:
        """Its outcome where nothing was sent."""
        return self._outcome(status, reason, None)

    def _outcome(
        self, status: OutcomeStatus, reason: str | None, error: MeetStreamError | None
    ) -> RescheduleOutcome:
        entry, comes_back = self.entry, self.refusal is None
        return RescheduleOutcome(
            bot_id=entry.bot_id,
            event_id=entry.event_id,
            status=status,
            new_bot_id=self.new_bot_id,
            reason=reason,
            method=self.way if comes_back else None,
            join_time=entry.join_time,
            new_join_time=self.new_join_time,
            moved=self.moved,
            restores=restores(entry, self.way) if comes_back else (),
            lost=losses(entry, self.way) if comes_back else (),
            inferred=self.inferred,
            error=error,
            attempts=self.attempts,
            elapsed=self.elapsed,
            request_id=self.last_request,
        )

    def _verdict(self) -> tuple[OutcomeStatus, str | None]:
        if self.refusal is not None:
            return OutcomeStatus.NOT_RESTORABLE, self.refusal
        if self.answer == ANSWERED:
            if self.unseen:
                return OutcomeStatus.UNKNOWN, NOT_SHOWN
            return OutcomeStatus.RESCHEDULED, self.not_moved or self._inference()
        if self.answer == ALREADY:
            if self.unseen and self.stale:
                return OutcomeStatus.FAILED, (
                    "an earlier undo of this snapshot created a bot that is not scheduled any more: undo the "
                    "run that cancelled that one"
                )
            if self.unseen:
                return OutcomeStatus.UNKNOWN, NOT_SHOWN
            return OutcomeStatus.ALREADY_SCHEDULED, self.hint
        if self.answer == LOST:
            because = IN_FLIGHT if self.error is None else str(self.error)
            if not self.unseen:
                return OutcomeStatus.UNKNOWN, because
            return OutcomeStatus.UNKNOWN, f"nothing shows a bot in its place yet, but {because}"
        return OutcomeStatus.FAILED, self.hint if self.error is None else str(self.error)

    def _inference(self) -> str | None:
        return "inferred: it is there after an attempt whose answer was lost" if self.inferred else None
