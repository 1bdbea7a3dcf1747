"""Turn a reply of MeetStream into a model or an error. Pure, no I/O."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from cattrs.errors import ClassValidationError

from .. import errors
from .._http.api_errors import Hint, api_error
from .._http.call import Context, Remark
from .._http.contradictions import contradiction
from .._http.convert import (
    AN_ID,
    AN_OBJECT,
    OURS,
    Structurer,
    invalid_response,
    object_of,
    object_or_empty,
)
from .._http.reply import Reply, json_type
from .._http.secrets import clean_text
from .._http.urls import identifier_problem
from .._http.waits import parse_http_date
from .._logs import log_fields
from . import models
from .models import DeletedBot, RejectedRow, ScheduledBot, ScheduledBotPage, UnscheduleResult

ERROR_TEXTS: dict[tuple[int, str], type[errors.ApiError]] = {
    (400, "event not scheduled"): errors.EventNotScheduledError,
    (400, "invalid from_date format"): errors.InvalidFromDateError,
    (400, "master event id not found"): errors.MasterEventNotFoundError,
    (404, "event not found"): errors.EventNotFoundError,
    (404, "user not found"): errors.UserNotFoundError,
}


REPLACED = "\N{REPLACEMENT CHARACTER}"
"""What bytes that are not UTF-8 are read as."""
_CURSORS = ("next", "next_cursor", "next_token")
_TOTALS = ("total", "total_count", "count")
"""What a listing that is not whole may say of that, although its documentation has neither."""


_structurer = Structurer(
    models,
    {
        ScheduledBot: {"bot_id": AN_ID, "custom_attributes": AN_OBJECT},
        UnscheduleResult: {"inferred": OURS},
    },
)


def meetstream_error(
    reply: Reply, context: Context, *, effect: bool = True, one_bot: bool = False, hint: Hint | None = None
) -> errors.ApiError:
    """The error for a reply of MeetStream.

    ``effect``: whether the request could have changed something. ``one_bot``: whether it names one bot.
    """
    return api_error(reply, context, ERROR_TEXTS, effect=effect, one_bot=one_bot, hint=hint)


def read_listing(reply: Reply, context: Context, *, limit: int) -> tuple[ScheduledBotPage, Sequence[Remark]]:
    """The page of a listing, with remarks on fields of the wrong type and unreadable rows.

    Raises InvalidResponseError for a body without a list of bots, which must never read as an empty account.
    Raises the reply's ApiError unless it is a 2xx.
    """
    if not reply.succeeded:
        raise meetstream_error(reply, context, effect=False)
    path = "$.scheduled_bots"
    data, rows = rows_of(reply, context, "scheduled_bots", "bots")
    bots: list[ScheduledBot] = []
    rejected: list[RejectedRow] = []
    remarks: list[Remark] = []
    reader = _structurer.reader(ScheduledBot)
    damaged = reply.is_damaged
    for index, row in enumerate(rows):
        read = _read_as_documented(row, reader) or _read_bot(row, index, f"{path}[{index}]", remarks)
        if damaged and isinstance(read, ScheduledBot):
            read = _unless_its_ids_are_damaged(read, index, f"{path}[{index}]")
        if isinstance(read, ScheduledBot):
            bots.append(read)
        else:
            rejected.append(read)
            remarks.append(rejected_remark(read, "a row of the listing"))
    page = ScheduledBotPage(
        bots=tuple(bots),
        limit=limit,
        truncated=len(rows) >= limit or _says_more(data, len(rows)),
        rejected=tuple(rejected),
        server_time=parse_http_date(reply.headers.get("Date")),
        request_id=reply.request_id,
    )
    if page.truncated:
        text = f"the listing is full ({len(rows)} rows); there may be more bots"
        remarks.append(Remark(logging.INFO, text, log_fields("truncated", limit=limit)))
    return page, remarks


def _says_more(data: dict[str, Any], rows: int) -> bool:
    """The listing itself says that it does not show all there is."""
    if data.get("has_more") or any(data.get(name) for name in _CURSORS):
        return True
    return any(type(data.get(name)) is int and data[name] > rows for name in _TOTALS)


def rows_of(reply: Reply, context: Context, name: str, what: str) -> tuple[dict[str, Any], list[object]]:
    """The object that a listing is, and its rows, under ``name``.

    Raises InvalidResponseError for anything else, since it must not read as an empty list.
    """
    path = f"$.{name}"
    data = object_of(reply, context, effect=False)
    if (wrong := contradiction(reply, data)) is not None:
        # With an empty list it would read as an empty account.
        raise invalid_response(reply, context, wrong.text, wrong.path, effect=False)
    if name not in data:
        raise invalid_response(reply, context, f"has no list of {what}", path, effect=False)
    rows = data[name]
    if not isinstance(rows, list):
        problem = f"has {json_type(rows)} in place of its list of {what}"
        raise invalid_response(reply, context, problem, path, effect=False)
    return data, rows


def rejected_remark(row: RejectedRow, what: str) -> Remark:
    """For the log: ``what`` can't be read."""
    text = f"{what} can't be read and is ignored: {row.path} {row.reason}"
    return Remark(logging.WARNING, text, log_fields("rejected_row", path=row.path, reason=row.reason))


