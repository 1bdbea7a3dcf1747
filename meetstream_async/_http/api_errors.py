"""Turn an error reply into an exception, whatever format its body has. Pure, no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

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
    texts: Mapping[tuple[int, str], type[errors.ApiError]],
    *,
    effect: bool,
    one_bot: bool = False,
    hint: Hint | None = None,
    more: Mapping[str, Any] | None = None,
) -> errors.ApiError:
    """The exception for an error reply.

    texts: exception class by status and text of the message.
    effect: whether the request could have changed something.
    one_bot: whether the request names one bot, so that a 403 which speaks of "this bot" is about that one.
    hint: returns advice for an exception's class and message.
    more: further fields of the exception's class.
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
    return kind(
        message,
        status=reply.status,
        request_id=reply.request_id,
        retry_after=reply.retry_after,
        errors=fields,
        hint=advice,
        key_rejected=_is_about_the_key(reply, message, context),
        not_yours=_is_not_yours(reply, message, one_bot=one_bot),
        attempts=context.attempts,
        outcome_unknown=effect and (context.uncertain or reply.status >= 500),
        **(more or {}),
    )


_ONE_BOT = re.compile(r"\bbot\b", re.IGNORECASE)
""" "Bot not found", but not a gateway's "Cannot DELETE /calendar/scheduled_bots/…"."""


def route_is_missing(error: errors.ApiError) -> bool:
    """Whether the gateway does not know the path itself, regardless of what was requested."""
    if error.status == 404:
        known = isinstance(error, errors.EventNotFoundError | errors.UserNotFoundError)
        return not known and _ONE_BOT.search(error.message) is None
    return error.status == 405 or (
        error.status == 403 and "missing authentication token" in error.message.casefold()
    )


_KEY = re.compile(r"\b(api[ _-]?keys?|access[ _-]?keys?|keys?|tokens?|credentials?)\b", re.IGNORECASE)
_NOT_THE_KEY = re.compile(
    r"^(?:403 )?forbidden\.?$|missing authentication token|limit exceeded|rate[ _-]?limit|too many"
    r"|quota|throttl",
    re.IGNORECASE,
)
"""Texts of gateways and firewalls, which refuse before the API has seen the key."""
_BLOCKED = re.compile(
    r"\bblock(?:ed|ing)?\b|\bfirewall\b|\bwaf\b|\berror (?:code: )?1\d{3}\b"
    r"|\b(?:are|as|be|for|is|like|not|you) (?:an? )?(?:automated )?bots?\b|\b(?:anti|no|non)[ -]?bots?\b"
    r"|\bbots?[ -](?:activity|attack|defen[cs]e|detect|fight|like|manage|mitigat|protect|traffic)",
    re.IGNORECASE,
)
"""Words of firewalls, where the text names no key. To them, a bot is whoever asks."""
_OWNERSHIP = re.compile(r"\b(bot|yours?|belongs?|owner|owned)\b", re.IGNORECASE)
"""Words about the one thing that was asked for, not about who asks."""
_NOT_YOURS = re.compile(
    r"(?:\bnot|n't) (?:belong|own\b|yours\b|the owner)"
    r"|\b(?:belongs? to|owned by) (?:another|a different|some|other)",
    re.IGNORECASE,
)
"""The same where the request does not tell that it is about one bot."""


def _is_about_the_key(reply: Reply, message: str, context: Context) -> bool:
    """Whether a 401 or 403 is the API's own word on the key."""
    if reply.status not in (401, 403) or _is_a_page(reply) or _NOT_THE_KEY.search(message):
        return False
    named = _KEY.search(message) is not None
    if _OWNERSHIP.search(message) and not named:
        return False
    if reply.status == 401 or named:
        return True
    # Neither API says a 403 in plain text.
    if _kind(reply) == "text/plain" or _BLOCKED.search(message):
        return False
    # A key that was accepted is not rejected by a refusal that says nothing of it.
    return not context.key_accepted


def _is_not_yours(reply: Reply, message: str, *, one_bot: bool) -> bool:
    """Whether a 403 is the API's own word on the one bot or event of the request: others may be the key's."""
    if reply.status != 403 or _is_a_page(reply) or _NOT_THE_KEY.search(message):
        return False
    if one_bot and _kind(reply) != "text/plain" and not _BLOCKED.search(message):
        return _OWNERSHIP.search(message) is not None and _KEY.search(message) is None
    return _NOT_YOURS.search(message) is not None


def _is_a_page(reply: Reply) -> bool:
    """HTML or XML: of a CDN, a proxy, a store of files or a firewall. Neither API answers with any."""
    kind = _kind(reply)
    return kind == "text/html" or kind.endswith(("/xml", "+xml")) or reply.body[:64].lstrip()[:1] == b"<"


def _kind(reply: Reply) -> str:
    return reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def why_no_other_can_succeed(error: errors.MeetStreamError) -> str | None:
    """For the reason of a run that this error stops; None for an error that says nothing of others."""
    if isinstance(error, errors.TransportError) and error.permanent:
        return f"no usable connection: {error}"
    if not isinstance(error, errors.ApiError):
        return None
    if error.key_rejected:
        return f"the API rejects the key: {error}"
    if error.refused_in_front:
        return f"something before the API refuses, which says nothing about the key: {error}"
    return None


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
