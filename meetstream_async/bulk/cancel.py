"""Bulk cancelling of calendar events, with the same runner and report as for bots."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from attrs import define

from ..errors import ConfigurationError, MeetStreamError
from ..meetbit import cancel_event, check_id, check_note
from ..meetbit.client import MeetBitClient
from ._api_operation import ApiOperation
from ._item import Item
from ._summary import Gaps
from ._targets import Source
from .options import BULK_DEFAULTS, UNSCHEDULE_DEFAULTS, BulkOptions
from .report import NOT_LOOKED_UP, BulkReport, CancelOutcome
from .run import run_to_end
from .statuses import OutcomeStatus

Id: TypeAlias = int | str
CancelTarget: TypeAlias = tuple[Id, Id] | tuple[Id, Id, str | None]
CancelTargets: TypeAlias = Iterable[CancelTarget] | AsyncIterable[CancelTarget]

CANCEL_STATUSES = (
    OutcomeStatus.CANCELLED,
    OutcomeStatus.WOULD_CANCEL,
    OutcomeStatus.FAILED,
    OutcomeStatus.UNKNOWN,
    OutcomeStatus.NOT_ATTEMPTED,
)


async def bulk_cancel_events(
    client: MeetBitClient,
    targets: CancelTargets,
    cancel_note: str,
    *,
    max_concurrency: int = BULK_DEFAULTS.max_concurrency,
    dry_run: bool = UNSCHEDULE_DEFAULTS.dry_run,
    max_pause: float = BULK_DEFAULTS.max_pause,
    stop_after_failures: int = BULK_DEFAULTS.stop_after_failures,
    on_outcome: Callable[[CancelOutcome], object] | None = None,
    stop: asyncio.Event | None = None,
) -> BulkReport[CancelOutcome]:
    """Cancel every target at the client's rate, with at most ``max_concurrency`` requests in flight.

    The report and the stop conditions are those of ``bulk_unschedule``: a 429 pauses everybody with the key,
    and its target goes back as long as others get through.

    targets: any iterable or async iterable of (calendar id, event id), or of (calendar id, event id, note)
        with its own note. Duplicate events are cancelled once.
    cancel_note: 1 to 255 characters.
    max_concurrency: requests in flight at most.
    dry_run: send nothing; outcomes are ``would_cancel``.
    max_pause: seconds. The run stops where the API asks for a longer pause.
    stop_after_failures: how many targets in a row may fail with server or transport errors before the run
        stops.
    on_outcome: a plain function that is called with each outcome as it arrives. An exception in it stops the
        run gracefully and is raised at the end.
    stop: setting it ends the run gracefully: nothing new is started, requests in flight finish, and the
        report is returned.

    Raises ConfigurationError for invalid arguments and targets, before any request is sent, and exceptions of
    the iterable itself. The outcome of each event is in the report, never raised.
    """
    operation = CancelOperation(check_meetbit(client), targets, cancel_note, dry_run)
    options = BulkOptions(
        max_concurrency=max_concurrency,
        max_pause=max_pause,
        stop_after_failures=stop_after_failures,
        on_outcome=on_outcome,
        stop=stop,
    )
    return await run_to_end(operation, options, "bulk_cancel_events")


def check_meetbit(client: object) -> MeetBitClient:
    if not isinstance(client, MeetBitClient):
        raise ConfigurationError(f"client must be a MeetBitClient, not {type(client).__name__}")
    return client


@define(eq=False)
class Cancellation(Item):
    """One calendar event to cancel."""

    calendar_id: int
    event_id: int
    note: str


class CancelOperation(ApiOperation[Cancellation, CancelOutcome]):
    """The calendar events of given targets."""

    statuses: Sequence[OutcomeStatus] = CANCEL_STATUSES

    def __init__(
        self, client: MeetBitClient, targets: CancelTargets, cancel_note: str, dry_run: bool
    ) -> None:
        if not isinstance(dry_run, bool):
            raise ConfigurationError(f"dry_run must be True or False, not {dry_run!r}")
        super().__init__(client.api, dry_run=dry_run, would=OutcomeStatus.WOULD_CANCEL)
        self._note = check_note(cancel_note, "cancel_note")
        self._seen: set[tuple[int, int]] = set()
        self._source: Source[Cancellation] = Source(
            targets,
            expected="(calendar id, event id) pairs",
            check=self._read,
            known=self._known,
            single=self._single,
        )

    def items(self) -> AsyncGenerator[Cancellation, None]:
        return self._source.items()

    def remaining(self) -> Iterable[Cancellation]:
        return self._source.remaining()

    def gaps(self) -> Gaps:
        return Gaps(note=NOT_LOOKED_UP if self._dry_run and self._seen else None)

    async def attempt(self, item: Cancellation) -> CancelOutcome:
        item.begin()
        try:
            request = cancel_event(item.calendar_id, item.event_id, item.note)
            answer = await self._api.call(request, item.context)
        except MeetStreamError as exc:
            error = exc
        else:
            event = answer.value
            return self.outcome(
                item,
                OutcomeStatus.CANCELLED,
                result=event,
                attempts=answer.attempts,
                request_id=event.request_id,
            )
        item.note_error(error)
        return self.failure(item, error)

    def outcome(self, item: Cancellation, status: OutcomeStatus, **fields: Any) -> CancelOutcome:
        return CancelOutcome(item.calendar_id, item.event_id, status, elapsed=item.end(), **fields)

    def _known(self, items: Collection[Cancellation]) -> Iterator[Cancellation]:
        return filter(self._is_new, items)

    def _single(self, target: Any, name: str) -> Cancellation | None:
        item = self._read(target, name)
        return item if self._is_new(item) else None

    def _is_new(self, item: Cancellation) -> bool:
        key = (item.calendar_id, item.event_id)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _read(self, target: Any, name: str) -> Cancellation:
        if not isinstance(target, tuple | list) or len(target) not in (2, 3):
            raise ConfigurationError(
                f"{name} must be (calendar id, event id) or (calendar id, event id, note), "
                f"not {type(target).__name__}"
            )
        note = target[2] if len(target) == 3 else None
        return Cancellation(
            check_id(target[0], f"{name}: calendar_id"),
            check_id(target[1], f"{name}: event_id"),
            self._note if note is None else check_note(note, f"{name}: cancel_note"),
        )
