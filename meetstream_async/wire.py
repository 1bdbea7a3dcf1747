"""JSON to models: the one cattrs converter, and what a reply of MeetStream means. Pure, no I/O.

Strict where a value goes into a request (ids), forgiving elsewhere: cattrs would make ``"None"`` of a
null and ``True`` of ``"false"``, so every hook here takes the JSON type and no other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache, partial
from operator import eq
from types import NoneType
from typing import Any, TypeVar

import attrs
from cattrs import Converter
from cattrs.errors import ClassValidationError
from cattrs.gen import make_dict_structure_fn, override

from . import errors
from .meetbit_models import Attendee, CalendarEvent, CancelledEvent, OnlineConference
from .models import DeletedBot, RejectedRow, ScheduledBot, ScheduledBotPage, UnscheduleResult
from .refusals import meetbit_error, meetstream_error
from .reply import UNREADABLE, Reply, json_type
from .safety import identifier_problem

_M = TypeVar("_M")


# --- the converter -------------------------------------------------------------------------------------


_Hook = Callable[[object, object], Any]


def _only(name: str, *kinds: type) -> _Hook:
    def hook(value: object, _: object) -> object:
        # Exactly this type: a JSON true is no number, though a Python bool is an int.
        if type(value) in kinds:
            return value
        raise TypeError(f"expected {name}, got {json_type(value)}")

    return hook


def _time(value: object, _: object) -> datetime | None:
    if value is None:
        return None
    if type(value) is not str:
        raise TypeError(f"expected an ISO 8601 time, got {json_type(value)}")
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("the time has no offset, and is not guessed at")
    return time


def _texts(value: object, _: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if type(value) is not list or not {str}.issuperset(map(type, value)):
        raise TypeError("expected an array of strings")
    return tuple(value)


def _identifier(value: object, _: object) -> object:
    problem = identifier_problem(value)
    if problem is not None:
        raise ValueError(problem)
    return value


def _attributes(value: object, _: object) -> dict[str, Any]:
    if value is None:
        return {}
    if type(value) is not dict:
        raise TypeError(f"expected an object, got {json_type(value)}")
    return value


_HOOKS: dict[Any, _Hook] = {
    str: _only("a string", str),
    int: _only("an integer", int),
    str | None: _only("a string", str, NoneType),
    int | None: _only("an integer", int, NoneType),
    bool | None: _only("a boolean", bool, NoneType),
    datetime | None: _time,
    tuple[str, ...] | None: _texts,
}
"""By annotation. A union has its own: else cattrs asks at every value which of its members it is."""


_QUICK, _DETAILED = False, True


@cache
def _converter(detailed: bool) -> Converter:
    """Made when it is first needed, so that importing the package does not wait for it.

    ``detailed``: the same hooks, slower, that say which fields were wrong. For what the quick one refused.
    """
    converter = Converter(detailed_validation=detailed)
    for annotation, hook in _HOOKS.items():
        if isinstance(annotation, type):
            converter.register_structure_hook(annotation, hook)
        else:
            converter.register_structure_hook_func(partial(eq, annotation), hook)
    converter.register_structure_hook(
        ScheduledBot,
        make_dict_structure_fn(
            ScheduledBot,
            converter,
            bot_id=override(struct_hook=_identifier),
            custom_attributes=override(struct_hook=_attributes),
        ),
    )
    # Ours, not the API's: a reply cannot claim it.
    for model in (UnscheduleResult, DeletedBot):
        converter.register_structure_hook(
            model, make_dict_structure_fn(model, converter, inferred=override(omit=True))
        )
    return converter


def _structure(data: dict[str, Any], model: type[_M], path: str) -> tuple[_M, list[str]]:
    """The model, and the places that were of the wrong type and read as None.

    Raises ClassValidationError where a field without a default is missing or wrong.
    """
    try:
        return _converter(_QUICK).get_structure_hook(model)(data, model), []
    except Exception:
        return _structure_the_rest(data, model, path)


def _structure_the_rest(data: dict[str, Any], model: type[_M], path: str) -> tuple[_M, list[str]]:
    wrong: list[str] = []
    try:
        _converter(_DETAILED).structure(data, model)
    except ClassValidationError as exc:
        wrong = [note.name for _, note in exc.group_exceptions()[0]]
    kept = {key: value for key, value in data.items() if key not in wrong}
    return _converter(_DETAILED).structure(kept, model), [f"{path}.{name}" for name in wrong]


def _invalid(reply: Reply, problem: str, path: str, *, effect: bool) -> errors.InvalidResponseError:
    return errors.InvalidResponseError(
        f"the {reply.status} reply {problem}",
        path=path,
        status=reply.status,
        request_id=reply.request_id,
        attempts=reply.attempts,
        outcome_unknown=effect,
    )


# --- replies of MeetStream -----------------------------------------------------------------------------


def read_listing(reply: Reply, limit: int) -> tuple[ScheduledBotPage, list[str]]:
    """A page, and the places in it that were of the wrong type and read as None.

    Raises InvalidResponseError for anything without a list of bots: it must never read as an empty
    account. Raises the reply's ApiError where it is no 2xx.
    """
    if not reply.succeeded:
        raise meetstream_error(reply, effect=False)
    data = reply.json()
    if data is UNREADABLE:
        raise _invalid(reply, "is not JSON", "$", effect=False)
    if not isinstance(data, dict):
        raise _invalid(reply, f"is {json_type(data)}, not an object", "$", effect=False)
    path = "$.scheduled_bots"
    if "scheduled_bots" not in data:
        raise _invalid(reply, "has no list of bots", path, effect=False)
    rows = data["scheduled_bots"]
    if not isinstance(rows, list):
        raise _invalid(reply, f"has {json_type(rows)} in place of its list of bots", path, effect=False)
    bots: list[ScheduledBot] = []
    rejected: list[RejectedRow] = []
    ignored: list[str] = []
    hook = _converter(_QUICK).get_structure_hook(ScheduledBot)
    for index, row in enumerate(rows):
        read = _read_as_documented(row, hook) or _read_bot(row, index, f"{path}[{index}]", ignored)
        if isinstance(read, ScheduledBot):
            bots.append(read)
        else:
            rejected.append(read)
    page = ScheduledBotPage(
        bots=tuple(bots), limit=limit, truncated=len(rows) >= limit, rejected=tuple(rejected)
    )
    return page, ignored


def _read_as_documented(row: object, hook: _Hook) -> ScheduledBot | None:
    """The bot, where nothing of its row is wrong."""
    try:
        bot: ScheduledBot = hook(row, ScheduledBot)
    except Exception:
        return None
    event_id = bot.custom_attributes.get("event_id")
    return bot if event_id is None or identifier_problem(event_id) is None else None


def _read_bot(row: object, index: int, path: str, ignored: list[str]) -> ScheduledBot | RejectedRow:
    if not isinstance(row, dict):
        return RejectedRow(index, path, f"is {json_type(row)}, not an object")
    try:
        bot, wrong = _structure(row, ScheduledBot, path)
    except ClassValidationError:
        problem = "is missing" if "bot_id" not in row else identifier_problem(row["bot_id"])
        return RejectedRow(index, f"{path}.bot_id", problem or "can't be read")
    ignored += wrong
    event_id = bot.custom_attributes.get("event_id")
    if event_id is not None and (problem := identifier_problem(event_id)) is not None:
        return RejectedRow(index, f"{path}.custom_attributes.event_id", problem)
    return bot


def read_unscheduled(reply: Reply, event_id: str, *, series: bool) -> tuple[UnscheduleResult, list[str]]:
    """The result of ``DELETE /calendar/schedule/{event_id}``, and its places that read as None.

    ``series``: an option was sent under which an uncertain attempt may have done a part only. Raises
    the reply's ApiError, or InvalidResponseError.
    """
    if reply.succeeded:
        result, ignored = _structure(_object_or_empty(reply), UnscheduleResult, "$")
        if result.unscheduled is False or result.cancelled is False:
            name = "unscheduled" if result.unscheduled is False else "cancelled"
            raise meetstream_error(reply, hint=f"the reply says {name}: false")
        return result, ignored
    error = meetstream_error(reply, hint=None)
    if isinstance(error, errors.EventNotScheduledError) and reply.uncertain and not series:
        return UnscheduleResult(unscheduled=True, event_id=event_id, inferred=True), []
    if isinstance(error, errors.EventNotFoundError):
        error.hint = f"event id {event_id!r}"
    raise error


def read_deleted_bot(reply: Reply) -> tuple[DeletedBot, list[str]]:
    """The result of ``DELETE /calendar/scheduled_bots/{bot_id}``, and its places that read as None.

    Raises the reply's ApiError, or InvalidResponseError.
    """
    if reply.succeeded:
        return _structure(_object_or_empty(reply), DeletedBot, "$")
    error = meetstream_error(reply)
    if isinstance(error, errors.NotFoundError) and reply.uncertain:
        return DeletedBot(inferred=True), []
    raise error


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
        raise _invalid(reply, "is not JSON", "$", effect=True)
    if not isinstance(data, dict):
        raise _invalid(reply, f"is {json_type(data)}, not an object", "$", effect=True)
    if data.get("cancelled") is False:
        raise meetbit_error(reply, hint="the reply says cancelled: false")
    event = data.get("data")
    if not isinstance(event, dict):
        raise _invalid(reply, "has no event", "$.data", effect=True)
    if type(event.get("id")) is not int:
        raise _invalid(reply, "has an event without an id", "$.data.id", effect=True)
    ignored: list[str] = []
    plain = {key: value for key, value in event.items() if key not in ("attendees", "online_conference")}
    read, wrong = _structure(plain, CalendarEvent, "$.data")
    ignored += wrong
    attendees = _read_each(event.get("attendees"), Attendee, "$.data.attendees", ignored)
    conference = None
    if isinstance(event.get("online_conference"), dict):
        conference, wrong = _structure(
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


def _read_each(values: object, model: type[_M], path: str, ignored: list[str]) -> tuple[_M, ...]:
    """The objects of a list, forgivingly: what is none is left out, and its place is named."""
    if values is None:
        return ()
    if not isinstance(values, list):
        ignored.append(path)
        return ()
    read = []
    for index, value in enumerate(values):
        if isinstance(value, dict):
            one, wrong = _structure(value, model, f"{path}[{index}]")
            read.append(one)
            ignored += wrong
        elif value is not None:
            ignored.append(f"{path}[{index}]")
    return tuple(read)


def _object_or_empty(reply: Reply) -> dict[str, Any]:
    if not reply.body.strip():
        return {}
    data = reply.json()
    if data is UNREADABLE:
        raise _invalid(reply, "is not JSON", "$", effect=True)
    # A gateway in front of a function without a return value answers "null".
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise _invalid(reply, f"is {json_type(data)}, not an object", "$", effect=True)
    return data
