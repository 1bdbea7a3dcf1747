"""MeetStream's errors: the documented texts, and the bodies that they come in."""

from ..gateway import Answer, gateway_error, json_answer, missing_route
from ..settings import ForeignId

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


def refusal(status: int, text: str) -> Answer:
    """An error of the API's own: the text as `message`, which current material names, and as `error`."""
    return json_answer(status, {"error": text, "message": text})


def documented(route: str | None, status: int) -> Answer:
    """The documented text for a status on a route; the gateway's text where nothing is documented."""
    if status == 401:
        return json_answer(401, {"message": "Unauthorized"})
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
