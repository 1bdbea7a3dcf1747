"""What has to hold of every run: whether its report is true, and what it may do on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from meetstream_async import MeetStreamError, OutcomeStatus

from .histories import MEETINGS, TYPED
from .honest import all_outcomes, asked_for, honest, selecting
from .run import Broken, Played
from .undo import check_undo


def check(played: Played) -> list[Broken]:
    """Every invariant that does not hold, the most serious first."""
    if played.history.door == "undo":
        return check_undo(played)
    found = [*honest(played), *(Broken(name, text) for name, text in played.ledger.troubles)]
    found += [*_ends(played), *_bounds(played), *_outcomes(played), *_interventions(played)]
    return found


# --- every run ends ------------------------------------------------------------------------------------


def _ends(played: Played) -> Iterator[Broken]:
    if played.problem is not None:
        yield Broken("ends", str(played.problem))
        return
    for text in played.left:
        yield Broken("left", f"{text} is left")
    for text in played.complaints:
        yield Broken("warning", text)
    error = played.ending.error
    if error is not None and not isinstance(error, MeetStreamError):
        yield Broken("crash", f"{type(error).__name__}: {error}")


def _bounds(played: Played) -> Iterator[Broken]:
    history = played.history
    limit = 5 if history.door == "meeting" else history.options.get("max_concurrency", 5)
    worst = max((request.in_flight for request in played.ledger.requests), default=0)
    if worst > limit:
        yield Broken("in-flight", f"{worst} requests in flight, at most {limit} allowed")
    attempts = history.policy.get("max_attempts", 4)
    lives = Counter(event for life in played.server.account.lives for event in life.spec.events[:1])
    counts = Counter(request.target for request in played.ledger.deletes() if request.status != 429)
    for target, count in counts.items():
        # Each try is a call; an outage is probed some more times by one of those that met it.
        most = attempts * (12 + 4 * lives.get(target, 1))
        if count > most:
            yield Broken("repeats", f"{count} DELETEs of {target}, more than {most}")


# --- outcomes ------------------------------------------------------------------------------------------


def _outcomes(played: Played) -> Iterator[Broken]:
    report = played.ending.report
    if report is None:
        return
    outcomes = all_outcomes(played)
    yield from _one_each(played, outcomes)
    counted = Counter(str(outcome.status) for outcome in outcomes)
    if {name: count for name, count in report.counts.items() if count} != dict(counted):
        yield Broken("counts", f"counts {report.counts} of outcomes {dict(counted)}")
    heard = Counter(_name(outcome) for outcome in played.ending.heard)
    whole = not (played.ending.cancelled or report.reason)
    if whole and heard != Counter(_name(outcome) for outcome in outcomes):
        yield Broken("heard", "on_outcome did not hear each outcome once")
    for name, count in heard.items():
        if count > 1:
            yield Broken("heard", f"on_outcome heard {name} {count} times")
    for outcome in outcomes:
        yield from _plain_truth(played, outcome)


def _name(outcome: Any) -> str:
    # Of bots without an event, another one may have joined the first.
    return str(outcome.event_id or outcome.bot_ids[:1])


def _one_each(played: Played, outcomes: list[Any]) -> Iterator[Broken]:
    events = Counter(outcome.event_id for outcome in outcomes if outcome.event_id is not None)
    bots = Counter(bot for outcome in outcomes for bot in set(outcome.bot_ids))
    for name, count in (events + bots).items():
        if count > 1:
            yield Broken("one-outcome", f"{count} outcomes of {name}")
    if not played.ending.report.complete or played.ending.cancelled:
        return
    if played.history.door in TYPED:
        for event_id in played.history.targets:
            if event_id not in events:
                yield Broken("one-outcome", f"no outcome of {event_id}")
        return
    for shown in selecting(played):
        for life in shown.lives:
            if asked_for(played, life) and life.spec.id not in bots:
                listed = played.server.account.listed_id(life.spec)
                kind = "one-outcome/late-row" if listed in events else "one-outcome"
                yield Broken(kind, f"no outcome of {life}")


def _plain_truth(played: Played, outcome: Any) -> Iterator[Broken]:
    """``failed``: nothing took effect. ``not_attempted`` and ``skipped``: nothing was sent."""
    names = {outcome.event_id, *outcome.bot_ids}
    about = [request for request in played.ledger.deletes() if request.target in names]
    if outcome.status is OutcomeStatus.FAILED:
        for request in about:
            if request.taken:
                yield Broken(
                    "failed-took-effect",
                    f"{_name(outcome)} is failed, but request {request.number} took {request.taken[0]}",
                )
                return
    # Occurrences before the date are skipped, although the series that they belong to is not.
    kept = outcome.status is OutcomeStatus.SKIPPED and "from_date" in played.history.options
    if outcome.status in (OutcomeStatus.NOT_ATTEMPTED, OutcomeStatus.SKIPPED) and not kept:
        for request in about:
            yield Broken(
                "sent-anyway", f"{_name(outcome)} is {outcome.status}, but request {request.number} was sent"
            )
            return


# --- what the caller does -------------------------------------------------------------------------------


def _interventions(played: Played) -> Iterator[Broken]:
    ending, requests = played.ending, played.ledger.requests
    if played.problem is not None:
        return
    for request in requests[ending.requests :]:
        yield Broken("runs-on", f"request {request.number} was sent after the run had come back")
    if ending.stopped_at is None or played.history.door in MEETINGS:
        return
    # What had begun may still have been waiting for its connection.
    begun = ending.stopped_at + 0.02 + played.history.lateness
    if any(spell.kind in ("refused", "unreachable") for spell in played.history.spells):
        return
    # And been held back there by a wait that was told meanwhile; it leaves when that is over.
    waits = [one.told_until for one in requests if one.delivered_at is not None and one.delivered_at <= begun]
    # A 429 that tells no wait is followed by a pause of the client's own choice: until the next request.
    untold = [
        one.delivered_at
        for one in requests
        if one.status == 429 and one.told_until is None and one.delivered_at is not None
    ]
    for paused_at in untold:
        if paused_at <= begun:
            waits.append(min((one.at for one in requests if one.at > paused_at + 0.1), default=None))
    begun += max(until - ending.stopped_at for until in (ending.stopped_at, *waits) if until is not None)
    known = {request.target for request in requests if request.at <= begun}
    known |= {event for target in known for event in _event_of(played, target)}
    # The pace lets those that were held back start one after the other.
    held_back = played.history.options.get("max_concurrency", 5) if any(waits) else 0
    late: set[str] = set()
    for request in requests:
        new = request.route in ("event", "bot") and request.target not in known
        # Bots of an event that was under way, by their own ids: that is no new target.
        if new and not _event_of(played, request.target) & known:
            late.add(request.target)
            if len(late) > held_back:
                yield Broken(
                    "after-stop", f"request {request.number} begins with {request.target} after stop"
                )
                return


def _event_of(played: Played, bot_id: str) -> set[str]:
    """The ids under which the event of a bot may have been asked for."""
    account = played.server.account
    specs = [bot for bot in played.history.bots if bot.id == bot_id]
    names = {name for spec in specs for name in (*spec.events, account.listed_id(spec))}
    return {name for name in names if name is not None}
