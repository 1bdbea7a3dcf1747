"""Bulk unscheduling of given targets: an iterable of bots or event ids, one DELETE per event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from .._http.urls import check_identifier
from ..errors import ConfigurationError
from ..meetstream.client import MeetStreamClient, ScheduledBotStream
from ..meetstream.models import ScheduledBot, ScheduledBotPage
from ._items import EventItem, Target, Targets, group, key_of
from ._operation import Gaps
from ._targets import Source
from ._unscheduler import Unscheduler
from .options import BulkOptions, OneOffBots, UnscheduleOptions, Where
from .report import BulkReport, UnscheduleOutcome
from .run import BulkRun, run_to_end


def stream_unschedule(
    client: MeetStreamClient,
    targets: Targets,
    *,
    max_concurrency: int = 5,
    where: Where | None = None,
    cancel_all_occurrences: bool | None = None,
    from_date: datetime | None = None,
    one_off_bots: OneOffBots = "report",
    whole_events: bool = False,
    dry_run: bool = False,
    max_pause: float = 300.0,
    stop_after_failures: int = 20,
    dedupe: bool = True,
    on_outcome: Callable[[UnscheduleOutcome], object] | None = None,
) -> BulkRun[UnscheduleOutcome]:
    """Unschedule the targets as a stream: ``async with`` the run, ``async for`` its outcomes.

    Takes the arguments of ``bulk_unschedule``. Uses constant memory: outcomes are handed out, not kept, and
    nothing is started that the consumer has no room for.
    """
    options = UnscheduleOptions(where, cancel_all_occurrences, from_date, one_off_bots, whole_events, dry_run)
    operation = _operation(client, targets, options, dedupe)
    bulk = BulkOptions(max_concurrency, max_pause, stop_after_failures, on_outcome)
    return BulkRun(operation, bulk)


async def bulk_unschedule(
    client: MeetStreamClient,
    targets: Targets,
    *,
    max_concurrency: int = 5,
    where: Where | None = None,
    cancel_all_occurrences: bool | None = None,
    from_date: datetime | None = None,
    one_off_bots: OneOffBots = "report",
    whole_events: bool = False,
    dry_run: bool = False,
    max_pause: float = 300.0,
    stop_after_failures: int = 20,
    dedupe: bool = True,
    on_outcome: Callable[[UnscheduleOutcome], object] | None = None,
    stop: asyncio.Event | None = None,
) -> BulkReport[UnscheduleOutcome]:
    """Unschedule every target, with at most ``max_concurrency`` requests in flight, one DELETE per event.

    ``targets``: any iterable or async iterable of ScheduledBot or event-id strings, such as
    ``client.iter_scheduled_bots()``. ``where`` selects bots (a BotFilter or any function of a bot); an
    event that only partly matches is skipped as "shared" unless ``whole_events``. With ``where``, all
    targets are read before anything is sent, since a later one may share an event. ``one_off_bots``: bots
    without an event are skipped and make the report not ok ("report"), are skipped ("skip"), or are deleted
    by their own ids ("delete").

    The run stops when the key is rejected, when ``stop_after_failures`` targets in a row fail with server or
    transport errors, or when the API asks for a pause of more than ``max_pause`` seconds; the rest is
    ``not_attempted``. ``on_outcome`` is called with each outcome as it arrives; an exception in it stops the
    run gracefully and is raised at the end. Setting ``stop`` ends the run gracefully: nothing new is
    started, requests in flight finish, the report is returned. ``dedupe=False`` does not remember events: for
    millions of targets that are known to be distinct.

    Raises ConfigurationError for invalid arguments and targets, before any request is sent, and exceptions of
    the iterable itself. The outcome of each event is in the report, never raised: see
    ``BulkReport.raise_for_failures``.
    """
    options = UnscheduleOptions(where, cancel_all_occurrences, from_date, one_off_bots, whole_events, dry_run)
    operation = _operation(client, targets, options, dedupe)
    bulk = BulkOptions(max_concurrency, max_pause, stop_after_failures, on_outcome, stop)
    return await run_to_end(operation, bulk)


def check_client(client: object) -> MeetStreamClient:
    if not isinstance(client, MeetStreamClient):
        raise ConfigurationError(f"client must be a MeetStreamClient, not {type(client).__name__}")
    return client


def _operation(
    client: MeetStreamClient, targets: Targets, options: UnscheduleOptions, dedupe: bool
) -> _TargetOperation:
    if not isinstance(dedupe, bool):
        raise ConfigurationError(f"dedupe must be True or False, not {dedupe!r}")
    kind = _TargetOperation if dedupe else _ForgetfulOperation
    return kind(check_client(client), targets, options)


class _TargetOperation(Unscheduler):
    """The events of given targets."""

    _dedupe = True

    def __init__(self, client: MeetStreamClient, targets: Targets, options: UnscheduleOptions) -> None:
        super().__init__(client, options)
        self._listing = targets if isinstance(targets, ScheduledBotStream | ScheduledBotPage) else None
        self._seen: set[str | tuple[str, str]] = set()
        self._at_work: dict[str, EventItem] = {}
        """Events of a stream that have been handed out and have no outcome yet."""
        self._not_found: dict[str, set[str]] = {}
        """Bot ids by event, for events that the API does not find and whose bots are deleted one by one."""
        self._source: Source[EventItem] = Source(
            targets.bots if isinstance(targets, ScheduledBotPage) else targets,
            expected="bots or event ids",
            check=lambda target, name: _check_target(target, options.where, name),
            known=self._known,
            single=self._single,
            # A later row may share an event with a row outside the filter.
            read_whole=self._listing is not None or options.where is not None,
        )

    def items(self) -> AsyncGenerator[EventItem, None]:
        return self._source.items()

    def remaining(self) -> Iterable[EventItem]:
        return self._source.remaining()

    def stop_reason_after(self, item: EventItem, outcome: UnscheduleOutcome) -> str | None:
        # Only the final outcome: a first attempt that got a 429 is followed by a second.
        if item.event_id is not None and self._at_work.pop(item.event_id, None) is not None and item.gone:
            self._not_found[item.event_id] = set(item.bots)
        return super().stop_reason_after(item, outcome)

    def gaps(self) -> Gaps:
        incomplete = []
        if self._listing is not None:
            if self._listing.truncated:
                incomplete.append("the listing came back full, there may be more bots (use unschedule_all)")
            if self._listing.rejected:
                incomplete.append(f"{len(self._listing.rejected)} rows of the listing can't be read")
        return Gaps(incomplete=tuple(incomplete), left=self.left())

    def _known(self, targets: Collection[Any]) -> Iterator[EventItem]:
        """The events of targets that are available as a whole."""
        if self._options.where is None and not self._dedupe:
            yield from map(_event_of, targets)
        elif any(isinstance(target, ScheduledBot) for target in targets):
            yield from group(targets, self._options)[0]
        else:
            yield from map(EventItem, dict.fromkeys(targets))

    def _single(self, target: Any, name: str) -> EventItem | None:
        """The event of one target of a stream; None if an event that was handed out covers it."""
        problem: ConfigurationError | None = None
        try:
            _check_target(target, None, name)
        except ConfigurationError as error:
            if not isinstance(target, str):
                raise
            problem = error.with_traceback(None)
        event = _event_of(target)
        event.problem = problem
        if not self._dedupe:
            return event
        key = event.event_id if event.event_id is not None else key_of(target)
        if key not in self._seen:
            self._seen.add(key)
            options = self._options
            if options.one_off_bots == "delete" and not options.dry_run and event.event_id and not problem:
                self._at_work[event.event_id] = event
            return event
        if event.event_id in self._at_work:
            self._at_work[event.event_id].bots.update(event.bots)
        elif event.event_id in self._not_found and not event.bots.keys() <= self._not_found[event.event_id]:
            # The event's other bots were deleted by their own ids; this one came too late for that.
            self._not_found[event.event_id].update(event.bots)
            return EventItem(None, event.bots)
        return None


class _ForgetfulOperation(_TargetOperation):
    """Does not remember events, but still allows only one DELETE per event at a time."""

    _dedupe = False

    def __init__(self, client: MeetStreamClient, targets: Targets, options: UnscheduleOptions) -> None:
        super().__init__(client, targets, options)
        self._busy: dict[str, asyncio.Event] = {}

    async def attempt(self, item: EventItem) -> UnscheduleOutcome:
        if item.event_id is None:
            return await super().attempt(item)
        while (running := self._busy.get(item.event_id)) is not None:
            await running.wait()
        self._busy[item.event_id] = over = asyncio.Event()
        try:
            return await super().attempt(item)
        finally:
            del self._busy[item.event_id]
            over.set()


def _event_of(target: Target) -> EventItem:
    return (
        EventItem(target) if isinstance(target, str) else EventItem(target.event_id, {target.bot_id: target})
    )


def _check_target(target: object, where: Where | None, name: str) -> object:
    if isinstance(target, str):
        check_identifier(target, name)
        if where is not None:
            raise ConfigurationError(f"{name} is an event id, but `where` selects bots; pass bots with it")
    elif isinstance(target, ScheduledBot):
        check_identifier(target.bot_id, f"{name}.bot_id")
        if target.event_id is not None:
            check_identifier(target.event_id, f"{name}.event_id")
    else:
        raise ConfigurationError(f"{name} must be a ScheduledBot or an event id, not {type(target).__name__}")
    return target
