"""The second meeting of cancelling meetings: their bots, once the calendar events have been dealt with."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from .._http.call import PACED
from .._http.rate_limit import WaitTooLongError
from .._http.secrets import clean_text
from ..errors import MeetStreamError, RateLimitError
from ..meetbit import event_is_missing
from ..meetbit.models import CancelledEvent
from ..meetstream import list_scheduled_bots
from ..meetstream.client import MeetStreamClient
from ..meetstream.models import ScheduledBot, ScheduledBotPage
from ._evidence import is_calendar_bot
from .options import BULK_DEFAULTS, BulkOptions
from .report import NOT_VERIFIED, MeetingCancellation, OutcomeStatus, UnscheduleOutcome
from .unschedule import unschedule_until_empty


@frozen
class MeetingState:
    """A meeting whose calendar event has been dealt with."""

    calendar_id: int
    event_id: int
    cancelled: CancelledEvent | None
    bot_event_id: str | None
    error: MeetStreamError | None

    @property
    def goes_on(self) -> bool:
        """The bot's turn comes: the event is cancelled, or was not found where the bot is known."""
        if self.cancelled is not None:
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

    def result(
        self, bots: tuple[UnscheduleOutcome, ...], ok: bool, reason: str | None
    ) -> MeetingCancellation:
        return MeetingCancellation(
            self.calendar_id, self.event_id, self.cancelled, bots, ok, reason, self.error
        )


async def unschedule_bots(
    meetstream: MeetStreamClient,
    meetings: list[MeetingState],
    options: BulkOptions[UnscheduleOutcome] = BULK_DEFAULTS,
) -> tuple[MeetingCancellation, ...]:
    """The second meeting of each meeting, with one listing for all that need it. Raises no error."""
    page: ScheduledBotPage | None = None
    failure: str | None = None
    outcomes: dict[str | None, UnscheduleOutcome] = {}

    if any(meeting.needs_listing for meeting in meetings):
        try:
            page = await _list(meetstream, options.max_pause)
        except MeetStreamError as error:
            failure = f"the bots could not be listed: {type(error).__name__}: {error}"
    wanted = {meeting.wanted for meeting in meetings if meeting.needs_listing}
    rows = [bot for bot in page.bots if bot.event_id in wanted] if page is not None else []
    known = [
        meeting.bot_event_id for meeting in meetings if meeting.goes_on and meeting.bot_event_id is not None
    ]
    whole = _is_whole(page)
    try:
        if rows or known:
            found = await unschedule_until_empty(meetstream, [*rows, *known], options, whole=whole)
            outcomes = {outcome.event_id: outcome for outcome in found}
    except MeetStreamError as error:
        failure = f"its bot was not unscheduled: {type(error).__name__}: {error}"
    return tuple(_conclude(meeting, page, failure, outcomes) for meeting in meetings)


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
    raise MeetStreamError(f"the API asked for a pause of {seconds:.0f} s before the listing")


def _conclude(
    meeting: MeetingState,
    page: ScheduledBotPage | None,
    failure: str | None,
    outcomes: Mapping[str | None, UnscheduleOutcome],
) -> MeetingCancellation:
    if not meeting.goes_on:
        return meeting.result(
            (), False, f"the event was not cancelled, and no bot touched for it: {meeting.error}"
        )
    if meeting.wanted is None:
        return meeting.result(
            (), False, "the event has no provider_event_id to find its bot by; pass bot_event_id"
        )
    outcome = outcomes.get(meeting.wanted)
    if outcome is None and failure is not None:
        return meeting.result((), False, failure)
    if outcome is None:
        return meeting.result((), *_without_bot(meeting.wanted, page))
    if outcome.status not in (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED):
        why = f"its bot is not unscheduled: {outcome.status}: {outcome.reason}"
        if outcome.result is not None:
            why = f"ambiguous: bots may be left: {outcome.reason}"
        return meeting.result((outcome,), False, why)
    if meeting.needs_listing and outcome.method == "bot" and not _is_whole(page):
        # The event's id was refused, so only the bots that were listed are gone.
        why = "its listed bots are unscheduled, but the listing was not whole: more may hide behind it"
        return meeting.result((outcome,), False, why)
    if meeting.cancelled is None:
        why = "the event was not found: cancelled before, or its id is wrong; its bot is unscheduled"
        # After a lost answer even less is known of the event.
        return meeting.result(
            (outcome,), meeting.error is not None and not meeting.error.outcome_unknown, why
        )
    unproved = outcome.status is OutcomeStatus.ALREADY_UNSCHEDULED and not meeting.needs_listing
    return meeting.result((outcome,), True, NOT_VERIFIED if unproved else None)


def _is_whole(page: ScheduledBotPage | None) -> bool:
    return page is not None and not page.truncated and not page.rejected


def _without_bot(wanted: str, page: ScheduledBotPage | None) -> tuple[bool, str]:
    shown = repr(clean_text(wanted, 100))
    if page is None:
        return False, "the bots were not listed"
    if page.truncated:
        return False, f"no bot of {shown} is in the listing, but that is full: it may hide behind it"
    if page.rejected:
        return False, f"no bot of {shown} is in the listing, but rows of it can't be read"
    if not wanted.startswith("evt_") and any(_is_of_another_kind(bot) for bot in page.bots):
        return False, (
            f"cannot tell: no bot of {shown} is listed, but the listing does not name events "
            "by the calendar provider's ids; pass bot_event_id"
        )
    return True, f"no bot is scheduled for {shown}"


def _is_of_another_kind(bot: ScheduledBot) -> bool:
    """The row belongs to a calendar event, and names it by MeetStream's own id or not at all."""
    return is_calendar_bot(bot) and (bot.event_id is None or bot.event_id.startswith("evt_"))
