"""MeetBit's terms as frozen values: a calendar event, its attendees and its online conference.

Source: "Cancel Event" of the MeetBit API reference. Everything but an event's ``id`` may be missing; times
are aware datetimes, ids are ints.
"""

from __future__ import annotations

from datetime import datetime

from attrs import field, frozen

from .._pydantic import Schemed


@frozen
class Attendee(Schemed):
    """One of an event's attendees."""

    email: str | None = None
    """Address."""
    name: str | None = None
    """Name."""
    is_organizer: bool | None = None
    """Whether the attendee organizes the event."""
    customer_id: int | None = None
    """The customer that the attendee is, if one."""
    calendar_id: int | None = None
    """The calendar of the attendee, if it is of this account."""
    status: int | None = None
    """The answer to the invitation, as a number of the API. Not in the document; seen in replies."""


@frozen
class OnlineConference(Schemed):
    """The online conference of an event."""

    id: int | None = None
    """Id of the conference."""
    online_conference_account_id: int | None = None
    """The account that it was made with."""
    public_id: str | None = None
    """Its id in public addresses."""
    title: str | None = None
    """Title."""
    is_public: bool | None = None
    """Whether anybody may join."""
    deleted_at: datetime | None = None
    """When it was deleted."""
    created_at: datetime | None = None
    """When it was made."""
    updated_at: datetime | None = None
    """When it was last changed."""
    backer_event_id: int | None = None
    """The event that it was made for."""
    is_occurred: bool | None = None
    """Whether it has taken place."""
    started_at: datetime | None = None
    """When it began."""
    ended_at: datetime | None = None
    """When it ended."""


@frozen
class CalendarEvent(Schemed):
    """A calendar event, as the cancel call returns it."""

    id: int
    """Id of the event."""
    calendar_id: int | None = None
    """The calendar that it is in."""
    title: str | None = None
    """Title."""
    start: datetime | None = None
    """When it begins."""
    end: datetime | None = None
    """When it ends."""
    attendees: tuple[Attendee, ...] = field(default=(), repr=False)
    """Who takes part. Not in the repr: names and addresses of people."""
    body: str | None = field(default=None, repr=False)
    """Description."""
    location: str | None = field(default=None, repr=False)
    """Where it takes place. Not in the repr: often a meeting link with its password."""
    cancel_note: str | None = None
    """The note that it was cancelled with."""
    canceled_by_id: int | None = None
    """Who cancelled it."""
    canceled_by_type: str | None = None
    """What kind of user cancelled it. Not in the document; seen in replies."""
    created_at: datetime | None = None
    """When it was made."""
    updated_at: datetime | None = None
    """When it was last changed."""
    deleted_at: datetime | None = None
    """When it was cancelled."""
    public_id: str | None = None
    """Its id in public addresses."""
    provider_event_id: str | None = None
    """The calendar provider's own id (Google, Outlook)."""
    customer_id: int | None = None
    """The customer that it was booked by."""
    meeting_link_id: int | None = None
    """The meeting link that it was booked through."""
    online_conference: OnlineConference | None = None
    """Its online conference, if it has one."""


@frozen
class CancelledEvent(Schemed):
    """The reply of ``POST /calendars/{calendar_id}/events/{event_id}/cancel``."""

    event: CalendarEvent
    """The event as it is now."""
    message: str | None = None
    """The API's own text."""
