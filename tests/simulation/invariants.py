"""What has to be true of every run, by what the account itself knows.

A report is held to what could be known. A bot counts as *asked for* when a listing that reached the run
showed it as scheduled (or the caller named its event), and it lies inside the selection. It may still
join without the report being wrong only where the API itself said otherwise: the last listing did not show
a bot that it should have shown, an answer claimed an effect that it did not have and no listing is asked
afterwards, or the last row of it that was seen put its join time later than the end of the run. A bot that
is scheduled anew after the last listing has not been shown, and so is not asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from meetstream_async import MeetStreamError, OutcomeStatus

from .account import Life
from .histories import MEETINGS, TYPED
from .ledger import Request, Shown
from .run import Broken, Played

_GONE = (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED)


def check(played: Played) -> list[Broken]:
    """Every invariant that does not hold, the most serious first."""
    found = [*_honest(played), *(Broken(name, text) for name, text in played.ledger.troubles)]
    found += [*_ends(played), *_bounds(played), *_outcomes(played), *_interventions(played)]
    return found


# --- the report is true --------------------------------------------------------------------------------


def _honest(played: Played) -> Iterator[Broken]:
    if played.history.options.get("dry_run"):
        yield from _dry(played)
        return
    if played.history.door in MEETINGS:
        yield from _honest_meetings(played)
        return
    report = played.ending.report
    if report is None:
        return
    joining = [life for life in will_join(played) if not excused(played, life)]
    if report.ok:
        for life in joining:
            yield Broken(f"false-ok/{why(played, life)}", f"ok, but {life} {_fate(life)}")
        yield from _typed_without_answer(played)
    if report.complete and played.history.door not in TYPED and played.ledger.shown:
        if played.ledger.shown[-1].truncated:
            yield Broken("complete-truncated", "complete, but the last listing said that there is more")
    if not report.ok:
        yield from _false_claims(played, joining)


def asked_for(played: Played, life: Life) -> bool:
    """Whether the run was to unschedule the bot, by what it could know."""
    history = played.history
    if history.door in TYPED:
        return any(event in history.targets for event in life.spec.events)
    options = history.options
    if options.get("where") and not life.spec.inside:
        return False
    if not life.spec.events and options.get("one_off_bots") == "skip":
        return False
    if "from_date" in options and life.joins < options["from_date"]:
        return False
    return any(life in shown.lives for shown in _selecting(played))


def _selecting(played: Played) -> list[Shown]:
    """The listings that say what is asked for."""
    return played.ledger.shown if played.history.door == "all" else played.ledger.shown[:1]


def will_join(played: Played) -> list[Life]:
    """The bots that were asked for and are in their meeting, or will be."""
    return [
        life
        for life in played.server.account.lives
        if (life.died is None or life.cause == "joined") and asked_for(played, life)
    ]


def excused(played: Played, life: Life) -> bool:
    """Whether the API itself said that the bot does not join."""
    if played.history.door in TYPED:
        return any(_says_gone(request) for request in _about(played, life))
    shown = played.ledger.shown
    last = shown[-1]
    verified = played.history.door == "all" or len(shown) > 1
    if verified and life in last.kept_back:
        return True
    if any(request.said == "lie" and request.at > last.at for request in _about(played, life)):
        return True
    return life.cause == "joined" and _seemed_ahead(played, life)


def _seemed_ahead(played: Played, life: Life) -> bool:
    """The last row of it, as far as its clock can be trusted, put its time behind the end of the run."""
    times = [shown.lives[life] for shown in played.ledger.shown if life in shown.lives]
    return bool(times) and times[-1] is not None and times[-1] - _skew(played) > played.ending.at


def _skew(played: Played) -> float:
    """How far the ``Date`` of an answer was off."""
    habits = played.history.habits
    jump = habits.date_jump[1] if habits.date_jump is not None else 0.0
    return abs(habits.date) + abs(jump) + 2.0


def _about(played: Played, life: Life) -> list[Request]:
    """The requests that were to unschedule the bot."""
    return [
        request
        for request in played.ledger.deletes()
        if request.target == life.spec.id or request.event_id in life.spec.events
    ]


def _says_gone(request: Request) -> bool:
    return request.delivered_at is not None and request.said in ("done", "gone", "lie")


def why(played: Played, life: Life) -> str:
    """What kind of case a bot is that joins although the report is ok."""
    about = _about(played, life)
    if played.ledger.shown and life.spec.events and not played.server.account.listed_id(life.spec):
        return "no-event-id"
    if any(request.said == "sign" for request in about):
        return "sign"
    if any(request.said == "odd" for request in about):
        return "odd"
    if any(request.taken and life not in request.taken for request in about):
        return "partly-joined" if life.cause == "joined" else "partly"
    return "joined" if life.cause == "joined" else "scheduled"


def _fate(life: Life) -> str:
    if life.cause == "joined":
        return f"has joined its meeting at {life.died:.1f} s"
    return f"will join its meeting at {life.joins:.1f} s"


def _typed_without_answer(played: Played) -> Iterator[Broken]:
    if played.history.door not in TYPED:
        return
    for event_id in dict.fromkeys(played.history.targets):
        about = [request for request in played.ledger.deletes() if request.target == event_id]
        if not any(_says_gone(request) for request in about):
            yield Broken("false-ok/unanswered", f"ok, but no answer said that {event_id} is unscheduled")


def _false_claims(played: Played, joining: list[Life]) -> Iterator[Broken]:
    report = played.ending.report
    outcomes = {bot: outcome for outcome in _all_outcomes(played) for bot in outcome.bot_ids}
    listed = {bot.bot_id for bot in report.still_listed}
    for life in joining:
        outcome = outcomes.get(life.spec.id)
        if outcome is not None and outcome.status in _GONE and life.spec.id not in listed:
            yield Broken(
                f"false-outcome/{why(played, life)}",
                f"{outcome.event_id or life} is {outcome.status}, but {life} {_fate(life)}",
            )


def _honest_meetings(played: Played) -> Iterator[Broken]:
    history, account = played.history, played.server.account
    for meeting in played.ending.meetings:
        event = account.event_of_meeting(meeting.event_id)
        if not meeting.ok:
            continue
        for life in account.lives:
            if event.id not in life.spec.events or not (life.died is None or life.cause == "joined"):
                continue
            about = _about(played, life)
            if history.knows_bot_event and any(_says_gone(request) for request in about):
                continue
            shown = played.ledger.shown
            if not history.knows_bot_event and shown:
                hidden = life in shown[-1].kept_back or life.born > shown[-1].at or not life.alive_at(shown[-1].at)
                if hidden or any(request.said in ("gone", "lie") for request in about):
                    continue
            kind = "ids" if event.listed != "provider" and not history.knows_bot_event else why(played, life)
            yield Broken(f"false-ok/meeting-{kind}", f"meeting {meeting.event_id} is ok, but {life} {_fate(life)}")


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
    counts = Counter(
        request.target
        for request in played.ledger.deletes()
        if request.status != 429
    )
    for target, count in counts.items():
        # Each try is a call; an outage is probed some more times by one of those that met it.
        most = attempts * (12 + 4 * lives.get(target, 1))
        if count > most:
            yield Broken("repeats", f"{count} DELETEs of {target}, more than {most}")


# --- outcomes ------------------------------------------------------------------------------------------


def _all_outcomes(played: Played) -> list[Any]:
    report = played.ending.report
    return [*played.ending.streamed, *(report.outcomes if report is not None else ())]


def _outcomes(played: Played) -> Iterator[Broken]:
    report = played.ending.report
    if report is None:
        return
    outcomes = _all_outcomes(played)
    yield from _one_each(played, outcomes)
    counted = Counter(str(outcome.status) for outcome in outcomes)
    if {name: count for name, count in report.counts.items() if count} != dict(counted):
        yield Broken("counts", f"counts {report.counts} of outcomes {dict(counted)}")
    heard = Counter(_name(outcome) for outcome in played.ending.heard)
    if heard != Counter(_name(outcome) for outcome in outcomes):
        if not (played.ending.cancelled or report.reason):
            yield Broken("heard", "on_outcome did not hear each outcome once")
    for name, count in heard.items():
        if count > 1:
            yield Broken("heard", f"on_outcome heard {name} {count} times")
    for outcome in outcomes:
        yield from _plain_truth(played, outcome)


def _name(outcome: Any) -> str:
    return str(outcome.event_id or outcome.bot_ids)


def _one_each(played: Played, outcomes: list[Any]) -> Iterator[Broken]:
    events = Counter(outcome.event_id for outcome in outcomes if outcome.event_id is not None)
    bots = Counter(bot for outcome in outcomes for bot in set(outcome.bot_ids))
    for name, count in (events + bots).items():
        if count > 1 and not (played.history.options.get("dedupe") is False):
            yield Broken("one-outcome", f"{count} outcomes of {name}")
    if not played.ending.report.complete or played.ending.cancelled:
        return
    if played.history.door in TYPED:
        for event_id in played.history.targets:
            if event_id not in events:
                yield Broken("one-outcome", f"no outcome of {event_id}")
        return
    for shown in _selecting(played):
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
                yield Broken("failed-took-effect", f"{_name(outcome)} is failed, but request {request.number} took {request.taken[0]}")
                return
    if outcome.status in (OutcomeStatus.NOT_ATTEMPTED, OutcomeStatus.SKIPPED):
        for request in about:
            yield Broken("sent-anyway", f"{_name(outcome)} is {outcome.status}, but request {request.number} was sent")
            return


def _dry(played: Played) -> Iterator[Broken]:
    for request in played.ledger.deletes():
        yield Broken("dry-run", f"request {request.number} in a dry run")


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
    known = {request.target for request in requests if request.at <= begun}
    for request in requests:
        if request.route in ("event", "bot") and request.target not in known:
            yield Broken("after-stop", f"request {request.number} begins with {request.target} after stop")
            return
