"""Bots by their own ids: made, moved, listed and looked at."""

import json
from datetime import datetime, timedelta
from typing import Any

from ..account import Account
from ..bots import SimulatedBot
from ..gateway import Answer, json_answer
from ..trouble import RequestRecord, Trouble
from .listing import custom_attributes
from .values import iso, parse_time
from .words import NOT_YOURS, documented, refusal

_PAGE = 50


class Bots:
    """Answers requests about bots. A key that came with a creation gets its first answer again."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._world = account.world
        self._first_answers: dict[str, dict[str, Any]] = {}

    def create(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """POST /bots/create_bot."""
        key = record.idempotency_key
        if key is not None and key in self._first_answers:
            return json_answer(507, self._first_answers[key])
        body = record.body
        problem = _problem(body) if record.body_readable else "Invalid request body"
        if problem is not None:
            return refusal(400, problem)
        join_at = parse_time(body.get("join_at"))
        later = join_at is not None and join_at > now
        bot = SimulatedBot(
            bot_id=self._account.new_id("bot"),
            platform=_platform(body["meeting_link"]),
            join_time=join_at if join_at is not None and later else now,
            bot_username=body["bot_name"],
            attributes=body.get("custom_attributes") or {},
            meeting_link=body["meeting_link"],
            config=body,
        )
        self._world.add([bot], record.index)
        answer = {
            "bot_id": bot.bot_id,
            "transcript_id": None if later else self._account.new_id("transcript"),
            "meeting_url": bot.meeting_link,
            "status": "Scheduled" if later else "Joining",
        }
        if key is not None:
            self._first_answers[key] = answer
        return json_answer(201, answer)

    def reschedule(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """PATCH /calendar/scheduled_bots/{bot_id}."""
        found = self.find(record.bot_id, "reschedule")
        if isinstance(found, Answer):
            return found
        body = record.body if isinstance(record.body, dict) else {}
        if body.get("scheduled_join_time") is None:
            return refusal(400, "scheduled_join_time is required")
        moment = parse_time(body["scheduled_join_time"])
        if moment is None:
            return refusal(400, "Invalid scheduled_join_time format")
        if moment <= now:
            return refusal(400, "scheduled_join_time must be in the future")
        if self._world.state(found, now) != "Scheduled":
            return documented("reschedule", 400)
        self._world.move(found, moment, record.index)
        return json_answer(200, {
            "message": "Scheduled bot updated successfully",
            "bot_id": found.bot_id,
            "updated_fields": ["scheduled_join_time"],
            "schedule_updated": True,
        })  # fmt: skip

    def list(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """GET /bots."""
        query = record.query
        days = {name: _day(query.get(name)) for name in ("from", "to")}
        for name, day in days.items():
            if day is None and name in query:
                return refusal(400, f"Invalid {name} format (must be YYYY-MM-DD)")
        attributes = {
            name.removeprefix("custom_attr[").removesuffix("]"): _json(value)
            for name, value in query.items()
            if name.startswith("custom_attr[") and name.endswith("]")
        }
        since, until = days["from"], days["to"]
        bots = [
            bot
            for bot in self._world.bots()
            if query.get("status") in (None, self._world.state(bot, now))
            and query.get("platform") in (None, _public_name(bot.platform))
            and (since is None or bot.join_time >= since)
            and (until is None or bot.join_time < until + timedelta(days=1))
            and all(self._attributes(bot).get(name) == value for name, value in attributes.items())
        ]
        cursor = query.get("cursor", "")
        begin = next((n + 1 for n, bot in enumerate(bots) if bot.bot_id == cursor), 0)
        page, more = bots[begin : begin + _PAGE], len(bots) > begin + _PAGE
        return json_answer(200, {
            "bots": [self._row(bot, now) for bot in page],
            "hasNextPage": more,
            "nextCursor": page[-1].bot_id if more else None,
        })  # fmt: skip

    def _row(self, bot: SimulatedBot, now: datetime) -> dict[str, Any]:
        return {
            "bot_id": bot.bot_id,
            "bot_username": bot.bot_username,
            "platform": _public_name(bot.platform),
            "status": self._world.state(bot, now),
            "meeting_link": bot.meeting_link,
            "scheduled_join_time": iso(bot.join_time),
            "custom_attributes": self._attributes(bot),
        }

    def _attributes(self, bot: SimulatedBot) -> dict[str, Any]:
        return custom_attributes(bot, self._account.index)

    def status(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """GET /bots/{bot_id}/status."""
        found = self.find(record.bot_id, "bot_status")
        if isinstance(found, Answer):
            return found
        return json_answer(200, {
            "bot_id": found.bot_id,
            "status": self._world.state(found, now),
            "custom_attributes": self._attributes(found),
        })  # fmt: skip

    def detail(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """GET /bots/{bot_id}/detail and /summary."""
        bot = self.find(record.bot_id, "bot_detail")
        if isinstance(bot, Answer):
            return bot
        state = self._world.state(bot, now)
        ended = bot.join_time + timedelta(hours=1)
        made = {"bot_name": bot.bot_username, "meeting_link": bot.meeting_link, "join_at": iso(bot.join_time)}
        return json_answer(200, {"bot_details": {
            "BotID": bot.bot_id,
            "BotImageURL": bot.config.get("bot_image_url"),
            "BotMessage": bot.config.get("bot_message", ""),
            "BotUsername": bot.bot_username,
            "CreatedAt": iso(bot.join_time - timedelta(days=1)),
            "Duration": 3600 if state == "Stopped" else 0,
            "EndTime": iso(ended) if state == "Stopped" else "",
            "LastUpdatedAt": int(now.timestamp()),
            "MeetingLink": bot.meeting_link,
            "Platform": _public_name(bot.platform),
            "StartTime": iso(bot.join_time) if state in ("InMeeting", "Stopped") else "",
            "Status": state,
            "StatusTimeline": {"Scheduled": iso(bot.join_time - timedelta(days=1))},
            "RequestPayload": {**made, **bot.config},
            "UserID": self._account.user_id,
            "custom_attributes": self._attributes(bot),
            "caption_file": {"available": False},
        }})  # fmt: skip

    def find(self, bot_id: str | None, route: str) -> SimulatedBot | Answer:
        """The bot, if it is the user's and still to be seen; otherwise the refusal."""
        if bot_id in self._account.settings.foreign_bots:
            return refusal(403, NOT_YOURS)
        bot = self._world.bot(bot_id or "")
        gone = bot is not None and not self._world.is_scheduled(bot.bot_id)
        if bot is None or (gone and "Cancelled" not in self._account.settings.listed_states):
            return documented(route, 404)
        return bot


def _problem(body: Any) -> str | None:
    """What is wrong with the body of a creation."""
    if not isinstance(body, dict):
        return "Invalid request body"
    for name in ("meeting_link", "bot_name"):
        if not isinstance(body.get(name), str) or not body[name]:
            return f"{name} is required"
    if not body["meeting_link"].startswith("https://"):
        return "Invalid meeting_link"
    if body.get("join_at") is not None and parse_time(body["join_at"]) is None:
        return "Invalid join_at format"
    if not isinstance(body.get("custom_attributes") or {}, dict):
        return "custom_attributes must be an object"
    return None


def _platform(link: str) -> str:
    if "zoom" in link:
        return "zoom"
    return "microsoft_teams" if "teams." in link else "google_meet"


def _public_name(platform: str) -> str:
    """The spelling that `GET /bots` takes and `detail` gives."""
    return "GMeet" if "eet" in platform else "Zoom" if "oom" in platform else "Teams"


def _day(value: str | None) -> datetime | None:
    return parse_time(value) if value is not None and len(value) == 10 else None


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
