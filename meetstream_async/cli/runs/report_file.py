"""The report of a run as a file: JSON lines, each written as it happens, so that a crash loses nothing.

The first line says what was asked of whom, then comes each outcome, and the last line is the summary. It
holds no meeting link and no attributes of a bot.
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
    """A report file that was made by this process, and is written by nobody else."""

    def __init__(self, path: Path) -> None:
        """Make the file. Raises Refused where that can't be done, or where there is one already."""
        self.path = path
        self.problem: str | None = None
        """Why nothing more can be written, if so."""
        self.begun = False
        self._statuses: dict[str, str] = {}
        self._size = 0
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_CLOEXEC", 0)
        try:
            self._file = os.open(path, flags, 0o600)
        except FileExistsError:
            raise Refused(
                f"the report {clean(path)} exists and is not overwritten: name another; nothing was started"
            ) from None
        except (OSError, ValueError) as error:
            raise self._unwritable(error) from None

    def begin(self, **facts: Any) -> None:
        """Write the first line. Raises Refused where the file takes none."""
        self._write(run_line(**facts))
        if self.problem is not None:
            problem = f"can't be written: {self.problem}"
            raise Refused(f"the report {clean(self.path)} {problem}; nothing was started")
        self.begun = True

    def hear(self, outcome: dict[str, Any]) -> bool:
        """Write one outcome. False where the file takes no more."""
        self._write(outcome_line(outcome))
        if self.problem is None:
            self._statuses[name_of(outcome)] = outcome["status"]
        return self.problem is None

    def end(self, report: BulkReport[Any] | None, **facts: Any) -> None:
        """Write the summary, which is the final word, with each outcome that was heard otherwise."""
        # Where the disk was full, there may be room by now.
        problem, self.problem = self.problem, None
        self._write(summary_line(report, self._statuses, **facts, lost=problem))
        with contextlib.suppress(OSError):
            os.fsync(self._file)
        self.problem = problem or self.problem

    def missing(self, report: BulkReport[Any]) -> list[str]:
        """The outcomes that the file does not hold, each in a few words."""
        outcomes = [outcome.to_dict() for outcome in report.outcomes]
        return [
            f"{outcome['status']} {name_of(outcome)}"
            for outcome in outcomes
            if name_of(outcome) not in self._statuses
        ]

    def close(self) -> None:
        """Close the file, and remove it where no run began."""
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
            # Half a line would spoil the one after it.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
                os.lseek(self._file, self._size, os.SEEK_SET)
        else:
            self._size = os.lseek(self._file, 0, os.SEEK_CUR)

    def _unwritable(self, error: Exception) -> Refused:
        why = os.strerror(error.errno or 0) if isinstance(error, OSError) else clean(error)
        return Refused(f"the report {clean(self.path)} can't be made: {why}; nothing was started")


@contextlib.contextmanager
def opened(path: Path | None) -> Iterator[Journal | None]:
    """The journal at that path, if one is wanted. Raises Refused before anything else happens."""
    if path is None:
        yield None
        return
    journal = Journal(path)
    try:
        yield journal
    finally:
        journal.close()
