"""The report of a run as a file of JSON lines, each written as it happens, so that a crash loses nothing.

The first line describes the run, then follow the outcomes, and the last line is the summary. The file
contains no meeting links and no bot attributes.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ... import BulkReport
from ...preview import name_of, outcome_line, run_line, summary_line
from ..exit_codes import Refused
from ..terminal.output import clean


class Journal:
    """A report file that was created by this process; no other process writes to it."""

    def __init__(self, path: Path) -> None:
        """Create the file. Raises Refused if that fails, or if the file exists."""
        self.path = path
        self.problem: str | None = None
        """Why nothing more can be written, if so."""
        self.begun: bool = False
        self._statuses: dict[str, str] = {}
        self._size = 0
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_CLOEXEC", 0)
        try:
            self._file = os.open(path, flags, 0o600)
        except FileExistsError:
            raise Refused(
                f"the report {clean(path)} already exists and is not overwritten: choose another name; "
                "nothing was started"
            ) from None
        except (OSError, ValueError) as error:
            raise self._unwritable(error) from None

    def begin(self, **facts: Any) -> None:
        """Write the first line. Raises Refused if that fails."""
        self._write(run_line(**facts))
        if self.problem is not None:
            problem = f"can't be written: {self.problem}"
            raise Refused(f"the report {clean(self.path)} {problem}; nothing was started")
        self.begun = True

    def record(self, outcome: dict[str, Any]) -> bool:
        """Write one outcome. Returns False if that fails."""
        self._write(outcome_line(outcome))
        if self.problem is None:
            self._statuses[name_of(outcome)] = outcome["status"]
        return self.problem is None

    def end(self, report: BulkReport[Any] | None, **facts: Any) -> None:
        """Write the summary, which is final, including each outcome that differs from its earlier line."""
        # If the disk was full, there may be room by now.
        problem, self.problem = self.problem, None
        self._write(summary_line(report, self._statuses, **facts, lost=problem))
        with contextlib.suppress(OSError):
            os.fsync(self._file)
        self.problem = problem or self.problem

    def missing(self, report: BulkReport[Any]) -> list[str]:
        """The outcomes that are missing in the file, each in a few words."""
        outcomes = [outcome.to_dict() for outcome in report.outcomes]
        return [
            f"{outcome['status']} {name_of(outcome)}"
            for outcome in outcomes
            if name_of(outcome) not in self._statuses
        ]

    def close(self) -> None:
        """Close the file, and remove it if no run was started."""
        with contextlib.suppress(OSError):
            os.close(self._file)
        if not self.begun:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _write(self, document: dict[str, Any]) -> None:
        if self.problem is not None:
            return
        line = memoryview(json.dumps(document).encode() + b"\n")
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError as error:
            self.problem = os.strerror(error.errno or 0)
            # Remove the partial line, which would corrupt the next one.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
                os.lseek(self._file, self._size, os.SEEK_SET)
        else:
            self._size = os.lseek(self._file, 0, os.SEEK_CUR)

    def _unwritable(self, error: Exception) -> Refused:
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else clean(error)
        return Refused(f"the report {clean(self.path)} can't be created: {why}; nothing was started")


@contextlib.contextmanager
def opened(path: Path | None) -> Iterator[Journal | None]:
    """The journal at that path, or None without a path. Raises Refused before anything else happens."""
    if path is None:
        yield None
        return
    journal = Journal(path)
    try:
        yield journal
    finally:
        journal.close()
