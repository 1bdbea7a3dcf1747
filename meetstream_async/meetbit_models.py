"""MeetBit's terms as frozen values: a calendar event, its attendees and its online conference.

Source: "Cancel Event" of the MeetBit API reference. Everything but an event's ``id`` may be missing; times
are aware datetimes, ids are ints.
"""

from __future__ import annotations

from datetime import datetime

from attrs import field, frozen


@frozen
class Attendee:
    """One of an event's attendees."""

    email: str | None = None
    name: str | None = None
    is_organizer: bool | None = None
    customer_id: int | None = None
    calendar_id: int | None = None
    status: int | None = None
    """Not in the document; seen in replies."""


@frozen
class OnlineConference:
    """The online conference of an event."""

    id: int | None = None
    online_conference_account_id: int | None = None
    public_id: str | None = None
    title: str | None = None
    is_public: bool | None = None
    deleted_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    backer_event_id: int | None = None
    is_occurred: bool | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


@frozen
class CalendarEvent:
    """A calendar event, as the cancel call returns it."""

    id: int
    calendar_id: int | None = None
    title: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    attendees: tuple[Attendee, ...] = field(default=(), repr=False)
    """Not in the repr: names and addresses of people."""
    body: str | None = field(default=None, repr=False)
    location: str | None = field(default=None, repr=False)
    """Not in the repr: often a meeting link with its password."""
    cancel_note: str | None = None
    canceled_by_id: int | None = None
    canceled_by_type: str | None = None
    """Not in the document; seen in replies."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    public_id: str | None = None
    provider_event_id: str | None = None
    """The calendar provider's own id (Google, Outlook)."""
    customer_id: int | None = None
    meeting_link_id: int | None = None
    online_conference: OnlineConference | None = None


@frozen
class CancelledEvent:
    """The reply of ``POST /calendars/{calendar_id}/events/{event_id}/cancel``."""

    event: CalendarEvent
    message: str | None = None
