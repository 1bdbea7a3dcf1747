"""What the reply to a DELETE means, and what an uncertain one leaves open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from meetstream_async import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    DeletedBot,
    EventNotFoundError,
    EventNotScheduledError,
    InvalidFromDateError,
    InvalidResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UnscheduleResult,
    UserNotFoundError,
)
from tests.helpers.replies import deleted, unscheduled

# --- DELETE of an event --------------------------------------------------------------------------------

SINGLE = b"""
{
  "unscheduled": true,
  "event_id": "evt_abc123",
  "cancelled_schedules": ["bot-abc12345-xyz789012"],
  "schedules_cancelled": 1,
  "bots_deleted": 1,
  "cancel_all_occurrences": false,
  "from_date": null,
  "is_recurring_series": false
}"""
SERIES = b"""
{
  "cancelled": true,
  "master_event_id": "master_id",
  "from_date": "2024-12-20T00:00:00Z",
  "occurrences_affected": 8,
  "schedules_cancelled": 8,
  "cancelled_schedules": [
    "bot-abc12345-xyz789012",
    "bot-def67890-uvw345678"
  ]
}"""
SAMPLE = b"""
{"unscheduled": true, "cancelled": true, "event_id": "<string>", "master_event_id": "<string>",
 "cancelled_schedules": ["<string>"], "schedules_cancelled": 123, "bots_deleted": 123,
 "cancel_all_occurrences": true, "from_date": "2023-11-07T05:31:56Z", "is_recurring_series": true,
 "occurrences_affected": 123}"""


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (
            SINGLE,
            UnscheduleResult(
                unscheduled=True,
                event_id="evt_abc123",
                cancelled_schedules=("bot-abc12345-xyz789012",),
                schedules_cancelled=1,
                bots_deleted=1,
                cancel_all_occurrences=False,
                is_recurring_series=False,
            ),
        ),
        (
            SERIES,
            UnscheduleResult(
                cancelled=True,
                master_event_id="master_id",
                from_date=datetime(2024, 12, 20, tzinfo=UTC),
                occurrences_affected=8,
                schedules_cancelled=8,
                cancelled_schedules=("bot-abc12345-xyz789012", "bot-def67890-uvw345678"),
            ),
        ),
        (
            SAMPLE,
            UnscheduleResult(
                unscheduled=True,
                cancelled=True,
                event_id="<string>",
                master_event_id="<string>",
                cancelled_schedules=("<string>",),
                schedules_cancelled=123,
                bots_deleted=123,
                cancel_all_occurrences=True,
                from_date=datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC),
                is_recurring_series=True,
                occurrences_affected=123,
            ),
        ),
        (b"", UnscheduleResult()),
        (b" \r\n", UnscheduleResult()),
        (b"{}", UnscheduleResult()),
        (b"null", UnscheduleResult()),
        (b'{"message": "done"}', UnscheduleResult()),
        (b'{"unscheduled": null, "cancelled": null}', UnscheduleResult()),
        (b'{"inferred": true}', UnscheduleResult()),
    ],
)
def test_every_shape_of_a_successful_delete_is_read(body: bytes, result: UnscheduleResult) -> None:
    """Single, series, empty body, {}, null and a message are success; a reply cannot claim `inferred`."""
    assert unscheduled(body, event_id=result.event_id or "evt_1") == (result, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("schedules_cancelled", "8"),
        ("schedules_cancelled", True),
        ("bots_deleted", 1.0),
        ("cancelled_schedules", "bot-1"),
        ("cancelled_schedules", ["bot-1", None]),
        ("is_recurring_series", 0),
        ("from_date", "2024-12-20"),
        ("event_id", 5),
    ],
)
def test_a_result_field_of_another_type_reads_as_none(name: str, value: object) -> None:
    """Success stays success, and the odd field is None, never a guess."""
    result, ignored = unscheduled({"unscheduled": True, name: value})
    assert result == UnscheduleResult(unscheduled=True)
    assert ignored == [f"$.{name}"]


@pytest.mark.parametrize("body", [b"ok", b"<html>", b"[]", b'"done"', b"true", b"{", b"\xff", b"[" * 200_000])
@pytest.mark.parametrize("read", [unscheduled, deleted])
def test_an_unreadable_answer_to_a_delete_leaves_the_outcome_unknown(
    body: bytes, read: Callable[..., Any]
) -> None:
    """A 2xx body that is neither empty nor an object is an InvalidResponseError, outcome unknown."""
    with pytest.raises(InvalidResponseError) as caught:
        read(body, attempts=2)
    assert (caught.value.path, caught.value.outcome_unknown, caught.value.attempts) == ("$", True, 2)


@pytest.mark.parametrize("name", ["unscheduled", "cancelled"])
def test_a_reply_that_says_false_is_no_success(name: str) -> None:
    """unscheduled: false and cancelled: false are a plain refusal whose outcome is known."""
    with pytest.raises(ApiError, match=f"{name}: false") as caught:
        unscheduled({name: False})
    assert caught.value.outcome_unknown is False


@pytest.mark.parametrize(
    ("body", "bot"),
    [
        ({"message": "Bot deleted", "bot_id": "b"}, DeletedBot("Bot deleted", "b")),
        ({}, DeletedBot()),
        (b"", DeletedBot()),
        (b"null", DeletedBot()),
    ],
)
def test_every_shape_of_a_deleted_bot_is_read(body: object, bot: DeletedBot) -> None:
    """A deleted bot's reply may be anything from empty to both fields."""
    assert deleted(body) == (bot, [])


