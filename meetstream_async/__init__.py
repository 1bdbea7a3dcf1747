"""asyncio client for MeetStream and MeetBit: stream scheduled bots into a bounded, honest bulk unschedule."""

from .__about__ import __version__
from .bulk import BulkRun
from .cancel import bulk_cancel_events
from .drain import unschedule_all
from .errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    BulkError,
    ClientSetupError,
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
from .meetbit import MeetBitClient
from .meetbit_models import Attendee, CalendarEvent, CancelledEvent, OnlineConference
from .meeting_bots import MeetingCancellation
from .meetings import cancel_meeting, cancel_meetings
from .meetstream import MeetStreamClient, ScheduledBotStream
from .models import BotFilter, DeletedBot, RejectedRow, ScheduledBot, ScheduledBotPage, UnscheduleResult
from .outcomes import BulkReport, CancelOutcome, OutcomeStatus, UnscheduleOutcome
from .retry import RetryPolicy
from .unschedule import bulk_unschedule, stream_unschedule

__all__ = [
    "ApiError",
    "Attendee",
    "AuthenticationError",
    "BadRequestError",
    "BotFilter",
    "BulkError",
    "BulkReport",
    "BulkRun",
    "CalendarEvent",
    "CancelOutcome",
    "CancelledEvent",
    "ClientSetupError",
    "ConfigurationError",
    "ConnectionFailedError",
    "DeletedBot",
    "EventNotFoundError",
    "EventNotScheduledError",
    "InvalidFromDateError",
    "InvalidResponseError",
    "MasterEventNotFoundError",
    "MeetBitClient",
    "MeetStreamClient",
    "MeetStreamError",
    "MeetingCancellation",
    "NotFoundError",
    "OnlineConference",
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
    "bulk_cancel_events",
    "bulk_unschedule",
    "cancel_meeting",
    "cancel_meetings",
    "stream_unschedule",
    "unschedule_all",
]
