"""The bots of a snapshot as the items of an undo. Pure."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from ._restoration import Restoration
from ._way_back import ONE_FOR_AN_EVENT, idempotency_key_of, refusal_of
from .snapshot import Snapshot


def items_of(snapshot: Snapshot, time: datetime) -> tuple[Restoration, ...]:
    """One for each bot, soonest first; of the bots of one event, the first that can comes back."""
    latest = datetime.max.replace(tzinfo=time.tzinfo)
    of_event: dict[str, set[str]] = defaultdict(set)
    for entry in snapshot.bots:
        if entry.event_id is not None:
            of_event[entry.event_id] |= {entry.bot_id, *entry.other_bots}
    given: set[str] = set()
    items = []
    for entry in sorted(snapshot.bots, key=lambda bot: (bot.join_time or latest, bot.bot_id)):
        refusal = refusal_of(entry, time)
        if refusal is None and entry.event_id is not None:
            if entry.event_id in given:
                refusal = ONE_FOR_AN_EVENT
            given.add(entry.event_id)
        siblings = frozenset(of_event.get(entry.event_id or "", ())) - {entry.bot_id}
        items.append(
            Restoration(
                entry,
                None if refusal is not None else "bot" if entry.is_one_off else "event",
                refusal,
                idempotency_key_of(snapshot.id, entry.bot_id) if entry.is_one_off else None,
                siblings=siblings,
            )
        )
    return tuple(items)
