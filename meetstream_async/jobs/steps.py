"""The steps of one account's run: list the account, send a chunk of cancels, close.

Each step returns a JSON object that is stored as it is, and only then applied to the ledger. A step
interrupted by a crash runs again from the same ledger; what it had already sent is then found to be done.
"""

from __future__ import annotations

import asyncio

import attrs

from .. import (
    EventNotFoundError,
    MeetStreamClient,
    MeetStreamError,
    NotFoundError,
    OutcomeStatus,
    ServerError,
    TransportError,
    UnscheduleOutcome,
    UserNotFoundError,
    bulk_unschedule,
    outcome_to_dict,
)
from .ledger import AccountLedger, Json, LedgerEntry
from .options import JobOptions

_ENDED_HERE = "the account's run was told to stop"


async def unschedule(
    client: MeetStreamClient, options: JobOptions, chunk: list[LedgerEntry], stop: asyncio.Event
) -> Json:
    """Send the chunk's cancels. After ``stop`` is set nothing new is sent; the rest is left for later."""
    targets = [target for entry in chunk for target in entry.targets()]
    # The listing has already applied the filter.
    chosen = {**options.keywords(), "where": None, "whole_events": False}
    bulk = attrs.evolve(options.bulk(), stop=stop)
    report = await bulk_unschedule(client, targets, **chosen, **bulk.keywords())
    by_event = {entry.event_id: entry for entry in chunk if entry.event_id is not None}
    by_bot = {bot_id: entry for entry in chunk if entry.event_id is None for bot_id in entry.bots}
    final: list[Json] = []
    still_open: list[Json] = []
    unsent: list[str] = []
    reason = None
    for outcome in report.outcomes:
        entry = by_bot[outcome.bot_ids[0]] if outcome.event_id is None else by_event[outcome.event_id]
        if outcome.status is OutcomeStatus.NOT_ATTEMPTED:
            reason = outcome.reason
            unsent.append(entry.key)
        elif entry.status is None:
            # An event that got a further DELETE for its other rows has its outcome already.
            (still_open if is_open(outcome) else final).append(_stored(entry, outcome))
    stopped = None
    if not report.complete and not stop.is_set():
        stopped = reason or report.reason or _ENDED_HERE
    return {
        "step": "unschedule",
        "outcomes": final,
        "open": still_open,
        "unsent": unsent,
        "stopped": stopped,
    }


def close(ledger: AccountLedger) -> Json:
    """The outcomes that are missing when the run ends."""
    return {"step": "close", "outcomes": ledger.rest()}


def is_open(outcome: UnscheduleOutcome) -> bool:
    """Whether the outcome may still change: it is unknown, or failed only because the server was down.

    A bot that was listed but is not found may have been deleted by a worker before it died.
    """
    if outcome.status is OutcomeStatus.UNKNOWN:
        return True
    if outcome.status is not OutcomeStatus.FAILED:
        return False
    if isinstance(outcome.error, TransportError):
        return not outcome.error.permanent
    return isinstance(outcome.error, ServerError) or is_missing_bot(outcome)


def is_missing_bot(outcome: UnscheduleOutcome) -> bool:
    """Whether a listed bot was not found when it was to be deleted by its own id."""
    return (
        bool(outcome.bot_ids)
        and isinstance(outcome.error, NotFoundError)
        and not isinstance(outcome.error, EventNotFoundError | UserNotFoundError)
    )


def _stored(entry: LedgerEntry, outcome: UnscheduleOutcome) -> Json:
    stored = outcome_to_dict(attrs.evolve(outcome, bot_ids=tuple(entry.bots)))
    if entry.open is not None:
        stored["attempts"] += entry.open["attempts"]
        stored["elapsed"] += entry.open["elapsed"]
    return {**stored, "missing": True} if is_missing_bot(outcome) else stored


def describe(error: MeetStreamError) -> str:
    """Class and text of an error."""
    return f"{type(error).__name__}: {error}"


def settled(entry: LedgerEntry, whole: bool) -> Json:
    """The final outcome of an open event that is no longer listed."""
    outcome = entry.open
    assert outcome is not None
    if whole and entry.lies_ahead():
        if outcome.get("missing"):
            reason = "listed before, but no longer found or listed"
            return {**outcome, "status": OutcomeStatus.ALREADY_UNSCHEDULED, "reason": reason, "error": None}
        if outcome["status"] == OutcomeStatus.UNKNOWN:
            reason = "inferred: no longer listed"
            return {
                **outcome,
                "status": OutcomeStatus.UNSCHEDULED,
                "inferred": True,
                "reason": reason,
                "error": None,
            }
    if outcome.get("missing"):
        return {**outcome, "status": OutcomeStatus.UNKNOWN, "reason": "may have joined"}
    return outcome
