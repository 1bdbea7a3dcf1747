"""What a target of a bulk run can come to, and why one is left alone."""

from __future__ import annotations

from enum import StrEnum


class OutcomeStatus(StrEnum):
    """Status of one target of a bulk run."""

    UNSCHEDULED = "unscheduled"
    """The API unscheduled it, or it was found unscheduled after an attempt whose response was lost."""
    ALREADY_UNSCHEDULED = "already_unscheduled"
    """Nothing was scheduled for it."""
    WOULD_UNSCHEDULE = "would_unschedule"
    """A dry run would have sent its DELETE."""
    CANCELLED = "cancelled"
    """MeetBit cancelled the calendar event."""
    WOULD_CANCEL = "would_cancel"
    """A dry run would have cancelled it."""
    RESCHEDULED = "rescheduled"
    """A bot is scheduled in its place; ``new_bot_id`` names it."""
    ALREADY_SCHEDULED = "already_scheduled"
    """A bot is there already, and nothing was scheduled now."""
    WOULD_RESCHEDULE = "would_reschedule"
    """A dry run would have scheduled a bot in its place."""
    NOT_RESTORABLE = "not_restorable"
    """The API has no way to bring it back; the reason says why. Nothing was sent."""
    FAILED = "failed"
    """It was refused, and nothing took effect."""
    UNKNOWN = "unknown"
    """A request may have taken effect, but no response confirms it."""
    SKIPPED = "skipped"
    """Deliberately left alone; the reason says why."""
    NOT_ATTEMPTED = "not_attempted"
    """The run ended before its turn; nothing was sent."""

    @property
    def is_undone(self) -> bool:
        """Failed, unknown or not attempted: a retry takes it up."""
        return self in (OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN, OutcomeStatus.NOT_ATTEMPTED)


class SkipReason(StrEnum):
    """Why an event or bot is ``skipped``: the ``reason`` of its outcome."""

    ONE_OFF = "one-off bot without an event"
    """It was left alone, as ``one_off_bots`` says."""
    SHARED = "shared: a bot of the event lies outside the filter"
    """Its DELETE would take a bot that the filter leaves out."""
    HIDDEN = "the event may have more bots behind the full listing, outside the filter"
    """Its DELETE might take such a bot."""
    NO_EVENT_ID = "calendar bot without an event id"
    """It was to be cancelled by its event, which the listing does not name."""
    NOT_ITS_OWN_ID = "series options need MeetStream's own id of the event, which the listing does not show"
    """The listed id may be the calendar provider's, and no index of events tells the right one."""
    KEPT = "joins before from_date"
    """The series is only unscheduled from that date on."""
    WITHDRAWN = "the bot is not scheduled any more, by its own row"
    """The listing says that it is cancelled, stopped or not scheduled."""

    @property
    def will_join(self) -> bool:
        """The bot was asked for and will join."""
        return self not in (SkipReason.KEPT, SkipReason.WITHDRAWN)
