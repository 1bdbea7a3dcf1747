"""Which public names are on which page of the reference."""

from __future__ import annotations

from typing import NamedTuple


class Page(NamedTuple):
    file: str
    title: str
    module: str
    text: str
    names: tuple[str, ...] = ()
    """All names of the module, if none are given."""
    about: str = ""
    """The module whose place in the index the page is."""


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ROOT = "meetstream_async"
PAGES = (
    Page(
        "clients", "Clients", ROOT,
        "One client for each API. It is opened by ``async with``, or by its first request; the end of the "
        "block, or ``close()``, closes it.",
        _names(
            "MeetStreamClient MeetBitClient RetryPolicy ClientOptions ScheduledBotStream "
            "MeetStreamEventStream JsonValue check_api_key check_event_id"
        ),
        ROOT,
    ),
    Page(
        "bulk", "Bulk runs", ROOT,
        "Many cancels, one report. The options are explained at "
        ":class:`~meetstream_async.UnscheduleOptions` and :class:`~meetstream_async.BulkOptions`; the "
        "functions take the same names as keyword arguments.",
        _names(
            "unschedule_all bulk_unschedule stream_unschedule bulk_cancel_events cancel_meeting "
            "cancel_meetings UnscheduleOptions BulkOptions BotFilter platform_name BulkRun "
            "AccountState run_account list_account cancel_waiting"
        ),
    ),
    Page(
        "reports", "Reports and outcomes", ROOT,
        "What a run says, and what became of each event or bot.",
        _names(
            "BulkReport OutcomeStatus UnscheduleOutcome CancelOutcome MeetingCancellation SkipReason "
            "outcome_to_dict Diagnosis Check CheckStatus diagnose"
        ),
    ),
    Page(
        "undo", "The way back", ROOT,
        "Schedule again what was cancelled.",
        _names("take_snapshot Snapshot SnapshotBot bulk_reschedule RescheduleOutcome"),
    ),
    Page(
        "models", "Models", ROOT,
        "What the APIs' replies say, as immutable values.",
        _names(
            "ScheduledBot ScheduledBotPage RejectedRow UnscheduleResult DeletedBot MeetStreamEvent "
            "MeetStreamEventPage EventBot ScheduleResult CreatedBot BotDetail MovedBot CancelledEvent "
            "CalendarEvent Attendee OnlineConference"
        ),
    ),
    Page(
        "webhooks", "Webhooks", ROOT,
        "MeetBit's webhooks, verified.",
        _names("verify_webhook sign_webhook Webhook SeenWebhooks"),
    ),
    Page(
        "errors", "Errors", ROOT,
        "Every error is a :exc:`~meetstream_async.MeetStreamError`.",
        _names(
            "MeetStreamError ConfigurationError ClientSetupError TransportError ConnectionFailedError "
            "RequestTimeoutError InvalidResponseError WebhookError BulkError ApiError BadRequestError "
            "EventNotScheduledError InvalidFromDateError MasterEventNotFoundError AuthenticationError "
            "PermissionDeniedError NotFoundError EventNotFoundError UserNotFoundError "
            "EventAlreadyScheduledError RateLimitError ServerError"
        ),
        f"{ROOT}.errors",
    ),
    Page("fastapi", "FastAPI", f"{ROOT}.fastapi", "Needs the extra ``fastapi``.", about=f"{ROOT}.fastapi"),
    Page("fastapi-durable", "FastAPI on durable jobs", f"{ROOT}.fastapi.durable",
         "Needs the extra ``jobs`` as well.", ("DurableRuns",), f"{ROOT}.fastapi.durable"),
    Page("jobs", "Jobs", f"{ROOT}.jobs", "Needs the extra ``jobs``.", about=f"{ROOT}.jobs"),
    Page("simulator", "Simulator", f"{ROOT}.simulator", "A fake MeetStream and MeetBit on a real socket.",
         about=f"{ROOT}.simulator"),
    Page("tracing", "Tracing", f"{ROOT}.tracing", "Needs the extra ``otel``.", about=f"{ROOT}.tracing"),
    Page("pytest-plugin", "Fixtures for pytest", "pytest_meetstream_async",
         "Found by pytest where the package is installed.", about="pytest_meetstream_async"),
)  # fmt: skip
MODULES = tuple(dict.fromkeys(page.module for page in PAGES))
