"""The one judge of what is true of an account: what is to be done, by which request, and what came of it.

:class:`AccountState` is pure: no I/O, no event loop, no clock of its own. Whoever owns these feeds it with
what they bring (listings, answers, errors, the time) and asks it what to do next. Every bulk run of this
package does so, and so can you::

    state = AccountState(UnscheduleOptions(where=BotFilter(platform="zoom")))
    while not state.is_over:
        now = time.monotonic()
        if (request := state.next_request()) is not None:
            try:
                if request.method == "event":
                    result = await client.unschedule_event(request.id)
                else:
                    result = await client.delete_scheduled_bot(request.id)
            except MeetStreamError as error:
                state.take_error(request, error, now=time.monotonic())
            else:
                state.take_answer(request, result, now=time.monotonic())
        elif (due := state.next_listing(now)) is not None:
            await asyncio.sleep(max(0.0, due - now))
            page = await client.list_scheduled_bots()
            state.take_listing(page, now=time.monotonic())
    report = state.report()

Its rules:

- **What any listing has shown is remembered.** The filter is asked once for each bot. A DELETE takes a whole
  event, so with a filter it is only sent where all bots of the event are known and inside; otherwise the
  event's selected bots go by their own ids, or the event is left alone and named.
- **The calendars' events join bots with their events**, and show bots behind a full listing, where they are
  fed in (``wants_events``). An event is only named by an id that is MeetStream's own for certain; its bots go
  by their own ids otherwise, or where the event has bots that were not agreed to.
- **"Not scheduled" and "not found" prove nothing by themselves.** A refusal of the event's id leads to the
  bots' own. A bot counts as gone where an answer names it alone, or where whole listings no longer show it
  and its join time lay ahead by the server's clock. Otherwise the outcome is ``unknown``, "may have joined".
- **Rows that say cancelled, stopped or not scheduled** are neither work nor still listed; one that says it
  is in its meeting has joined.
- **Rows that should be gone** are looked at again, 0.5 s later and then doubling to 5 s, until ``settle``
  seconds have passed without progress. An event gets a further DELETE while each one is seen to take a bot
  and leave others, then its bots go by their own ids. An outcome that nobody knows is tried once more.
- **What took effect is never** ``failed``; ``failed`` items that turn out to be gone are
  ``already_unscheduled``.
- **Everything ends**: turns for one event, further looks and listings are bounded, whatever a server shows.

An event has at most one request at a time; different events may be asked for at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..errors import MeetStreamError
from ..meetstream import MAX_LIMIT
from ..meetstream.models import DeletedBot, ScheduledBot, ScheduledBotPage, UnscheduleResult, soonest_first
from . import _account_changes, _account_json
from ._account_events import IndexedAccount
from ._account_report import MOST_LISTINGS
from ._choices import check_target
from ._items import CancelRequest, Target
from ._repeated_rows import by_id, repeated_in
from ._verification import Tracked
from .options import Where
from .statuses import OutcomeStatus

__all__ = ["AccountState", "CancelRequest"]


class AccountState(IndexedAccount):
    """One run over one account. See the module for its rules and an example.

    ``options``: what is selected. ``settle``: seconds that rows which should be gone are waited for.
    ``only_given``: only the targets of ``take_targets`` are work, and listings are evidence.

    ``now`` is the time of a monotonic clock in seconds, always the same one; ``server_time`` the time by the
    server's clock (its ``Date`` header), or this machine's where that is unknown.
    """

    # --- what it is fed with --------------------------------------------------------------------------

    def take_listing(
        self,
        page: ScheduledBotPage,
        *,
        now: float,
        requested_at: float | None = None,
        server_time: datetime | None = None,
    ) -> bool:
        """A listing. True where it brought something to do.

        ``requested_at``: when its request was sent, where requests of other kinds were in flight meanwhile.
        ``server_time``: in place of the one that the page has.
        """
        time = server_time or page.server_time
        if time is not None:
            self.take_time(time, now)
        fresh = not self._at_work and (requested_at is None or requested_at >= self._last_answer)
        self._listings += 1
        self._page = len(page.bots) + len(page.rejected), page.truncated, len(page.rejected)
        self._bots.listing_is_whole = not page.truncated and not page.rejected
        before = len(self._backlog)
        rows, self._bots.repeated = by_id(page.bots), repeated_in(page.bots)
        self._bots.compare(rows.values(), self.server_time(now))
        for bot in soonest_first(tuple(rows.values())):
            self._take_row(bot)
        if fresh:
            self._verify(rows, now, len(self._backlog) > before)
        elif requested_at is not None:
            self._doubt(rows, requested_at)
        self._bots.was_whole = self._bots.was_whole or self._bots.listing_is_whole
        self._fruitless = not fresh and len(self._backlog) == before
        return len(self._backlog) > before

    def take_listing_error(self, reason: str) -> None:
        """A listing could not be had: nothing more is listed or verified. ``reason``: for the report."""
        asked = [item for item in self._items.values() if item.was_asked]
        if self._only_given and all(item.outcome().status is OutcomeStatus.FAILED for item in asked):
            # Nothing took effect, and no listing is needed to know that.
            self._finished = True
        else:
            self._listing_failure = reason

    def take_targets(self, targets: Iterable[Target]) -> None:
        """Events by their ids, or bots, that were given in place of a listing.

        Raises ConfigurationError for an id that no request can carry, and for an event's id where only bots
        can be told apart: with ``where``, or ``cancel_by="bot"``.
        """
        targets = list(targets)
        for index, target in enumerate(targets):
            check_target(target, self._options, f"targets[{index}]")
        for target in targets:
            if isinstance(target, ScheduledBot):
                self._take_row(target, given=True)
            elif ("event", target) not in self._items:
                self._add(Tracked(target))

    def take_claims(self, targets: Iterable[Target]) -> None:
        """Events and bots that an earlier run calls unscheduled, without a listing that shows it.

        Nothing is sent for them, and what is gone has no outcome: listings say what is not. Of an event with
        several bots, the answer to that run did not say which it took.
        """
        for target in targets:
            bot = None if isinstance(target, str) else target
            key = ("event", target) if isinstance(target, str) else self._bots.key_of(target)
            item = self._items.get(key)
            if item is None:
                item = Tracked(key[1] if key[0] == "event" else None)
                item.key, item.claimed, item.waiting, item.turns = key, True, False, 1
                item.event_done(UnscheduleResult(unscheduled=True), 0, None)
            if not item.claimed:
                continue
            if bot is not None and self._bots.take(bot, listed=False) is not None:
                item.bots[bot.bot_id] = bot
                item.listed = item.acted = frozenset(item.bots)
                for bot_id in item.bots:
                    self._bots.bots[bot_id].confirmed = len(item.bots) == 1
            self._items[key] = self._open[key] = item
            self._acted = True

    def take_answer(
        self,
        request: CancelRequest,
        result: UnscheduleResult | DeletedBot | None = None,
        *,
        now: float,
        attempts: int = 1,
    ) -> None:
        """A request succeeded. ``result``: what it said; ``attempts``: how many requests it took."""
        if request.method == "event":
            answer = result if isinstance(result, UnscheduleResult) else UnscheduleResult()
            request.item.event_done(answer, attempts, self.server_time(now))
        else:
            request.item.bot_done(request.id, attempts, None if result is None else result.request_id)
        self._go_on(request, now)

    def take_error(self, request: CancelRequest, error: MeetStreamError, *, now: float) -> None:
        """A request ended in an error. One that speaks of the key or the client calls for ``stop``."""
        if request.method == "event":
            request.item.event_failed(error, self.server_time(now))
        else:
            request.item.bot_failed(request.id, error, self.server_time(now))
        self._go_on(request, now)

    def take_cancelled(self, request: CancelRequest, *, now: float) -> None:
        """A request was cancelled in flight, or lost with the process that made it."""
        request.item.interrupted()
        self._go_on(request, now)

    def stop(self, reason: str) -> None:
        """Nothing more is to be sent. What is in flight is still taken in."""
        if self._stopped is None:
            self._stopped = reason
        self._release()
        while self._backlog:
            item = self._backlog.popleft()
            item.waiting = False
            self._note(item)
            self._leave(item, item.left(OutcomeStatus.NOT_ATTEMPTED, self._stopped))
        for item in self._between:
            self.end_turn(item, self._last_answer)
        self._between.clear()

    # --- what it is asked for -------------------------------------------------------------------------

    def next_request(self) -> CancelRequest | None:
        """A request to be made now; None where there is none, until an answer or a listing comes in.

        Requests that are returned before the answers of others have come in may be made at the same time.
        """
        if self._between:
            return self._between.popleft().next_request()
        while (item := self.next_item()) is not None:
            if self.outcome_without_request(item) is None:
                item.start_turn()
                request = item.next_request()
                if request is not None:
                    return request
                self.end_turn(item, self._last_answer)
        return None

    def next_listing(self, now: float) -> float | None:
        """When the next listing is due; ``now`` or earlier means at once, None that none is wanted now.

        The last half page of a full listing is still at work when the next one is asked for.
        """
        if self._stopped is not None or self._listing_failure is not None or self._listings >= MOST_LISTINGS:
            return None
        if not self._listings and not self._only_given:
            return now
        if self._options.dry_run or self._finished:
            return None
        if self._held:
            # What they wait for may bring more than a listing.
            return None
        busy = self.busy
        if busy:
            truncated = self._page is not None and self._page[1]
            return now if truncated and not self._fruitless and busy <= MAX_LIMIT // 2 else None
        return max(now, self._check_at) if self._acted else None

    @property
    def is_over(self) -> bool:
        """Nothing is to be sent, in flight, or to be looked at."""
        return not self.busy and self.next_listing(0.0) is None

    def in_flight(self) -> tuple[CancelRequest, ...]:
        """Requests whose answers have not come in: after a restart, those that were lost with the process."""
        waiting = set(self._between)
        items = (item for item in self._items.values() if item.in_flight and item not in waiting)
        return tuple(request for item in items if (request := item.next_request()) is not None)

    def to_dict(self, now: float) -> dict[str, Any]:
        """All of it as JSON values, without links and without attributes beyond the ids.

        ``where`` is not in it, but what it said of each bot is; nor is the server's time, which goes on
        while the state is stored. Requests in flight stay so: see ``take_cancelled``.
        """
        return _account_json.dump(self, now)

    def changes(self, now: float) -> dict[str, Any]:
        """What has changed since ``changes`` was last asked, as JSON values: the first time, all of it.

        For storing after each step what the step has changed, however large the account is. ``now`` has to
        be of a clock that goes on where the state is restored, or always 0.
        """
        return _account_changes.dump_changes(self, now)

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        now: float,
        where: Where | None = None,
    ) -> AccountState:
        """The inverse of ``to_dict``; or, of a sequence of what ``changes`` told, from the first on.

        ``where``: the filter, where it is a function, which can't be stored. Raises ConfigurationError for
        data of another kind.
        """
        if not isinstance(data, Mapping):
            data = _account_changes.merge(data)
        state = cls(_account_json.load_options(data, where))
        _account_json.load(state, data, now)
        return state
