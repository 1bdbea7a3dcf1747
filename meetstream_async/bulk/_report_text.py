"""A report in a few words, and as a table for notebooks. Without links, attributes and secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .statuses import OutcomeStatus

_LONGEST = 160
"""Characters of a reason that a repr shows."""
_ROWS = 20
"""Outcomes that a notebook shows."""


def plain(counts: Mapping[str, int]) -> dict[str, int]:
    """With plain strings as keys: encoders such as orjson's and YAML's refuse members of an enum."""
    return {str(status): count for status, count in counts.items()}


def tally(counts: Mapping[str, int], still_listed: int) -> str:
    """The counts that are not zero: ``10 unscheduled, 1 skipped``."""
    found = [f"{count} {status.replace('_', ' ')}" for status, count in counts.items() if count]
    if still_listed:
        found.append(f"{still_listed} still listed")
    return ", ".join(found) or "no targets"


def sentence(report: Any) -> str:
    """The verdict on one line."""
    verdict = "ok" if report.ok else "not ok"
    reason = f": {report.reason}" if report.reason else ""
    return f"{verdict}{reason} ({tally(report.counts, len(report.still_listed))}; {report.elapsed:.1f} s)"


def short(report: Any) -> str:
    """The repr: two lines of a terminal at most, however many outcomes there are."""
    reason = report.reason or ""
    cut = f"{reason[: _LONGEST - 1]}…" if len(reason) > _LONGEST else reason
    verdict = "ok" if report.ok else "not ok"
    more = "" if report.complete else ", not complete"
    told = f"; reason={cut!r}" if cut else ""
    return f"<BulkReport {verdict}{more}: {tally(report.counts, len(report.still_listed))}{told}>"


def table(report: Any) -> str:
    """The verdict and the outcomes as HTML: those that are not done first. All text is escaped."""
    # Here, because importing it takes 1 % of the package's import.
    from html import escape

    done = {status.value for status in OutcomeStatus if not status.is_undone} - {"skipped", "not_restorable"}
    outcomes: Sequence[dict[str, Any]] = [one.to_dict() for one in report.outcomes]
    outcomes = sorted(outcomes, key=lambda one: one["status"] in done)
    rows = "".join(_row(one, escape) for one in outcomes[:_ROWS])
    more = f"<p>and {len(outcomes) - _ROWS} more outcomes</p>" if len(outcomes) > _ROWS else ""
    head = "<tr><th>event or bot</th><th>status</th><th>reason</th></tr>"
    body = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>{more}" if rows else ""
    return f"<div><p><b>{escape(sentence(report))}</b></p>{body}</div>"


def _row(outcome: Mapping[str, Any], escape: Callable[[str], str]) -> str:
    if "calendar_id" in outcome:
        name = f"{outcome['calendar_id']}/{outcome['event_id']}"
    else:
        name = outcome.get("bot_id") or outcome["event_id"] or " ".join(outcome["bot_ids"])
    cells = (name, outcome["status"].replace("_", " "), outcome["reason"] or "")
    return f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>"
