"""The command `simulate`: a simulated account on this machine until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from ...simulator import Simulator, SlidingWindow, TokenBucket
from ..exit_codes import ExitCode, Refused
from ..terminal.output import clean, print_line, say
from .process import run_async

_EXISTS = "{} already exists and is not overwritten: choose another name"


def simulate(
    bots: int,
    seed: int,
    *,
    limit: str | None,
    port: int,
    calendar_events: Path | None = None,
    **told: Any,
) -> ExitCode:
    """Serve until a signal; the client's settings are printed on stdout, as input for a shell."""
    if calendar_events is not None and calendar_events.exists():
        raise Refused(_EXISTS.format(clean(calendar_events)))
    try:
        simulator = Simulator(bots, seed, limit=_limit(limit), port=port, **told)
    except ValueError as error:
        raise Refused(str(error)) from None

    async def serve(stop: asyncio.Event) -> None:
        try:
            await simulator.start()
        except OSError as error:
            raise Refused(
                f"port {port} can't be used ({os.strerror(error.errno or 0)}); --port 0 finds a free one"
            ) from None
        try:
            for name, value in simulator.environment.items():
                print_line(f"export {name}={shlex.quote(value)}")
            say(
                f"simulating {len(simulator.ledger.scheduled_bots)} bots of "
                f"{len(simulator.ledger.scheduled_events)} events at {simulator.base_url}; Ctrl-C stops it"
            )
            _show_calendars(simulator)
            if calendar_events is not None:
                rows = [f"{one.calendar_id},{one.event_id}\n" for one in simulator.calendar_events]
                _write(calendar_events, "calendar_id,event_id\n" + "".join(rows))
                say(f"the ids of {len(rows)} calendar events are in {clean(calendar_events)}")
            say("in another shell: run the export lines, then meetstream-async list")
            await stop.wait()
        finally:
            await simulator.close()

    run_async(serve, on_stop=lambda: None)
    say(
        f"answered {len(simulator.requests)} requests; "
        f"{len(simulator.ledger.scheduled_events)} events with "
        f"{len(simulator.ledger.scheduled_bots)} bots remain scheduled"
    )
    return ExitCode.OK


def _limit(text: str | None) -> TokenBucket | SlidingWindow | None:
    """A rate such as 50, or a number of requests in so many seconds such as 30/60."""
    if text is None:
        return None
    count, slash, seconds = text.partition("/")
    try:
        if slash:
            return SlidingWindow(int(count), float(seconds))
        rate = float(count)
        # Gateways allow bursts; a fifth of a second's worth of them.
        return TokenBucket(rate, max(1.0, rate / 5))
    except ValueError:
        raise ValueError("--limit takes a rate such as 50, or a count and seconds such as 30/60") from None


def _show_calendars(simulator: Simulator) -> None:
    """Ids of MeetBit's calendars, and a command that uses one."""
    events = Counter(event.calendar_id for event in simulator.calendar_events)
    if events:
        calendars = ", ".join(f"{calendar_id} ({count} events)" for calendar_id, count in events.items())
        say(f"MeetBit's calendars: {calendars}; for example:")
        event = simulator.calendar_events[0]
        say(f"  meetstream-async cancel-event {event.calendar_id} {event.event_id} --note 'Moved.'")


def _write(path: Path, text: str) -> None:
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Refused(_EXISTS.format(clean(path))) from None
    except OSError as error:
        raise Refused(f"{clean(path)} can't be written: {os.strerror(error.errno or 0)}") from None
