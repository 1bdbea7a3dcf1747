"""A run as server-sent events: its outcomes as they arrive, its progress, and its end."""

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
"""Maximum number of outcomes sent at once."""
_PACE = 0.1
"""Minimum seconds between two checks: many outcomes of a fast run share one progress event."""
_TICK = 1.0
"""Seconds between two checks whether the server is stopping, on a quiet stream."""
_HEARTBEAT = 15.0
"""Seconds of silence before a comment is sent, to keep proxies from closing the connection."""
_SEND = 30.0
"""Seconds that a client may take to accept what is sent."""
_RECONNECT = 2000
"""Reconnect delay for browsers, in milliseconds."""
_END = ".end"
"""Suffix in the id of the last event, after the position of the last outcome."""


def parse_event_id(text: str | None) -> tuple[str | None, bool]:
    """The position to continue after, and whether the end has been seen."""
    if text is None or not text.endswith(_END):
        return text or None, False
    return text.removesuffix(_END) or None, True


class RunStream(StreamingResponse):
    """A run's events; ends with the run, or when the client stops reading."""

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
            # Leave the response unfinished, so that the server closes the connection.
            return


async def _follow(runs: Runs, run_id: str, after: str | None) -> AsyncIterator[bytes]:
    state: RunState | None = None
    behind = False
    spoke = time.monotonic()
    while True:
        try:
            # Read the state first: if it says that the run has ended, no outcome follows.
            before, state = state, await runs.state(run_id)
            # If nothing has changed there are no new outcomes; reading them may be expensive.
            outcomes = await runs.outcomes(run_id, after, _BATCH) if state != before or behind else []
        except (ProblemError, MeetStreamError):
            # The run was deleted, or the store is unreachable. The client gets the error when it reconnects.
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
            chunks.append(format_sse_event(comment="keep-alive"))
        if chunks:
            yield b"".join(chunks)
            spoke = time.monotonic()
        if over or (runs.durable and server_is_stopping()):
            return
        if behind:
            # Between batches, let the run itself and its other watchers proceed.
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
