"""The command `simulate`: a simulated account on this machine until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import shlex
from pathlib import Path

from ...simulator import Simulator
from ..exit_codes import ExitCode, Refused
from ..runs.process import run_async
from ..terminal.output import clean, print_line, say

_EXISTS = "{} already exists and is not overwritten: choose another name"


def simulate(
    *,
    port: int,
    bots: int,
    seed: int,
    latency: float,
    error_rate: float,
    one_off: float,
    series: float,
    calendar_events: Path | None = None,
) -> ExitCode:
    """Serve until a signal; the client's settings are printed on stdout, as input for a shell."""
    if calendar_events is not None and calendar_events.exists():
        raise Refused(_EXISTS.format(clean(calendar_events)))
    try:
        simulator = Simulator(
            bots, seed, series=series, one_off=one_off, port=port, latency=latency, error_rate=error_rate
        )
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


def _write(path: Path, text: str) -> None:
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Refused(_EXISTS.format(clean(path))) from None
    except OSError as error:
        raise Refused(f"{clean(path)} can't be written: {os.strerror(error.errno or 0)}") from None
