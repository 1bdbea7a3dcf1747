"""What MeetStream takes for a key and for an event id, checked without a client."""

from __future__ import annotations

from .._http.secrets import Secret
from .._http.urls import check_identifier


def check_api_key(api_key: str) -> None:
    """Raises ConfigurationError for a key that the client would refuse; it never shows the key."""
    try:
        Secret.load(api_key, "MEETSTREAM_API_KEY", "api_key")
    finally:
        # Tracebacks may show this frame's variables.
        del api_key


def check_event_id(event_id: str, name: str = "event_id") -> str:
    """The id as it is. Raises ConfigurationError, which calls it ``name``, for what no event can have."""
    return check_identifier(event_id, name)
