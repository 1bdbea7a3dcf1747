"""What listings say of an account's items once they were asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ..meetstream.models import ScheduledBot
from ._account import Account
from ._evidence import is_withdrawn
from ._patience import Patience
from ._verification import FIRST_CHECK, Finding


class CheckedAccount(Account):
    """An account that is listed while its items are at work, and after."""

    @property
    def latest_time(self) -> datetime | None:
        """The time by the server's clock when anything was last heard of it."""
        return self.server_time(max(self._told_at, self._last_answer))

    def _doubt(self, rows: Mapping[str, ScheduledBot], requested_at: float) -> None:
        """A listing made while others were at work shows bots whose own event had been answered."""
        for bot_id, row in rows.items():
            known = self._bots.bots.get(bot_id)
            item = None if known is None else self._items.get(known.key)
            if known is None or item is None or item.in_flight or not item.has_effect:
                continue
            if item.answered_at <= requested_at and not is_withdrawn(row):
                known.confirmed, known.doubted = False, True
                self._changed_bots.add(bot_id)
                self._note(item)
                self._open[item.key] = item

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
            is_open = not self._verification.judge(item, rows, now, time, finding)
            if is_open is not (key in self._open):
                self._note(item)
            if is_open:
                self._open[key] = item
            else:
                self._open.pop(key, None)
        for item in finding.listed:
            self._note(item)
        self._changed_bots |= finding.changed
        self._backlog.extend(finding.planned)
        self._remaining = tuple(one.bot.bot_id for one in finding.remaining)
        self._verified = True
        if finding.planned or brought:
            self._patience = Patience()
            return
        waiting = len(finding.remaining) + finding.waiting + finding.unproved
        if waiting and self._patience.lasts(waiting, now, self._settle):
            self._check_at = self._patience.next_check(now, self._settle)
        elif finding.unproved and not self._patience.proved:
            self._patience.proved = True
            self._check_at = now + FIRST_CHECK
        else:
            self._finished = True
