"""Requests to MeetStream as values: arguments are checked here, before anything is sent. Pure, no I/O.

Sources: "List Scheduled Bots" and "Unschedule Bot for Event" of the MeetStream API reference, and the
vendor's published clients for ``/calendar/scheduled_bots`` and ``/calendar/events``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

from .._http.call import Request, Route
from .._http.urls import check_identifier, path_segment
from .._times import whole_second
from ..errors import ConfigurationError
from ._event_replies import read_events
from ._replies import read_deleted_bot, read_listing, read_unscheduled
from .models import DeletedBot, MeetStreamEventPage, ScheduledBotPage, UnscheduleResult

MAX_LIMIT = 100
"""Maximum number of rows in one listing."""

_LIST = Route("GET", ("/calendar/scheduled", "/calendar/scheduled_bots"), "list_scheduled_bots", "")
_EVENTS = Route("GET", ("/calendar/events",), "list_calendar_events", "")
_UNSCHEDULE = Route("DELETE", ("/calendar/schedule/",), "unschedule_event", "{event_id}")
_DELETE_BOT = Route(
    "DELETE",
    ("/calendar/scheduled_bots/", "/calendar/scheduled/", "/calendar/schedule/"),
    "delete_scheduled_bot",
    "{bot_id}",
)


def list_scheduled_bots(limit: int = MAX_LIMIT) -> Request[ScheduledBotPage]:
    """``GET /calendar/scheduled``. Raises ConfigurationError unless ``limit`` is an int from 1 to 100."""
    check_limit(limit)
    return Request(_LIST, partial(read_listing, limit=limit), query={"limit": str(limit)})


def list_calendar_events(
    time_min: datetime | None = None,
    time_max: datetime | None = None,
    limit: int = MAX_LIMIT,
    cursor: str | None = None,
) -> Request[MeetStreamEventPage]:
    """``GET /calendar/events``, of what MeetStream knows. Raises ConfigurationError for bad arguments."""
    check_limit(limit)
    # Anything but "false" reads the provider's calendar again, and may move or cancel bots.
    query = {"sync": "false", "limit": str(limit)}
    for name, time, up in (("time_min", time_min, False), ("time_max", time_max, True)):
        if time is not None:
            check_range(check_time(time, name), name)
            query[name] = utc_text(time, up=up)
    if time_min is not None and time_max is not None and time_min >= time_max:
        raise ConfigurationError("time_min must be before time_max")
    if cursor is not None:
        query["cursor"] = check_identifier(cursor, "cursor")
    return Request(_EVENTS, read_events, query=query)


def unschedule_event(
    event_id: str, cancel_all_occurrences: bool | None = None, from_date: datetime | None = None
) -> Request[UnscheduleResult]:
    """``DELETE /calendar/schedule/{event_id}``. Raises ConfigurationError for bad arguments."""
    segment = path_segment(event_id, "event_id")
    body: dict[str, Any] | None = None
    if cancel_all_occurrences is not None or from_date is not None:
        check_series_options(cancel_all_occurrences, from_date)
        body = {"cancel_all_occurrences": cancel_all_occurrences}
        if from_date is not None:
            body["from_date"] = utc_text(from_date)
    read = partial(read_unscheduled, event_id, bool(cancel_all_occurrences))
    return Request(_UNSCHEDULE, read, segment, None, body)


def delete_scheduled_bot(bot_id: str) -> Request[DeletedBot]:
    """``DELETE /calendar/scheduled_bots/{bot_id}``. Raises ConfigurationError for an unusable id."""
    read = partial(read_deleted_bot, bot_id=bot_id)
    return Request(_DELETE_BOT, read, path_segment(bot_id, "bot_id"))


def check_series_options(cancel_all_occurrences: object, from_date: object) -> None:
    """Raises ConfigurationError for options that the API would refuse, or read as another time."""
    if cancel_all_occurrences is not None and not isinstance(cancel_all_occurrences, bool):
        raise ConfigurationError(
            f"cancel_all_occurrences must be True, False or None, not {cancel_all_occurrences!r}"
        )
    if from_date is None:
        return
    moment = check_time(from_date, "from_date")
    if cancel_all_occurrences is not True:
        raise ConfigurationError("from_date needs cancel_all_occurrences=True")
    check_range(moment, "from_date")


def check_time(time: object, name: str) -> datetime:
    """``time``, or a ConfigurationError that calls it ``name`` unless it is an aware datetime."""
    if not isinstance(time, datetime):
        raise ConfigurationError(f"{name} must be a datetime, not {type(time).__name__}")
    if time.utcoffset() is None:
        raise ConfigurationError(
            f"{name} has no time zone; pass an aware datetime, such as datetime.now(timezone.utc)"
        )
    return time


def check_range(time: datetime, name: str) -> None:
    """Raises ConfigurationError for an aware time that UTC has no year for."""
    try:
        utc_text(time)
    except OverflowError:
        raise ConfigurationError(f"{name} {time.isoformat()} is out of range in UTC") from None


def utc_text(time: datetime, *, up: bool = True) -> str:
    """The time as the API takes it: in UTC, to the second."""
    # Up: a fraction of a second that is cut off would take in an occurrence before the time.
    return whole_second(time, up=up).astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def check_limit(limit: object) -> int:
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise ConfigurationError(f"limit must be an int from 1 to {MAX_LIMIT}, not {limit!r}")
    return limit
