"""Rows become events, and an event becomes one DELETE and one outcome."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import (
    AsyncIterable,
    Callable,
    Iterable,
    Sequence,
)
from datetime import UTC, datetime
from typing import Literal, TypeAlias, get_args

import attrs
from attrs import define, field, frozen

from .errors import ConfigurationError, EventNotFoundError, EventNotScheduledError, MeetStreamError
from .meetstream import MeetStreamClient, check_series_options
from .models import ScheduledBot, ScheduledBotPage, UnscheduleResult
from .outcomes import OutcomeStatus, UnscheduleOutcome
from .pacing import Pacer
from .plan import is_plain_function
from .refusals import bot_is_not_yours, rejects_the_key

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


@frozen
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


@define(eq=False)
class Event:
    """A job: one calendar event with its known bots, or one bot that has no event."""

    event_id: str | None
    bots: dict[str, ScheduledBot] = field(factory=dict)
    """By bot id."""
    shared: bool = False
    """A listed bot of the event lies outside the filter."""
    uncertain: bool = False
    """An earlier attempt may have taken effect."""
    gone: set[str] = field(factory=set)
    """Bots that were deleted by their own ids."""
    problem: ConfigurationError | None = None
    """Why no request can be made of it."""
    fatal: str | None = None
    """Why no other event can fare better."""

    @property
    def bot_ids(self) -> tuple[str, ...]:
        return tuple(self.bots)

    def may_have_joined(self) -> bool:
        """A bot's join time has passed, so that "not scheduled" may mean that it is in the meeting."""
        now = datetime.now(UTC)
        times = (bot.scheduled_join_time for bot in self.bots.values())
        return any(time is not None and time <= now for time in times)


