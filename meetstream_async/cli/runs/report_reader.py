"""Read what an earlier run left undone from its report file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...preview import FORMAT, Leftovers, leftovers_of
from ..exit_codes import Refused
from ..inputs.files import read_text
from ..terminal.output import clean

_MOST_BYTES = 256 * 2**20
"""More than the report of a million events takes."""


def read_leftovers(path: Path, *, api: str, base_url: str) -> Leftovers:
    """What the report leaves to do. Raises Refused if it is not a report, or from a run on another host.

    Of an undo's report: the bots that it has brought back, which is what can be unscheduled of it.
    """
    documents = read_report(path)
    first = documents[0]
    try:
        if first["api"] != api:
            command = clean(first["command"])
            raise Refused(f"{clean(path)} is the report of {command}: retry it with that command")
        check_host(path, first, base_url)
        return leftovers_of(documents)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise damaged(path) from None


def check_host(path: Path, first: Mapping[str, Any], base_url: str) -> None:
    """Raises Refused for the report of a run on another host than this one would go to."""
    if first["base_url"] != base_url:
        there, here = clean(first["base_url"]), clean(base_url)
        raise Refused(
            f"{clean(path)} is the report of a run at {there}, but this one would go to {here}; "
            "nothing was sent"
        )


def damaged(path: Path) -> Refused:
    """For a report with lines that are not of the expected form."""
    return Refused(f"{clean(path)} is damaged: one of its lines was not written by --report")


def read_report(path: Path) -> list[dict[str, Any]]:
    """The lines of a report. Raises Refused for anything else."""
    documents = _documents(path)
    if not documents or documents[0].get("type") != "run" or documents[0].get("format") != FORMAT:
        raise Refused(f"{clean(path)} is not a report written by this version of --report, or was cut off")
    return documents


def _documents(path: Path) -> list[dict[str, Any]]:
    documents = []
    lines = read_text(str(path), most=_MOST_BYTES, consequence="this is not a report").split("\n")
    # After the last line break there is nothing, or a line that was cut off by a crash.
    for number, line in enumerate(lines[:-1], 1):
        try:
            document = json.loads(line)
        except ValueError:
            raise Refused(f"{clean(path)}, line {number}: not JSON, so this is not a report") from None
        except RecursionError:
            raise Refused(
                f"{clean(path)}, line {number}: nested too deeply, so this is not a report"
            ) from None
        if not isinstance(document, dict):
            raise Refused(f"{clean(path)}, line {number}: not an object, so this is not a report")
        documents.append(document)
    return documents
