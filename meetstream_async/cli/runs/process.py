"""Run a command: event loop, signals, and exit code."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType
from typing import NoReturn, TypeVar

import typer
from attrs import define

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


@define
class _Late:
    """Signals that arrive when the work is over: the loop is closed and the report written all the same."""

    held: bool = False
    """They are noted, and end nothing."""
    noted: bool = False
    until_told: bool = False
    """Held until the report is written, too."""


_late = _Late()


@contextlib.contextmanager
def until_told() -> Iterator[None]:
    """Within it, a signal that arrives after ``run_async`` has run the work ends nothing: what became of the
    work is still to be written."""
    before = signal.getsignal(signal.SIGINT)
    _late.until_told = True
    try:
        yield
    finally:
        _late.held = _late.noted = _late.until_told = False
        signal.signal(signal.SIGINT, before)


def run_async(
    work: Callable[[asyncio.Event], Awaitable[T]], *, on_stop: Callable[[], None] | None = None
) -> T:
    """Run ``work`` with an event that the first Ctrl-C or SIGTERM sets; the second one cancels it.

    ``on_stop`` is called for the first one; without it, the first one cancels. Raises Interrupted if the
    work was cancelled.
    """
    before = signal.getsignal(signal.SIGINT)
    try:
        with rarely_collecting():
            return asyncio.run(_supervised(work, on_stop))
    finally:
        _handle_stop_signals()
        if not _late.until_told:
            signal.signal(signal.SIGINT, before)
            interrupted = _late.noted
            _late.held = _late.noted = False
            if interrupted:
                raise KeyboardInterrupt


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
    finally:
        _hold(loop)
    raise Interrupted


def _hold(loop: asyncio.AbstractEventLoop) -> None:
    """Only note signals from now on: closing the loop would set them to what ends the process at once."""
    _late.held = True
    for number in (signal.SIGINT, *_stop_signals()):
        with contextlib.suppress(NotImplementedError):
            loop.remove_signal_handler(number)
        signal.signal(number, _interrupt)


def _handle_stop_signals() -> None:
    for number in _stop_signals():
        signal.signal(number, _interrupt)


def _stop_signals() -> list[signal.Signals]:
    # Signals that nohup made the process ignore stay ignored.
    return [number for number in _STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def _interrupt(number: int, frame: FrameType | None) -> None:
    if not _late.held:
        raise KeyboardInterrupt
    _late.noted = True
