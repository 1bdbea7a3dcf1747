"""MeetBit's models: a calendar event, its attendees and its online conference, as immutable values.

Source: "Cancel Event" of the MeetBit API reference. Every field except an event's ``id`` may be missing;
times are aware datetimes, ids are ints.
"""

from __future__ import annotations

from datetime import datetime

from attrs import field, frozen

from .._pydantic import PydanticType


@frozen
class Attendee(PydanticType):
    """One of an event's attendees."""

    email: str | None = field(default=None, repr=False)
    """Address. Not in the repr: personal data."""
    name: str | None = field(default=None, repr=False)
    """Name. Not in the repr: personal data."""
    is_organizer: bool | None = None
    """Whether this attendee is the organizer."""
    customer_id: int | None = None
    """Id of the customer, if the attendee is one."""
    calendar_id: int | None = None
    """Id of the attendee's calendar, if it belongs to this account."""
    status: int | None = None
    """Response to the invitation, as the API's numeric code. Undocumented; seen in replies."""


@frozen
class OnlineConference(PydanticType):
    """The online conference of an event."""

    id: int | None = None
    """Id of the conference."""
    online_conference_account_id: int | None = None
    """Id of the account that it was created with."""
    public_id: str | None = field(default=None, repr=False)
    """Its id in public URLs. Not in the repr: with it, anyone could join."""
    title: str | None = field(default=None, repr=False)
    """Title. Not in the repr: personal data."""
    is_public: bool | None = None
    """Whether anyone may join."""
    deleted_at: datetime | None = None
    """When it was deleted."""
    created_at: datetime | None = None
    """When it was created."""
    updated_at: datetime | None = None
    """When it was last changed."""
    backer_event_id: int | None = None
    """Id of the event that it was created for."""
    is_occurred: bool | None = None
    """Whether it has taken place."""
    started_at: datetime | None = None
    """When it started."""
    ended_at: datetime | None = None
    """When it ended."""


@frozen
class CalendarEvent(PydanticType):
    """A calendar event, as the cancel endpoint returns it."""

    id: int
    """Id of the event."""
    calendar_id: int | None = None
    """Id of the calendar that contains it."""
    title: str | None = field(default=None, repr=False)
    """Title. Not in the repr: personal data."""
    start: datetime | None = None
    """When it starts."""
    end: datetime | None = None
    """When it ends."""
    attendees: tuple[Attendee, ...] = field(default=(), repr=False)
    """The attendees. Not in the repr: personal data."""
    body: str | None = field(default=None, repr=False)
    """Description."""
    location: str | None = field(default=None, repr=False)
    """Where it takes place. Not in the repr: often a meeting link with a password."""
    cancel_note: str | None = field(default=None, repr=False)
    """The note that it was cancelled with. Not in the repr: it is written to people."""
    canceled_by_id: int | None = None
    """Id of the user who cancelled it."""
    canceled_by_type: str | None = None
    """Kind of user who cancelled it. Undocumented; seen in replies."""
    created_at: datetime | None = None
    """When it was created."""
    updated_at: datetime | None = None
    """When it was last changed."""
    deleted_at: datetime | None = None
    """When it was cancelled."""
    public_id: str | None = field(default=None, repr=False)
    """Its id in public URLs. Not in the repr: who knows it may open the event."""
    provider_event_id: str | None = None
    """The calendar provider's own id (Google, Outlook)."""
    customer_id: int | None = None
    """Id of the customer who booked it."""
    meeting_link_id: int | None = None
    """Id of the meeting link that it was booked through."""
    online_conference: OnlineConference | None = None
    """Its online conference, if it has one."""


@frozen
class CancelledEvent(PydanticType):
    """The reply of ``POST /calendars/{calendar_id}/events/{event_id}/cancel``."""

    event: CalendarEvent
    """The event after the cancellation."""
    message: str | None = None
    """The API's own text."""
    request_id: str | None = field(default=None, eq=False)
    """The API's id of the request, for questions to its vendor; None if it sent none."""
