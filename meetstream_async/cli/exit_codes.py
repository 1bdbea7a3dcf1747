"""How a command ends: exit codes, and the exceptions that lead to them."""

from __future__ import annotations

from enum import IntEnum

from .. import ConfigurationError, MeetStreamError


class ExitCode(IntEnum):
    """What the shell is told."""

    OK = 0
    """All that was asked for holds."""
    NOT_OK = 1
    """Something failed, is unknown, is still listed, or was not seen whole."""
    USAGE = 2
    """Wrong use or configuration; consent refused."""
    DENIED = 3
    """The API rejects the key."""
    INTERRUPTED = 130


class Interrupted(Exception):
    """A signal ended the work."""


class Refused(Exception):
    """The command will not go on; the text says why."""


class Failed(Exception):
    """The command ended with this code; the text says why, and what to do."""

    def __init__(self, text: str, code: ExitCode) -> None:
        super().__init__(text)
        self.code = code


def code_of(error: MeetStreamError) -> ExitCode:
    """The exit code that an error stands for."""
    if isinstance(error, ConfigurationError):
        return ExitCode.USAGE
    if isinstance(error, ApiError) and error.key_rejected:
        return ExitCode.DENIED
    return ExitCode.NOT_OK
