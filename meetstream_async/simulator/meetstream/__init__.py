"""MeetStream's routes and wire format, written out in full from the API's documentation."""

from .api import MeetStreamApi

__all__ = ["MeetStreamApi"]
