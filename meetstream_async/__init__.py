"""Asyncio client for MeetStream and MeetBit: stream scheduled bots into a bounded, verified unschedule."""

from typing import TYPE_CHECKING

from ._lazy import lazily
from ._version import __version__

if TYPE_CHECKING:
    from ._http.any_request import JsonValue
    from ._http.options import ClientOptions
    from ._http.retry import RetryPolicy
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
        WebhookError,
    )
    from .meetbit.client import MeetBitClient
    from .meetbit.models import Attendee, CalendarEvent, CancelledEvent, OnlineConference
    from .meetbit.webhooks import SeenWebhooks, Webhook, sign_webhook, verify_webhook
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
else:
    # Imported when they are first used: a command that needs few of them starts at once.
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "_http.any_request": "JsonValue",
            "_http.options": "ClientOptions",
            "_http.retry": "RetryPolicy",
            "bulk.account_state": "AccountState",
            "bulk.cancel": "bulk_cancel_events",
            "bulk.meetings": "cancel_meeting cancel_meetings",
            "bulk.options": "BulkOptions UnscheduleOptions",
            "bulk.report": "BulkError BulkReport CancelOutcome MeetingCancellation UnscheduleOutcome "
            "outcome_to_dict",
            "bulk.reschedule": "bulk_reschedule",
            "bulk.reschedule_outcome": "RescheduleOutcome",
            "bulk.run": "BulkRun",
            "bulk.snapshot": "Snapshot SnapshotBot",
            "bulk.statuses": "OutcomeStatus SkipReason",
            "bulk.steps": "cancel_waiting list_account",
            "bulk.take_snapshot": "take_snapshot",
            "bulk.unschedule": "bulk_unschedule stream_unschedule",
            "bulk.unschedule_all": "run_account unschedule_all",
            "doctor.diagnose": "diagnose",
            "doctor.diagnosis": "Check CheckStatus Diagnosis",
            "errors": "ApiError AuthenticationError BadRequestError ClientSetupError ConfigurationError "
            "ConnectionFailedError EventAlreadyScheduledError EventNotFoundError "
            "EventNotScheduledError InvalidFromDateError InvalidResponseError "
            "MasterEventNotFoundError MeetStreamError NotFoundError PermissionDeniedError "
            "RateLimitError RequestTimeoutError ServerError TransportError UserNotFoundError "
            "WebhookError",
            "meetbit.client": "MeetBitClient",
            "meetbit.models": "Attendee CalendarEvent CancelledEvent OnlineConference",
            "meetbit.webhooks": "SeenWebhooks Webhook sign_webhook verify_webhook",
            "meetstream.bots": "BotDetail CreatedBot MovedBot ScheduleResult",
            "meetstream.checks": "check_api_key check_event_id",
            "meetstream.client": "MeetStreamClient ScheduledBotStream",
            "meetstream.events": "MeetStreamEventStream",
            "meetstream.filters": "BotFilter platform_name",
            "meetstream.models": "DeletedBot EventBot MeetStreamEvent MeetStreamEventPage RejectedRow "
            "ScheduledBot ScheduledBotPage UnscheduleResult",
        },
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
    "JsonValue",
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
    "SeenWebhooks",
    "ServerError",
    "SkipReason",
    "Snapshot",
    "SnapshotBot",
    "TransportError",
    "UnscheduleOptions",
    "UnscheduleOutcome",
    "UnscheduleResult",
    "UserNotFoundError",
    "Webhook",
    "WebhookError",
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
    "sign_webhook",
    "stream_unschedule",
    "take_snapshot",
    "unschedule_all",
    "verify_webhook",
]
