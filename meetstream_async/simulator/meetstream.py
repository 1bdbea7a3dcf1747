"""MeetStream's routes and wire format, written out in full from the API's documentation."""

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from .gateway import Answer, Metered, Route, gateway_error, json_answer
from .trouble import RequestRecord
from .world import SimulatedBot, World

_LIST_PATHS = {("calendar", "scheduled"), ("calendar", "schedule"), ("calendar", "scheduled_bots")}
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

_KEY_REJECTED = "Invalid API key"


class MeetStreamApi:
    """The three calendar routes: "list", "unschedule" and "delete_bot"."""

    prefix = ("api", "v1")
    route_names = frozenset({"list", "unschedule", "delete_bot"})

    def __init__(
        self,
        world: World,
        *,
        api_key: str,
        user_id: str,
        user_missing: bool,
        foreign_bots: frozenset[str],
        removes: Literal["event", "occurrence", "nothing"],
    ) -> None:
        self._world = world
        self._authorization = f"Token {api_key}".encode()
        self._user_id = user_id
        self._user_missing = user_missing
        self._foreign_bots = foreign_bots
        self._removes = removes
        self._rows: dict[str, bytes] = {}

    def match(self, segments: tuple[str, ...]) -> Route | None:
        """The route of a path below the prefix."""
        if segments in _LIST_PATHS:
            return Route(name="list", method="GET")
        match segments:
            case ("calendar", "schedule", event_id) if event_id:
                return Route(name="unschedule", method="DELETE", event_id=event_id)
            case ("calendar", "scheduled_bots", bot_id) if bot_id:
                return Route(name="delete_bot", method="DELETE", bot_id=bot_id)
        return None

    def meter(self, headers: Mapping[str, str], at: float) -> Metered:
        """No limit: none is documented for these routes."""
        return Metered()

    def refuse(self, headers: Mapping[str, str]) -> Answer | None:
        """401 without `Authorization: Token <something>`, 403 for a wrong key."""
        value = headers.get("Authorization", "")
        scheme, _, key = value.partition(" ")
        if scheme != "Token" or not key:
            return json_answer(401, {"message": "Unauthorized"})
        if not hmac.compare_digest(value.encode("utf-8", "surrogateescape"), self._authorization):
            return json_answer(403, {"error": _KEY_REJECTED, "message": _KEY_REJECTED})
        return None

    def note(self, record: RequestRecord) -> None:
        """Count the DELETE requests for each event and bot."""
        self._world.count_delete(record.event_id, record.bot_id)

    def answer(self, record: RequestRecord, now: datetime, bad_rows: int) -> Answer:
        """Apply an authorized request and answer it."""
        if self._user_missing:
            return json_answer(404, {"error": "User not found"})
        if record.event_id is not None:
            return self._unschedule(record.event_id, record, now)
        if record.bot_id is not None:
            return self._delete_bot(record.bot_id, record, now)
        return self._list(record, now, bad_rows)

    def error(self, route: str | None, status: int) -> Answer:
        """The documented text for a status on a route; the gateway's text where nothing is documented."""
        match route, status:
            case _, 401:
                return json_answer(401, {"message": "Unauthorized"})
            case _, 403:
                return json_answer(403, {"error": _KEY_REJECTED, "message": _KEY_REJECTED})
            case "list", 400:
                words = "Invalid limit parameter (must be between 1 and 100)."
            case "unschedule", 400:
                words = "Event not scheduled"
            case "delete_bot", 400:
                words = "Bot is not scheduled or is already active"
            case "list", 404:
                words = "User not found"
            case "unschedule", 404:
                words = "Event not found"
            case "delete_bot", 404:
                words = "Bot not found"
            case "list", 500:
                words = "An error occurred while fetching scheduled bots."
            case "unschedule", 500:
                words = "An error occurred while unscheduling the bot."
            case _:
                return gateway_error(status)
        return json_answer(status, {"error": words})

    def _list(self, record: RequestRecord, now: datetime, bad_rows: int) -> Answer:
        given = record.query.get("limit", str(_CAP))
        if not (given.isascii() and given.isdigit() and len(given) < 10 and 1 <= int(given) <= _CAP):
            return self.error("list", 400)
        limit = int(given)
        bad = [_BAD_ROWS[number % len(_BAD_ROWS)] for number in range(min(bad_rows, limit))]
        rows = [self._row(bot) for bot in self._world.listing(limit - len(bad), now)]
        # Spread over the page: a client may survive bad rows at one end of it but not elsewhere.
        step = len(rows) // (len(bad) + 1)
        for number, row in enumerate(bad):
            rows.insert((number + 1) * step + number, row)
        return Answer(200, b'{"scheduled_bots": [' + b", ".join(rows) + b"]}")

    def _row(self, bot: SimulatedBot) -> bytes:
        if bot.bot_id not in self._rows:
            attributes: dict[str, Any] = {
                "source": bot.source,
                "event_id": bot.event_id,
                "deduplication_key": bot.deduplication_key,
            }
            attributes = {key: value for key, value in attributes.items() if value is not None} | dict(
                bot.attributes
            )
            row: dict[str, Any] = {
                "bot_id": bot.bot_id,
                "platform": bot.platform,
                "status": "Scheduled",
                "scheduled_join_time": _iso(bot.join_time),
                "custom_attributes": attributes,
                "bot_username": bot.bot_username,
                "is_scheduled": True,
                "meeting_link": bot.meeting_link,
            }
            if not attributes:
                del row["custom_attributes"]
            self._rows[bot.bot_id] = json.dumps(row).encode()
        return self._rows[bot.bot_id]

    def _unschedule(self, event_id: str, record: RequestRecord, now: datetime) -> Answer:
        options = {} if record.body is None else record.body
        if not record.body_readable or not isinstance(options, dict):
            return json_answer(400, {"error": "Invalid request body"})
        whole_series = options.get("cancel_all_occurrences") or False
        if not isinstance(whole_series, bool):
            return json_answer(400, {"error": "cancel_all_occurrences must be a boolean"})
        from_date = options.get("from_date")
        start = None
        if from_date is not None:
            start = _parse(from_date)
            if start is None:
                return json_answer(400, {"error": "Invalid from_date format"})
        event = self._world.event(event_id)
        if event is None:
            return self.error("unschedule", 404)
        if whole_series:
            if event.master_event_id is None:
                return json_answer(400, {"error": "Master event ID not found"})
            return self._unschedule_series(event.master_event_id, from_date, start, record, now)
        bots = self._pick(self._world.waiting(event_id, now))
        if not bots:
            return self.error("unschedule", 400)
        self._remove(bots, record, now)
        return json_answer(200, {
            "unscheduled": True,
            "event_id": event_id,
            "cancelled_schedules": self._schedule_ids(bots),
            "schedules_cancelled": len(bots),
            "bots_deleted": len(bots),
            "cancel_all_occurrences": False,
            "from_date": None,
            "is_recurring_series": event.master_event_id is not None,
        })  # fmt: skip

    def _unschedule_series(
        self, master: str, from_date: str | None, start: datetime | None, record: RequestRecord, now: datetime
    ) -> Answer:
        waiting = [self._world.waiting(event_id, now) for event_id in self._world.occurrences(master)]
        if not any(waiting):
            return self.error("unschedule", 400)
        if start is not None:
            waiting = [[bot for bot in bots if bot.join_time >= start] for bots in waiting]
        picked = [self._pick(bots) for bots in waiting if bots]
        bots = [bot for occurrence in picked for bot in occurrence]
        self._remove(bots, record, now)
        return json_answer(200, {
            "cancelled": True,
            "master_event_id": master,
            "from_date": from_date,
            "occurrences_affected": len(picked),
            "schedules_cancelled": len(bots),
            "cancelled_schedules": self._schedule_ids(bots),
        })  # fmt: skip

    def _delete_bot(self, bot_id: str, record: RequestRecord, now: datetime) -> Answer:
        if bot_id in self._foreign_bots:
            return json_answer(403, {"error": "You do not have permission to delete this bot"})
        bot = self._world.bot(bot_id)
        # A removed bot no longer exists, so 404; one that has joined still exists, and is active.
        if bot is None or not self._world.is_scheduled(bot_id):
            return self.error("delete_bot", 404)
        if bot.join_time <= now:
            return self.error("delete_bot", 400)
        self._remove([bot], record, now)
        return json_answer(200, {"message": "Scheduled bot deleted successfully", "bot_id": bot_id})

    def _pick(self, bots: list[SimulatedBot]) -> list[SimulatedBot]:
        return bots[:1] if self._removes == "occurrence" else bots

    def _remove(self, bots: list[SimulatedBot], record: RequestRecord, now: datetime) -> None:
        if self._removes != "nothing":
            self._world.remove(bots, now, record.index)

    def _schedule_ids(self, bots: list[SimulatedBot]) -> list[str]:
        return [f"bot-{self._user_id[:8]}-{bot.bot_id.replace('-', '')[:12]}" for bot in bots]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _parse(value: object) -> datetime | None:
    """Parse an ISO 8601 datetime; one without a time zone is taken as UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
