"""What an error says of the item it was for."""

from __future__ import annotations

import pytest

from meetstream_async import (
    AuthenticationError,
    BadRequestError,
    EventNotFoundError,
    EventNotScheduledError,
    InvalidFromDateError,
    MasterEventNotFoundError,
    MeetStreamError,
    NotFoundError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    UserNotFoundError,
)
from meetstream_async.bulk._evidence import (
    may_be_another_id,
    may_succeed_later,
    says_no_such_bot,
    says_not_scheduled,
)

OTHER_ID, NOT_SCHEDULED, NO_BOT, NO_SERVER = "other id", "not scheduled", "no such bot", "no server"

ERRORS: list[tuple[MeetStreamError, set[str]]] = [
    (NotFoundError("Not Found", status=404), {OTHER_ID}),
    (NotFoundError("Bot not found", status=404), {OTHER_ID, NO_BOT}),
    (EventNotFoundError("Event not found", status=404), {OTHER_ID}),
    (BadRequestError("Bad id", status=400), {OTHER_ID}),
    (BadRequestError("The BOT is Not Scheduled", status=400), {OTHER_ID, NOT_SCHEDULED}),
    (EventNotScheduledError("Event not scheduled", status=400), {OTHER_ID, NOT_SCHEDULED}),
    (UserNotFoundError("User not found", status=404), set()),
    (InvalidFromDateError("Invalid from_date format", status=400), set()),
    (MasterEventNotFoundError("Master event id not found", status=400), set()),
    (AuthenticationError("bot not scheduled", status=401), set()),
    (ServerError("bot not scheduled", status=503), {NO_SERVER}),
    (RateLimitError("slow down", status=429), {NO_SERVER}),
    (RequestTimeoutError("no answer"), {NO_SERVER}),
]


@pytest.mark.parametrize(("error", "says"), ERRORS)
def test_an_error_says_this_and_no_more(error: MeetStreamError, says: set[str]) -> None:
    """An id of another kind, not scheduled, no such bot, no server: by class and words."""
    found = {
        OTHER_ID: may_be_another_id(error),
        NOT_SCHEDULED: says_not_scheduled(error),
        NO_BOT: says_no_such_bot(error),
        NO_SERVER: may_succeed_later(error),
    }
    assert {name for name, holds in found.items() if holds} == says
    assert not may_succeed_later(None)
