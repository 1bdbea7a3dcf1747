"""Run a command: event loop, signals, and exit code."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import NoReturn, TypeVar

import typer

from ... import MeetStreamError
from ..._tasks import end
from ..exit_codes import ExitCode, Failed, Interrupted, Refused, code_of
from ..terminal.output import clean, prepare, say, silence
from .collector import rarely_collecting

T = TypeVar("T")

_STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that are handled like Ctrl-C."""


def execute(command: Callable[[], ExitCode]) -> NoReturn:
    """Run a command and exit with its code; every expected error becomes one line on stderr."""
    prepare()
    # Without a handler, Python would print the library's log lines into the progress bar.
    log = logging.getLogger("meetstream_async")
    log.addHandler(logging.NullHandler())
    log.addHandler(_STORE_WARNING)
    _handle_stop_signals()
    try:
        code = command()
    except Refused as refusal:
        complain(str(refusal))
        code = ExitCode.USAGE
    except Failed as failure:
        complain(str(failure))
        code = failure.code
    except MeetStreamError as error:
        complain(clean(error, 1000))
        code = code_of(error)
    except OSError as error:
        # Network errors of the clients are MeetStreamErrors.
        silence(sys.stdout)
        complain(f"the results can't be written: {os.strerror(error.errno or 0)}")
        code = ExitCode.NOT_OK
    except (Interrupted, KeyboardInterrupt):
        say("interrupted")
        code = ExitCode.INTERRUPTED
    raise typer.Exit(code)


class _StoreWarning(logging.Handler):
    """Says that the commands of this user don't share their pace, unless the whole log is shown anyway."""

    def emit(self, record: logging.LogRecord) -> None:
        handlers = logging.getLogger("meetstream_async").handlers
        if vars(record).get("meetstream_event") == "pace_store" and not any(
            isinstance(handler, logging.StreamHandler) for handler in handlers
        ):
            say(("warning:", "yellow"), f" {clean(record.getMessage())}")


_STORE_WARNING = _StoreWarning(logging.WARNING)


def complain(text: str) -> None:
    """Print an error on one line."""
    say(("error:", "bold red"), f" {text}")


def run_async(
    work: Callable[[asyncio.Event], Awaitable[T]], *, on_stop: Callable[[], None] | None = None
) -> T:
    """Run ``work`` with an event that the first Ctrl-C or SIGTERM sets; the second one cancels it.

    ``on_stop`` is called for the first one; without it, the first one cancels. Raises Interrupted if the
    work was cancelled.
    """
    try:
        with rarely_collecting():
            return asyncio.run(_supervised(work, on_stop))
    finally:
        # Closing the loop has removed its signal handlers.
        _handle_stop_signals()


async def _supervised(work: Callable[[asyncio.Event], Awaitable[T]], on_stop: Callable[[], None] | None) -> T:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    task: asyncio.Future[T] | None = None

    def interrupted() -> None:
        if on_stop is not None and not stop.is_set():
            on_stop()
            stop.set()
        elif task is not None:
            task.cancel()

    for number in (signal.SIGINT, *_stop_signals()):
        # Windows does not support this; there the interpreter's own Ctrl-C handling cancels the task.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, interrupted)
    # Only now: an eager task takes its first step while it is created.
    task = asyncio.ensure_future(work(stop))
    try:
        return await task
    except asyncio.CancelledError:
        with contextlib.suppress(asyncio.CancelledError):
            await end(task)
    raise Interrupted


def _handle_stop_signals() -> None:
    for number in _stop_signals():
        signal.signal(number, _interrupt)


def _stop_signals() -> list[signal.Signals]:
    # Signals that nohup made the process ignore stay ignored.
    return [number for number in _STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
