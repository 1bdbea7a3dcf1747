"""The items of one account, their backlog and their turns: the inside of an AccountState. Pure."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime, timedelta

from ..errors import ConfigurationError
from ..meetstream.models import ScheduledBot
from ._choices import KEPT, choose, sort_out
from ._confirmation import confirm, doubt, is_settled
from ._event_states import UNASKED
from ._evidence import may_be_another_id, may_succeed_later
from ._items import CancelRequest
from ._known_bots import Key, KnownBot, KnownBots
from ._patience import Patience
from ._verification import Tracked, Verification
from .options import UnscheduleOptions
from .report import UnscheduleOutcome
from .statuses import OutcomeStatus


class Account:
    """What is known of one account in one run, and what is at work."""

    def __init__(
        self,
        options: UnscheduleOptions | None = None,
        *,
        settle: float = 15.0,
        only_given: bool = False,
    ) -> None:
        if isinstance(settle, bool) or not isinstance(settle, int | float) or not 0 <= settle < math.inf:
            raise ConfigurationError(f"settle must be a number of seconds, 0 or more, not {settle!r}")
        self._options = options or UnscheduleOptions()
        self._settle = settle
        self._only_given = only_given
        self._bots = KnownBots(self._options)
        self._verification = Verification(self._options, self._bots)
        self._items: dict[Key, Tracked] = {}
        self._aliases: dict[str, Key] = {}
        """The index's event id to the item whose listed bots it names otherwise."""
        self._backlog: deque[Tracked] = deque()
        self._held: deque[Tracked] = deque()
        """Before the backlog; how to cancel them depends on the events of the calendars."""
        self._events = UNASKED
        self._events_problem: str | None = None
        """Why not all events are known."""
        self._shown_again: dict[str, ScheduledBot] | None = None
        """What the events show while they are read once more."""
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
        self._last_answer = self._told_at = 0.0
        self._patience = Patience()
        self._check_at = 0.0
        self._verified = False
        """The last listing was made after all answers."""
        self._finished = False
        self._remaining: tuple[str, ...] = ()
        self._listing_failure: str | None = None
        self._stopped: str | None = None
        # Since `changes` was last asked; and what it said of everything else.
        self._changed: dict[Key, Tracked] = {}
        self._changed_bots: set[str] = set()
        self._changed_rows: dict[str, None] = {}
        self._told: dict[str, object] = {}
        self._dropped: list[Key] = []

    # --- time -----------------------------------------------------------------------------------------

    def take_time(self, server_time: datetime, now: float) -> None:
        """The server's clock shows ``server_time``. A later time stays: that is the careful side."""
        known, self._told_at = self.server_time(now), max(self._told_at, now)
        if known is None or server_time > known:
            self._clock = server_time, now

    def server_time(self, now: float) -> datetime | None:
        """The time by the server's clock; None where it was never told."""
        if self._clock is None:
            return None
        time, at = self._clock
        return time + timedelta(0, now - at) if now > at else time

    # --- items, for runs that hold several in flight --------------------------------------------------

    def next_item(self) -> Tracked | None:
        """The next event or bot whose turn may begin, until ``end_turn`` or ``outcome_without_request``."""
        if not self._backlog:
            return None
        item = self._backlog.popleft()
        item.waiting, item.in_flight = False, True
        self._at_work += 1
        self._note(item)
        return item

    def put_back(self, items: Sequence[Tracked]) -> None:
        """Nothing was sent in the turns of these: they are the first to wait, in this order."""
        for item in reversed(items):
            item.end_turn()
            item.waiting, item.in_flight = True, False
            self._at_work -= 1
            self._backlog.appendleft(item)
            self._note(item)

    def outcome_without_request(self, item: Tracked) -> UnscheduleOutcome | None:
        """The outcome of an item that needs no request, which ends its turn; else None."""
        if item.turns:
            return None
        self._note(item)
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
        tried = item.tried
        item.end_turn()
        self._note(item)
        if item.in_flight:
            item.in_flight = False
            self._at_work -= 1
        if unsent is not None:
            self._leave(item, unsent)
            return
        item.turns += 1
        item.answered_at = now
        self._last_answer, self._verified = now, False
        self._changed_bots.update(item.bots)
        confirm(item, self._bots, self.server_time(now), tried)
        if not is_settled(item, self._bots):
            self._open[item.key] = item
        if not self._acted:
            error = item.error
            self._acted = item.has_effect or error is None or error.outcome_unknown
            self._acted |= may_succeed_later(error) or (error is not None and may_be_another_id(error))

    @property
    def busy(self) -> int:
        """Items that wait for their turn, or are in it."""
        return len(self._held) + len(self._backlog) + self._at_work

    @property
    def at_hand(self) -> int:
        """Items whose turn may begin."""
        return len(self._backlog)

    @property
    def stop_reason(self) -> str | None:
        """Why nothing more is sent, if so."""
        return self._stopped

    @property
    def was_listed(self) -> bool:
        """There was a listing."""
        return self._listings > 0

    # --- within ---------------------------------------------------------------------------------------

    def _go_on(self, request: CancelRequest, now: float) -> None:
        item = request.item
        if not isinstance(item, Tracked):
            raise ConfigurationError("the request is not one of this state's")
        self._note(item)
        if item.next_request() is not None and self._stopped is None:
            self._between.append(item)
        else:
            self.end_turn(item, now)

    def _choose(self, item: Tracked) -> str | None:
        bots = self._bots
        if bots.index and item.event_id is not None and item.bots:
            own_id = item.request_id or item.event_id
            known = set(map(bots.index.get, item.bots))
            if known != {own_id} and (
                bots.index_is_whole or own_id != item.event_id or not known <= {own_id, None}
            ):
                # Of several bots under a provider's id, each may have an event of its own.
                item.certain = False
        return choose(
            item,
            self._options,
            shared=bots.is_shared(item.event_id, item.request_id),
            safe=bots.is_safe(item.event_id, item.request_id),
        )

    def _leave(self, item: Tracked, unsent: UnscheduleOutcome) -> None:
        """Nothing is sent for it any more. ``unsent``: its outcome where nothing ever was."""
        if not item.was_asked:
            item.unsent = unsent
        elif item.outcome().status is OutcomeStatus.UNSCHEDULED:
            # A listing called for another turn.
            listed = [bot_id for bot_id in item.bots if self._bots.bots[bot_id].listed]
            self._remaining = tuple(dict.fromkeys((*self._remaining, *listed)))

    def _add(self, item: Tracked) -> None:
        self._items[item.key] = item
        self._backlog.append(item)
        self._note(item)

    def _note(self, item: Tracked) -> None:
        """It has changed, or is about to."""
        self._changed[item.key] = item

    def _take_row(self, bot: ScheduledBot, *, listed: bool = True, given: bool = False) -> None:
        bots = self._bots
        new_to_us = bot.bot_id not in bots.bots
        if self._only_given and not given and new_to_us and bots.key_of(bot) not in self._items:
            return
        if new_to_us or bots.bots[bot.bot_id].bot != bot:
            self._changed_rows[bot.bot_id] = None
        known = bots.take(bot, listed=listed)
        if known is None:
            if given:
                # A target has an outcome, even where its row says that there is nothing to do.
                self._add(Tracked(bot.event_id, {bot.bot_id: bot}))
            elif bot.bot_id not in bots.withdrawn:
                self._take_withdrawn(bot)
            return
        if new_to_us and known.key[0] == "event":
            known.key = self._item_of(known)
        item = self._items.get(known.key)
        if not known.inside:
            if item is None or not self._options.whole_events:
                return
        elif item is None:
            self._begin(known, bot)
            return
        if not item.waiting and self._options.spares(bot) and bot.bot_id not in item.bots:
            return
        if item.skipped == KEPT and not self._options.spares(bot):
            # It has moved behind the date from which the series is cut, or is new there.
            self._reasons[KEPT] -= 1
            item.unsent, item.skipped, item.waiting, item.bots = None, None, True, {}
            self._backlog.append(item)
        elif bot.bot_id not in item.bots and item.turns:
            self._reopen(item)
        if item.bots.get(bot.bot_id) != bot:
            self._note(item)
        item.bots[bot.bot_id] = bot

    def _begin(self, known: KnownBot, bot: ScheduledBot) -> None:
        """A new item, for the bot."""
        bots = self._bots
        event_id = known.key[1] if known.key[0] == "event" else None
        own_id = bots.index.get(bot.bot_id)
        item = Tracked(event_id, {bot.bot_id: bot}, request_id=own_id)
        if own_id is not None and own_id != event_id:
            self._aliases.setdefault(own_id, item.key)
        if event_id is not None and self._options.whole_events:
            others = bots.of(bots.outside.get(event_id, ()))
            item.bots.update((other.bot.bot_id, other.bot) for other in others)
        self._add(item)

    def _item_of(self, known: KnownBot) -> Key:
        """The item that a bot of an event belongs to, or will: one DELETE of an event at a time."""
        key = self._aliases.get(known.key[1], known.key)
        own_id = self._bots.index.get(known.bot.bot_id)
        if own_id is None or key in self._items:
            return key
        other = self._aliases.get(own_id, ("event", own_id))
        return other if other in self._items else key

    def _reopen(self, item: Tracked) -> None:
        """Another bot of it has come to light: it may be that one which the event's DELETE took."""
        if item.took_effect:
            doubt(item, self._bots)
            self._changed_bots.update(item.bots)
        self._note(item)
        self._open[item.key] = item

    def _take_withdrawn(self, bot: ScheduledBot) -> None:
        """A bot that no listing has shown before, and that is not going to join."""
        self._bots.withdrawn.add(bot.bot_id)
        item = self._items.get(self._bots.key_of(bot))
        if item is not None and item.took_effect:
            self._reopen(item)
