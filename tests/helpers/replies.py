"""Replies as they arrive, and what the package reads from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from meetstream_async import DeletedBot, ScheduledBotPage, UnscheduleResult
from meetstream_async._http.call import ONE_ATTEMPT, Context, Remark
from meetstream_async._http.reply import Reply
from meetstream_async.meetstream._replies import read_deleted_bot, read_listing, read_unscheduled


def reply_of(body: object = b"", status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, headers or {}, raw)


def ignored_paths(remarks: Sequence[Remark]) -> list[str]:
    """The places of fields that were of another type than documented."""
    return [
        remark.fields["meetstream_path"]
        for remark in remarks
        if remark.fields["meetstream_event"] == "ignored_field"
    ]


def listing(body: object, limit: int = 100) -> tuple[ScheduledBotPage, list[str]]:
    page, remarks = read_listing(reply_of(body), ONE_ATTEMPT, limit=limit)
    return page, ignored_paths(remarks)


def unscheduled(
    body: object, status: int = 200, *, series: bool = False, event_id: str = "evt_1", **before: Any
) -> tuple[UnscheduleResult, list[str]]:
    """What a DELETE of an event came to; ``before``: what was known when the reply came."""
    context = Context(**{"attempts": 1, **before})
    result, remarks = read_unscheduled(event_id, series, reply_of(body, status), context)
    return result, ignored_paths(remarks)


def deleted(body: object, status: int = 200, **before: Any) -> tuple[DeletedBot, list[str]]:
    bot, remarks = read_deleted_bot(reply_of(body, status), Context(**{"attempts": 1, **before}))
    return bot, ignored_paths(remarks)
