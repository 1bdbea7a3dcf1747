"""What an error shows, for tests that look for a key in it."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from meetstream_async import ConfigurationError, MeetStreamError


async def caught(call: Awaitable[Any]) -> BaseException:
    """The raised exception. Its traceback starts in this frame, which holds no secret."""
    try:
        await call
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def shown_by(error: BaseException) -> list[str]:
    """Everything that an error could show to a log, a debugger or another process."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    texts = [str(error), repr(error), repr(vars(error)), *shown.format()]
    if isinstance(error, MeetStreamError):
        texts.append(pickle.dumps(error, 0).decode("latin-1"))
    return texts


def refused(make: Callable[[], object]) -> BaseException:
    try:
        make()
    except ConfigurationError as error:
        return error
    raise AssertionError("nothing was raised")
