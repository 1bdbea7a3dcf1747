"""Asyncio client for MeetStream and MeetBit: stream scheduled bots into a bounded, verified unschedule."""

from ._http.options import ClientOptions
from ._http.retry import RetryPolicy
from ._version import __version__
from .bulk.account_state import AccountState
from .bulk.cancel import bulk_cancel_events
from .bulk.meetings import cancel_meeting, cancel_meetings
from .bulk.options import BulkOptions, UnscheduleOptions
from .bulk.report import (
    BulkError,
    BulkReport,
    CancelOutcome,
    MeetingCancellation,
    UnscheduleOutcome,
    outcome_to_dict,
)
from .bulk.reschedule import bulk_reschedule
from .bulk.reschedule_outcome import RescheduleOutcome
from .bulk.run import BulkRun
from .bulk.snapshot import Snapshot, SnapshotBot
from .bulk.statuses import OutcomeStatus, SkipReason
from .bulk.steps import cancel_waiting, list_account
from .bulk.take_snapshot import take_snapshot
from .bulk.unschedule import bulk_unschedule, stream_unschedule
from .bulk.unschedule_all import run_account, unschedule_all
from .doctor.diagnose import diagnose
from .doctor.diagnosis import Check, CheckStatus, Diagnosis
from .errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ClientSetupError,
    ConfigurationError,
    ConnectionFailedError,
    EventAlreadyScheduledError,
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
from .meetbit.client import MeetBitClient
from .meetbit.models import Attendee, CalendarEvent, CancelledEvent, OnlineConference
from .meetstream.bots import BotDetail, CreatedBot, MovedBot, ScheduleResult
from .meetstream.checks import check_api_key, check_event_id
from .meetstream.client import MeetStreamClient, ScheduledBotStream
from .meetstream.events import MeetStreamEventStream
from .meetstream.filters import BotFilter, platform_name
from .meetstream.models import (
    DeletedBot,
    EventBot,
    MeetStreamEvent,
    MeetStreamEventPage,
    RejectedRow,
    ScheduledBot,
    ScheduledBotPage,
    UnscheduleResult,
)

__all__ = [
    "AccountState",
    "ApiError",
    "Attendee",
    "AuthenticationError",
    "BadRequestError",
    "BotDetail",
    "BotFilter",
    "BulkError",
    "BulkOptions",
    "BulkReport",
    "BulkRun",
    "CalendarEvent",
    "CancelOutcome",
    "CancelledEvent",
    "Check",
    "CheckStatus",
    "ClientOptions",
    "ClientSetupError",
    "ConfigurationError",
    "ConnectionFailedError",
    "CreatedBot",
    "DeletedBot",
    "Diagnosis",
    "EventAlreadyScheduledError",
    "EventBot",
    "EventNotFoundError",
    "EventNotScheduledError",
    "InvalidFromDateError",
    "InvalidResponseError",
    "MasterEventNotFoundError",
    "MeetBitClient",
    "MeetStreamClient",
    "MeetStreamError",
    "MeetStreamEvent",
    "MeetStreamEventPage",
    "MeetStreamEventStream",
    "MeetingCancellation",
    "MovedBot",
    "NotFoundError",
    "OnlineConference",
    "OutcomeStatus",
    "PermissionDeniedError",
    "RateLimitError",
    "RejectedRow",
    "RequestTimeoutError",
    "RescheduleOutcome",
    "RetryPolicy",
    "ScheduleResult",
    "ScheduledBot",
    "ScheduledBotPage",
    "ScheduledBotStream",
    "ServerError",
    "SkipReason",
    "Snapshot",
    "SnapshotBot",
    "TransportError",
    "UnscheduleOptions",
    "UnscheduleOutcome",
    "UnscheduleResult",
    "UserNotFoundError",
    "__version__",
    "bulk_cancel_events",
    "bulk_reschedule",
    "bulk_unschedule",
    "cancel_meeting",
    "cancel_meetings",
    "cancel_waiting",
    "check_api_key",
    "check_event_id",
    "diagnose",
    "list_account",
    "outcome_to_dict",
    "platform_name",
    "run_account",
    "stream_unschedule",
    "take_snapshot",
    "unschedule_all",
]
