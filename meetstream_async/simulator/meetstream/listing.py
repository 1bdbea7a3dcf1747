"""GET /calendar/scheduled_bots: the scheduled bots, at most 100."""

import json
from datetime import datetime
from typing import Any

from ..account import Account
from ..bots import SimulatedBot
from ..gateway import Answer
from ..index import CalendarIndex
from ..trouble import RequestRecord, Trouble
from .values import iso, parse_limit, without_nones
from .words import documented

_CAP = 100

# No such event ids exist: a client that acts on one of these rows shows up in the request log.
_BAD_ROWS = tuple(
    json.dumps(row).encode()
    for row in (
        {"bot_id": None, "custom_attributes": {"event_id": "evt_of_a_null_bot"}, "is_scheduled": True},
        {"bot_id": 12345, "custom_attributes": {"event_id": "evt_of_a_number_bot"}, "is_scheduled": True},
        "a row that is a string",
        {"bot_id": "bot-with-a-number-event", "custom_attributes": {"event_id": 67890}, "is_scheduled": True},
        {"bot_id": "bot-with-an-empty-event", "custom_attributes": {"event_id": ""}, "is_scheduled": True},
        {"platform": "zoom", "custom_attributes": {"event_id": "evt_of_no_bot"}, "is_scheduled": True},
        None,
        {"bot_id": "", "custom_attributes": {"event_id": "evt_of_an_empty_bot"}, "is_scheduled": True},
        ["a", "list"],
    )
)


class Listing:
    """Answers listings of the bots; a row is written once and kept until its bot changes."""

    def __init__(self, account: Account) -> None:
        self._world = account.world
        self._index = account.index
        self._rows: dict[str, tuple[tuple[SimulatedBot, str, str | None], bytes]] = {}

    def answer(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """One listing."""
        limit = parse_limit(record.query.get("limit"), _CAP)
        if limit is None:
            return documented("list", 400)
        bad_rows = trouble.bad_rows if trouble is not None else 0
        bad = [_BAD_ROWS[number % len(_BAD_ROWS)] for number in range(min(bad_rows, limit))]
        rows = [self._row(bot, state) for bot, state in self._world.listing(limit - len(bad), now)]
        # Spread over the page: a client may survive bad rows at one end of it but not elsewhere.
        step = len(rows) // (len(bad) + 1)
        for number, row in enumerate(bad):
            rows.insert((number + 1) * step + number, row)
        return Answer(200, b'{"scheduled_bots": [' + b", ".join(rows) + b"]}")

    def _row(self, bot: SimulatedBot, state: str) -> bytes:
        shown = None if bot.event_id is None else self._index.listed_id(bot.event_id)
        version, row = self._rows.get(bot.bot_id, (None, b""))
        if version is None or version[0] is not bot or version[1:] != (state, shown):
            row = json.dumps(self._fields(bot, state)).encode()
            self._rows[bot.bot_id] = (bot, state, shown), row
        return row

    def _fields(self, bot: SimulatedBot, state: str) -> dict[str, Any]:
        row: dict[str, Any] = {
            "bot_id": bot.bot_id,
            "platform": bot.platform,
            "status": state,
            "scheduled_join_time": iso(bot.join_time),
            "custom_attributes": custom_attributes(bot, self._index),
            "bot_username": bot.bot_username,
            "is_scheduled": state == "Scheduled",
            "meeting_link": bot.meeting_link,
        }
        if not row["custom_attributes"]:
            del row["custom_attributes"]
        return row


def custom_attributes(bot: SimulatedBot, index: CalendarIndex) -> dict[str, Any]:
    """A bot's `custom_attributes`, with the id of its event that listings show."""
    event_id = None if bot.event_id is None else index.listed_id(bot.event_id)
    own = {"source": bot.source, "event_id": event_id, "deduplication_key": bot.deduplication_key}
    return without_nones(own) | dict(bot.attributes)