def _read_as_documented(row: Any, reader: Callable[[dict[str, Any]], ScheduledBot]) -> ScheduledBot | None:
    """The bot, if nothing in its row deviates from the documentation."""
    try:
        bot = reader(row)
    except Exception:
        return None
    event_id = bot.custom_attributes.get("event_id")
    return bot if event_id is None or identifier_problem(event_id) is None else None


def _read_bot(row: object, index: int, path: str, remarks: list[Remark]) -> ScheduledBot | RejectedRow:
    if not isinstance(row, dict):
        return RejectedRow(index, path, f"is {json_type(row)}, not an object")
    try:
        bot, wrong = _structurer.structure(row, ScheduledBot, path)
    except ClassValidationError:
        problem = "is missing" if "bot_id" not in row else identifier_problem(row["bot_id"])
        return RejectedRow(index, f"{path}.bot_id", problem or "can't be read")
    remarks += wrong
    event_id = bot.custom_attributes.get("event_id")
    if event_id is not None and (problem := identifier_problem(event_id)) is not None:
        return RejectedRow(index, f"{path}.custom_attributes.event_id", problem)
    return bot


def _unless_its_ids_are_damaged(bot: ScheduledBot, index: int, path: str) -> ScheduledBot | RejectedRow:
    """The bot of a body that is not all UTF-8, unless an id is among what could not be decoded."""
    for value, name in ((bot.bot_id, "bot_id"), (bot.event_id, "custom_attributes.event_id")):
        if value is not None and REPLACED in value:
            return RejectedRow(index, f"{path}.{name}", "is not valid UTF-8")
    return bot


def read_unscheduled(
    event_id: str, series: bool, reply: Reply, context: Context
) -> tuple[UnscheduleResult, Sequence[Remark]]:
    """The result of ``DELETE /calendar/schedule/{event_id}``.

    ``series``: a series option was sent, so an uncertain attempt may have taken effect only in part. Raises
    the reply's ApiError, or InvalidResponseError.
    """
    if reply.succeeded:
        data = success_of(reply, context)
        result, remarks = _structurer.structure(data, UnscheduleResult, "$")
        if result.event_id not in (None, event_id) and not (series and result.master_event_id == event_id):
            raise about_another(reply, context, "event_id", str(result.event_id), event_id)
        return result, remarks
    error = meetstream_error(
        reply,
        context,
        hint=lambda kind, _: f"event id {event_id!r}" if kind is errors.EventNotFoundError else None,
    )
    if isinstance(error, errors.EventNotScheduledError) and context.uncertain and not series:
        return UnscheduleResult(
            unscheduled=True, event_id=event_id, inferred=True, request_id=reply.request_id
        ), ()
    raise error


def read_deleted_bot(
    reply: Reply, context: Context, *, bot_id: str | None = None
) -> tuple[DeletedBot, Sequence[Remark]]:
    """The result of ``DELETE /calendar/scheduled_bots/{bot_id}``.

    Raises the reply's ApiError, or InvalidResponseError. A 404 after a lost answer is an error as well,
    with ``outcome_unknown``: a wrong id would be answered the same.
    """
    if not reply.succeeded:
        raise meetstream_error(reply, context, one_bot=True)
    deleted, remarks = _structurer.structure(success_of(reply, context), DeletedBot, "$")
    if bot_id is not None and deleted.bot_id not in (None, bot_id):
        raise about_another(reply, context, "bot_id", str(deleted.bot_id), bot_id)
    return deleted, remarks


def success_of(reply: Reply, context: Context) -> dict[str, Any]:
    """The object in a 2xx that says nothing against being one."""
    data = object_or_empty(reply, context)
    wrong = contradiction(reply, data)
    if wrong is None:
        # Whatever the body says under this name, the header is what the vendor's logs know.
        data["request_id"] = reply.request_id
        return data
    if wrong.refuses:
        raise meetstream_error(reply, context, hint=lambda *_: f"the reply {wrong.text}")
    raise invalid_response(reply, context, wrong.text, wrong.path, effect=True)


def about_another(
    reply: Reply, context: Context, name: str, told: str, asked: str, *, effect: bool = True
) -> errors.InvalidResponseError:
    """The error for an answer about something else than was asked for."""
    problem = f"is about {clean_text(told, 100, reply.scrub)!r}; asked for was {asked!r}"
    return invalid_response(reply, context, problem, f"$.{name}", effect=effect)