# --- what an uncertain reply means ---------------------------------------------------------------------

NOT_SCHEDULED = {"message": "Event not scheduled"}
NOT_FOUND = {"message": "Event not found"}


@pytest.mark.parametrize(
    ("status", "body", "uncertain", "series", "means"),
    [
        # First answers.
        (400, NOT_SCHEDULED, False, False, (EventNotScheduledError, False)),
        (400, NOT_SCHEDULED, False, True, (EventNotScheduledError, False)),
        (404, NOT_FOUND, False, False, (EventNotFoundError, False)),
        (429, {}, False, False, (RateLimitError, False)),
        (401, {}, False, False, (AuthenticationError, False)),
        (302, {}, False, False, (ApiError, False)),
        (500, {}, False, False, (ServerError, True)),
        (501, {}, False, False, (ServerError, True)),
        # After an attempt that may have taken effect.
        (400, NOT_SCHEDULED, True, False, None),
        (400, NOT_SCHEDULED, True, True, (EventNotScheduledError, True)),
        (400, {"message": "Invalid from_date format"}, True, True, (InvalidFromDateError, True)),
        (400, {"message": "Something else"}, True, False, (BadRequestError, True)),
        (404, NOT_FOUND, True, False, (EventNotFoundError, True)),
        (404, {"message": "User not found"}, True, False, (UserNotFoundError, True)),
        (401, {}, True, False, (AuthenticationError, True)),
        (403, {}, True, False, (PermissionDeniedError, True)),
        (429, {}, True, False, (RateLimitError, True)),
        (503, {}, True, False, (ServerError, True)),
    ],
)
def test_what_the_answer_to_an_unscheduling_means(
    status: int, body: object, uncertain: bool, series: bool, means: tuple[type[ApiError], bool] | None
) -> None:
    """Only "not scheduled" after a lost answer, without series options, is an inferred success."""
    before = {"uncertain": uncertain, "attempts": 2}
    if means is None:
        result, _ = unscheduled(body, status, series=series, **before)
        assert result == UnscheduleResult(unscheduled=True, event_id="evt_1", inferred=True)
        return
    with pytest.raises(means[0]) as caught:
        unscheduled(body, status, series=series, **before)
    assert (type(caught.value), caught.value.outcome_unknown) == means
    assert caught.value.attempts == 2


@pytest.mark.parametrize(
    ("status", "uncertain", "means"),
    [
        (404, False, (NotFoundError, False)),
        (404, True, (NotFoundError, True)),
        (400, False, (BadRequestError, False)),
        (400, True, (BadRequestError, True)),
        (403, True, (PermissionDeniedError, True)),
        (500, False, (ServerError, True)),
    ],
)
def test_what_the_answer_to_deleting_a_bot_means(
    status: int, uncertain: bool, means: tuple[type[ApiError], bool]
) -> None:
    """No refusal says what became of an attempt before it: a wrong id is answered like a bot that is gone."""
    answer = {"message": "no"}
    with pytest.raises(means[0]) as caught:
        deleted(answer, status, uncertain=uncertain)
    assert (type(caught.value), caught.value.outcome_unknown) == means
