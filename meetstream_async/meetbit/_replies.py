"""Turn a reply of MeetBit into a model or an error. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from .. import errors
from .._http.api_errors import Hint, api_error
from .._http.call import Context, Remark
from .._http.contradictions import contradiction
from .._http.convert import Structurer, invalid_response, object_of
from .._http.reply import Reply
from . import models
from .models import Attendee, CalendarEvent, CancelledEvent, OnlineConference

_structurer = Structurer(models)


def meetbit_error(reply: Reply, context: Context, *, hint: Hint | None = None) -> errors.ApiError:
    """The error for a reply of MeetBit, by status and body."""
    return api_error(reply, context, {}, effect=True, hint=hint or _permission_hint)


def _permission_hint(kind: type[errors.ApiError], message: str) -> str | None:
    # For a key without the permission, MeetBit responds with 401 instead of 403.
    if kind is errors.AuthenticationError and "access denied" in message.casefold():
        return "the key lacks the permission events.delete.*"
    return None


def event_is_missing(error: errors.MeetStreamError) -> bool:
    """Whether the error is MeetBit's own 404 for a missing event, rather than a gateway's for a wrong URL."""
    return isinstance(error, errors.NotFoundError) and "does not exist" in error.message.casefold()


def read_cancelled(
    reply: Reply, context: Context, *, calendar_id: int, event_id: int
) -> tuple[CancelledEvent, Sequence[Remark]]:
    """The result of MeetBit's ``POST .../cancel``.

    An empty body counts as success: the event then has the requested id, and nothing else is known of it.
    Raises the reply's ApiError, or InvalidResponseError if the body contains no event with an id.
    """
    if not reply.succeeded:
        raise meetbit_error(reply, context)
    if not reply.body.strip():
        return CancelledEvent(CalendarEvent(event_id, calendar_id), request_id=reply.request_id), ()
    data, event = _cancelled_event(reply, context)
    remarks: list[Remark] = []
    plain = {key: value for key, value in event.items() if key not in ("attendees", "online_conference")}
    read, wrong = _structurer.structure(plain, CalendarEvent, "$.data")
    remarks += wrong
    attendees = _structurer.structure_each(event.get("attendees"), Attendee, "$.data.attendees", remarks)
    conference = None
    if isinstance(event.get("online_conference"), dict):
        conference, wrong = _structurer.structure(
            event["online_conference"], OnlineConference, "$.data.online_conference"
        )
        remarks += wrong
    elif event.get("online_conference") is not None:
        remarks.append(Remark.ignored_field("$.data.online_conference"))
    message = data.get("message")
    if message is not None and not isinstance(message, str):
        remarks.append(Remark.ignored_field("$.message"))
        message = None
    read = attrs.evolve(read, attendees=attendees, online_conference=conference)
    return CancelledEvent(read, message, reply.request_id), remarks


def _cancelled_event(reply: Reply, context: Context) -> tuple[dict[str, Any], dict[str, Any]]:
    """The body of a 2xx and its event. Raises if the body reports a failure or contains no event."""
    data = object_of(reply, context, effect=True)
    if (wrong := contradiction(reply, data)) is not None:
        if wrong.refuses:
            raise meetbit_error(reply, context, hint=lambda *_: f"the reply {wrong.text}")
        raise invalid_response(reply, context, wrong.text, wrong.path, effect=True)
    event = data.get("data")
    if not isinstance(event, dict):
        raise invalid_response(reply, context, "has no event", "$.data", effect=True)
    if type(event.get("id")) is not int or event["id"] < 1:
        raise invalid_response(reply, context, "has an event without an id", "$.data.id", effect=True)
    return data, event
