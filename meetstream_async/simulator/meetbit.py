"""MeetBit's route and wire format, written out in full from the API's documentation."""

import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .gateway import Answer, Metered, Route, gateway_error, json_answer
from .meetbit_calendars import Calendars, SimulatedEvent
from .meetbit_limit import RateLimit
from .settings import MeetBitAnswer
from .trouble import RequestRecord, Trouble

_PERMISSION = "events.delete.*"
_LONGEST_NOTE = 255
_NEVER_NULL = ("id", "calendar_id", "provider_event_id")
_WORDS = {
    401: "Invalid or missing access key.",
    404: "Resource object does not exist.",
    429: "Too many requests.",
}


class MeetBitApi:
    """One route: "cancel_event". Errors are plain text, except validation errors of the body's fields.

    clients: the access key ids and their secrets. answers: what a cancel that worked answers.
    A request is checked in this order: rate limit, access key, permission, event, note.
    """

    prefix: tuple[str, ...] = ("api", "public", "v2.0")
    route_names: frozenset[str] = frozenset({"cancel_event"})

    def __init__(
        self,
        calendars: Calendars,
        *,
        clients: Mapping[str, str],
        permissions: Iterable[str],
        limit: RateLimit,
        answers: MeetBitAnswer = "full",
    ) -> None:
        if isinstance(permissions, str):
            raise ValueError("meetbit_permissions must be several strings, not one")
        self._calendars = calendars
        self._clients = {key: secret.encode() for key, secret in clients.items()}
        self._permitted = _PERMISSION in set(permissions)
        self._limit = limit
        self._answers = answers

    def match(self, segments: tuple[str, ...]) -> Mapping[str, Route]:
        """The routes of a path below the prefix. An id that is not a number matches, but finds no event."""
        match segments:
            case ("calendars", calendar_id, "events", event_id, "cancel") if calendar_id and event_id:
                route = Route(
                    name="cancel_event",
                    method="POST",
                    calendar_id=_number(calendar_id),
                    calendar_event_id=_number(event_id),
                )
                return {"POST": route}
        return {}

    def meter(self, headers: Mapping[str, str], at: float) -> Metered:
        """Count any arrival: 429 over the limit, 401 "Access Denied." for a suspended client."""
        verdict = self._limit.arrive(headers.get("X-Access-Key-Id"), at)
        if verdict.suspended:
            return Metered(_text(401, "Access Denied."), verdict.headers)
        if verdict.retry_after is not None:
            more = {**verdict.headers, "Retry-After": str(verdict.retry_after)}
            return Metered(_text(429, _WORDS[429]), more)
        return Metered(None, verdict.headers)

    def refuse(self, headers: Mapping[str, str]) -> Answer | None:
        """401 unless both the access key id and its secret are right."""
        expected = self._clients.get(headers.get("X-Access-Key-Id", ""))
        given = headers.get("X-Access-Key-Secret", "").encode("utf-8", "surrogateescape")
        if expected is None or not hmac.compare_digest(given, expected):
            return _text(401, _WORDS[401])
        return None

    def note(self, record: RequestRecord) -> None:
        """Count the cancel requests for each event."""
        if record.calendar_id is not None and record.calendar_event_id is not None:
            self._calendars.count(record.calendar_id, record.calendar_event_id)

    def answer(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """Apply an authorized request and answer it."""
        if not self._permitted:
            return _text(401, "Access Denied.")
        event = None
        if record.calendar_id is not None and record.calendar_event_id is not None:
            event = self._calendars.live(record.calendar_id, record.calendar_event_id)
        if event is None:
            return _text(404, _WORDS[404])
        note = record.body.get("cancel_note") if isinstance(record.body, dict) else None
        if not isinstance(note, str) or not note or len(note) > _LONGEST_NOTE:
            return _invalid(400, note)
        self._calendars.cancel(event, note, now, record.index)
        if self._answers == "no_content":
            return Answer(202, b"")
        data = _event(event, note, now)
        if self._answers == "nulls":
            data = {key: value if key in _NEVER_NULL else None for key, value in data.items()}
        return json_answer(200, {"message": "Event canceled successfully.", "data": data})

    def error(self, route: str | None, status: int) -> Answer:
        """The documented text for a status; the gateway's text where nothing is documented."""
        if status in (400, 422):
            return _invalid(status, None)
        return _text(status, _WORDS[status]) if status in _WORDS else gateway_error(status)


def _number(segment: str) -> int | None:
    """Parse an id in a path: decimal digits in canonical form."""
    if not (segment.isascii() and segment.isdigit() and len(segment) < 19) or segment.startswith("0"):
        return None
    return int(segment)


def _text(status: int, words: str) -> Answer:
    return Answer(status, words.encode(), "text/plain; charset=utf-8")


def _invalid(status: int, note: object) -> Answer:
    if note is None or note == "":
        problem = "The cancel note field is required."
    elif not isinstance(note, str):
        problem = "The cancel note must be a string."
    else:
        problem = f"The cancel note may not be greater than {_LONGEST_NOTE} characters."
    return json_answer(
        status, {"message": "The given data was invalid.", "errors": {"cancel_note": [problem]}}
    )


def _event(event: SimulatedEvent, note: str, now: datetime) -> dict[str, Any]:
    """The just-cancelled event with every documented field."""
    number = event.event_id
    made = _iso(now - timedelta(days=7))
    begun = event.start <= now
    ended = event.end <= now
    return {
        "id": number,
        "calendar_id": event.calendar_id,
        "title": event.title,
        "start": _iso(event.start),
        "end": _iso(event.end),
        "attendees": [
            {
                "email": email,
                "name": email.partition("@")[0].title(),
                "is_organizer": place == 0,
                "customer_id": event.calendar_id + place,
                "calendar_id": event.calendar_id,
                "status": 1,
            }
            for place, email in enumerate(event.attendees)
        ],
        "body": event.body,
        "location": event.location,
        "cancel_note": note,
        "canceled_by_id": event.calendar_id,
        "canceled_by_type": "customer",
        "created_at": made,
        "updated_at": _iso(now),
        "deleted_at": _iso(now),
        "public_id": f"pub-{number:08x}",
        "provider_event_id": event.provider_event_id,
        "customer_id": event.calendar_id,
        "meeting_link_id": number + 1,
        "online_conference": {
            "id": number + 2,
            "online_conference_account_id": event.calendar_id,
            "public_id": f"conf-{number:08x}",
            "title": event.title,
            "is_public": False,
            "deleted_at": None,
            "created_at": made,
            "updated_at": made,
            "backer_event_id": number,
            "is_occurred": ended,
            "started_at": _iso(event.start) if begun else None,
            "ended_at": _iso(event.end) if ended else None,
        },
        **event.fields,
    }


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()}Z"
