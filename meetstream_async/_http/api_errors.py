"""Turn an error reply into an exception, whatever format its body has. Pure, no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus

from .. import errors
from .call import Context
from .reply import UNREADABLE, Reply
from .secrets import clean_text

_MOST = 20
"""Maximum number of messages, and of fields with messages, that are kept of an error."""

_DEEPEST = 6
"""Maximum nesting of an error body that is searched for its text."""

_LONGEST_PAGE = 4096
"""Bytes of an error page that are read: enough for its text, but not enough to keep a regex busy."""

_BY_STATUS: dict[int, type[errors.ApiError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    422: errors.BadRequestError,
    429: errors.RateLimitError,
}


Hint = Callable[[type[errors.ApiError], str], str | None]


def api_error(
    reply: Reply,
    context: Context,
    texts: dict[tuple[int, str], type[errors.ApiError]],
    *,
    effect: bool,
    hint: Hint | None = None,
    about_target: Callable[[str], bool] | None = None,
) -> errors.ApiError:
    """The exception for an error reply.

    texts: exception class by status and text of the message.
    effect: whether the request could have changed something.
    hint: returns advice for an exception's class and message.
    about_target: whether the message of a 401 or 403 is only about what the request was for.
    """
    message, fields = _read_error_body(reply)
    kind = _BY_STATUS.get(reply.status, errors.ServerError if reply.status >= 500 else errors.ApiError)
    lowered = message.casefold()
    for (status, text), special in texts.items():
        if status == reply.status and text in lowered:
            kind = special
    advice = context.hint if hint is None else hint(kind, message) or context.hint
    if 300 <= reply.status < 400:
        advice = "redirects are not followed; check base_url"
    refused, why = _what_is_refused(reply, context, message, about_target)
    return kind(
        message,
        status=reply.status,
        request_id=reply.request_id,
        retry_after=reply.retry_after,
        errors=fields,
        hint="; ".join(filter(None, (why, advice))) or None,
        refused=refused,
        attempts=context.attempts,
        outcome_unknown=effect and (context.uncertain or reply.status >= 500),
    )


def route_is_missing(error: errors.ApiError) -> bool:
    """Whether the gateway does not know the path itself, regardless of what was requested."""
    if error.status == 404:
        return not isinstance(error, errors.EventNotFoundError | errors.UserNotFoundError)
    return error.status == 405 or (
        error.status == 403 and "missing authentication token" in error.message.casefold()
    )


def refuses_everything(error: errors.MeetStreamError) -> str | None:
    """Why every other request with the same key would be refused as well, or None."""
    if isinstance(error, errors.TransportError) and error.permanent:
        return f"no usable connection: {error}"
    refused = error.refused if isinstance(error, errors.ApiError) else None
    if refused == "key":
        return f"the API rejects the key: {error}"
    if refused == "request":
        return f"something before the API refuses: {error}"
    return None


def is_refused_before_the_api(error: errors.ApiError) -> bool:
    """Whether a 401 or 403 may concern this path alone, rather than the key."""
    return error.refused == "request"


_NOT_THE_API = re.compile(
    r"forbidden|missing authentication token|.*\b(rate limit|too many requests|quota)\b.*"
)


_KEY_ENDED = re.compile(
    r"\b(key|token|credentials?)\b.*\b(revoked|expired|disabled|deleted|withdrawn|invalid)\b"
    r"|\b(revoked|expired|disabled|deleted|withdrawn|invalid)\b.*\b(key|token|credentials?)\b",
    re.IGNORECASE | re.DOTALL,
)
"""The API's own word on a key that it accepted before."""


def _what_is_refused(
    reply: Reply, context: Context, message: str, about_target: Callable[[str], bool] | None
) -> tuple[errors.Refused | None, str | None]:
    """What a 401 or 403 refuses, and why the key is not to blame, if it is not."""
    if reply.status not in (401, 403):
        return None, None
    is_page = reply.json() is UNREADABLE and (
        "html" in reply.headers.get("Content-Type", "").casefold() or reply.body.lstrip()[:1] == b"<"
    )
    if is_page or (reply.status == 403 and _NOT_THE_API.fullmatch(message.casefold().rstrip(".! "))):
        return "request", "the answer of a firewall, CDN or gateway, which says nothing about the key"
    if about_target is not None and about_target(message):
        return "target", None
    if context.key_accepted and not _KEY_ENDED.search(message):
        return "request", "the key was accepted before; it may have been withdrawn since"
    return "key", None


def _read_error_body(reply: Reply) -> tuple[str, dict[str, tuple[str, ...]]]:
    """The text of an error in any of the known formats, and its messages by field."""
    fields: dict[str, tuple[str, ...]] = {}
    data = reply.json()
    if data is UNREADABLE:
        text: str | None = _plain(reply.body)
    else:
        text = _find_text(data)
        if isinstance(data, dict) and isinstance(data.get("errors"), dict):
            fields = {
                clean_text(name, scrub=reply.scrub): tuple(
                    clean_text(text, scrub=reply.scrub) for text in _strings(complaints)[:_MOST]
                )
                for name, complaints in list(data["errors"].items())[:_MOST]
            }
    message = clean_text(text, scrub=reply.scrub) if text else ""
    if not message:
        try:
            message = HTTPStatus(reply.status).phrase
        except ValueError:
            message = "no text"
    return message, fields


def _find_text(data: object, depth: int = 0) -> str | None:
    """The text in ``{"message"}``, ``{"error"}`` or ``{"detail"}``, possibly nested, or a bare string."""
    if isinstance(data, str):
        return data
    if depth == _DEEPEST:
        return None
    if isinstance(data, dict):
        for name in ("message", "Message", "error", "detail", "msg"):
            found = _find_text(data[name], depth + 1) if name in data else None
            if found:
                return found
    if isinstance(data, list):
        texts = (_find_text(item, depth + 1) for item in data[:_MOST])
        return "; ".join(filter(None, texts)) or None
    return None


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _plain(body: bytes) -> str:
    text = body[:_LONGEST_PAGE].decode("utf-8", "replace")
    if "<" not in text:
        return text
    text = re.sub(r"<(script|style)\b.*?</\1\s*>", " ", text, flags=re.IGNORECASE | re.DOTALL)
    # Imported here: its table of entities is rarely needed and takes 10 % of the package's import time.
    import html

    return html.unescape(re.sub(r"<[^>]*>?", " ", text))
