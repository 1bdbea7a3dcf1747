"""What becomes of one event: its DELETE, its answer, its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._http.call import Context
from ..errors import EventNotFoundError, EventNotScheduledError, MeetStreamError
from ..meetstream import bot_is_not_yours, delete_scheduled_bot, unschedule_event
from ..meetstream.client import MeetStreamClient
from ..meetstream.models import UnscheduleResult
from ._api_operation import ApiOperation
from ._items import EventItem
from .options import UnscheduleOptions
from .report import OutcomeStatus, UnscheduleOutcome

STATUSES = (
    OutcomeStatus.UNSCHEDULED,
    OutcomeStatus.ALREADY_UNSCHEDULED,
    OutcomeStatus.WOULD_UNSCHEDULE,
    OutcomeStatus.FAILED,
    OutcomeStatus.UNKNOWN,
    OutcomeStatus.SKIPPED,
    OutcomeStatus.NOT_ATTEMPTED,
)

MAY_HAVE_JOINED = "may have joined"

SHARED = "shared"

_ONE_OFF = "one-off bot without an event"


class Unscheduler(ApiOperation[EventItem, UnscheduleOutcome]):
    """What becomes of one event. Shared by the plans of given targets and of whole accounts."""

    statuses: Sequence[OutcomeStatus] = STATUSES

    def __init__(self, client: MeetStreamClient, options: UnscheduleOptions) -> None:
        super().__init__(client.api, dry_run=options.dry_run, would=OutcomeStatus.WOULD_UNSCHEDULE)
        self._client = client
        self._options = options
        self._left_one_off = 0
        self._left_shared = 0

    def without_request(self, item: EventItem) -> UnscheduleOutcome | None:
        if item.event_id is None and self._options.one_off_bots != "delete":
            if self._options.one_off_bots == "report":
                self._left_one_off += 1
            return self.outcome(item, OutcomeStatus.SKIPPED, reason=_ONE_OFF)
        if item.shared and not self._options.whole_events:
            self._left_shared += 1
            reason = f"{SHARED}: a bot of the event lies outside the filter"
            return self.outcome(item, OutcomeStatus.SKIPPED, reason=reason)
        return super().without_request(item)

    async def attempt(self, item: EventItem) -> UnscheduleOutcome:
        item.begin()
        if item.event_id is None:
            return await self._delete_bots(item)
        options = self._options
        try:
            request = unschedule_event(item.event_id, options.cancel_all_occurrences, options.from_date)
            answer = await self._api.call(request, item.context)
        except MeetStreamError as exc:
            error = exc
        else:
            return self._success(item, answer.value, answer.attempts)
        # Outside of the except block: what happens from here on has no business in the error's context.
        item.note_error(error)
        if isinstance(error, EventNotScheduledError) and not error.outcome_unknown:
            return self._already(item, error)
        if isinstance(error, EventNotFoundError) and options.one_off_bots == "delete" and item.bots:
            return await self._delete_bots(item, sent=error.attempts)
        return self.failure(item, error)

    def outcome(self, item: EventItem, status: OutcomeStatus, **fields: Any) -> UnscheduleOutcome:
        return UnscheduleOutcome(item.event_id, item.bot_ids, status, elapsed=item.end(), **fields)

    def left(self) -> tuple[str, ...]:
        """What was left alone although it was asked for."""
        left = []
        if self._left_one_off:
            left.append(f"{self._left_one_off} one-off bots have no event, were left alone and will join")
        if self._left_shared:
            left.append(f"{self._left_shared} events shared with bots outside the filter were left alone")
        return tuple(left)

    def _success(self, event: EventItem, result: UnscheduleResult, attempts: int) -> UnscheduleOutcome:
        status, reason = OutcomeStatus.UNSCHEDULED, None
        if result.inferred:
            reason = "inferred: not scheduled any more after an attempt whose answer was lost"
            if event.may_have_joined():
                # "Not scheduled", which the inference stands on, is also true of a bot in its meeting.
                status, reason = OutcomeStatus.UNKNOWN, MAY_HAVE_JOINED
        return UnscheduleOutcome(
            event.event_id,
            event.bot_ids,
            status,
            reason=reason,
            result=result,
            attempts=attempts,
            elapsed=event.end(),
        )

    def _already(self, event: EventItem, error: EventNotScheduledError) -> UnscheduleOutcome:
        if event.may_have_joined():
            return self.outcome(
                event, OutcomeStatus.UNKNOWN, reason=MAY_HAVE_JOINED, error=error, attempts=error.attempts
            )
        return self.outcome(
            event, OutcomeStatus.ALREADY_UNSCHEDULED, reason=error.message, attempts=error.attempts
        )

    async def _delete_bots(self, event: EventItem, *, sent: int = 0) -> UnscheduleOutcome:
        """Delete the bots by their own ids: a one-off bot, or those of an event that the API can't find."""
        worst: MeetStreamError | None = None
        # While this goes on, a stream of rows may bring another bot of the event.
        tried: set[str] = set()
        while waiting := [bot_id for bot_id in event.bots if bot_id not in event.gone | tried]:
            bot_id = waiting[0]
            tried.add(bot_id)
            try:
                # The runner has waited for the turn of one request only.
                context = event.context if not sent else Context(uncertain=event.uncertain)
                answer = await self._api.call(delete_scheduled_bot(bot_id), context)
                event.gone |= {bot_id}
                sent += answer.attempts
            except MeetStreamError as exc:
                error = exc
                sent += error.attempts
                event.note_error(error, about_this_only=bot_is_not_yours(error))
                if worst is None or error.outcome_unknown or event.fatal:
                    worst = error
            if event.fatal:
                break
        if worst is not None:
            return self.failure(event, worst, attempts=sent)
        reason = "deleted by its own id" if event.event_id is None else "event not found; bots deleted by id"
        return self.outcome(event, OutcomeStatus.UNSCHEDULED, reason=reason, attempts=sent)
