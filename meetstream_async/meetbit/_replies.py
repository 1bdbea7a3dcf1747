"""What a reply of MeetBit means: a model or an error. Pure, no I/O."""

from __future__ import annotations

import attrs

from .. import errors
from .._http.api_errors import api_error
from .._http.convert import Structurer, invalid_response
from .._http.reply import UNREADABLE, Reply, json_type
from .models import Attendee, CalendarEvent, CancelledEvent, OnlineConference

_structurer = Structurer()


def meetbit_error(reply: Reply, *, hint: str | None = None) -> errors.ApiError:
    """The error that a reply of MeetBit means: by status, then by what the body is."""
    error = api_error(reply, {}, effect=True, hint=hint)
    if error.status == 401 and "access denied" in error.message.casefold():
        # It answers 401, not 403, for a key without the permission.
        error.hint = "the key lacks the permission events.delete.*"
    return error


def event_is_missing(error: errors.MeetStreamError) -> bool:
    """MeetBit's own 404 for an event that it does not have, not a gateway's for a wrong address."""
    return isinstance(error, errors.NotFoundError) and "does not exist" in error.message.casefold()


def read_cancelled(reply: Reply, calendar_id: int, event_id: int) -> tuple[CancelledEvent, list[str]]:
    """The result of MeetBit's ``POST .../cancel``, and its places that read as None.

    An empty body is success by its status: the event is then the one that was asked for, and no more is
    known of it. Raises the reply's ApiError, or InvalidResponseError where no event with an id is in it.
    """
    if not reply.succeeded:
        raise meetbit_error(reply)
    if not reply.body.strip():
        return CancelledEvent(CalendarEvent(event_id, calendar_id)), []
    data = reply.json()
    if data is UNREADABLE:
        raise invalid_response(reply, "is not JSON", "$", effect=True)
    if not isinstance(data, dict):
        raise invalid_response(reply, f"is {json_type(data)}, not an object", "$", effect=True)
    if data.get("cancelled") is False:
        raise meetbit_error(reply, hint="the reply says cancelled: false")
    event = data.get("data")
    if not isinstance(event, dict):
        raise invalid_response(reply, "has no event", "$.data", effect=True)
    if type(event.get("id")) is not int:
        raise invalid_response(reply, "has an event without an id", "$.data.id", effect=True)
    ignored: list[str] = []
    plain = {key: value for key, value in event.items() if key not in ("attendees", "online_conference")}
    read, wrong = _structurer.structure(plain, CalendarEvent, "$.data")
    ignored += wrong
    attendees = _structurer.structure_each(event.get("attendees"), Attendee, "$.data.attendees", ignored)
    conference = None
    if isinstance(event.get("online_conference"), dict):
        conference, wrong = _structurer.structure(
            event["online_conference"], OnlineConference, "$.data.online_conference"
        )
        ignored += wrong
    elif event.get("online_conference") is not None:
        ignored.append("$.data.online_conference")
    message = data.get("message")
    if message is not None and not isinstance(message, str):
        ignored.append("$.message")
        message = None
    read = attrs.evolve(read, attendees=attendees, online_conference=conference)
    return CancelledEvent(read, message), ignored
