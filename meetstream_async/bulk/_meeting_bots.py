"""The second half of cancelling meetings: their bots, once the calendar events have been dealt with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs
from attrs import define, field, frozen

from .._http.call import PACED
from .._http.rate_limit import WaitTooLongError
from .._http.secrets import clean_text
from ..errors import MeetStreamError, RateLimitError
from ..meetbit import event_is_missing
from ..meetbit.models import CancelledEvent
from ..meetstream import list_scheduled_bots
from ..meetstream.client import MeetStreamClient
from ..meetstream.models import ScheduledBot, ScheduledBotPage, is_own_event_id
from ._evidence import is_calendar_bot, is_withdrawn
from ._meeting_index import ONE_MEETING, MeetingIndex, bots_of, named, read_index
from ._summary import pause_before
from .options import BULK_DEFAULTS, BulkOptions
from .report import NOT_LOOKED_UP, NOT_VERIFIED, MeetingCancellation, UnscheduleOutcome
from .statuses import OutcomeStatus
from .unschedule import unschedule_until_empty


@frozen
class MeetingState:
    """A meeting whose calendar event has been dealt with."""

    calendar_id: int
    event_id: int
    cancelled: CancelledEvent | None
    bot_event_id: str | None
    error: MeetStreamError | None
    is_dry: bool = False
    """A dry run would cancel its event."""

    @property
    def goes_on(self) -> bool:
        """The bot's turn comes: the event is cancelled, or was not found where the bot is known."""
        if self.cancelled is not None or (self.is_dry and self.bot_event_id is not None):
            return True
        return self.bot_event_id is not None and self.error is not None and event_is_missing(self.error)

    @property
    def wanted(self) -> str | None:
        """The event id that its bots are scheduled under."""
        if self.bot_event_id is not None or self.cancelled is None:
            return self.bot_event_id
        return self.cancelled.event.provider_event_id or None

    @property
    def needs_listing(self) -> bool:
        return self.goes_on and self.bot_event_id is None and self.wanted is not None

    @property
    def times(self) -> tuple[datetime | None, ...]:
        """When its event starts and ends."""
        assert self.cancelled is not None
        return self.cancelled.event.start, self.cancelled.event.end

    def result(
        self, bots: tuple[UnscheduleOutcome, ...], ok: bool, reason: str | None
    ) -> MeetingCancellation:
        return MeetingCancellation(
            self.calendar_id, self.event_id, self.cancelled, bots, ok, reason, self.error
        )


@define(eq=False)
class Found:
    """What is known of the bots of all meetings."""

    page: ScheduledBotPage | None = None
    index: MeetingIndex = field(factory=MeetingIndex)
    failure: str | None = None
    outcomes: Mapping[str | None, UnscheduleOutcome] = field(factory=dict)

    @property
    def listing_is_whole(self) -> bool:
        page = self.page
        return page is not None and not page.truncated and not page.rejected

    def rows(self, wanted: str) -> list[ScheduledBot]:
        """The bots of a meeting: those of its event in the index, else the rows that name it so."""
        match = self.index.find(wanted)
        listed = {bot.bot_id: bot for bot in (self.page.bots if self.page is not None else ())}
        if match.event is None:
            named = [bot for bot in listed.values() if bot.event_id == wanted]
            return [] if match.candidates else named
        event_id = match.event.id
        own = {bot.bot_id: bot for bot in bots_of(match.event)}
        # A row that names it may be newer than the index.
        named_ids = {bot.bot_id for bot in listed.values() if bot.event_id in (wanted, event_id)}
        return [
            _of_event(listed.get(bot_id) or own[bot_id], event_id)
            for bot_id in {**own, **dict.fromkeys(named_ids)}
        ]

    def unseen(self, meeting: MeetingState) -> list[ScheduledBot | str]:
        """Its event, where the events are shown without bots: the API has to say whether it has one."""
        match = self.index.find(meeting.wanted or "")
        return [match.event.id] if match.event is not None and not self.index.has_bots else []

    def unplaced(self, meeting: MeetingState) -> list[str]:
        """Listed bots that may be of this meeting: a calendar's, of no event that is known.

        The events show no bot that has joined since it was listed.
        """
        listed = () if self.page is None else self.page.bots
        return [
            bot.bot_id
            for bot in listed
            if bot.event_id is None
            and bot.bot_id not in self.index.bots
            and is_calendar_bot(bot)
            and not is_withdrawn(bot)
            and _may_be_at(bot.scheduled_join_time, meeting)
        ]

    def key(self, meeting: MeetingState) -> str | None:
        """The event id that its outcome has."""
        if meeting.needs_listing and meeting.wanted is not None:
            match = self.index.find(meeting.wanted)
            return meeting.wanted if match.event is None else match.event.id
        return meeting.wanted

    def needs_index(self, wanted: str) -> bool:
        """The listing does not settle which bots belong to the event."""
        return not (is_own_event_id(wanted) and self.listing_is_whole)


