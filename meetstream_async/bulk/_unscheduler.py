"""Carrying out what an item asks for: its requests, one after the other, until its turn is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, TypeVar

from .._http.call import FIRST, PACED, Answer, Context, Request
from .._http.rate_limit import WaitTooLongError
from ..errors import MeetStreamError
from ..meetstream import delete_scheduled_bot, unschedule_event
from ..meetstream.client import MeetStreamClient
from ..meetstream.models import UnscheduleResult
from ._account_report import STATUSES
from ._api_operation import ApiOperation
from ._choices import left_alone
from ._facts import FOREIGN, LOST
from ._items import EventItem
from .options import UnscheduleOptions
from .report import UnscheduleOutcome
from .statuses import OutcomeStatus

ItemT = TypeVar("ItemT", bound=EventItem)

_ALIKE = 5
"""Refusals in a row, from the first listed event on, that speak of all of them."""


class Unscheduler(ApiOperation[ItemT, UnscheduleOutcome]):
    """What becomes of one event. Shared by the operations of given targets and of whole accounts."""

    statuses: Sequence[OutcomeStatus] = STATUSES

    def __init__(self, client: MeetStreamClient, options: UnscheduleOptions) -> None:
        super().__init__(client.api, dry_run=options.dry_run, would=OutcomeStatus.WOULD_UNSCHEDULE)
        self._client = client
        self._options = options
        self._reasons: Counter[str] = Counter()
        """Why items were skipped."""
        self._refused: list[str] | None = []
        """How the first listed events were refused; None since one of them was not."""

    async def attempt(self, item: ItemT) -> UnscheduleOutcome:
        item.begin()
        item.start_turn()
        # The runner has waited for the turn of one request only.
        context: Context | None = item.context
        while not item.event_asked:
            context = context or await self._further_turn(item.uncertain)
            error = None
            try:
                answer = await self._api.call(self._request(item), context)
            except MeetStreamError as exc:
                error = exc
            else:
                self._event_done(item, answer)
            if error is not None:
                # Outside of the except block: what happens now has no business in the error's context.
                item.note_error(error)
                item.event_failed(error, self._api.server_time())
            context = None
        while item.fatal is None and (bot_id := item.next_bot()) is not None:
            if context is not None:
                context = PACED if context.paced else FIRST
            await self._delete_bot(item, bot_id, context or await self._further_turn())
            context = None
        item.elapsed += item.end()
        return item.outcome()

    async def _further_turn(self, uncertain: bool = False) -> Context:
        """Wait for the turn of a further request of an item.

        A call that had to wait itself could run out of time before its request: the item would go back, and
        begin anew each time.
        """
        try:
            await self._api.rate_limiter.wait(pause_limit=self._api.policy.max_elapsed)
        except WaitTooLongError:
            return Context(uncertain=uncertain)
        return Context(paced=True, uncertain=uncertain)

    def _request(self, item: ItemT) -> Request[UnscheduleResult]:
        """The DELETE of its event."""
        options = self._options
        event_id = item.request_id or item.event_id or ""
        return unschedule_event(event_id, options.cancel_all_occurrences, options.from_date)

    def _event_done(self, item: ItemT, answer: Answer[UnscheduleResult]) -> None:
        result = answer.value
        asks_the_time = result.inferred or item.alone
        item.event_done(result, answer.attempts, self._api.server_time() if asks_the_time else None)

    async def _delete_bot(self, item: ItemT, bot_id: str, context: Context) -> None:
        if item.fates is not None and item.fates.get(bot_id) == LOST:
            context = Context(paced=context.paced, uncertain=True)
        try:
            answer = await self._api.call(delete_scheduled_bot(bot_id), context)
        except MeetStreamError as exc:
            error = exc
        else:
            item.bot_done(bot_id, answer.attempts, answer.value.request_id)
            return
        item.note_error(error)
        item.bot_failed(bot_id, error, self._api.server_time())

    def stop_reason_after(self, item: ItemT, outcome: UnscheduleOutcome) -> str | None:
        if item.fatal is not None or self._refused is None or not item.bots:
            return item.fatal
        return self._if_all_are_refused(self._refused, item, outcome)

    def _if_all_are_refused(self, refused: list[str], item: ItemT, outcome: UnscheduleOutcome) -> str | None:
        """One diagnosis instead of a hundred failures, where the listing's ids are not the API's."""
        if item.answer is None:
            return None
        if item.answer != FOREIGN or outcome.status is not OutcomeStatus.FAILED or item.error is None:
            self._refused = None
            return None
        refused.append(f"{type(item.error).__name__}: {item.error.message}")
        if len(set(refused)) > 1:
            self._refused = None
        elif len(refused) >= _ALIKE:
            return (
                f"the first {_ALIKE} listed events were refused alike ({refused[0]}): "
                "the ids that the listing shows are not MeetStream's own; cancel by the bots' own ids"
            )
        return None

    def again(self, first: UnscheduleOutcome, second: UnscheduleOutcome) -> UnscheduleOutcome:
        # The item remembers what it was told before.
        return second

    def interrupted(self, item: ItemT) -> UnscheduleOutcome:
        item.interrupted()
        item.elapsed += item.end()
        return item.outcome()

    def outcome(self, item: ItemT, status: OutcomeStatus, **fields: Any) -> UnscheduleOutcome:
        return UnscheduleOutcome(item.event_id, item.bot_ids, status, **fields)

    def left(self) -> tuple[str, ...]:
        """What was left alone although it was asked for."""
        return left_alone(self._reasons, self._options)
