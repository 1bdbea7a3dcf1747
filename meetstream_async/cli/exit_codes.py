"""Exit codes of the commands, and the exceptions that lead to them."""

from __future__ import annotations

from enum import IntEnum

from .. import (
    ApiError,
    ConfigurationError,
    MeetStreamError,
)


class ExitCode(IntEnum):
    """Exit code of a command."""

    OK = 0
    """Everything you asked for was done."""
    NOT_OK = 1
    """Something failed, is unknown, was left alone, is still listed or could not be seen."""
    USAGE = 2
    """Wrong usage or configuration, or not confirmed."""
    DENIED = 3
    """The API rejects the key, or the key lacks permission."""
    INTERRUPTED = 130


class Interrupted(Exception):
    """The work was ended by a signal."""


class Refused(Exception):
    """The command cannot proceed; the message says why."""


class Failed(Exception):
    """The command ended with this code; the message says why, and what to do."""

    def __init__(self, text: str, code: ExitCode) -> None:
        super().__init__(text)
        self.code = code


def code_of(error: MeetStreamError) -> ExitCode:
    """The exit code for an error."""
    if isinstance(error, ConfigurationError):
        return ExitCode.USAGE
    if isinstance(error, ApiError) and error.key_rejected:
        return ExitCode.DENIED
    return ExitCode.NOT_OK