def _may_be_at(joins: datetime | None, meeting: MeetingState) -> bool:
    """A bot that joins then may be that of the meeting."""
    start, end = (None, None) if meeting.cancelled is None else meeting.times
    if joins is None or start is None:
        return True
    return start - ONE_MEETING <= joins <= (end or start) + ONE_MEETING


def _of_event(bot: ScheduledBot, event_id: str) -> ScheduledBot:
    return attrs.evolve(bot, custom_attributes={**bot.custom_attributes, "event_id": event_id})


async def unschedule_bots(
    meetstream: MeetStreamClient,
    meetings: list[MeetingState],
    options: BulkOptions[UnscheduleOutcome] = BULK_DEFAULTS,
    *,
    dry_run: bool = False,
) -> tuple[MeetingCancellation, ...]:
    """The second half of each meeting, with one listing for all that need it. Raises no error."""
    found = Found()
    searched = [meeting for meeting in meetings if meeting.needs_listing and meeting.wanted is not None]
    if searched:
        try:
            found.page = await _list(meetstream, options.max_pause)
        except MeetStreamError as error:
            found.failure = f"the bots could not be listed: {type(error).__name__}: {error}"
        else:
            unclear = [one for one in searched if found.needs_index(one.wanted or "")]
            if unclear:
                times = [time for one in unclear for time in one.times]
                found.index = await read_index(meetstream, times, options.max_pause)
    targets: list[ScheduledBot | str] = []
    for meeting in searched:
        targets += found.rows(meeting.wanted or "") or found.unseen(meeting)
    targets += [one.bot_event_id for one in meetings if one.goes_on and one.bot_event_id is not None]
    with_rows = [one.wanted for one in searched if one.wanted and found.rows(one.wanted)]
    whole = found.listing_is_whole or all(found.index.find(one).event is not None for one in with_rows)
    try:
        if (targets and found.failure is None) or any(isinstance(one, str) for one in targets):
            outcomes = await unschedule_until_empty(
                meetstream, targets, options, whole=whole, dry_run=dry_run
            )
            found.outcomes = {outcome.event_id: outcome for outcome in outcomes}
    except MeetStreamError as error:
        found.failure = f"its bot was not unscheduled: {type(error).__name__}: {error}"
    return tuple(_conclude(meeting, found) for meeting in meetings)


async def _list(meetstream: MeetStreamClient, max_pause: float) -> ScheduledBotPage:
    """A listing at its turn; a 429 that the call could not wait for is waited for once, as in bulk."""
    try:
        await meetstream.api.rate_limiter.wait(pause_limit=max_pause)
        try:
            return (await meetstream.api.call(list_scheduled_bots(), PACED)).value
        except RateLimitError:
            await meetstream.api.rate_limiter.wait(pause_limit=max_pause)
        return (await meetstream.api.call(list_scheduled_bots(), PACED)).value
    except WaitTooLongError as exc:
        seconds = exc.seconds
    raise MeetStreamError(pause_before(seconds, "the listing"))


