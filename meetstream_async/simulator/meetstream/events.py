"""GET /calendar/events: the connected calendars' events, page by page, with their bots."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import frozen

from ..account import Account
from ..gateway import Answer, json_answer
from ..index import SimulatedMeetStreamEvent
from ..trouble import RequestRecord, Trouble
from .values import iso, parse_limit, parse_time
from .words import documented, refusal

_DEFAULT_LIMIT = 50
_BEFORE, _AFTER = timedelta(days=1), timedelta(days=28)


@frozen
class _Wanted:
    """Which events a request asks for."""

    time_min: datetime
    time_max: datetime
    calendar_id: str | None
    provider: str | None
    account: str | None
    """The account's calendars are asked for; None for all accounts."""

    def admits(self, event: SimulatedMeetStreamEvent, accounts: dict[str, str]) -> bool:
        return (
            event.end > self.time_min
            and event.start < self.time_max
            and self.calendar_id in (None, event.calendar_id)
            and self.provider in (None, event.platform)
            and self.account in (None, accounts.get(event.calendar_id or ""))
        )


class Events:
    """Answers listings of the events.

    A page is a piece of the database: `limit` events are read, and those that were not asked for are left
    out afterwards. So a page may be short, or empty, with more to come.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._world = account.world
        self._index = account.index
        self._event_bots = account.settings.event_bots
        self._accounts = {calendar.id: calendar.account for calendar in account.index.calendars}

    def answer(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """One page."""
        if not self._account.connected:
            return documented("events", 404)
        query = record.query
        limit = parse_limit(query.get("limit"), _DEFAULT_LIMIT)
        if limit is None:
            return documented("events", 400)
        wanted = _read(query, now)
        if isinstance(wanted, str):
            return refusal(400, wanted)
        given = query.get("cursor") or None
        place = "" if given is None else _place(given)
        if place is None:
            return refusal(400, "Invalid cursor")
        if query.get("sync") != "false" or query.get("cleanup_duplicates", "false") != "false":
            self._account.syncs.append(record.index)
        events, following = self._index.page(place, limit)
        paging = trouble.paging if trouble is not None else None
        # Each with a token of its own: a client that looks for repeated ones alone would go on for ever.
        if paging == "empty":
            events, following = [], place
        elif paging == "endless" and following is None:
            following = ""
        token = None if following is None else _token(following, record.index if paging else None)
        if paging == "repeated":
            token = given or _token(place, None)
        results = [self._result(event, now) for event in events if wanted.admits(event, self._accounts)]
        page = {"next": token, "previous": given, "has_more": token is not None, "results": results}
        return json_answer(200, page)

    def _result(self, event: SimulatedMeetStreamEvent, now: datetime) -> dict[str, Any]:
        plus = int(event.event_id.encode("utf-8", "surrogatepass").hex(), 16) % 2
        written = {
            name: _spelt(moment, plus)
            for name, moment in (
                ("start_time", event.start),
                ("end_time", event.end),
                ("created_at", event.created),
                ("updated_at", event.created + timedelta(hours=1)),
            )
        }
        result: dict[str, Any] = {
            "id": event.event_id,
            "platform": event.platform,
            "platform_id": event.platform_id,
            "ical_uid": event.ical_uid,
            "calendar_id": event.calendar_id,
            **written,
            "meeting_platform": event.meeting_platform,
            "meeting_url": event.meeting_url,
            "is_deleted": event.is_deleted,
            "raw": _raw(event),
        }
        bots = [] if self._event_bots == "never" else self._bots(event.event_id, now)
        if bots or self._event_bots == "always":
            result["bots"] = bots
        return result

    def _bots(self, event_id: str, now: datetime) -> list[dict[str, Any]]:
        return [
            {
                "id": bot.bot_id,
                "status": state,
                "scheduled_join_time": iso(bot.join_time),
                "bot_username": bot.bot_username,
                "platform": bot.platform,
                "is_scheduled": state == "Scheduled",
            }
            for bot, state in self._world.of_event(event_id, now)
        ]


def _read(query: dict[str, str], now: datetime) -> "_Wanted | str":
    """What is asked for, or what is wrong with the question."""
    window = []
    for name, default in (("time_min", now - _BEFORE), ("time_max", now + _AFTER)):
        given = query.get(name)
        moment = default if given is None else parse_time(given)
        if moment is None:
            return f"Invalid {name} format"
        window.append(moment)
    provider, account = query.get("provider"), query.get("account_id")
    if provider not in (None, "google", "outlook"):
        return "Invalid provider (must be google or outlook)"
    if account is not None and provider is None:
        return "account_id requires provider"
    return _Wanted(window[0], window[1], query.get("calendar_id"), provider, account)


def _token(place: str, nonce: int | None) -> str:
    key: dict[str, Any] = {"UserEvents": {"S": place}}
    if nonce is not None:
        key["Nonce"] = {"N": str(nonce)}
    return urlsafe_b64encode(json.dumps(key).encode()).decode()


def _place(token: str) -> str | None:
    try:
        place = json.loads(urlsafe_b64decode(token.encode()))["UserEvents"]["S"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return place if isinstance(place, str) else None


def _spelt(moment: datetime, plus: int) -> str:
    text = iso(moment.replace(microsecond=0))
    return text if plus else f"{text.removesuffix('+00:00')}Z"


def _raw(event: SimulatedMeetStreamEvent) -> dict[str, Any]:
    """What the provider told: personal data, here of people who do not exist."""
    return {
        "id": event.platform_id,
        "iCalUID": event.ical_uid,
        "status": "cancelled" if event.is_deleted else "confirmed",
        "summary": event.title,
        "start": {"dateTime": iso(event.start.astimezone(UTC))},
        "end": {"dateTime": iso(event.end)},
        "organizer": {"email": "ada@example.com", "self": True},
        "attendees": [{"email": "grace@example.com", "responseStatus": "accepted"}],
    }
