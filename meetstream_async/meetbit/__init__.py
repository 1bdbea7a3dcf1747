"""The MeetBit API: models, and a client with one short method per endpoint.

The names here are for the other folders of the package, which send requests through their own runner;
users import from the package root.
"""

from ._replies import event_is_missing
from ._requests import cancel_event, check_id, check_note

__all__ = ["cancel_event", "check_id", "check_note", "event_is_missing"]