def _conclude(meeting: MeetingState, found: Found) -> MeetingCancellation:
    if meeting.is_dry and not meeting.goes_on:
        return meeting.result((), True, f"{NOT_LOOKED_UP}; its bot is found once the event is cancelled")
    if not meeting.goes_on:
        return meeting.result(
            (), False, f"the event was not cancelled, and no bot touched for it: {meeting.error}"
        )
    if meeting.wanted is None:
        return meeting.result(
            (), False, "the event has no provider_event_id to find its bot by; pass bot_event_id"
        )
    outcome = found.outcomes.get(found.key(meeting))
    if outcome is None and found.failure is not None:
        return meeting.result((), False, found.failure)
    if outcome is None:
        return meeting.result((), *_without_bot(meeting, meeting.wanted, found))
    return _with_bot(meeting, outcome, found)


def _with_bot(meeting: MeetingState, outcome: UnscheduleOutcome, found: Found) -> MeetingCancellation:
    if outcome.status is OutcomeStatus.WOULD_UNSCHEDULE:
        return meeting.result((outcome,), True, NOT_LOOKED_UP)
    if outcome.status not in (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED):
        why = f"its bot is not unscheduled: {outcome.status}: {outcome.reason}"
        if outcome.result is not None:
            why = f"ambiguous: bots may be left: {outcome.reason}"
        return meeting.result((outcome,), False, why)
    hidden = not found.listing_is_whole and found.index.find(meeting.wanted or "").event is None
    if meeting.needs_listing and outcome.method == "bot" and hidden:
        # The event's id was refused, so only the bots that were listed are gone.
        why = "its listed bots are unscheduled, but the listing was not whole: more may hide behind it"
        return meeting.result((outcome,), False, why)
    if meeting.cancelled is None:
        why = "the event was not found: cancelled before, or its id is wrong; its bot is unscheduled"
        # After a lost answer even less is known of the event.
        return meeting.result(
            (outcome,), meeting.error is not None and not meeting.error.outcome_unknown, why
        )
    if outcome.status is OutcomeStatus.ALREADY_UNSCHEDULED and not outcome.bot_ids:
        return meeting.result((outcome,), True, NOT_VERIFIED)
    return meeting.result((outcome,), True, None)


def _without_bot(meeting: MeetingState, wanted: str, found: Found) -> tuple[bool, str]:
    shown = repr(clean_text(wanted, 100))
    page, match = found.page, found.index.find(wanted)
    if page is None:
        return False, "the bots were not listed"
    if match.candidates:
        return False, f"cannot tell which event {shown} is: {match.why_not}"
    if unplaced := found.unplaced(meeting):
        return False, (
            f"cannot tell: no bot of {shown} is known, but of listed bots nothing says whose they are: "
            f"{named(unplaced)}; pass bot_event_id"
        )
    if match.event is not None or found.index.is_whole:
        return True, f"no bot is scheduled for {shown}"
    if page.truncated:
        return False, f"no bot of {shown} is in the listing, but that is full: it may hide behind it"
    if page.rejected:
        return False, f"no bot of {shown} is in the listing, but rows of it can't be read"
    if page.bots and not is_own_event_id(wanted) and not _names_provider_ids(page):
        return False, (
            f"cannot tell: no bot of {shown} is listed, but the listing does not name events "
            f"by the calendar provider's ids, and {found.index.problem}; pass bot_event_id"
        )
    return True, f"no bot is scheduled for {shown}"


def _names_provider_ids(page: ScheduledBotPage) -> bool:
    """Every row that belongs to a calendar event names it, and by another id than MeetStream's own."""
    rows = [bot for bot in page.bots if is_calendar_bot(bot)]
    return bool(rows) and all(bot.event_id and not is_own_event_id(bot.event_id) for bot in rows)
