"""Webhooks of MeetBit: which are genuine, fresh and new."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetstream_async import ConfigurationError, SeenWebhooks, Webhook, WebhookError, verify_webhook

SECRET = "whsec_7f3a9c51e2d84b60"
NOW = datetime(2026, 3, 2, 10, 0, 0, tzinfo=UTC)
ID = "3f0e2f9b-8d44-4a7d-9c2a-1f5b2e7d9a6c"
STAMP = "2026-03-02T09:58:00Z"
BODY = b'{"event":"events.deleted","data":{"id":348,"calendar_id":12}}'


def sign(body: bytes = BODY, stamp: str = STAMP, webhook_id: str = ID, secret: str = SECRET) -> str:
    """As MeetBit's documentation says it, apart from the code that is tested."""
    return hmac.new(secret.encode(), f"{webhook_id}.{stamp}.".encode() + body, hashlib.sha256).hexdigest()


def headers(body: bytes = BODY, stamp: str = STAMP, **others: str) -> dict[str, str]:
    return {
        "X-Webhook-Id": ID,
        "X-Webhook-Timestamp": stamp,
        "X-Webhook-Signature": sign(body, stamp),
        **{name.replace("_", "-"): value for name, value in others.items()},
    }


def test_a_genuine_webhook_is_read() -> None:
    """Its id, its time, what happened, and MeetBit's own ids."""
    webhook = verify_webhook(headers(), BODY, SECRET, now=NOW)
    assert webhook == Webhook(
        ID, NOW - timedelta(minutes=2), "events.deleted", {"id": 348, "calendar_id": 12}
    )
    assert (webhook.event_id, webhook.calendar_id, webhook.repeated) == (348, 12, False)
    assert "348" not in repr(webhook)


def test_the_event_of_a_meeting_link_is_under_another_name() -> None:
    """There ``id`` is the link's."""
    body = b'{"event":"meeting_links.scheduled","data":{"id":1,"event_id":2,"calendar_id":true}}'
    webhook = verify_webhook(headers(body), body, SECRET, now=NOW)
    assert (webhook.event_id, webhook.calendar_id) == (2, None)


def test_headers_are_found_in_any_case() -> None:
    """Servers write them differently; a signature in capitals is the same one."""
    found = {name.lower(): value for name, value in headers().items()}
    found["x-webhook-signature"] = found["x-webhook-signature"].upper()
    assert verify_webhook(found, BODY, SECRET, now=NOW).id == ID


@pytest.mark.parametrize("name", ["X-Webhook-Id", "X-Webhook-Timestamp", "X-Webhook-Signature"])
def test_each_header_is_needed(name: str) -> None:
    """A request without one, or with an empty one, is refused."""
    for value in ({}, {name: ""}):
        sent = {key: item for key, item in headers().items() if key != name} | value
        with pytest.raises(WebhookError, match=f"the request has no {name.lower()}"):
            verify_webhook(sent, BODY, SECRET, now=NOW)


@pytest.mark.parametrize(
    ("sent", "body", "secret"),
    [
        (headers(), BODY + b" ", SECRET),
        (headers(), BODY, "another_secret_0001"),
        (headers(X_Webhook_Id="another"), BODY, SECRET),
        ({**headers(), "X-Webhook-Timestamp": "2026-03-02T09:59:00Z"}, BODY, SECRET),
        ({**headers(), "X-Webhook-Signature": "0" * 64}, BODY, SECRET),
        ({**headers(), "X-Webhook-Signature": "ü\udce4"}, BODY, SECRET),
        ({**headers(), "X-Webhook-Signature": sign()[:-1]}, BODY, SECRET),
    ],
)
def test_what_was_not_signed_like_this_is_refused(sent: dict[str, str], body: bytes, secret: str) -> None:
    """Body, id, time and secret all belong to the signature; nothing of them is shown."""
    with pytest.raises(WebhookError) as caught:
        verify_webhook({**sent}, body, secret, now=NOW)
    assert str(caught.value) == "the signature is not that of this secret"
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(0, True), (299, True), (301, False), (-299, True), (-301, False)]
)
def test_five_minutes_are_tolerated_either_way(seconds: int, accepted: bool) -> None:
    """An old request may be replayed, and one from the future could be for as long as that lies ahead."""
    now = datetime.fromisoformat(STAMP) + timedelta(seconds=seconds)
    if accepted:
        verify_webhook(headers(), BODY, SECRET, now=now)
        return
    with pytest.raises(WebhookError, match=r"the timestamp is 301 s (old|ahead)"):
        verify_webhook(headers(), BODY, SECRET, now=now)
    verify_webhook(headers(), BODY, SECRET, now=now, tolerance=400)


@pytest.mark.parametrize("stamp", ["yesterday", "2026-03-02T09:58:00", "1772445480"])
def test_a_timestamp_is_a_time_with_an_offset(stamp: str) -> None:
    """Anything else says nothing about its age."""
    with pytest.raises(WebhookError, match="not a time with an offset"):
        verify_webhook(headers(stamp=stamp), BODY, SECRET, now=NOW)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"\xff", b'{"event":1,"data":{}}', b'{"event":"x"}'])
def test_a_body_without_an_event_is_refused(body: bytes) -> None:
    """Although it was signed."""
    with pytest.raises(WebhookError, match="the body"):
        verify_webhook(headers(body), body, SECRET, now=NOW)


def test_an_id_that_came_before_is_repeated() -> None:
    """Which is no error: MeetBit wants a 2xx for it."""
    seen = SeenWebhooks(most=2)
    for webhook_id in ("a", ID):
        seen.add(webhook_id)
    assert verify_webhook(headers(), BODY, SECRET, now=NOW, seen=seen).repeated
    for webhook_id in ("b", "c"):
        seen.add(webhook_id)
    assert not verify_webhook(headers(), BODY, SECRET, now=NOW, seen=seen).repeated
    assert len(seen) == 2


def test_one_secret_may_replace_another() -> None:
    """Both are accepted meanwhile."""
    assert verify_webhook(headers(), BODY, ["new_secret_0000001", SECRET], now=NOW).id == ID


@pytest.mark.parametrize("secret", ["", [], " x", "a\nb", 5, None])
def test_a_secret_that_cannot_be_one_is_our_own_mistake(secret: Any) -> None:
    """An empty one would accept what anybody signs."""
    with pytest.raises((ConfigurationError, TypeError)):
        verify_webhook(headers(), BODY, secret, now=NOW)


def test_arguments_are_checked() -> None:
    """The body as text is another body, and a naive time is nobody's."""
    with pytest.raises(ConfigurationError, match="the bytes"):
        verify_webhook(headers(), BODY.decode(), SECRET)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="time zone"):
        verify_webhook(headers(), BODY, SECRET, now=datetime(2026, 3, 2))
    for most in (0, True, "5"):
        with pytest.raises(ConfigurationError, match="most must be"):
            SeenWebhooks(most)  # type: ignore[arg-type]


@given(st.binary(max_size=40), st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=3))
def test_whatever_is_sent_without_the_secret_is_refused(body: bytes, others: dict[str, str]) -> None:
    """By a WebhookError, and nothing else, for whatever anybody may send."""
    sent = {**headers(), **others, "X-Webhook-Signature": json.dumps(others)}
    with pytest.raises(WebhookError):
        verify_webhook(sent, body, SECRET, now=NOW)
