"""What a test lets the program do before it starts, for ``before=`` of `program.start`.

It stands here, and not in the test's file: the process that starts programs has imported this one, and each
program would import that of the test, for a quarter of a second.
"""

from __future__ import annotations

import atexit
import resource
from collections.abc import Callable
from functools import partial
from typing import Any

from meetstream_async import MeetBitClient, MeetStreamClient, RetryPolicy
from meetstream_async.cli.terminal import progress
from meetstream_async.preview import Consent, NamedEvents


def waiting_for_bots(seconds: float) -> Callable[[], None]:
    """Bots that stay are waited for this long, in place of the program's 15 s."""
    return partial(_wait_for_bots, seconds)


def _wait_for_bots(seconds: float) -> None:
    for kind in (Consent, NamedEvents):
        defaults: Any = kind.carry_out.__kwdefaults__
        defaults["settle"] = seconds


def hasty() -> None:
    """A lost request is repeated within milliseconds, in place of the program's seconds."""
    for client in (MeetStreamClient, MeetBitClient):
        defaults: Any = client.__init__.__kwdefaults__
        defaults["retry"] = RetryPolicy(initial_wait=0.01, max_wait=0.05)


def talkative() -> None:
    """Half a second is what a plain line waits for, in place of the program's three."""
    progress._EVERY = 0.5


def small_files(most: int) -> Callable[[], None]:
    """A limit on the file size that acts like a full disk."""
    return partial(_fill_up, most)


def _fill_up(most: int) -> None:
    """The limit is lifted when the interpreter ends, for what measures coverage then."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    atexit.register(resource.setrlimit, resource.RLIMIT_FSIZE, (hard, hard))
