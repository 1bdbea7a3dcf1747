"""Bots for events: POST /calendar/schedule/{event_id}, and the switch of a recurring event."""

from datetime import datetime, timedelta
from typing import Any

from attrs import evolve

from ..account import Account
from ..bots import SimulatedBot
from ..gateway import Answer, json_answer
from ..index import LEAD, SimulatedMeetStreamEvent
from ..trouble import RequestRecord, Trouble
from .values import iso, parse_time
from .words import documented, refusal

_MOST_OCCURRENCES = 52


class Scheduling:
    """Answers requests to schedule, and books."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._world = account.world
        self._index = account.index
        self._chains_off: set[str] = set()

    def schedule(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """POST /calendar/schedule/{event_id}."""
        options = {} if record.body is None else record.body
        problem = _problem(options) if record.body_readable else "Invalid request body"
        if problem is not None:
            return refusal(400, problem)
        event = self._index.events.get(record.event_id or "")
        if event is None or event.is_deleted:
            return documented("schedule", 404)
        config = options.get("bot_config") or {}
        key = options.get("deduplication_key") or config.get("deduplication_key")
        known = None if key is None else self._world.of_key(key)
        if known is not None:
            # The answer to the first request with this key, even if its bot has been cancelled since.
            return self._scheduled(event, known, 1, options)
        start = parse_time(options.get("occurrence_date")) or event.start
        problem = _obstacle(event, start, now)
        if problem is not None:
            return refusal(400, problem)
        at = {bot.join_time for bot in self._world.waiting(event.event_id, now)}
        wanted = start - LEAD
        if at and (options.get("occurrence_date") is None or wanted in at):
            return self._conflict(event, now)
        bot = self.book(event, wanted, now, config, key, record.index)
        if options.get("schedule_all_occurrences"):
            self._book_others(event, bot, options, now, record.index)
        return self._scheduled(event, bot, len(at), options)

    def _conflict(self, event: SimulatedMeetStreamEvent, now: datetime) -> Answer:
        bot = self._world.waiting(event.event_id, now)[0]
        # Both names of the field have been seen.
        name = "bot_id" if int(event.event_id.encode("utf-8", "surrogatepass")[-1]) % 2 else "existing_bot_id"
        return refusal(409, "Event is already scheduled", **{name: bot.bot_id})

    def book(
        self,
        event: SimulatedMeetStreamEvent,
        join_time: datetime,
        now: datetime,
        config: dict[str, Any],
        key: str | None = None,
        request: int | None = None,
        source: str = "calendar_schedule_api",
    ) -> SimulatedBot:
        """Schedule a bot for an event."""
        told = parse_time(config.get("join_at"))
        if told is not None:
            # Taken for the time of the meeting, so the lead comes off once more.
            join_time = told - LEAD
        bot = SimulatedBot(
            bot_id=self._account.new_id("bot"),
            event_id=event.event_id,
            platform=event.meeting_platform or "google_meet",
            # Never in the past: a bot that is late joins at once.
            join_time=max(join_time, now + timedelta(seconds=1)),
            bot_username=config.get("bot_name") or "MeetStream Bot",
            series=event.series,
            source=source,
            deduplication_key=key,
            attributes=config.get("custom_attributes") or {},
            meeting_link=event.meeting_url,
            config=config,
        )
        self._world.add([bot], request)
        return bot

    def _book_others(
        self, event: SimulatedMeetStreamEvent, bot: SimulatedBot, options: dict[str, Any], now: datetime,
        request: int,
    ) -> None:  # fmt: skip
        """Book the further occurrences that have no bot, each an event of its own, up to the limit."""
        left = options.get("occurrence_limit", _MOST_OCCURRENCES) - 1
        for event_id in self._world.occurrences(event.series or ""):
            other = self._index.events[event_id]
            if left < 1:
                return
            if other.start > now and not self._world.waiting(event_id, now):
                extra = evolve(bot, event_id=event_id, bot_id=self._account.new_id("bot"))
                self._world.add([evolve(extra, join_time=other.start - LEAD)], request)
                left -= 1

    def _scheduled(
        self, event: SimulatedMeetStreamEvent, bot: SimulatedBot, existing: int, options: dict[str, Any]
    ) -> Answer:
        return json_answer(200, {
            "scheduled": True,
            "schedule_id": self._account.schedule_id(bot),
            "bot_id": bot.bot_id,
            "schedule_group": f"user-{self._account.user_id[:8]}",
            "event_id": event.event_id,
            "scheduled_time": iso(bot.join_time),
            "existing_schedules": existing,
            "occurrence_date": options.get("occurrence_date"),
            "is_recurring_occurrence": event.series is not None,
            "bot_config": {
                "bot_name": bot.bot_username,
                "meeting_url": bot.meeting_link,
                **bot.config,
                "join_at": iso(bot.join_time),
            },
        })  # fmt: skip

    def toggle_recurrence(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """POST /calendar/toggle-recurrence: whether the daily job goes on with a series."""
        body = record.body if isinstance(record.body, dict) else {}
        event_id, enabled = body.get("event_id"), body.get("recurring_enabled")
        if not isinstance(event_id, str) or not isinstance(enabled, bool):
            return refusal(400, "event_id and recurring_enabled are required")
        event = self._index.events.get(event_id)
        if event is None:
            return documented("toggle_recurrence", 404)
        if event.series is None:
            return refusal(400, "Event is not recurring")
        (self._chains_off.discard if enabled else self._chains_off.add)(event.series)
        return json_answer(200, {})

    def goes_on(self, event: SimulatedMeetStreamEvent) -> bool:
        """Whether the daily job may book this event."""
        return event.series not in self._chains_off


def _problem(options: Any) -> str | None:
    """What is wrong with the body of a request."""
    if not isinstance(options, dict):
        return "Invalid request body"
    config = options.get("bot_config") or {}
    if not isinstance(config, dict):
        return "bot_config must be an object"
    if not isinstance(config.get("custom_attributes") or {}, dict):
        return "custom_attributes must be an object"
    for name, value in (("bot_name", config.get("bot_name")), *_keys(options, config)):
        if value is not None and not isinstance(value, str):
            return f"{name} must be a string"
    for name, where in (("occurrence_date", options), ("join_at", config)):
        if where.get(name) is not None and parse_time(where[name]) is None:
            return f"Invalid {name} format"
    limit = options.get("occurrence_limit", 1)
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= _MOST_OCCURRENCES:
        return f"occurrence_limit must be between 1 and {_MOST_OCCURRENCES}"
    return None


def _keys(options: dict[str, Any], config: dict[str, Any]) -> list[tuple[str, Any]]:
    return [("deduplication_key", where.get("deduplication_key")) for where in (options, config)]


def _obstacle(event: SimulatedMeetStreamEvent, start: datetime, now: datetime) -> str | None:
    """Why no bot can go to this event."""
    if event.meeting_platform is None:
        return "No meeting link found for this event"
    return "Event has already started" if start <= now else None
