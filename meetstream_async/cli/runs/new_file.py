"""A file of JSON lines that a run makes: its report, or the snapshot beside it."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from ..exit_codes import Refused
from ..terminal.output import clean


class NewFile:
    """A file that was created by this process; no other process writes to it."""

    def __init__(self, path: Path, what: str, *, instead: str) -> None:
        """Create the file, which only its owner may read. Raises Refused if that fails, or if it exists.

        ``what``: what it is called. ``instead``: what to do where it exists.
        """
        self.path = path
        self.problem: str | None = None
        """Why nothing more can be written, if so."""
        self.begun: bool = False
        """A run was started, so the file stays."""
        self._what = f"the {what} {clean(path)}"
        self._size = 0
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_CLOEXEC", 0)
        try:
            self._file = os.open(path, flags, 0o600)
        except FileExistsError:
            raise Refused(
                f"{self._what} already exists and is not overwritten: {instead}; nothing was started"
            ) from None
        except (OSError, ValueError) as error:
            why = os.strerror(error.errno or 0) if isinstance(error, OSError) else clean(error)
            raise Refused(f"{self._what} can't be created: {why}; nothing was started") from None

    def close(self) -> None:
        """Close the file, and remove it if no run was started."""
        with contextlib.suppress(OSError):
            os.close(self._file)
        if not self.begun:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _sync(self) -> None:
        with contextlib.suppress(OSError):
            os.fsync(self._file)

    def _write(self, *documents: dict[str, Any]) -> None:
        if self.problem is not None:
            return
        data = memoryview(b"".join(json.dumps(document).encode() + b"\n" for document in documents))
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self.problem = os.strerror(error.errno or 0)
            # Remove the partial line, which would corrupt the next one.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
                os.lseek(self._file, self._size, os.SEEK_SET)
        else:
            self._size = os.lseek(self._file, 0, os.SEEK_CUR)
