"""asyncio client for MeetStream and MeetBit: stream scheduled bots into a bounded, honest bulk unschedule."""

from .__about__ import __version__
from .bulk import BulkRun
from .drain import unschedule_all
from .errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    BulkError,
    ConfigurationError,
    ConnectionFailedError,
    EventNotFoundError,
    EventNotScheduledError,
    InvalidFromDateError,
    InvalidResponseError,
    MasterEventNotFoundError,
    MeetStreamError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    UserNotFoundError,
)
from .meetstream import MeetStreamClient, ScheduledBotStream
from .models import BotFilter, DeletedBot, RejectedRow, ScheduledBot, ScheduledBotPage, UnscheduleResult
from .outcomes import BulkReport, OutcomeStatus, UnscheduleOutcome
from .retry import RetryPolicy
from .unschedule import bulk_unschedule, stream_unschedule

__all__ = [
    "ApiError",
    "AuthenticationError",
    "BadRequestError",
    "BotFilter",
    "BulkError",
    "BulkReport",
    "BulkRun",
    "ConfigurationError",
    "ConnectionFailedError",
    "DeletedBot",
    "EventNotFoundError",
    "EventNotScheduledError",
    "InvalidFromDateError",
    "InvalidResponseError",
    "MasterEventNotFoundError",
    "MeetStreamClient",
    "MeetStreamError",
    "NotFoundError",
    "OutcomeStatus",
    "PermissionDeniedError",
    "RateLimitError",
    "RejectedRow",
    "RequestTimeoutError",
    "RetryPolicy",
    "ScheduledBot",
    "ScheduledBotPage",
    "ScheduledBotStream",
    "ServerError",
    "TransportError",
    "UnscheduleOutcome",
    "UnscheduleResult",
    "UserNotFoundError",
    "__version__",
    "bulk_unschedule",
    "stream_unschedule",
    "unschedule_all",
]
