"""MeetStream's errors: the documented texts, and the bodies that they come in."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from ..gateway import Answer, gateway_error, missing_route, phrase
from ..settings import Dialect, ForeignId

NO_USER = "Missing user_id in token or invalid authentication."
KEY_REJECTED = "Invalid API key"
NOT_YOURS = "Bot does not belong to the authenticated user."

_TEXTS = {
    ("list", 400): "Invalid limit parameter (must be between 1 and 100).",
    ("list", 404): "User not found",
    ("list", 500): "An error occurred while fetching scheduled bots.",
    ("unschedule", 400): "Event not scheduled",
    ("unschedule", 404): "Event not found",
    ("unschedule", 500): "An error occurred while unscheduling the bot.",
    ("delete_bot", 400): "Bot is not scheduled",
    ("delete_bot", 404): "Bot not found",
    ("events", 400): "Invalid limit parameter (must be between 1 and 100).",
    ("events", 404): "No calendar connected",
    ("events", 500): "An error occurred while fetching events.",
    ("auto_schedule", 404): "No calendar connected",
    ("disconnect_calendar", 404): "No calendar connected",
    ("schedule", 400): "Event has already started",
    ("schedule", 404): "Event not found",
    ("schedule", 409): "Event is already scheduled",
    ("schedule", 500): "An error occurred while scheduling the bot.",
    ("toggle_recurrence", 404): "Event not found",
    ("reschedule", 400): "Bot is not scheduled",
    ("reschedule", 404): "Bot not found",
    ("create_bot", 400): "meeting_link is required",
    ("bot_status", 404): "Bot not found",
    ("bot_detail", 404): "Bot not found",
    ("bot_media", 404): "Bot not found",
    ("bot_command", 404): "Bot not found",
    ("bot_command", 409): "Bot is not currently in the meeting",
    ("remove_bot", 404): "Bot not found",
    ("delete_data", 404): "Bot not found",
    ("mia", 404): "Agent config not found",
}


def refusal(status: int, text: str, **more: Any) -> Answer:
    """An error in the API's own words: as `message`, which current material names, and as `error`."""
    return Answer(status, _body({"error": text, "message": text}, more), text=text, more=more)


def in_dialect(answer: Answer, dialect: Dialect) -> Answer:
    """The same refusal in another of the bodies that have been seen."""
    if answer.text is None or dialect == "both":
        return answer
    if dialect == "text":
        return evolve(answer, body=answer.text.encode(), content_type="text/plain; charset=utf-8")
    fields = _IN_DIALECT[dialect](answer.text, answer.status)
    content_type = "application/problem+json" if dialect == "problem" else "application/json"
    return evolve(answer, body=_body(fields, answer.more), content_type=content_type)


def _body(fields: Mapping[str, Any], more: Mapping[str, Any]) -> bytes:
    return json.dumps({**fields, **more}).encode()


_IN_DIALECT: dict[str, Callable[[str, int], dict[str, Any]]] = {
    "message": lambda text, status: {"message": text},
    "error": lambda text, status: {"error": text},
    "error_status": lambda text, status: {"error": text, "status_code": status},
    "detail": lambda text, status: {"detail": text},
    "nested": lambda text, status: {"error": {"message": text}},
    "problem": lambda text, status: {
        "type": "about:blank", "title": phrase(status), "status": status, "detail": text,
    },
}  # fmt: skip


def documented(route: str | None, status: int) -> Answer:
    """The documented text for a status on a route; the gateway's text where nothing is documented."""
    if status == 401:
        return refusal(401, NO_USER)
    if status == 403:
        return refusal(403, KEY_REJECTED)
    text = _TEXTS.get((route or "", status))
    return gateway_error(status) if text is None else refusal(status, text)


def foreign(how: ForeignId) -> Answer:
    """What a DELETE answers to an id that is no event's."""
    match how:
        case "event_not_found":
            return documented("unschedule", 404)
        case "bot_not_found":
            return documented("delete_bot", 404)
        case "not_found":
            return missing_route(404)
        case "bad_request":
            return documented("unschedule", 400)
