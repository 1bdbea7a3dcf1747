"""The report of a run as a file of JSON lines, each written as it happens, so that a crash loses nothing.

The first line describes the run, then follow the outcomes, and the last line is the summary. The file
contains no meeting links and no bot attributes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ... import BulkReport
from ...preview import name_of, outcome_line, run_line, summary_line
from ..exit_codes import Refused
from .new_file import NewFile


class Journal(NewFile):
    """A report file."""

    def __init__(self, path: Path) -> None:
        """Create the file. Raises Refused if that fails, or if the file exists."""
        super().__init__(path, "report", instead="choose another name")
        self._statuses: dict[str, str] = {}

    def begin(self, **facts: Any) -> None:
        """Write the first line. Raises Refused if that fails."""
        self._write(run_line(**facts))
        if self.problem is not None:
            problem = f"can't be written: {self.problem}"
            raise Refused(f"{self._what} {problem}; nothing was started")
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
        self._sync()
        self.problem = problem or self.problem

    def missing(self, report: BulkReport[Any]) -> list[str]:
        """The outcomes that are missing in the file, each in a few words."""
        outcomes = [outcome.to_dict() for outcome in report.outcomes]
        return [
            f"{outcome['status']} {name_of(outcome)}"
            for outcome in outcomes
            if name_of(outcome) not in self._statuses
        ]


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
