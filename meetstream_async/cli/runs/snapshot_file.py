"""The snapshot of a run, in a file of its own beside its report: what was known of the bots before.

It holds meeting links: only its owner may read it, it is never overwritten, and nothing of it is printed. The
first line describes the snapshot, each other line is a bot; a later line of a bot takes the place of an
earlier one.
"""

from __future__ import annotations

import contextlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ... import ConfigurationError, ScheduledBot, Snapshot, SnapshotBot
from ..exit_codes import Refused
from ..inputs.files import read_text
from ..terminal.output import clean, say
from .new_file import NewFile

_MOST_BYTES = 512 * 2**20


def beside(report: Path) -> Path:
    """Where the snapshot of the run with this report is."""
    return report.with_name(f"{report.name}.snapshot")


class SnapshotFile(NewFile):
    """A snapshot file."""

    def __init__(self, path: Path) -> None:
        """Create the file. Raises Refused if that fails, or if the file exists."""
        super().__init__(path, "snapshot", instead="choose another name for the report")
        self._known: dict[str, SnapshotBot] = {}

    def write(self, snapshot: Snapshot) -> bool:
        """Write a snapshot. False if that fails; the file is removed at the end then."""
        self._known = {bot.bot_id: bot for bot in snapshot}
        self._write(snapshot.head(), *(bot.to_dict() for bot in snapshot))
        self._sync()
        return self.problem is None

    def keep(self) -> None:
        """The run was agreed to, so the file stays."""
        self.begun: bool = self.problem is None

    def add(self, row: ScheduledBot) -> None:
        """Keep a bot that only a later listing shows, before anything is sent for it."""
        known = self._known.get(row.bot_id)
        if not self.begun or (known is not None and known.has_row):
            return
        entry = (known or SnapshotBot(bot_id=row.bot_id)).with_row(row)
        self._known[row.bot_id] = entry
        self._write(entry.to_dict())


@contextlib.contextmanager
def keeping(report: Path | None) -> Iterator[SnapshotFile | None]:
    """The snapshot file beside a report, or None without one. Raises Refused before anything else happens."""
    if report is None:
        yield None
        return
    kept = SnapshotFile(beside(report))
    try:
        yield kept
    finally:
        kept.close()


def read_snapshot(report: Path) -> Snapshot:
    """The snapshot beside a report. Raises Refused, and shows nothing of its content."""
    path = beside(report)
    if not path.exists():
        raise Refused(
            f"there is no snapshot {clean(path)} beside the report, so it is not known what its bots were: "
            "keep both files together; nothing was sent"
        )
    lines = read_text(str(path), most=_MOST_BYTES, consequence="this is not a snapshot").split("\n")
    documents = [_parsed(path, number, line) for number, line in enumerate(lines[:-1], 1)]
    if not documents:
        raise Refused(f"{clean(path)} is empty or cut off: this is not a snapshot; nothing was sent")
    bots = {str(document.get("bot_id")): document for document in documents[1:]}
    try:
        snapshot = Snapshot.from_dict({**documents[0], "bots": list(bots.values())})
    except ConfigurationError as error:
        raise Refused(f"{clean(path)} can't be used: {clean(error)}; nothing was sent") from None
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) and mode & 0o077:
        text = f" other users can read the snapshot {clean(path)}: chmod 600 {clean(path)}"
        say(("warning:", "yellow"), text)
    return snapshot


def _parsed(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Refused(f"{clean(path)}, line {number}: this is not a line of a snapshot; nothing was sent")
    return document
