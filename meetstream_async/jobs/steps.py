"""The steps of one account's run: a look at its listing, a chunk of cancels, and the end.

Each returns a JSON object that is stored as it is, and only then taken into the ledger. A step that a crash
cut off runs again from the same ledger; what it had already sent is then found done.
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
from .ledger import AccountLedger, Json, Known
from .options import JobOptions

_ENDED_HERE = "the account's run was told to stop"


async def unschedule(
    client: MeetStreamClient, options: JobOptions, chunk: list[Known], stop: asyncio.Event
) -> Json:
    """Send the chunk's cancels. Setting ``stop`` sends nothing new; what was not sent is left for later."""
    targets = [target for known in chunk for target in known.targets()]
    # The look has applied the filter already.
    chosen = {**options.keywords(), "where": None, "whole_events": False}
    bulk = attrs.evolve(options.bulk(), stop=stop)
    report = await bulk_unschedule(client, targets, **chosen, **bulk.keywords())
    by_event = {known.event_id: known for known in chunk if known.event_id is not None}
    by_bot = {bot_id: known for known in chunk if known.event_id is None for bot_id in known.bots}
    final: list[Json] = []
    still_open: list[Json] = []
    unsent: list[str] = []
    reason = None
    for outcome in report.outcomes:
        known = by_bot[outcome.bot_ids[0]] if outcome.event_id is None else by_event[outcome.event_id]
        if outcome.status is OutcomeStatus.NOT_ATTEMPTED:
            reason = outcome.reason
            unsent.append(known.key)
        elif known.status is None:
            # An event whose other rows get a further DELETE has its outcome already.
            (still_open if is_open(outcome) else final).append(_stored(known, outcome))
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
    """The outcomes that are still owed when the run is over."""
    return {"step": "close", "outcomes": ledger.rest()}


def is_open(outcome: UnscheduleOutcome) -> bool:
    """It may turn out otherwise: nobody knows, or there was only no server to do it.

    A bot that was listed and is not found may be one that a worker deleted before it died.
    """
    if outcome.status is OutcomeStatus.UNKNOWN:
        return True
    if outcome.status is not OutcomeStatus.FAILED:
        return False
    return isinstance(outcome.error, ServerError | TransportError) or is_missing_bot(outcome)


def is_missing_bot(outcome: UnscheduleOutcome) -> bool:
    """A bot that was listed and that the API does not find, where it was to be deleted by its own id."""
    return (
        bool(outcome.bot_ids)
        and isinstance(outcome.error, NotFoundError)
        and not isinstance(outcome.error, EventNotFoundError | UserNotFoundError)
    )


def _stored(known: Known, outcome: UnscheduleOutcome) -> Json:
    stored = outcome_to_dict(attrs.evolve(outcome, bot_ids=tuple(known.bots)))
    if known.open is not None:
        stored["attempts"] += known.open["attempts"]
        stored["elapsed"] += known.open["elapsed"]
    return {**stored, "missing": True} if is_missing_bot(outcome) else stored


def describe(error: MeetStreamError) -> str:
    """An error's class and text."""
    return f"{type(error).__name__}: {error}"


def settled(known: Known, whole: bool) -> Json:
    """The last word on an open outcome of an event that is not listed any more."""
    outcome = known.open
    assert outcome is not None
    if whole and known.lies_ahead():
        if outcome.get("missing"):
            reason = "listed before, then neither found nor listed any more"
            return {**outcome, "status": OutcomeStatus.ALREADY_UNSCHEDULED, "reason": reason, "error": None}
        if outcome["status"] == OutcomeStatus.UNKNOWN:
            reason = "inferred: not listed any more"
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
