"""Read a request's body with a size limit, before the security dependencies run."""

from __future__ import annotations

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import Message

from .problems import ProblemError

_MOST_BYTES = 1 << 20


async def bounded(request: Request) -> Request:
    """The request, its body read and counted where it may have one.

    A length that is told is believed only where it is too much: a chunked body has none, and in HTTP/2 none
    is needed. Raises ProblemError (413).
    """
    if request.method != "POST":
        return request
    told = request.headers.get("content-length", "")
    if told.isdecimal() and (len(told) > 12 or int(told) > _MOST_BYTES):
        raise _too_large()
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_BYTES:
                raise _too_large()
    except ClientDisconnect:
        # Nobody hears it; an error of ours it is not.
        raise ProblemError(400, "body_incomplete", "The body was incomplete.") from None
    unread: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def receive() -> Message:
        return unread.pop() if unread else await request.receive()

    return Request(request.scope, receive)


def _too_large() -> ProblemError:
    return ProblemError(413, "body_too_large", f"The body may have at most {_MOST_BYTES} bytes.")
