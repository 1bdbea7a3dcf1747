"""A dependency for routes that MeetBit's webhooks arrive at."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from fastapi import HTTPException, Request

from .. import ConfigurationError, SeenWebhooks, Webhook, WebhookError, verify_webhook

_VARIABLE = "MEETBIT_WEBHOOK_SECRET"
_LARGEST = 1024 * 1024
"""Bytes of a body; MeetBit's have some hundred."""


class _Quiet(str):
    """A secret that a traceback which shows variables does not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"


class WebhookIds(Protocol):
    """Where the ids of received webhooks are kept; :class:`~meetstream_async.SeenWebhooks` is one."""

    def __contains__(self, webhook_id: object, /) -> bool: ...
    def add(self, webhook_id: str, /) -> object:
        """Keep an id; from then on it is ``in`` this."""


def meetbit_webhook(
    secret: str | Sequence[str] | None = None,
    *,
    tolerance: float = 300.0,
    seen: WebhookIds | None = None,
) -> Callable[[Request], Awaitable[Webhook]]:
    """A dependency that gives a route the verified webhook, and refuses any other request with 401.

    ``secret``: of the webhook destination, or several; from ``MEETBIT_WEBHOOK_SECRET`` by default.
    ``tolerance``: seconds. ``seen``: where ids are kept, in this process by default; a webhook that came
    before is ``repeated``. Its id is kept before the route runs, as MeetBit asks for.

    Raises ConfigurationError if there is no secret.
    """
    found = secret if secret is not None else os.environ.get(_VARIABLE)
    if not found:
        raise ConfigurationError(f"no secret: pass one or set {_VARIABLE}")
    secrets = tuple(map(_Quiet, (found,) if isinstance(found, str) else found))
    known: WebhookIds = SeenWebhooks() if seen is None else seen

    async def webhook(request: Request) -> Webhook:
        body = await _body(request)
        try:
            verified = verify_webhook(request.headers, body, secrets, tolerance=tolerance, seen=known)
        except WebhookError as error:
            problem = str(error)
        else:
            if not verified.repeated:
                known.add(verified.id)
            return verified
        raise HTTPException(401, f"This is not a webhook to be trusted: {problem}.")

    return webhook


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            raise HTTPException(413, "A webhook is not that large.")
    return body
