"""Requests that schedule bots again, as values: arguments are checked here. Pure, no I/O.

Sources: the vendor's OpenAPI file and published clients; see :mod:`.bots`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from .._http.call import Request, Route
from .._http.reply import json_type
from .._http.urls import check_identifier, path_segment
from ..errors import ConfigurationError
from ._bot_replies import REPEATED, read_created, read_detail, read_moved, read_scheduled
from ._requests import check_range, check_time, utc_text
from .bots import BotDetail, CreatedBot, MovedBot, ScheduleResult

MOST_BYTES: Final = 256 * 1024
"""Of a configuration as JSON."""

_SCHEDULE = Route("POST", ("/calendar/schedule/",), "schedule_event", "{event_id}")
_CREATE = Route("POST", ("/bots/create_bot",), "create_bot", "")
_DETAIL = Route("GET", ("/bots/",), "get_bot_detail", "{bot_id}/detail")
_MOVE = Route(
    "PATCH",
    ("/calendar/scheduled_bots/", "/calendar/scheduled/", "/calendar/schedule/"),
    "move_scheduled_bot",
    "{bot_id}",
)

_KEY = re.compile(r"[!-~]{1,255}")


def schedule_event(event_id: str, bot_config: Mapping[str, Any] | None = None) -> Request[ScheduleResult]:
    """``POST /calendar/schedule/{event_id}``. Raises ConfigurationError for bad arguments.

    It is not sent again after an attempt that may have taken effect: the route takes no idempotency key.
    """
    segment = path_segment(event_id, "event_id")
    body: dict[str, Any] | None = None
    if bot_config is not None:
        config = check_config(bot_config, "bot_config")
        if "join_at" in config:
            raise ConfigurationError(
                "bot_config must not hold join_at: a bot joins ahead of the meeting, and the API would take "
                "that lead off once more; use move_scheduled_bot for another time"
            )
        if "deduplication_key" in config:
            raise ConfigurationError(
                "bot_config must not hold a deduplication_key: one that was used before is answered with the "
                "bot of that time, even if it was cancelled since"
            )
        body = {"bot_config": config}
    read = partial(read_scheduled, event_id=event_id)
    return Request(_SCHEDULE, read, segment, None, body, repeatable=False)


def create_bot(
    meeting_link: str,
    bot_name: str,
    *,
    join_at: datetime | None = None,
    custom_attributes: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Request[CreatedBot]:
    """``POST /bots/create_bot``. Raises ConfigurationError for bad arguments.

    Without a key it is not sent again after an attempt that may have taken effect.
    """
    body = {} if config is None else check_config(config, "config")
    for name, text in (("meeting_link", meeting_link), ("bot_name", bot_name)):
        body[name] = check_identifier(text, name)
    if not meeting_link.startswith("https://"):
        # Not shown: it may hold a password.
        raise ConfigurationError("meeting_link must be an https:// URL")
    if "join_at" in body:
        raise ConfigurationError("config must not hold join_at; pass the time as join_at")
    if join_at is not None:
        check_range(check_time(join_at, "join_at"), "join_at")
        body["join_at"] = utc_text(join_at)
    if custom_attributes is not None:
        body["custom_attributes"] = check_config(custom_attributes, "custom_attributes")
    headers = None
    if idempotency_key is not None:
        if not isinstance(idempotency_key, str) or _KEY.fullmatch(idempotency_key) is None:
            raise ConfigurationError(
                "idempotency_key must be 1 to 255 printable ASCII characters without a space"
            )
        headers = {"Idempotency-Key": idempotency_key}
    return Request(
        _CREATE,
        read_created,
        "",
        None,
        body,
        headers=headers,
        final=frozenset({REPEATED} if headers else ()),
        repeatable=headers is not None,
    )


def get_bot_detail(bot_id: str) -> Request[BotDetail]:
    """``GET /bots/{bot_id}/detail``. Raises ConfigurationError for an unusable id."""
    return Request(_DETAIL, partial(read_detail, bot_id=bot_id), f"{path_segment(bot_id, 'bot_id')}/detail")


def move_scheduled_bot(bot_id: str, join_time: datetime) -> Request[MovedBot]:
    """``PATCH /calendar/scheduled_bots/{bot_id}``. Raises ConfigurationError for bad arguments."""
    segment = path_segment(bot_id, "bot_id")
    check_range(check_time(join_time, "join_time"), "join_time")
    body = {"scheduled_join_time": utc_text(join_time)}
    return Request(_MOVE, partial(read_moved, bot_id=bot_id), segment, None, body)


def check_config(config: object, name: str) -> dict[str, Any]:
    """A copy of a JSON object, or a ConfigurationError that calls it ``name`` and shows no value of it."""
    if not isinstance(config, Mapping):
        raise ConfigurationError(f"{name} must be a mapping, not {type(config).__name__}")
    if not all(isinstance(key, str) for key in config):
        raise ConfigurationError(f"{name} must have strings as its names")
    try:
        text = json.dumps(dict(config), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ConfigurationError(f"{name} must hold JSON values only") from None
    if len(text) > MOST_BYTES:
        raise ConfigurationError(f"{name} is larger than {MOST_BYTES // 1024} KiB as JSON")
    copied = json.loads(text)
    assert isinstance(copied, dict), json_type(copied)
    return copied
