"""The settings of the daily job that schedules bots. Pure, no I/O.

Source: the vendor's published OpenAPI file, ``/calendar/auto-schedule/settings``.
"""

from __future__ import annotations

from collections.abc import Sequence

from .._http.call import Context, Remark, Request, Route
from .._http.contradictions import contradiction
from .._http.convert import invalid_response, object_of
from .._http.reply import Reply, json_type
from ._replies import meetstream_error

_SETTINGS = Route("GET", ("/calendar/auto-schedule/settings",), "auto_schedule_enabled", "")


def auto_schedule_enabled() -> Request[bool]:
    """``GET /calendar/auto-schedule/settings``: whether the job is on. What bots it books is not kept."""
    return Request(_SETTINGS, read_enabled)


def read_enabled(reply: Reply, context: Context) -> tuple[bool, Sequence[Remark]]:
    """Raises InvalidResponseError for a body that does not say it, and the reply's ApiError unless it is a
    2xx.
    """
    if not reply.succeeded:
        raise meetstream_error(reply, context, effect=False)
    data = object_of(reply, context, effect=False)
    if (wrong := contradiction(reply, data)) is not None:
        raise invalid_response(reply, context, wrong.text, wrong.path, effect=False)
    enabled = data.get("auto_schedule_enabled")
    if not isinstance(enabled, bool):
        problem = f"is {json_type(enabled)}, not a boolean"
        raise invalid_response(reply, context, problem, "$.auto_schedule_enabled", effect=False)
    return enabled, ()
