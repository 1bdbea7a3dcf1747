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

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from attrs import define

from ..errors import ConfigurationError, MeetStreamError
from ..meetstream import MAX_LIMIT
from ..meetstream.models import (
    DeletedBot,
    ScheduledBot,
    ScheduledBotPage,
    UnscheduleResult,
    soonest_first,
)
from ._choices import KEPT, choose, left_alone, sort_out
from ._evidence import is_for_want_of_a_server, may_be_another_id
from ._items import CancelRequest, Target
from ._known_bots import CalendarEvent, Key, KnownBots, by_id
from ._verification import (
    FIRST_LOOK,
    LONGEST_LOOK,
    Finding,
    Tracked,
    Verification,
    confirm,
    doubt,
    is_settled,
)
from .options import UnscheduleOptions, Where
from .report import BulkReport, OutcomeStatus, UnscheduleOutcome

__all__ = ["AccountState", "CancelRequest"]

MOST_LISTINGS: Final = 20_000
"""Listings of one run: about a million events. Beyond it a server is inventing them."""

STATUSES: Final = (
    OutcomeStatus.UNSCHEDULED,
    OutcomeStatus.ALREADY_UNSCHEDULED,
    OutcomeStatus.WOULD_UNSCHEDULE,
    OutcomeStatus.FAILED,
    OutcomeStatus.UNKNOWN,
    OutcomeStatus.SKIPPED,
    OutcomeStatus.NOT_ATTEMPTED,
)


@define(eq=False)
class _Patience:
    """How long rows that should be gone are waited for."""

    rows: int | None = None
    since: float = 0.0
    look: float = FIRST_LOOK
    proved: bool = False
    """The one look beyond ``settle`` was taken, for bots that one listing only does not show."""

    def lasts(self, rows: int, now: float, settle: float) -> bool:
        # Fewer than ever: a listing that flickers is no progress.
        if self.rows is None or rows < self.rows:
            self.rows, self.since = rows, now
        return now - self.since < settle

    def next_look(self, now: float, settle: float) -> float:
        at = min(now + self.look, max(self.since + settle, now))
        self.look = min(2 * self.look, LONGEST_LOOK)
        return max(at, now + 0.01)


