"""Which bots the answers alone say are gone. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ._evidence import time_has_come
from ._facts import DELETED, DONE
from ._known_bots import KnownBots
from ._verification import Tracked


def confirm(item: Tracked, bots: KnownBots, time: datetime | None, tried: Iterable[str]) -> None:
    """Note which bots the answers of a turn say are gone.

    ``time``: the server's, at the last of them. ``tried``: the bots that it asked for by their own ids. What
    an earlier turn deleted may have been listed since.
    """
    fates = item.fates or {}
    for bot_id in tried:
        if fates.get(bot_id) == DELETED:
            bots.bots[bot_id].confirmed = True
    if item.sent != "event" or item.answer != DONE:
        return
    for bot_id in item.listed:
        known = bots.bots[bot_id]
        known.missed = known.missed or time_has_come(known.bot, time)
    if len(item.listed) == 1 and not bots.beside(item.request_id or item.event_id, item.bots):
        # The event's DELETE says nothing of which bot it took, where there may be several.
        known = bots.bots[next(iter(item.listed))]
        others = [bots.bots[bot_id] for bot_id in item.bots if bot_id not in item.listed]
        if not (known.missed or any(not other.is_gone for other in others)):
            known.confirmed = True


def doubt(item: Tracked, bots: KnownBots) -> None:
    """Take back what only the event's answer says: another bot of it has come to light."""
    fates = item.fates or {}
    for bot_id in item.bots:
        bots.bots[bot_id].confirmed = fates.get(bot_id) == DELETED


def is_settled(item: Tracked, bots: KnownBots) -> bool:
    """Whether no listing is needed to know what became of it."""
    return bool(item.bots) and all(bots.bots[bot_id].confirmed for bot_id in item.bots)
