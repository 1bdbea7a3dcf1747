"""What is stored of an account: the errors of its items among it."""

from __future__ import annotations

import json

import pytest

from meetstream_async import (
    AuthenticationError,
    ConnectionFailedError,
    InvalidResponseError,
    MeetStreamError,
    PermissionDeniedError,
    RateLimitError,
)
from meetstream_async.bulk._account_rows import _error, _load_error


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("bad key", status=401, key_rejected=True, attempts=1),
        PermissionDeniedError("Bot does not belong to you", status=403, not_yours=True, request_id="r-1"),
        PermissionDeniedError("Forbidden", status=403, hint="the other path answered 404"),
        RateLimitError("slow down", status=429, retry_after=0.0),
        ConnectionFailedError("the proxy refuses", permanent=True),
        InvalidResponseError("is not JSON", path="$.bots", outcome_unknown=True),
    ],
)
def test_an_error_is_stored_with_whose_word_it_is(error: MeetStreamError) -> None:
    """After a restart it says the same as before."""
    back = _load_error(json.loads(json.dumps(_error(error))))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)
