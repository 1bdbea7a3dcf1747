"""Rows become events, and an event becomes one DELETE and one outcome."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, get_args

from attrs import define, field, frozen

from .calls import CallPlan, Job
from .errors import ConfigurationError, EventNotFoundError, EventNotScheduledError, MeetStreamError
from .meetstream import MeetStreamClient, check_series_options
from .models import BotFilter, ScheduledBot, ScheduledBotPage, UnscheduleResult
from .outcomes import OutcomeStatus, UnscheduleOutcome
from .plan import is_plain_function
from .refusals import bot_is_not_yours

Target: TypeAlias = ScheduledBot | str
Targets: TypeAlias = Iterable[Target] | AsyncIterable[Target] | ScheduledBotPage
Where: TypeAlias = Callable[[ScheduledBot], object]
OneOffBots: TypeAlias = Literal["report", "skip", "delete"]

STATUSES = (
    OutcomeStatus.UNSCHEDULED,
    OutcomeStatus.ALREADY_UNSCHEDULED,
    OutcomeStatus.WOULD_UNSCHEDULE,
    OutcomeStatus.FAILED,
    OutcomeStatus.UNKNOWN,
    OutcomeStatus.SKIPPED,
    OutcomeStatus.NOT_ATTEMPTED,
)
MAY_HAVE_JOINED = "may have joined"
SHARED = "shared"
_ONE_OFF = "one-off bot without an event"


@frozen(eq=False)
class UnscheduleOptions:
    """What to do with an event. Raises ConfigurationError for options that contradict each other."""

    where: Where | None
    cancel_all_occurrences: bool | None
    from_date: datetime | None
    one_off_bots: OneOffBots
    whole_events: bool
    dry_run: bool

    def __attrs_post_init__(self) -> None:
        check_series_options(self.cancel_all_occurrences, self.from_date)
        if self.where is not None and not is_plain_function(self.where):
            raise ConfigurationError(
                "where must be a BotFilter or a plain function of a bot, "
                f"not {'async' if callable(self.where) else type(self.where).__name__}"
            )
        if self.one_off_bots not in get_args(OneOffBots):
            raise ConfigurationError(
                f"one_off_bots must be 'report', 'skip' or 'delete', not {self.one_off_bots!r}"
            )
        for name in ("whole_events", "dry_run"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(f"{name} must be True or False, not {getattr(self, name)!r}")
        if self.where is not None and self.cancel_all_occurrences and not self.whole_events:
            raise ConfigurationError(
                "cancel_all_occurrences takes bots that the filter may leave out; "
                "pass whole_events=True as well to accept that"
            )

    def selects(self, bot: ScheduledBot) -> bool:
        """Whether the bot lies inside the filter. Raises ConfigurationError for an async one."""
        if self.where is None:
            return True
        selected = self.where(bot)
        if inspect.isawaitable(selected):
            if inspect.iscoroutine(selected):
                selected.close()
            # It would be true for every bot.
            raise ConfigurationError("where must be a plain function of a bot; this one has to be awaited")
        return bool(selected)

    def spares(self, bot: ScheduledBot) -> bool:
        """Whether the bot joins before the part of its series that is asked for, and stays."""
        return self.from_date is not None and BotFilter(before=self.from_date)(bot)


@define(eq=False)
class Event(Job):
    """A job: one calendar event with its known bots, or one bot that has no event."""

    event_id: str | None
    bots: dict[str, ScheduledBot] = field(factory=dict)
    """By bot id."""
    shared: bool = False
    """A listed bot of the event lies outside the filter."""
    gone: frozenset[str] = frozenset()
    """Bots that were deleted by their own ids."""

    @property
    def bot_ids(self) -> tuple[str, ...]:
        return tuple(self.bots)

    def may_have_joined(self) -> bool:
        """A bot's join time has passed, so that "not scheduled" may mean that it is in the meeting."""
        now = datetime.now(UTC)
        times = (bot.scheduled_join_time for bot in self.bots.values())
        return any(time is not None and time <= now for time in times)


