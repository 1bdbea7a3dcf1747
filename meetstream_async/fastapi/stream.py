"""A run as server-sent events: its outcomes as they become known, its progress, and its end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from starlette.types import Message, Send

from .. import MeetStreamError
from .._tasks import pause
from .problems import ProblemError
from .runs import RunOutcome, Runs, RunState
from .server import server_is_stopping

_BATCH = 100
"""Outcomes that are sent at once."""
_PACE = 0.1
"""Seconds between two looks at least: many outcomes of a fast run share one progress event."""
_TICK = 1.0
"""Seconds after which a quiet stream looks whether the server is stopping."""
_HEARTBEAT = 15.0
"""Seconds of silence after which a comment keeps proxies from closing the connection."""
_SEND = 30.0
"""Seconds that a client may take to make room for what is sent."""
_RECONNECT = 2000
"""Milliseconds after which a browser comes back."""
_END = ".end"
"""What the id of the last event has behind the position of the last outcome."""


def parse_event_id(text: str | None) -> tuple[str | None, bool]:
    """The position behind which to go on, and whether the end has been seen."""
    if text is None or not text.endswith(_END):
        return text or None, False
    return text.removesuffix(_END) or None, True


class RunStream(StreamingResponse):
    """A run's events; ends with the run, or when the client does not read."""

    media_type = "text/event-stream"

    def __init__(self, runs: Runs, run_id: str, after: str | None) -> None:
        headers = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
        super().__init__(_follow(runs, run_id, after), headers=headers)

    async def stream_response(self, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(_SEND):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            # Unfinished, which makes the server close the connection.
            return


async def _follow(runs: Runs, run_id: str, after: str | None) -> AsyncIterator[bytes]:
    state: RunState | None = None
    behind = False
    spoke = time.monotonic()
    while True:
        try:
            # The state first: where it says that the run is over, no outcome comes after it.
            before, state = state, await runs.state(run_id)
            # Where nothing has changed there are no new ones, either; looking for them may be dear.
            outcomes = await runs.outcomes(run_id, after, _BATCH) if state != before or behind else []
        except (ProblemError, MeetStreamError):
            # Not kept any more, or out of reach. Whoever comes back will hear it.
            return
        if outcomes:
            after = outcomes[-1].position
        behind = len(outcomes) == _BATCH
        chunks = [_outcome(outcome) for outcome in outcomes]
        if state != before:
            chunks.append(_progress(state))
        over = state.over and not behind
        if over:
            chunks.append(_event("end", state.model_dump_json(), f"{after or ''}{_END}"))
        elif not chunks and time.monotonic() - spoke >= _HEARTBEAT:
            chunks.append(format_sse_event(comment="still there"))
        if chunks:
            yield b"".join(chunks)
            spoke = time.monotonic()
        if over or (runs.durable and server_is_stopping()):
            return
        if behind:
            # Between batches the run itself goes on, and so do others who watch it.
            await pause()
            continue
        if outcomes:
            await pause(_PACE)
        await runs.changed(run_id, state, _TICK)


def _outcome(outcome: RunOutcome) -> bytes:
    return _event("outcome", outcome.model_dump_json(), outcome.position)


def _progress(state: RunState) -> bytes:
    return format_sse_event(event="progress", data_str=state.model_dump_json(), retry=_RECONNECT)


def _event(name: str, data: str, id: str) -> bytes:
    return format_sse_event(event=name, data_str=data, id=id)
