"""What a reply of MeetStream means: a model or an error. Pure, no I/O."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from cattrs import Converter
from cattrs.errors import ClassValidationError
from cattrs.gen import make_dict_structure_fn, override

from .. import errors
from .._http.api_errors import Hint, api_error
from .._http.call import Context, Remark
from .._http.convert import Hook, Structurer, identifier, invalid_response, json_object, object_or_empty
from .._http.reply import UNREADABLE, Reply, json_type
from .._http.urls import identifier_problem
from . import models
from .models import DeletedBot, RejectedRow, ScheduledBot, ScheduledBotPage, UnscheduleResult

_TEXTS: dict[tuple[int, str], type[errors.ApiError]] = {
    (400, "event not scheduled"): errors.EventNotScheduledError,
    (400, "invalid from_date format"): errors.InvalidFromDateError,
    (400, "master event id not found"): errors.MasterEventNotFoundError,
    (404, "event not found"): errors.EventNotFoundError,
    (404, "user not found"): errors.UserNotFoundError,
}


def _customise(converter: Converter) -> None:
    converter.register_structure_hook(
        ScheduledBot,
        make_dict_structure_fn(
            ScheduledBot,
            converter,
            bot_id=override(struct_hook=identifier),
            custom_attributes=override(struct_hook=json_object),
        ),
    )
    # Ours, not the API's: a reply cannot claim it.
    for model in (UnscheduleResult, DeletedBot):
        converter.register_structure_hook(
            model, make_dict_structure_fn(model, converter, inferred=override(omit=True))
        )


_structurer = Structurer(models, _customise)


def meetstream_error(
    reply: Reply, context: Context, *, effect: bool = True, hint: Hint | None = None
) -> errors.ApiError:
    """The error that a reply of MeetStream means. ``effect``: the request was to change something."""
    return api_error(reply, context, _TEXTS, effect=effect, hint=hint)


def bot_is_not_yours(error: errors.MeetStreamError) -> bool:
    """A 403 to the DELETE of one bot that is about that bot, not about the key."""
    return (
        isinstance(error, errors.PermissionDeniedError)
        and re.search(r"\b(bot|yours?|belongs?|owner|owned)\b", error.message, re.IGNORECASE) is not None
        and re.search(r"\b(key|token|credentials?)\b", error.message, re.IGNORECASE) is None
    )


def read_listing(reply: Reply, context: Context, *, limit: int) -> tuple[ScheduledBotPage, Sequence[Remark]]:
    """A page, and remarks on fields of the wrong type and rows that can't be read.

    Raises InvalidResponseError for anything without a list of bots: it must never read as an empty
    account. Raises the reply's ApiError unless it is a 2xx.
    """
    if not reply.succeeded:
        raise meetstream_error(reply, context, effect=False)
    path = "$.scheduled_bots"
    rows = _rows(reply, context, path)
    bots: list[ScheduledBot] = []
    rejected: list[RejectedRow] = []
    remarks: list[Remark] = []
    hook = _structurer.hook(ScheduledBot)
    for index, row in enumerate(rows):
        read = _read_as_documented(row, hook) or _read_bot(row, index, f"{path}[{index}]", remarks)
        if isinstance(read, ScheduledBot):
            bots.append(read)
        else:
            rejected.append(read)
            remarks.append(_rejected(read))
    page = ScheduledBotPage(
        bots=tuple(bots), limit=limit, truncated=len(rows) >= limit, rejected=tuple(rejected)
    )
    if page.truncated:
        text = f"a listing came back full ({limit} rows); there may be more bots"
        remarks.append(Remark(logging.INFO, text, {"event": "truncated", "limit": limit}))
    return page, remarks


def _rows(reply: Reply, context: Context, path: str) -> list[object]:
    data = reply.json()
    if data is UNREADABLE:
        raise invalid_response(reply, context, "is not JSON", "$", effect=False)
    if not isinstance(data, dict):
        problem = f"is {json_type(data)}, not an object"
        raise invalid_response(reply, context, problem, "$", effect=False)
    if "scheduled_bots" not in data:
        raise invalid_response(reply, context, "has no list of bots", path, effect=False)
    rows = data["scheduled_bots"]
    if not isinstance(rows, list):
        problem = f"has {json_type(rows)} in place of its list of bots"
        raise invalid_response(reply, context, problem, path, effect=False)
    return rows


def _rejected(row: RejectedRow) -> Remark:
    text = f"a row of the listing can't be read and is left alone: {row.path} {row.reason}"
    fields = {"event": "rejected_row", "path": row.path, "reason": row.reason}
    return Remark(logging.WARNING, text, fields)


def _read_as_documented(row: object, hook: Hook) -> ScheduledBot | None:
    """The bot, where nothing of its row is wrong."""
    try:
        bot: ScheduledBot = hook(row, ScheduledBot)
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


def read_unscheduled(
    reply: Reply, context: Context, event_id: str, series: bool
) -> tuple[UnscheduleResult, Sequence[Remark]]:
    """The result of ``DELETE /calendar/schedule/{event_id}``.

    ``series``: an option was sent under which an uncertain attempt may have done a part only. Raises
    the reply's ApiError, or InvalidResponseError.
    """
    if reply.succeeded:
        result, remarks = _structurer.structure(object_or_empty(reply, context), UnscheduleResult, "$")
        if result.unscheduled is False or result.cancelled is False:
            name = "unscheduled" if result.unscheduled is False else "cancelled"
            raise meetstream_error(reply, context, hint=lambda *_: f"the reply says {name}: false")
        return result, remarks
    error = meetstream_error(
        reply,
        context,
        hint=lambda kind, _: f"event id {event_id!r}" if kind is errors.EventNotFoundError else None,
    )
    if isinstance(error, errors.EventNotScheduledError) and context.uncertain and not series:
        return UnscheduleResult(unscheduled=True, event_id=event_id, inferred=True), ()
    raise error


def read_deleted_bot(reply: Reply, context: Context) -> tuple[DeletedBot, Sequence[Remark]]:
    """The result of ``DELETE /calendar/scheduled_bots/{bot_id}``.

    Raises the reply's ApiError, or InvalidResponseError.
    """
    if reply.succeeded:
        return _structurer.structure(object_or_empty(reply, context), DeletedBot, "$")
    error = meetstream_error(reply, context)
    if isinstance(error, errors.NotFoundError) and context.uncertain:
        return DeletedBot(inferred=True), ()
    raise error
