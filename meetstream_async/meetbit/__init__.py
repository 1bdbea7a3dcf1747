"""The MeetBit API: models, and a client with one short method per endpoint.

These names are for the package's other folders, which send requests through a bulk runner; users import from
the package root.
"""

from ._replies import event_is_missing
from ._requests import cancel_event, check_id, check_note

__all__ = ["cancel_event", "check_id", "check_note", "event_is_missing"]
