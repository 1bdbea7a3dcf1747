"""The requests of an undo: what is sent for a bot, and the looks at what it came to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from attrs import evolve

from .._http.api_errors import why_no_other_can_succeed
from .._http.call import PACED, Context
from .._http.rate_limit import WaitTooLongError
from ..errors import MeetStreamError, ServerError, TransportError
from ..meetstream import (
    create_bot,
    get_bot_detail,
    list_calendar_events,
    list_scheduled_bots,
    move_scheduled_bot,
    schedule_event,
)
from ..meetstream.client import MeetStreamClient
from ..meetstream.models import MeetStreamEventPage, ScheduledBotPage
from ._account_operation import Turn
from ._api_operation import ApiOperation
from ._each import for_each
from ._event_reading import PAGE_SECONDS, read_events
from ._event_states import window
from ._evidence import says_no_such_bot
from ._relisting import Listing, fetch_through_an_outage
from ._restoration import ANSWERED, LOST, Restoration
from ._restore_state import RestoreState
from ._summary import pause_before
from ._way_back import config_of, link_of, name_of, refusal_of
from .options import BulkOptions
from .reschedule_outcome import RescheduleOutcome
from .snapshot import Snapshot
from .statuses import OutcomeStatus

RESCHEDULE_STATUSES: Final = (
    OutcomeStatus.RESCHEDULED,
    OutcomeStatus.ALREADY_SCHEDULED,
    OutcomeStatus.WOULD_RESCHEDULE,
    OutcomeStatus.NOT_RESTORABLE,
    OutcomeStatus.FAILED,
    OutcomeStatus.UNKNOWN,
    OutcomeStatus.NOT_ATTEMPTED,
)


class RestoreRequests(ApiOperation[Restoration, RescheduleOutcome]):
    """What is asked of the API in one undo."""

    statuses: Sequence[OutcomeStatus] = RESCHEDULE_STATUSES
    _slot: Turn
    """Waits for the turn of a request of the run's own."""

    def __init__(
        self,
        client: MeetStreamClient,
        snapshot: Snapshot,
        bulk: BulkOptions[RescheduleOutcome],
        *,
        dry_run: bool,
        restore_times: bool,
    ) -> None:
        super().__init__(client.api, dry_run=dry_run, would=OutcomeStatus.WOULD_RESCHEDULE)
        self._client = client
        self._snapshot = snapshot
        self._bulk = bulk
        self._restore_times = restore_times
        self._clock = asyncio.get_running_loop().time
        self._state = RestoreState(snapshot, self._api.server_time())

    def _end(self, reason: str) -> None:
        """A look has shown that nothing else can succeed."""
        raise NotImplementedError

    # --- requests -------------------------------------------------------------------------------------

    async def attempt(self, item: Restoration) -> RescheduleOutcome:
        item.begin()
        if item.answer == LOST and item.way == "event":
            return await self._probe(item)
        if (why := refusal_of(item.entry, self._api.server_time())) is not None:
            # Its time has come while it waited for its turn: a bot that is late would join at once.
            item.end()
            if item.answer == LOST:
                return evolve(item.outcome(), error=None)
            item.refusal = why
            return item.outcome()
        try:
            await self._schedule(item)
        except MeetStreamError as exc:
            error = exc
        else:
            if self._restore_times:
                await self._move(item)
            item.elapsed += item.end()
            return item.outcome()
        # Outside of the except block: what happens from here on has no business in the error's context.
        item.note_error(error)
        item.take_error(error)
        item.elapsed += item.end()
        return item.outcome()

    async def _schedule(self, item: Restoration) -> None:
        entry, context = item.entry, item.context
        if item.way == "event":
            request = schedule_event(entry.event_id or "", _with_name(item) or None)
            answer = await self._api.call(request, context)
            item.take_scheduled(answer.value, answer.attempts)
            return
        creation = create_bot(
            link_of(entry) or "",
            name_of(entry) or "",
            join_at=entry.join_time,
            config=config_of(entry),
            idempotency_key=item.key,
        )
        created = await self._api.call(creation, context)
        item.take_created(created.value, created.attempts)

    async def _probe(self, item: Restoration) -> RescheduleOutcome:
        """In place of a request that may have taken effect: ask for a listing whether the server is back."""
        outcome = item.outcome()
        try:
            page: ScheduledBotPage = (await self._api.call(list_scheduled_bots(), PACED)).value
        except MeetStreamError as exc:
            item.end()
            return outcome if isinstance(exc, ServerError | TransportError) else evolve(outcome, error=None)
        self._state.take_listing(page)
        item.end()
        return evolve(outcome, error=None)

    async def _move(self, item: Restoration) -> None:
        """Let a new bot join when the old one was to, if the API gave it another time."""
        if item.answer != ANSWERED or item.moved or item.new_bot_id is None or not item.outcome().differs:
            return
        time = item.entry.join_time
        if time is None or time <= self._api.server_time():
            return
        try:
            request = move_scheduled_bot(item.new_bot_id, time)
            answer = await self._api.call(request, await self._turn())
        except MeetStreamError as exc:
            error = exc.with_traceback(None)
        else:
            item.attempts += answer.attempts
            item.moved, item.new_join_time, item.not_moved = True, time, None
            return
        item.attempts += error.attempts
        item.not_moved = f"its join time could not be restored: {error}"

    async def _turn(self) -> Context:
        """Wait for the turn of a further request."""
        try:
            await self._api.rate_limiter.wait(pause_limit=self._api.policy.max_elapsed)
        except WaitTooLongError:
            return Context()
        return PACED

    # --- looks ----------------------------------------------------------------------------------------

    async def _list(self) -> bool:
        """Take in a listing. False if there is none, which the state is told."""

        async def fetch() -> Listing:
            async with self._slot():
                page: ScheduledBotPage = (await self._api.call(list_scheduled_bots(), PACED)).value
            return page, self._clock()

        try:
            page, _ = await fetch_through_an_outage(fetch, self.longest_outage)
        except WaitTooLongError as exc:
            self._state.unverified = pause_before(exc.seconds, "a listing")
            return False
        except MeetStreamError as error:
            problem = f"could not verify that they are there: {type(error).__name__}: {error}"
            self._state.unverified = problem
            if (reason := why_no_other_can_succeed(error)) is not None:
                self._end(reason)
            return False
        self._state.take_listing(page)
        return True

    async def _read_events(self) -> None:
        """Read the events around the bots that are to come back."""
        joins = [item.entry.as_row().scheduled_join_time for item in self._state.items if item.way == "event"]
        time_min, time_max = window(joins, True, self._api.server_time())
        self._state.forget_events()

        async def fetch(cursor: str | None) -> MeetStreamEventPage:
            request = list_calendar_events(time_min, time_max, cursor=cursor)
            async with self._slot(), asyncio.timeout(PAGE_SECONDS):
                return (await self._api.call(request, PACED)).value

        await read_events(self._state, fetch)

    async def _ask(self, item: Restoration) -> None:
        """Ask for one bot that no listing shows, since the listing does not show all there is."""
        if item.new_bot_id is None:
            return
        try:
            async with self._slot():
                detail = (await self._api.call(get_bot_detail(item.new_bot_id), PACED)).value
        except (MeetStreamError, WaitTooLongError):
            return
        self._state.take_detail(item, detail)

    async def _check_again(self) -> bool:
        """Look again at what should be gone. False if there is no listing."""
        listed = await self._list()
        if listed and self._state.hides_events:
            await self._read_events()
        await self._ask_olds()
        return listed

    async def _ask_olds(self) -> None:
        """Ask for old bots of which no listing says for certain whether they are gone."""

        async def ask(bot_id: str) -> None:
            try:
                async with self._slot():
                    detail = (await self._api.call(get_bot_detail(bot_id), PACED)).value
            except (MeetStreamError, WaitTooLongError) as error:
                if isinstance(error, MeetStreamError) and says_no_such_bot(error):
                    self._state.take_old(bot_id, None)
                return
            self._state.take_old(bot_id, detail)

        await for_each(self._state.to_ask(), ask, self._bulk.max_concurrency)

    async def _confirm(self) -> list[Restoration] | None:
        """What nothing shows by now; None if it can't be looked at."""
        state = self._state
        if not await self._list():
            return None
        unseen = state.confirm()
        by_event = [item for item in unseen if item.way == "event"]
        if by_event and (state.hides_events or any(item.new_bot_id is None for item in by_event)):
            await self._read_events()
            unseen = state.confirm()
        if not state.is_whole:
            await for_each(unseen, self._ask, self._bulk.max_concurrency)
            unseen = state.confirm()
        if self._restore_times:
            for item in state.items:
                await self._move(item)
        return unseen

    # --- what becomes of an item ----------------------------------------------------------------------

    def outcome(self, item: Restoration, status: OutcomeStatus, **fields: Any) -> RescheduleOutcome:
        return item.left(status, fields.get("reason"))

    def again(self, first: RescheduleOutcome, second: RescheduleOutcome) -> RescheduleOutcome:
        # The item remembers what it was told before.
        return second

    def interrupted(self, item: Restoration) -> RescheduleOutcome:
        item.interrupted()
        item.elapsed += item.end()
        return item.outcome()


def _with_name(item: Restoration) -> dict[str, Any]:
    """The configuration of a bot that is scheduled by its event."""
    config = config_of(item.entry)
    if (name := name_of(item.entry)) is not None:
        config["bot_name"] = name
    return config
