"""The doors of the product, as a caller goes through them. Only public names are used here."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import meetstream_async as product
from meetstream_async import MeetBitClient, MeetStreamClient, MeetStreamError, RetryPolicy

from .account import EPOCH, meeting_number
from .histories import MEETINGS, History, Intervention
from .ledger import Request
from .server import API, MEETBIT_API, Server
from .undo import undo

KEY = "ms_0123456789abcdef0123456789abcdef"


@dataclass
class Ending:
    """How a run came back to its caller."""

    report: Any = None
    meetings: tuple[Any, ...] = ()
    streamed: list[Any] = field(default_factory=list)
    """The outcomes that a stream handed out."""
    heard: list[Any] = field(default_factory=list)
    """What ``on_outcome`` was told."""
    error: BaseException | None = None
    cancelled: bool = False
    at: float = 0.0
    stopped_at: float | None = None
    """When the caller said stop."""
    requests: int = 0


class Run:
    """One history's run: opens the clients, goes through the door, and intervenes."""

    def __init__(self, history: History, server: Server, product_doors: Any = product) -> None:
        self.history = history
        self.server = server
        self.ending = Ending()
        self._doors = product_doors
        self._stop = asyncio.Event()
        self._stream_run: Any = None
        self._task: asyncio.Task[None] | None = None
        self._leaving = False
        self._stopping: set[asyncio.Task[Any]] = set()
        self.marks: list[int] = []
        """Of an undo that is repeated: how many requests there had been at the end of each run."""
        server.on_request = self._on_request

    async def run(self) -> None:
        history, ending = self.history, self.ending
        loop = self.server.loop
        for intervention in history.interventions:
            if intervention.at is not None:
                loop.at(intervention.at, lambda which=intervention: self._intervene(which))  # type: ignore[misc]
        policy = RetryPolicy(**history.policy)
        async with MeetStreamClient(
            KEY, base_url=API, retry=policy, timeout=history.timeout, rate_limit=history.rate_limit
        ) as client:
            # A task of its own: what cancels it is seen from outside.
            self._task = asyncio.create_task(self._go(client, policy), name="the caller")
            await asyncio.wait({self._task})
            ending.at = loop.elapsed()
            ending.requests = len(self.server.ledger.requests)
            if self._task.cancelled():
                ending.cancelled = True
            else:
                ending.error = self._task.exception()
            # What would run on, runs now.
            await asyncio.sleep(20)

    async def _go(self, client: MeetStreamClient, policy: RetryPolicy) -> None:
        if self.history.door in MEETINGS:
            await self._meet(client, policy)
        else:
            await getattr(self, f"_{self.history.door}")(client)

    # --- doors --------------------------------------------------------------------------------------

    async def _all(self, client: MeetStreamClient) -> None:
        function = self._doors.unschedule_all
        self.ending.report = await function(client, **self._options(function))

    async def _listing(self, client: MeetStreamClient) -> None:
        page = await client.list_scheduled_bots()
        function = self._doors.bulk_unschedule
        self.ending.report = await function(client, page, **self._options(function))

    async def _iter(self, client: MeetStreamClient) -> None:
        function = self._doors.bulk_unschedule
        self.ending.report = await function(client, client.iter_scheduled_bots(), **self._options(function))

    async def _typed(self, client: MeetStreamClient) -> None:
        function = self._doors.bulk_unschedule
        self.ending.report = await function(client, list(self.history.targets), **self._options(function))

    async def _stream_typed(self, client: MeetStreamClient) -> None:
        await self._stream_of(client, list(self.history.targets))

    async def _stream(self, client: MeetStreamClient) -> None:
        await self._stream_of(client, await client.list_scheduled_bots())

    async def _stream_of(self, client: MeetStreamClient, targets: Any) -> None:
        function = self._doors.stream_unschedule
        run = function(client, targets, **self._options(function))
        self._stream_run = run
        try:
            async with run:
                async for outcome in run:
                    self.ending.streamed.append(outcome)
                    if self._leaving:
                        break
                    if self.history.consumer:
                        await asyncio.sleep(self.history.consumer)
        finally:
            self.ending.report = run.report

    async def _undo(self, client: MeetStreamClient) -> None:
        await undo(client, self)

    async def _meet(self, client: MeetStreamClient, policy: RetryPolicy) -> None:
        history = self.history
        numbers = {event.id: meeting_number(event.id) for event in history.events}
        async with MeetBitClient(
            base_url=MEETBIT_API,
            access_key_id="id0123456789",
            access_key_secret="secret0123456789",
            retry=policy,
        ) as meetbit:
            if history.door == "meeting":
                event_id = history.targets[0]
                known = event_id if history.knows_bot_event else None
                meeting = await self._doors.cancel_meeting(
                    meetbit, client, 7, numbers[event_id], "gone", bot_event_id=known
                )
                self.ending.meetings = (meeting,)
                return
            targets = [
                (7, numbers[name], name) if history.knows_bot_event else (7, numbers[name])
                for name in history.targets
            ]
            self.ending.meetings = await self._doors.cancel_meetings(
                meetbit, client, targets, "gone", **self._options(self._doors.cancel_meetings)
            )

    def _options(self, function: Callable[..., Any]) -> dict[str, Any]:
        """The options of the history that the door takes, as it takes them."""
        options = dict(self.history.options)
        if options.pop("where", False):
            options["where"] = product.BotFilter(attributes={"customer": "acme"})
        if "from_date" in options:
            options["from_date"] = EPOCH + timedelta(seconds=options["from_date"])
        options["on_outcome"] = self.ending.heard.append
        options["stop"] = self._stop
        parameters = inspect.signature(function).parameters
        return {name: value for name, value in options.items() if name in parameters}

    # --- interventions ------------------------------------------------------------------------------

    def _on_request(self, request: Request) -> None:
        for intervention in self.history.interventions:
            if intervention.at is None and intervention.request == request.number:
                # Not in the middle of the client's own step: the caller acts when it has its turn.
                self.server.loop.at(
                    self.server.loop.elapsed(),
                    lambda which=intervention: self._intervene(which),  # type: ignore[misc]
                )

    def _intervene(self, intervention: Intervention) -> None:
        if self._task is None or self._task.done():
            return
        self.server.tell(self.server.loop.elapsed(), f"the caller: {intervention.kind}")
        if intervention.kind == "leave":
            self._leaving = True
        elif intervention.kind == "stop":
            self._stop.set()
            if self._stream_run is None and self.history.door.startswith("stream"):
                # The run is not there yet.
                return
            self.ending.stopped_at = self.server.loop.elapsed()
            if self._stream_run is not None:
                stopping = asyncio.create_task(self._stop_stream(self._stream_run), name="the caller's stop")
                self._stopping.add(stopping)
        else:
            self._task.cancel()
            if intervention.kind == "cancel twice":
                self.server.loop.call_later(0.01, self._task.cancel)

    @staticmethod
    async def _stop_stream(run: Any) -> None:
        try:
            await run.stop()
        except MeetStreamError:
            # The run had not begun, or is over.
            return
