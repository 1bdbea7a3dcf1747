"""Webhooks that MeetBit sends: is one genuine, fresh, and new? Pure, no I/O.

Source: "Handling Requests", "Webhook Security" and "Available Events" of MeetBit's webhook documentation. The
signature is the hex HMAC-SHA256 of ``{id}.{timestamp}.{body}`` with the destination's secret.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import field, frozen

from .._http.reply import UNREADABLE, parse_json
from .._http.secrets import Secret
from .._pydantic import PydanticType
from .._times import read_time
from ..errors import ConfigurationError, WebhookError

TOLERANCE = 300.0
"""Seconds that the clocks may differ, the way included: what MeetBit advises."""
_HEADERS = ("x-webhook-id", "x-webhook-timestamp", "x-webhook-signature")
_LONGEST = 200
"""Characters of an id or a timestamp."""


@frozen
class Webhook(PydanticType):
    """A genuine webhook."""

    id: str
    """The same each time that MeetBit sends it again."""
    timestamp: datetime
    """When it was sent; aware."""
    event: str
    """What happened, such as ``events.deleted``."""
    data: Mapping[str, Any] = field(repr=False, hash=False)
    """What it says of that: ids, and for ``meeting_links.scheduled`` a name and an address."""
    repeated: bool = False
    """It was received before: answer 2xx, and do nothing."""

    @property
    def calendar_id(self) -> int | None:
        """MeetBit's id of the calendar."""
        return _int(self.data.get("calendar_id"))

    @property
    def event_id(self) -> int | None:
        """MeetBit's id of the calendar event. No webhook has the provider's or MeetStream's."""
        name = "id" if self.event.startswith("events.") else "event_id"
        return _int(self.data.get(name))


class SeenWebhooks:
    """The ids of the webhooks that this process has received, the last ``most`` of them.

    For one process. With several, keep them where all of them look, such as a table with a unique key.
    """

    def __init__(self, most: int = 10_000) -> None:
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise ConfigurationError(f"most must be an int, 1 or more, not {most!r}")
        self._most = most
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, webhook_id: object) -> bool:
        return webhook_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, webhook_id: str) -> None:
        """Remember an id; the oldest is forgotten where there are too many."""
        self._ids[webhook_id] = None
        while len(self._ids) > self._most:
            self._ids.popitem(last=False)


def verify_webhook(
    headers: Mapping[str, str],
    body: bytes,
    secret: str | Sequence[str],
    *,
    now: datetime | None = None,
    tolerance: float = TOLERANCE,
    seen: Container[str] = (),
) -> Webhook:
    """The webhook that a request carries, if it is genuine and fresh.

    ``headers``: of the request, in upper or lower case. ``body``: its bytes as they came, before anything has
    parsed them. ``secret``: of the webhook destination, or several while one replaces another. ``now``: an
    aware datetime for tests. ``tolerance``: seconds that its timestamp may be off, either way. ``seen``: ids
    received before, such as :class:`SeenWebhooks`; one of them makes the webhook ``repeated``.

    Raises WebhookError for a request that must not be trusted, and ConfigurationError for a secret that
    can't be one.
    """
    secrets = [secret] if isinstance(secret, str) else list(secret)
    try:
        keys = [Secret.load(one, "", "secret") for one in secrets]
    finally:
        # Tracebacks may show this frame's variables.
        del secret, secrets
    if not keys:
        raise ConfigurationError("secret must be at least one")
    if not isinstance(body, bytes):
        raise ConfigurationError(f"body must be the bytes of the request, not {type(body).__name__}")
    if now is not None and now.utcoffset() is None:
        raise ConfigurationError("now has no time zone; pass an aware datetime")
    found = {name.lower(): value for name, value in headers.items() if name.lower() in _HEADERS}
    missing = [name for name in _HEADERS if not found.get(name)]
    if missing:
        raise WebhookError(f"the request has no {missing[0]}")
    webhook_id, stamp, signature = (found[name] for name in _HEADERS)
    if len(webhook_id) > _LONGEST or len(stamp) > _LONGEST:
        raise WebhookError("a header is longer than any id or time")
    # The signature first: nothing else of the request is to be believed before.
    if not any(_signed(key, webhook_id, stamp, body, signature) for key in keys):
        raise WebhookError("the signature is not that of this secret")
    moment = _moment(stamp)
    age = ((now or datetime.now(UTC)) - moment).total_seconds()
    if abs(age) > tolerance:
        raise WebhookError(f"the timestamp is {abs(age):.0f} s {'old' if age > 0 else 'ahead'}")
    document = parse_json(body)
    if document is UNREADABLE or not isinstance(document, dict):
        raise WebhookError("the body is not a JSON object")
    event, data = document.get("event"), document.get("data")
    if not isinstance(event, str) or not isinstance(data, dict):
        raise WebhookError("the body has no event or no data")
    return Webhook(webhook_id, moment, event, data, webhook_id in seen)


def sign_webhook(webhook_id: str, timestamp: str, body: bytes, secret: str) -> str:
    """The signature that MeetBit would send, for tests of code that receives webhooks."""
    return _signature(Secret.load(secret, "", "secret"), webhook_id, timestamp, body)


def _signed(secret: Secret, webhook_id: str, stamp: str, body: bytes, signature: str) -> bool:
    expected = _signature(secret, webhook_id, stamp, body)
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode("utf-8", "replace"))


def _signature(secret: Secret, webhook_id: str, stamp: str, body: bytes) -> str:
    signed = f"{webhook_id}.{stamp}.".encode("utf-8", "replace") + body
    return hmac.new(secret.reveal().encode(), signed, "sha256").hexdigest()


def _moment(stamp: str) -> datetime:
    try:
        moment = read_time(stamp)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise WebhookError("the timestamp is not a time with an offset")
    return moment


def _int(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
