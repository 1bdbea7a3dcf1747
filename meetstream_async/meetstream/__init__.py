"""The MeetStream API: models, filters, and a client with one short method per endpoint.

These names are for the package's other folders, which send requests through a bulk runner; users import from
the package root.
"""

from .._http.urls import check_identifier
from ._bot_requests import check_config, create_bot, get_bot_detail, move_scheduled_bot, schedule_event
from ._requests import (
    MAX_LIMIT,
    check_series_options,
    delete_scheduled_bot,
    list_calendar_events,
    list_scheduled_bots,
    unschedule_event,
)
from ._settings import auto_schedule_enabled

__all__ = [
    "MAX_LIMIT",
    "auto_schedule_enabled",
    "check_config",
    "check_identifier",
    "check_series_options",
    "create_bot",
    "delete_scheduled_bot",
    "get_bot_detail",
    "list_calendar_events",
    "list_scheduled_bots",
    "move_scheduled_bot",
    "schedule_event",
    "unschedule_event",
]
