"""The command `console`: serve the page on this machine until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ... import BulkOptions, MeetStreamClient, OutcomeStatus
from ...simulator import Simulator
from ..exit_codes import ExitCode, Refused
from ..inputs.accounts import Account, meetstream_account
from ..inputs.options import Patience, Speed
from ..runs.bulk_run import show_report
from ..runs.process import run_async
from ..terminal.output import clean, print_line, say
from ..terminal.progress import wording


@frozen(kw_only=True)
class Wanted:
    """The arguments of the command."""

    simulate: bool = False
    bots: int = 80
    port: int = 0
    browser: bool = True
    speed: Speed = field(factory=Speed)
    patience: Patience = field(factory=Patience)
    api_key_file: Path | None = None


def console(wanted: Wanted) -> ExitCode:
    """Serve until a signal; runs in progress end gracefully, and their results are shown."""
    try:
        from ...console import CannotServe, ConsoleService, serving
    except ImportError as error:
        raise Refused(str(error)) from None

    async def serve(stop: asyncio.Event) -> ExitCode:
        ended: list[Any] = []
        async with _account(wanted) as account:
            service = ConsoleService(
                account.base_url,
                account.key_source,
                account.explain,
                simulated=wanted.simulate,
                options=BulkOptions(
                    max_concurrency=wanted.speed.concurrency, max_pause=wanted.patience.max_pause
                ),
            )
            try:
                async with serving(service, account.arguments, port=wanted.port) as served:
                    # Printed as a result, for programs that start the console.
                    print_line(served.url)
                    say(
                        f"the console of {clean(account.base_url)} is served at this address, for one browser"
                    )
                    say("Ctrl-C stops it; runs in progress finish their requests in flight")
                    if wanted.browser:
                        open_page(served.url)
                    await stop.wait()
                    ended = await service.runs.under_way()
                    await service.runs.stop_all()
                    await service.undos.stop_all()
            except CannotServe as refusal:
                raise Refused(str(refusal)) from None
            except asyncio.CancelledError:
                for record in ended:
                    say(f"stopped without checking the listing again: {_tally(record.counts())}")
                raise
        for record in ended:
            say(f"ended the run of {clean(record.agreement.told.title)}:")
            if record.report is not None:
                show_report(record.report, one_off_bots=record.agreement.told.one_off_bots)
        return ExitCode.INTERRUPTED if ended else ExitCode.OK

    return run_async(
        serve, on_stop=lambda: say("stopping: nothing new is sent; interrupt again to stop immediately")
    )


@contextlib.asynccontextmanager
async def _account(wanted: Wanted) -> AsyncIterator[Account[MeetStreamClient]]:
    if not wanted.simulate:
        yield meetstream_account(wanted.api_key_file, timeout=wanted.patience.timeout, rate=wanted.speed.rate)
        return
    async with Simulator(wanted.bots, latency=0.2, error_rate=0.05) as simulator:
        # Pass both: the environment may contain a real key.
        arguments: dict[str, Any] = {
            "api_key": simulator.api_key,
            "base_url": simulator.base_url,
            "timeout": wanted.patience.timeout,
            "rate_limit": wanted.speed.rate,
        }
        yield Account(
            lambda: MeetStreamClient(**arguments),
            simulator.base_url,
            "the simulator",
            "MEETSTREAM_API_URL",
            arguments,
        )


def _tally(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {wording(OutcomeStatus(status))}" for status, count in sorted(counts.items()))


def open_page(url: str) -> None:
    """Open the page in a graphical browser, if any; one in the terminal would take over the terminal."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return
    # Some browsers block until they are closed.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
