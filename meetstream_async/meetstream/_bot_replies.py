"""Turn replies about bots that are scheduled again into models or errors. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import attrs
from cattrs.errors import ClassValidationError

from .._http.api_errors import api_error
from .._http.call import Context, Remark
from .._http.contradictions import contradiction
from .._http.convert import AN_ID, AN_OBJECT, OURS, Structurer, invalid_response
from .._http.reply import UNREADABLE, Reply, json_type
from .._http.urls import identifier_problem
from ..errors import ApiError, EventAlreadyScheduledError
from . import bots
from ._replies import about_another, meetstream_error, success_of
from .bots import BotDetail, CreatedBot, MovedBot, ScheduleResult

M = TypeVar("M")

REPEATED = 507
"""How ``create_bot`` answers a repeated idempotency key: with the first answer."""

_CONFLICT: dict[tuple[int, str], type[ApiError]] = {(409, ""): EventAlreadyScheduledError}

_DETAIL_NAMES = {
    "bot_id": ("BotID", "bot_id"),
    "status": ("Status", "status"),
    "platform": ("Platform", "platform"),
    "bot_username": ("BotUsername", "bot_username"),
    "meeting_link": ("MeetingLink", "meeting_link"),
    "request_payload": ("RequestPayload", "request_payload"),
    "custom_attributes": ("custom_attributes",),
}


_structurer = Structurer(
    bots,
    {
        CreatedBot: {"bot_id": AN_ID, "repeated": OURS, "inferred": OURS},
        ScheduleResult: {"bot_config": AN_OBJECT},
        BotDetail: {"bot_id": AN_ID, "request_payload": AN_OBJECT, "custom_attributes": AN_OBJECT},
    },
)


def read_scheduled(
    reply: Reply, context: Context, *, event_id: str
) -> tuple[ScheduleResult, Sequence[Remark]]:
    """The result of ``POST /calendar/schedule/{event_id}``.

    Raises EventAlreadyScheduledError for a 409, the reply's ApiError, or InvalidResponseError.
    """
    if reply.status == 409:
        raise api_error(reply, context, _CONFLICT, effect=True, more={"bot_id": _existing_bot(reply)})
    if not reply.succeeded:
        raise meetstream_error(reply, context)
    data = success_of(reply, context)
    if data.get("scheduled", True) is not True:
        raise meetstream_error(reply, context, hint=lambda *_: "the reply says that nothing was scheduled")
    result, remarks = _structurer.structure(data, ScheduleResult, "$")
    if result.event_id not in (None, event_id):
        raise about_another(reply, context, "event_id", str(result.event_id), event_id)
    if result.bot_id is not None and (problem := identifier_problem(result.bot_id)) is not None:
        raise invalid_response(reply, context, f"names a bot whose id {problem}", "$.bot_id", effect=True)
    return result, remarks


def _existing_bot(reply: Reply) -> str | None:
    """The bot that a 409 names, under either of the names that have been seen."""
    data = reply.json()
    if not isinstance(data, dict):
        return None
    inner = data.get("error")
    for place in (data, inner if isinstance(inner, dict) else {}):
        for name in ("bot_id", "existing_bot_id"):
            if identifier_problem(place.get(name)) is None:
                return str(place[name])
    return None


def read_created(reply: Reply, context: Context) -> tuple[CreatedBot, Sequence[Remark]]:
    """The result of ``POST /bots/create_bot``; a 507 with a bot is the answer to an earlier request.

    Raises the reply's ApiError, or InvalidResponseError.
    """
    repeated = reply.status == REPEATED
    if repeated:
        data = reply.json()
        # Without a bot it is what the status says: Insufficient Storage.
        if not isinstance(data, dict) or identifier_problem(data.get("bot_id")) is not None:
            raise meetstream_error(reply, context)
    elif not reply.succeeded:
        raise meetstream_error(reply, context)
    else:
        data = success_of(reply, context)
    try:
        bot, remarks = _structurer.structure(data, CreatedBot, "$")
    except ClassValidationError:
        problem = "is missing" if "bot_id" not in data else identifier_problem(data["bot_id"])
        raise invalid_response(
            reply, context, f"names no bot: bot_id {problem}", "$.bot_id", effect=True
        ) from None
    inferred = repeated and context.uncertain
    return attrs.evolve(bot, repeated=repeated, inferred=inferred, request_id=reply.request_id), remarks


def read_detail(reply: Reply, context: Context, *, bot_id: str) -> tuple[BotDetail, Sequence[Remark]]:
    """What ``GET /bots/{bot_id}/detail`` tells.

    Raises the reply's ApiError, or InvalidResponseError for a body without the details of that bot.
    """
    if not reply.succeeded:
        raise meetstream_error(reply, context, effect=False, one_bot=True)
    path = "$.bot_details"
    data = reply.json()
    if data is UNREADABLE:
        raise invalid_response(reply, context, "is not JSON", "$", effect=False)
    details = data.get("bot_details") if isinstance(data, dict) else None
    if not isinstance(details, dict):
        if isinstance(data, dict) and (wrong := contradiction(reply, data)) is not None:
            raise invalid_response(reply, context, wrong.text, wrong.path, effect=False)
        problem = f"has {json_type(details)} in place of the bot's details"
        raise invalid_response(reply, context, problem, path, effect=False)
    try:
        detail, remarks = _structurer.structure(_renamed(details), BotDetail, path)
    except ClassValidationError:
        problem = "has no usable id of the bot"
        raise invalid_response(reply, context, problem, f"{path}.BotID", effect=False) from None
    if detail.bot_id != bot_id:
        raise about_another(reply, context, "bot_details.BotID", detail.bot_id, bot_id, effect=False)
    return attrs.evolve(detail, request_id=reply.request_id), remarks


def _renamed(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details under the names of the model."""
    found: dict[str, Any] = {}
    for name, spellings in _DETAIL_NAMES.items():
        for spelling in spellings:
            if spelling in details:
                found[name] = details[spelling]
                break
    return found


def read_moved(reply: Reply, context: Context, *, bot_id: str) -> tuple[MovedBot, Sequence[Remark]]:
    """The result of ``PATCH /calendar/scheduled_bots/{bot_id}``.

    Raises the reply's ApiError, or InvalidResponseError.
    """
    if not reply.succeeded:
        raise meetstream_error(reply, context, one_bot=True)
    data = success_of(reply, context)
    if data.get("schedule_updated", True) is False:
        raise meetstream_error(reply, context, hint=lambda *_: "the reply says that its time stays")
    moved, remarks = _structurer.structure(data, MovedBot, "$")
    if moved.bot_id not in (None, bot_id):
        raise about_another(reply, context, "bot_id", str(moved.bot_id), bot_id)
    return moved, remarks