class AccountState:
    """One run over one account. See the module for its rules and an example.

    ``settle``: seconds that rows which should be gone are waited for. ``only_given``: only the targets of
    ``take_targets`` are work, and listings are evidence.

    ``now`` is the time of a monotonic clock in seconds, always the same one; ``server_time`` the time by the
    server's clock (its ``Date`` header), or this machine's where that is unknown.
    """

    def __init__(
        self,
        options: UnscheduleOptions | None = None,
        *,
        settle: float = 15.0,
        only_given: bool = False,
    ) -> None:
        self._options = options or UnscheduleOptions()
        self._settle = settle
        self._only_given = only_given
        self._bots = KnownBots(self._options)
        self._verification = Verification(self._options, self._bots)
        self._items: dict[Key, Tracked] = {}
        self._aliases: dict[str, Key] = {}
        """The index's event id to the item whose listed bots it names otherwise."""
        self._backlog: deque[Tracked] = deque()
        self._between: deque[Tracked] = deque()
        """In a turn, with another request to be made."""
        self._at_work = 0
        self._open: dict[Key, Tracked] = {}
        """Asked for, and not proved gone."""
        self._reasons: Counter[str] = Counter()
        self._clock: tuple[datetime, float] | None = None
        self._listings = 0
        self._page: tuple[int, bool, int] | None = None
        """Rows, truncated, rejected rows of the last listing."""
        self._fruitless = False
        self._acted = False
        self._last_answer = 0.0
        self._patience = _Patience()
        self._look_at = 0.0
        self._verified = False
        """The last listing was made after all answers."""
        self._finished = False
        self._remaining: tuple[str, ...] = ()
        self._listing_failure: str | None = None
        self._stopped: str | None = None

    # --- what it is fed with --------------------------------------------------------------------------

    def take_time(self, server_time: datetime, now: float) -> None:
        """The server's clock shows ``server_time``. A later time stays: that is the careful side."""
        known = self.server_time(now)
        if known is None or server_time > known:
            self._clock = server_time, now

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
        """
        time = server_time or page.server_time
        if time is not None:
            self.take_time(time, now)
        fresh = not self._at_work and (requested_at is None or requested_at >= self._last_answer)
        self._listings += 1
        self._page = len(page.bots) + len(page.rejected), page.truncated, len(page.rejected)
        self._bots.listing_is_whole = not page.truncated and not page.rejected
        before = len(self._backlog)
        rows = by_id(page.bots)
        for bot in soonest_first(tuple(rows.values())):
            self._take_row(bot)
        if fresh:
            self._verify(rows, now, len(self._backlog) > before)
        self._bots.was_whole = self._bots.was_whole or self._bots.listing_is_whole
        self._fruitless = not fresh and len(self._backlog) == before
        return len(self._backlog) > before

    def take_listing_error(self, reason: str) -> None:
        """A listing could not be had: nothing more is listed or verified. ``reason``: for the report."""
        self._listing_failure = reason

    def take_events(self, events: Iterable[CalendarEvent], *, complete: bool = False) -> None:
        """Events of ``GET /calendar/events``, the index that joins bots with their events.

        ``complete``: with these, all of them have been seen.
        """
        for event in events:
            new = self._bots.index_event(event)
            for one in event.bots:
                known = self._bots.bots.get(one.id)
                item = None if known is None else self._items.get(known.key)
                if item is not None and not event.is_deleted:
                    if item.request_id not in (None, event.id):
                        item.certain = False
                    item.request_id = event.id
                    self._aliases[event.id] = item.key
            if not self._only_given:
                for bot in new:
                    self._take_row(bot, listed=False)
        self._bots.index_is_whole = self._bots.index_is_whole or complete

    def take_targets(self, targets: Iterable[Target]) -> None:
        """Events by their ids, or bots, that were given in place of a listing."""
        for target in targets:
            if isinstance(target, ScheduledBot):
                self._take_row(target, given=True)
            elif ("event", target) not in self._items:
                self._add(Tracked(target))

    def take_answer(
        self,
        request: CancelRequest,
        result: UnscheduleResult | DeletedBot | None = None,
        *,
        now: float,
        attempts: int = 1,
    ) -> None:
        """A request succeeded."""
        if request.method == "event":
            answer = result if isinstance(result, UnscheduleResult) else UnscheduleResult()
            request.item.event_done(answer, attempts, self.server_time(now))
        else:
            request.item.bot_done(request.id, attempts)
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
        while self._backlog:
            item = self._backlog.popleft()
            item.waiting = False
            if not item.was_asked:
                item.unsent = item.left(OutcomeStatus.NOT_ATTEMPTED, self._stopped)
        for item in self._between:
            self.end_turn(item, self._last_answer)
        self._between.clear()

    # --- what it is asked for -------------------------------------------------------------------------

    def server_time(self, now: float) -> datetime | None:
        """The time by the server's clock; None where it was never told."""
        if self._clock is None:
            return None
        time, at = self._clock
        return time + timedelta(seconds=max(0.0, now - at))

    def next_request(self) -> CancelRequest | None:
        """A request to be made now; None where there is none, until an answer or a listing comes in.

        Requests that are returned before the answers of others have come in may be made at the same time.
        """
        if self._between:
            return self._between.popleft().next_request()
        while (item := self.next_item()) is not None:
            if self.foresee(item) is None:
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
        busy = len(self._backlog) + self._at_work
        if busy:
            truncated = self._page is not None and self._page[1]
            return now if truncated and not self._fruitless and busy <= MAX_LIMIT // 2 else None
        return max(now, self._look_at) if self._acted else None

    @property
    def is_over(self) -> bool:
        """Nothing is to be sent, in flight, or to be looked at."""
        return not self._backlog and not self._at_work and self.next_listing(0.0) is None

    def in_flight(self) -> tuple[CancelRequest, ...]:
        """Requests whose answers have not come in: after a restart, those that were lost with the process."""
        waiting = set(self._between)
        items = (item for item in self._items.values() if item.in_flight and item not in waiting)
        return tuple(request for item in items if (request := item.next_request()) is not None)

    @property
    def busy(self) -> int:
        """Items that wait for their turn, or are in it."""
        return len(self._backlog) + self._at_work

    def outcomes(self) -> tuple[UnscheduleOutcome, ...]:
        """One for each event, and each bot without one, that was dealt with; in the order they came."""
        return tuple(
            outcome for item in self._items.values() if (outcome := self.outcome_of(item)) is not None
        )

    def outcome_of(self, item: Tracked) -> UnscheduleOutcome | None:
        """What an item has come to so far."""
        if item.unsent is not None:
            return item.unsent
        if not item.was_asked:
            return None
        return self._verification.final(item) if self._verified else self._verification.unverified(item)

    def forecast(self) -> tuple[UnscheduleOutcome, ...]:
        """What would become of all that waits, if it were begun now: ``would_unschedule`` or skipped."""
        found = []
        for item in self._backlog:
            sort_out(item, self._options)
            reason = self._choose(item)
            status = OutcomeStatus.WOULD_UNSCHEDULE if reason is None else OutcomeStatus.SKIPPED
            found.append(item.left(status, reason))
        return tuple(found)

    @property
    def still_listed(self) -> tuple[ScheduledBot, ...]:
        """Bots that the last listing shows although they should be gone."""
        cut_off = self._stopped is not None or self._listing_failure is not None
        if not (self._verified or cut_off):
            return ()
        return tuple(self._bots.bots[bot_id].bot for bot_id in self._remaining)

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Why the account was not seen as a whole."""
        reasons = []
        if self._listing_failure is not None:
            reasons.append(self._listing_failure)
        if self._page is not None and not self._only_given:
            rows, truncated, rejected = self._page
            if truncated:
                reasons.append(f"the last listing was full ({rows} rows); there may be more bots behind it")
            if rejected:
                reasons.append(f"{rejected} rows of the last listing can't be read")
        if self._listings >= MOST_LISTINGS:
            reasons.append(f"{MOST_LISTINGS} listings, and there is still something new")
        return tuple(reasons)

    @property
    def left(self) -> tuple[str, ...]:
        """What was left alone although it was asked for."""
        left = left_alone(self._reasons, self._options)
        if unjudged := len(self._bots.unjudged):
            left += (f"{unjudged} rows have no join time that can be read, so the filter can't judge them",)
        return left

    @property
    def note(self) -> str | None:
        """What there is to know although nothing is missing."""
        items = [item for item in self._items.values() if item.skipped is None]
        if self._bots.bots and not items and not self._options.dry_run:
            if self._reasons[KEPT]:
                return f"nothing to do: all {self._reasons[KEPT]} events join before from_date"
            if self._options.where is not None and not self._items:
                return f"nothing to do: the filter selects none of {len(self._bots.bots)} listed bots"
        return None

    def report(self, elapsed: float = 0.0) -> BulkReport[UnscheduleOutcome]:
        """The report as of now. ``elapsed``: seconds that the run took."""
        outcomes = self.outcomes()
        counts = Counter(outcome.status for outcome in outcomes)
        incomplete = list(self.incomplete)
        if self._stopped is not None:
            incomplete.insert(0, self._stopped)
        elif not self.is_over:
            incomplete.insert(0, "the run is not over")
        left = [
            f"{counts[status]} {status.value.replace('_', ' ')}"
            for status in (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN, OutcomeStatus.NOT_ATTEMPTED)
            if counts[status]
        ]
        remaining = self.still_listed
        if remaining:
            left.append(f"{len(remaining)} still listed although unscheduled")
        left += self.left
        ok = not incomplete and not left
        return BulkReport(
            counts={status: counts[status] for status in STATUSES},
            outcomes=outcomes,
            complete=not incomplete,
            ok=ok,
            reason=self.note if ok else "; ".join(incomplete + left),
            elapsed=elapsed,
            still_listed=remaining,
        )

    def to_dict(self, now: float) -> dict[str, Any]:
        """All of it as JSON values, without links and without attributes beyond the ids.

        ``where`` is not in it, but what it said of each bot is; nor is the server's time, which goes on
        while the state is stored. Requests in flight stay so: see ``take_cancelled``.
        """
        from ._account_json import dump

        return dump(self, now)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, now: float, where: Where | None = None) -> AccountState:
        """The inverse of ``to_dict``. Raises ConfigurationError for data of another kind."""
        from ._account_json import load

        return load(cls, data, now, where)

    # --- items, for runs that hold several in flight --------------------------------------------------

    def next_item(self) -> Tracked | None:
        """The next event or bot whose turn may begin. Its turn ends with ``end_turn``, or in ``foresee``."""
        if not self._backlog:
            return None
        item = self._backlog.popleft()
        item.waiting, item.in_flight = False, True
        self._at_work += 1
        return item

    def foresee(self, item: Tracked) -> UnscheduleOutcome | None:
        """The outcome of an item that needs no request, which ends its turn; else None."""
        if item.turns:
            return None
        sort_out(item, self._options)
        reason = item.skipped = self._choose(item)
        if reason is None and not self._options.dry_run:
            item.listed = item.acted = frozenset(item.bots)
            return None
        if reason is not None:
            self._reasons[reason] += 1
        status = OutcomeStatus.WOULD_UNSCHEDULE if reason is None else OutcomeStatus.SKIPPED
        item.unsent = item.left(status, reason)
        item.in_flight = False
        self._at_work -= 1
        return item.unsent

    def end_turn(self, item: Tracked, now: float, unsent: UnscheduleOutcome | None = None) -> None:
        """The turn of an item is over. ``unsent``: its outcome, where nothing was sent."""
        item.end_turn()
        if item.in_flight:
            item.in_flight = False
            self._at_work -= 1
        if unsent is not None:
            if not item.was_asked:
                item.unsent = unsent
            return
        item.turns += 1
        item.not_before = now + min(FIRST_LOOK * 2.0 ** (item.turns - 1), LONGEST_LOOK)
        self._last_answer, self._verified = now, False
        confirm(item, self._bots)
        if not is_settled(item, self._bots):
            self._open[item.key] = item
        if not self._acted:
            error = item.error
            self._acted = item.has_effect or error is None or error.outcome_unknown
            self._acted |= is_for_want_of_a_server(error) or (error is not None and may_be_another_id(error))

    # --- within ---------------------------------------------------------------------------------------

    def _go_on(self, request: CancelRequest, now: float) -> None:
        item = request.item
        if not isinstance(item, Tracked):
            raise ConfigurationError("the request is not one of this state's")
        if item.next_request() is not None and self._stopped is None:
            self._between.append(item)
        else:
            self.end_turn(item, now)

    def _choose(self, item: Tracked) -> str | None:
        if self._bots.index_is_whole and item.event_id is not None and item.bots:
            item.certain = item.certain and all(bot_id in self._bots.index for bot_id in item.bots)
        return choose(
            item,
            self._options,
            shared=self._bots.is_shared(item.event_id),
            safe=self._bots.is_safe(item.event_id),
        )

    def _add(self, item: Tracked) -> None:
        self._items[item.key] = item
        self._backlog.append(item)

    def _take_row(self, bot: ScheduledBot, *, listed: bool = True, given: bool = False) -> None:
        bots = self._bots
        new_to_us = bot.bot_id not in bots.bots
        if self._only_given and not given and new_to_us and bots.key_of(bot) not in self._items:
            return
        known = bots.take(bot, listed=listed)
        if known is None:
            if given:
                # A target has an outcome, even where its row says that there is nothing to do.
                self._add(Tracked(bot.event_id, {bot.bot_id: bot}))
            elif bot.bot_id not in bots.withdrawn:
                bots.withdrawn.add(bot.bot_id)
                item = self._items.get(bots.key_of(bot))
                if item is not None and item.took_effect:
                    # It may be the one that the event's DELETE took.
                    doubt(item, bots)
                    self._open[item.key] = item
            return
        if new_to_us and known.key[0] == "event":
            known.key = self._aliases.get(known.key[1], known.key)
        item = self._items.get(known.key)
        if not known.inside:
            if item is None or not self._options.whole_events:
                return
        elif item is None:
            event_id = known.key[1] if known.key[0] == "event" else None
            item = Tracked(event_id, {bot.bot_id: bot}, request_id=bots.index.get(bot.bot_id))
            if event_id is not None and self._options.whole_events:
                others = bots.of(bots.outside.get(event_id, ()))
                item.bots.update((other.bot.bot_id, other.bot) for other in others)
            self._add(item)
        if bot.bot_id not in item.bots and not item.waiting:
            if self._options.spares(bot):
                return
            if item.skipped == KEPT:
                self._reasons[KEPT] -= 1
                item.unsent, item.skipped, item.waiting, item.bots = None, None, True, {}
                self._backlog.append(item)
            elif item.turns:
                self._open[item.key] = item
        item.bots[bot.bot_id] = bot

    def _verify(self, rows: Mapping[str, ScheduledBot], now: float, brought: bool) -> None:
        """Draw the conclusions of a listing that was made after all answers."""
        if not self._acted:
            return
        finding = Finding()
        concerned = dict(self._open)
        for bot_id in rows:
            known = self._bots.bots.get(bot_id)
            if known is not None and (item := self._items.get(known.key)) is not None:
                concerned[known.key] = item
        time = self.server_time(now)
        for key, item in concerned.items():
            if item.waiting or item.unsent is not None or not item.was_asked:
                continue
            if self._verification.judge(item, rows, now, time, finding):
                self._open.pop(key, None)
            else:
                self._open[key] = item
        self._backlog.extend(finding.planned)
        self._remaining = tuple(one.bot.bot_id for one in finding.remaining)
        self._verified = True
        if finding.planned or brought:
            self._patience = _Patience()
            return
        waiting = len(finding.remaining) + finding.waiting + finding.unproved
        if waiting and self._patience.lasts(waiting, now, self._settle):
            self._look_at = self._patience.next_look(now, self._settle)
        elif finding.unproved and not self._patience.proved:
            self._patience.proved = True
            self._look_at = now + FIRST_LOOK
        else:
            self._finished = True