class Unscheduler:
    """What becomes of one event. Shared by the plans of given targets and of whole accounts."""

    statuses: Sequence[OutcomeStatus] = STATUSES

    def __init__(self, client: MeetStreamClient, options: UnscheduleOptions) -> None:
        self._client = client
        self._options = options
        self._left_one_off = 0
        self._left_shared = 0

    @property
    def pacer(self) -> Pacer:
        return self._client._api.pacer

    def open(self) -> int | None:
        transport = self._client._api.transport
        transport.open()
        return transport.connection_limit

    def halts(self, event: Event, outcome: UnscheduleOutcome) -> str | None:
        return event.fatal

    def foresee(self, event: Event) -> UnscheduleOutcome | None:
        if event.problem is not None:
            return self._outcome(event, OutcomeStatus.FAILED, reason=str(event.problem), error=event.problem)
        if event.event_id is None and self._options.one_off_bots != "delete":
            if self._options.one_off_bots == "report":
                self._left_one_off += 1
            return self._outcome(event, OutcomeStatus.SKIPPED, reason=_ONE_OFF)
        if event.shared and not self._options.whole_events:
            self._left_shared += 1
            return self._outcome(
                event, OutcomeStatus.SKIPPED, reason=f"{SHARED}: a bot of the event lies outside the filter"
            )
        if self._options.dry_run:
            return self._outcome(event, OutcomeStatus.WOULD_UNSCHEDULE)
        return None

    async def attempt(self, event: Event) -> UnscheduleOutcome:
        loop = asyncio.get_running_loop()
        started = loop.time()
        if event.event_id is None:
            outcome = await self._delete_bots(event)
        else:
            outcome = await self._unschedule(event, event.event_id)
        if outcome.error is not None:
            # Kept with the report: a traceback would keep every frame of the call alive with it.
            outcome.error.with_traceback(None)
        return attrs.evolve(outcome, elapsed=loop.time() - started)

    def again(self, first: UnscheduleOutcome, second: UnscheduleOutcome) -> UnscheduleOutcome:
        return attrs.evolve(
            second, attempts=first.attempts + second.attempts, elapsed=first.elapsed + second.elapsed
        )

    def unsent(self, event: Event, reason: str) -> UnscheduleOutcome:
        return self._outcome(event, OutcomeStatus.NOT_ATTEMPTED, reason=reason)

    def interrupted(self, event: Event) -> UnscheduleOutcome:
        event.uncertain = True
        return self._outcome(
            event, OutcomeStatus.UNKNOWN, reason="cancelled while its request was in flight", attempts=1
        )

    def left(self) -> tuple[str, ...]:
        """What was left alone although it was asked for."""
        left = []
        if self._left_one_off:
            left.append(f"{self._left_one_off} one-off bots have no event, were left alone and will join")
        if self._left_shared:
            left.append(f"{self._left_shared} events shared with bots outside the filter were left alone")
        return tuple(left)

    async def _unschedule(self, event: Event, event_id: str) -> UnscheduleOutcome:
        options = self._options
        try:
            result, attempts = await self._client._unschedule(
                event_id,
                options.cancel_all_occurrences,
                options.from_date,
                uncertain=event.uncertain,
                slot_taken=True,
            )
        except MeetStreamError as exc:
            error = exc
        else:
            return self._success(event, result, attempts)
        # Outside of the except block: what happens from here on has no business in the error's context.
        self._note(event, error)
        if isinstance(error, EventNotScheduledError) and not error.outcome_unknown:
            return self._already(event, error)
        if isinstance(error, EventNotFoundError) and options.one_off_bots == "delete" and event.bots:
            return await self._delete_bots(event, sent=error.attempts)
        return self._failure(event, error)

    def _success(self, event: Event, result: UnscheduleResult, attempts: int) -> UnscheduleOutcome:
        status, reason = OutcomeStatus.UNSCHEDULED, None
        if result.inferred:
            reason = "inferred: not scheduled any more after an attempt whose answer was lost"
            if event.may_have_joined():
                # "Not scheduled", which the inference stands on, is also true of a bot in its meeting.
                status, reason = OutcomeStatus.UNKNOWN, MAY_HAVE_JOINED
        return self._outcome(event, status, reason=reason, result=result, attempts=attempts)

    def _already(self, event: Event, error: EventNotScheduledError) -> UnscheduleOutcome:
        if event.may_have_joined():
            return self._outcome(
                event, OutcomeStatus.UNKNOWN, reason=MAY_HAVE_JOINED, error=error, attempts=error.attempts
            )
        return self._outcome(
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
                event.gone.add(bot_id)
                sent += attempts
            except MeetStreamError as exc:
                error = exc
                sent += error.attempts
                self._note(event, error, bot_deleted=True)
                if worst is None or error.outcome_unknown or event.fatal:
                    worst = error
            if event.fatal:
                break
        if worst is not None:
            return attrs.evolve(self._failure(event, worst), attempts=sent)
        reason = "deleted by its own id" if event.event_id is None else "event not found; bots deleted by id"
        return self._outcome(event, OutcomeStatus.UNSCHEDULED, reason=reason, attempts=sent)

    def _note(self, event: Event, error: MeetStreamError, *, bot_deleted: bool = False) -> None:
        """Keep what an error means for further attempts, and for the run."""
        event.uncertain = event.uncertain or error.outcome_unknown
        if isinstance(error, ConfigurationError):
            event.fatal = f"no request can be made: {error}"
        elif rejects_the_key(error) and not (bot_deleted and bot_is_not_yours(error)):
            event.fatal = f"the API rejects the key: {error}"

    def _failure(self, event: Event, error: MeetStreamError) -> UnscheduleOutcome:
        uncertain = error.outcome_unknown or event.uncertain
        status = OutcomeStatus.UNKNOWN if uncertain else OutcomeStatus.FAILED
        return self._outcome(event, status, reason=str(error), error=error, attempts=error.attempts)

    def _outcome(
        self,
        event: Event,
        status: OutcomeStatus,
        *,
        reason: str | None = None,
        result: UnscheduleResult | None = None,
        error: MeetStreamError | None = None,
        attempts: int = 0,
    ) -> UnscheduleOutcome:
        return UnscheduleOutcome(event.event_id, event.bot_ids, status, reason, result, error, attempts)


def group(targets: Iterable[Target], options: UnscheduleOptions) -> tuple[list[Event], set[str]]:
    """Rows as events, in the order of their first row: those with a selected row.

    Second, the ids of events with a row that the filter leaves out.
    """
    events: dict[tuple[str, str], Event] = {}
    left_out: set[str] = set()
    for target in targets:
        if isinstance(target, str):
            events.setdefault(("event", target), Event(target))
        elif options.selects(target):
            event = events.setdefault(key_of(target), Event(target.event_id))
            event.bots[target.bot_id] = target
        elif target.event_id is not None:
            left_out.add(target.event_id)
    for event in events.values():
        event.shared = event.event_id in left_out
    return list(events.values()), left_out


def key_of(bot: ScheduledBot) -> tuple[str, str]:
    """What a row is one with: its event, or itself."""
    return ("bot", bot.bot_id) if bot.event_id is None else ("event", bot.event_id)
