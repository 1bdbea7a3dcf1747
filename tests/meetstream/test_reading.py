"""Replies read without a connection: what a listing says of itself, and what a DELETE's answer may claim."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from meetstream_async import InvalidResponseError, PermissionDeniedError
from meetstream_async._http.call import Context
from meetstream_async._http.reply import Reply
from meetstream_async.meetstream._bot_replies import read_detail, read_moved
from meetstream_async.meetstream._replies import (
    read_deleted_bot,
    read_listing,
    read_unscheduled,
)

CONTEXT = Context(attempts=1)


def _reply(body: object, status: int = 200) -> Reply:
    return Reply(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def _truncated(rows: int, **fields: Any) -> bool:
    body = {"scheduled_bots": [{"bot_id": f"b{n}"} for n in range(rows)], **fields}
    page, _ = read_listing(_reply(body), CONTEXT, limit=3)
    return page.truncated


@pytest.mark.parametrize(
    ("rows", "fields", "truncated"),
    [
        (2, {}, False),
        (3, {}, True),
        (4, {}, True),
        (2, {"has_more": True}, True),
        (2, {"has_more": False}, False),
        (2, {"next": "x"}, True),
        (2, {"next_cursor": "x"}, True),
        (2, {"next_token": "x"}, True),
        (2, {"next": None, "next_cursor": "", "next_token": None}, False),
        (2, {"total": 3}, True),
        (2, {"total_count": 3}, True),
        (2, {"count": 3}, True),
        (2, {"total": 2, "total_count": 1, "count": 2}, False),
        (2, {"total": "3", "count": True}, False),
        (0, {"count": True}, False),
    ],
)
def test_a_listing_is_not_whole_if_it_is_full_or_says_so(
    rows: int, fields: dict[str, Any], truncated: bool
) -> None:
    """By a cursor, by a flag, or by a total above its rows."""
    assert _truncated(rows, **fields) is truncated


def test_no_reply_can_claim_to_be_inferred() -> None:
    """Only we set that field."""
    body = _reply({"inferred": True})
    assert read_unscheduled("e", False, body, CONTEXT)[0].inferred is False


@pytest.mark.parametrize(
    ("body", "problem"),
    [(b"{", "is not JSON"), ([], "is an array, not an object"), (7, "is a number, not an object")],
)
def test_a_2xx_without_an_object_leaves_the_outcome_open(body: object, problem: str) -> None:
    """It may have taken effect; the error says what is wrong with it."""
    for read in (
        lambda reply: read_unscheduled("e", False, reply, CONTEXT),
        lambda reply: read_deleted_bot(reply, CONTEXT),
    ):
        with pytest.raises(InvalidResponseError, match=problem) as caught:
            read(_reply(body))
        assert (caught.value.outcome_unknown, caught.value.path) == (True, "$")


@pytest.mark.parametrize("body", [b"", b"  ", b"null", {}])
def test_a_2xx_without_content_is_a_success(body: object) -> None:
    """A gateway in front of a function without a return value answers so."""
    assert read_unscheduled("e", False, _reply(body), CONTEXT)[0].event_id is None
    assert read_deleted_bot(_reply(body), CONTEXT)[0].bot_id is None


@pytest.mark.parametrize(
    ("fields", "series", "about_it"),
    [
        ({"event_id": "e"}, False, True),
        ({"event_id": None}, False, True),
        ({"event_id": "other"}, False, False),
        ({"event_id": "other"}, True, False),
        ({"event_id": "other", "master_event_id": "e"}, True, True),
        ({"event_id": "other", "master_event_id": "e"}, False, False),
        ({"event_id": "other", "master_event_id": "x"}, True, False),
    ],
)
def test_an_answer_about_another_event_is_none(fields: dict[str, Any], series: bool, about_it: bool) -> None:
    """But a series may be answered under the id of its master."""
    if about_it:
        read_unscheduled("e", series, _reply(fields), CONTEXT)
        return
    with pytest.raises(InvalidResponseError, match="asked for was 'e'") as caught:
        read_unscheduled("e", series, _reply(fields), CONTEXT)
    assert (caught.value.outcome_unknown, caught.value.path) == (True, "$.event_id")


def test_an_answer_about_another_bot_is_none() -> None:
    """Nobody knows what became of the one that was asked for."""
    assert read_deleted_bot(_reply({"bot_id": "b"}), CONTEXT, bot_id="b")[0].bot_id == "b"
    assert read_deleted_bot(_reply({"bot_id": "x"}), CONTEXT)[0].bot_id == "x"
    with pytest.raises(InvalidResponseError, match="asked for was 'b'") as caught:
        read_deleted_bot(_reply({"bot_id": "x"}), CONTEXT, bot_id="b")
    assert (caught.value.outcome_unknown, caught.value.path) == (True, "$.bot_id")


@pytest.mark.parametrize(
    ("message", "its_own"),
    [
        ("You do not own this bot", True),
        ("This BOT belongs to another team", True),
        ("Not yours", True),
        ("Your key may not delete this bot", False),
        ("The token has no owner", False),
        ("Forbidden", False),
        ("robot", False),
        ("Bot detected", False),
        ("Automated bot traffic is not allowed", False),
        ("Verify that you are not a bot", False),
        ("Blocked. If you are the owner of this site, log in", False),
        ("Rate limit exceeded for this bot", False),
        ("Access to this bot is denied", True),
    ],
)
@pytest.mark.parametrize(
    "read",
    [
        partial(read_deleted_bot, bot_id="b"),
        partial(read_moved, bot_id="b"),
        partial(read_detail, bot_id="b"),
    ],
)
def test_a_403_about_a_bot_is_told_from_one_about_the_key(
    read: Callable[[Reply, Context], object], message: str, its_own: bool
) -> None:
    """The first concerns one item, the second all of them; to a firewall, a bot is whoever asks."""
    with pytest.raises(PermissionDeniedError) as caught:
        read(_reply({"message": message}, status=403), CONTEXT)
    assert caught.value.not_yours is its_own
    assert not (its_own and (caught.value.key_rejected or caught.value.refused_in_front))