class Unscheduler(CallPlan[Event, UnscheduleOutcome]):
    """What becomes of one event. Shared by the plans of given targets and of whole accounts."""

    statuses: Sequence[OutcomeStatus] = STATUSES

    def __init__(self, client: MeetStreamClient, options: UnscheduleOptions) -> None:
        super().__init__(client._api, dry_run=options.dry_run, would=OutcomeStatus.WOULD_UNSCHEDULE)
        self._client = client
        self._options = options
        self._left_one_off = 0
        self._left_shared = 0

    def foresee(self, job: Event) -> UnscheduleOutcome | None:
        if job.event_id is None and self._options.one_off_bots != "delete":
            if self._options.one_off_bots == "report":
                self._left_one_off += 1
            return self.outcome(job, OutcomeStatus.SKIPPED, reason=_ONE_OFF)
        if job.shared and not self._options.whole_events:
            self._left_shared += 1
            reason = f"{SHARED}: a bot of the event lies outside the filter"
            return self.outcome(job, OutcomeStatus.SKIPPED, reason=reason)
        return super().foresee(job)

    async def attempt(self, job: Event) -> UnscheduleOutcome:
        job.begin()
        if job.event_id is None:
            return await self._delete_bots(job)
        options = self._options
        try:
            result, attempts = await self._client._unschedule(
                job.event_id,
                options.cancel_all_occurrences,
                options.from_date,
                uncertain=job.uncertain,
                slot_taken=True,
            )
        except MeetStreamError as exc:
            error = exc
        else:
            return self._success(job, result, attempts)
        # Outside of the except block: what happens from here on has no business in the error's context.
        job.note_error(error)
        if isinstance(error, EventNotScheduledError) and not error.outcome_unknown:
            return self._already(job, error)
        if isinstance(error, EventNotFoundError) and options.one_off_bots == "delete" and job.bots:
            return await self._delete_bots(job, sent=error.attempts)
        return self.failure(job, error)

    def outcome(self, job: Event, status: OutcomeStatus, **fields: Any) -> UnscheduleOutcome:
        return UnscheduleOutcome(job.event_id, job.bot_ids, status, elapsed=job.end(), **fields)

    def left(self) -> tuple[str, ...]:
        """What was left alone although it was asked for."""
        left = []
        if self._left_one_off:
            left.append(f"{self._left_one_off} one-off bots have no event, were left alone and will join")
        if self._left_shared:
            left.append(f"{self._left_shared} events shared with bots outside the filter were left alone")
        return tuple(left)

    def _success(self, event: Event, result: UnscheduleResult, attempts: int) -> UnscheduleOutcome:
        status, reason = OutcomeStatus.UNSCHEDULED, None
        if result.inferred:
            reason = "inferred: not scheduled any more after an attempt whose answer was lost"
            if event.may_have_joined():
                # "Not scheduled", which the inference stands on, is also true of a bot in its meeting.
                status, reason = OutcomeStatus.UNKNOWN, MAY_HAVE_JOINED
        return UnscheduleOutcome(
            event.event_id,
            event.bot_ids,
            status,
            reason=reason,
            result=result,
            attempts=attempts,
            elapsed=event.end(),
        )

    def _already(self, event: Event, error: EventNotScheduledError) -> UnscheduleOutcome:
        if event.may_have_joined():
            return self.outcome(
                event, OutcomeStatus.UNKNOWN, reason=MAY_HAVE_JOINED, error=error, attempts=error.attempts
            )
        return self.outcome(
            event, OutcomeStatus.ALREADY_UNSCHEDULED, reason=error.message, attempts=error.attempts
        )

    async def _delete_bots(self, event: Event, *, sent: int = 0) -> UnscheduleOutcome:
        """Delete the bots by their own ids: a one-off bot, or those of an event that the API can't find."""
        worst: MeetStreamError | None = None
        # While this goes on, a stream of rows may bring another bot of the event.
        tried: set[str] = set()
        while waiting := [bot_id for bot_id in event.bots if bot_id not in event.gone | tried]:
            bot_id = waiting[0]
            tried.add(bot_id)
            try:
                _, attempts = await self._client._delete_bot(
                    bot_id, uncertain=event.uncertain, slot_taken=not sent
                )
                event.gone |= {bot_id}
                sent += attempts
            except MeetStreamError as exc:
                error = exc
                sent += error.attempts
                event.note_error(error, about_this_only=bot_is_not_yours(error))
                if worst is None or error.outcome_unknown or event.fatal:
                    worst = error
            if event.fatal:
                break
        if worst is not None:
            return self.failure(event, worst, attempts=sent)
        reason = "deleted by its own id" if event.event_id is None else "event not found; bots deleted by id"
        return self.outcome(event, OutcomeStatus.UNSCHEDULED, reason=reason, attempts=sent)


def group(targets: Iterable[Target], options: UnscheduleOptions) -> tuple[list[Event], set[str]]:
    """Rows as events, in the order of their first row: those with a selected row.

    Second, the ids of events with a row that the filter leaves out.
    """
    events: dict[tuple[str, str], Event] = {}
    left_out: dict[str, list[ScheduledBot]] = {}
    for target in targets:
        if isinstance(target, str):
            events.setdefault(("event", target), Event(target))
        elif options.selects(target):
            event = events.setdefault(key_of(target), Event(target.event_id))
            event.bots[target.bot_id] = target
        elif target.event_id is not None:
            left_out.setdefault(target.event_id, []).append(target)
    for event in events.values():
        outside = left_out.get(event.event_id or "", [])
        event.shared = bool(outside)
        if options.whole_events:
            # They go with it, and say whether it is gone.
            event.bots.update((bot.bot_id, bot) for bot in outside)
    return list(events.values()), set(left_out)


def key_of(bot: ScheduledBot) -> tuple[str, str]:
    """What a row is one with: its event, or itself."""
    return ("bot", bot.bot_id) if bot.event_id is None else ("event", bot.event_id)
