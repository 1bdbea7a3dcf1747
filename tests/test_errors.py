"""The error tree as documented, and that each error survives what a job queue does to it."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

import meetstream_async
from meetstream_async import (
    ApiError,
    BulkError,
    BulkReport,
    ConfigurationError,
    InvalidResponseError,
    MeetStreamError,
    OutcomeStatus,
    RequestTimeoutError,
    UnscheduleOutcome,
)

TREE = {
    "MeetStreamError": "Exception",
    "ConfigurationError": "MeetStreamError",
    "ClientSetupError": "ConfigurationError",
    "TransportError": "MeetStreamError",
    "ConnectionFailedError": "TransportError",
    "RequestTimeoutError": "TransportError",
    "InvalidResponseError": "MeetStreamError",
    "BulkError": "MeetStreamError",
    "WebhookError": "MeetStreamError",
    "ApiError": "MeetStreamError",
    "BadRequestError": "ApiError",
    "EventNotScheduledError": "BadRequestError",
    "InvalidFromDateError": "BadRequestError",
    "MasterEventNotFoundError": "BadRequestError",
    "AuthenticationError": "ApiError",
    "PermissionDeniedError": "ApiError",
    "NotFoundError": "ApiError",
    "EventNotFoundError": "NotFoundError",
    "UserNotFoundError": "NotFoundError",
    "EventAlreadyScheduledError": "ApiError",
    "RateLimitError": "ApiError",
    "ServerError": "ApiError",
}
CLASSES: dict[str, type[MeetStreamError]] = {name: getattr(meetstream_async, name) for name in TREE}

API_FIELDS: dict[str, Any] = {
    "status": 429,
    "request_id": "req-1",
    "retry_after": 2.5,
    "errors": {"from_date": ("is too long ago", "is no date")},
    "hint": "check it",
}
REPORT: BulkReport[UnscheduleOutcome] = BulkReport(
    counts={OutcomeStatus.FAILED: 1},
    outcomes=(
        UnscheduleOutcome(
            "evt_1",
            ("bot-1",),
            OutcomeStatus.FAILED,
            error=ApiError("no", status=400, errors={"id": ("is odd",)}),
        ),
    ),
    complete=True,
    ok=False,
    reason="1 failed",
    elapsed=1.5,
)


def _full(kind: type[MeetStreamError]) -> MeetStreamError:
    """An error of this class with every field it has set."""
    if issubclass(kind, BulkError):
        return kind("not all was done", report=REPORT)
    fields: dict[str, Any] = {"attempts": 3, "outcome_unknown": True}
    if issubclass(kind, ApiError):
        fields |= API_FIELDS
    if issubclass(kind, InvalidResponseError):
        fields |= {"path": "$.scheduled_bots", "status": 200, "request_id": "req-1"}
    return kind("what went wrong", **fields)


def _fields(error: BaseException) -> dict[str, Any]:
    """Every field, with the errors inside of a report as text, since errors compare by identity."""
    fields = dict(vars(error))
    report = fields.pop("report", None)
    return fields | {"args": error.args, "str": str(error), "report": report and report.to_dict()}


def fail_in_a_worker(name: str) -> None:
    """Raise this error; runs in another process."""
    raise _full(CLASSES[name])


every_error = pytest.mark.parametrize("name", TREE)


@every_error
def test_each_error_stands_where_the_tree_is_documented(name: str) -> None:
    """Each error is importable from the package root and has the documented parent."""
    assert CLASSES[name].__bases__[0].__name__ == TREE[name]


def test_the_tree_has_no_other_errors() -> None:
    """Every public exception class is in the documented tree."""
    public = [getattr(meetstream_async, name) for name in meetstream_async.__all__]
    errors = {item.__name__ for item in public if isinstance(item, type) and issubclass(item, BaseException)}
    assert errors == set(TREE)


def test_errors_are_caught_by_the_built_in_classes_they_also_are() -> None:
    """A timeout is a TimeoutError and a misuse a ValueError."""
    assert issubclass(RequestTimeoutError, TimeoutError)
    assert issubclass(ConfigurationError, ValueError)


@every_error
@pytest.mark.parametrize(
    "transfer",
    [
        *(
            pytest.param(lambda error, n=number: pickle.loads(pickle.dumps(error, n)), id=f"pickle{number}")
            for number in range(2, pickle.HIGHEST_PROTOCOL + 1)
        ),
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deepcopy"),
    ],
)
def test_each_error_keeps_its_class_text_and_fields(name: str, transfer: Any) -> None:
    """A pickled or copied error is the same in class, text and every field."""
    error = _full(CLASSES[name])
    again = transfer(error)
    assert type(again) is type(error)
    assert _fields(again) == _fields(error)


@every_error
def test_each_error_can_be_made_without_arguments(name: str) -> None:
    """Every field after the message has a default, and the message has one, too."""
    error = CLASSES[name]()
    assert error.message == ""
    assert error.attempts == 0
    assert error.outcome_unknown is False
    assert isinstance(str(error), str)


def test_each_error_crosses_a_process_boundary() -> None:
    """An error raised in a worker process arrives with its fields in the parent."""
    # Not forked: a copy of a process that runs threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        for name, future in [(name, pool.submit(fail_in_a_worker, name)) for name in TREE]:
            error = future.exception(timeout=30)
            assert error is not None
            assert type(error) is CLASSES[name]
            assert _fields(error) == _fields(_full(CLASSES[name]))


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (ApiError("Too many", **API_FIELDS), ["429 Too many", "retry after 2.5 s", "request id req-1"]),
        (ApiError("Bad", **API_FIELDS), ["from_date: is too long ago, is no date", "check it"]),
        (ApiError("Oops", status=500, attempts=4), ["500 Oops", "4 attempts"]),
        (MeetStreamError("lost", outcome_unknown=True), ["lost", "outcome unknown"]),
        (InvalidResponseError("is not JSON", path="$.scheduled_bots"), ["is not JSON", "$.scheduled_bots"]),
    ],
)
def test_the_text_of_an_error_says_what_its_fields_say(error: MeetStreamError, parts: list[str]) -> None:
    """An error printed alone tells status, wait, attempts and the uncertainty."""
    for part in parts:
        assert part in str(error)
