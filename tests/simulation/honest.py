"""Whether a report is true, by what the account itself knows.

A report is held to what could be known. A bot counts as *asked for* when a listing that reached the run
showed it as scheduled (or the caller named its event), and it lies inside the selection. It may still
join without the report being wrong only where the API itself said otherwise: the last listing did not show
a bot that it should have shown, an answer claimed an effect that it did not have and no listing is asked
afterwards, or the last row of it that was seen put its join time later than the end of the run. A bot that
is scheduled anew after the last listing has not been shown, and so is not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meetstream_async import OutcomeStatus

from .account import Life
from .histories import MEETINGS, TYPED
from .ledger import Request, Shown
from .run import Broken, Played
from .server import CONNECTING

_GONE = (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED)


def honest(played: Played) -> Iterator[Broken]:
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
    listings = () if played.history.door in TYPED else played.ledger.shown
    if report.complete and listings and listings[-1].truncated and not _events_tell_the_rest(played):
        yield Broken("complete-truncated", "complete, but the last listing said that there is more")
    if not report.ok:
        yield from _false_claims(played, joining)


def _events_tell_the_rest(played: Played) -> bool:
    """Behind a full listing are the bots of the calendars' events, which can be read, and one-off bots."""
    served = played.history.habits.events_route == "there"
    return served and played.history.options.get("one_off_bots") == "skip"


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
    times = [shown.lives[life] for shown in selecting(played) if life in shown.lives]
    if "from_date" in options and times and (times[-1] is None or times[-1] < options["from_date"]):
        return False
    return bool(times)


def selecting(played: Played) -> list[Shown]:
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
    if any(_reads_as_done(played, request, life) for request in _about(played, life)):
        return True
    return life.cause == "joined" and _seemed_ahead(played, life)


def _reads_as_done(played: Played, request: Request, life: Life) -> bool:
    """Its answer says that the bot is gone, and no listing that was asked for afterwards says otherwise."""
    if request.delivered_at is None:
        return False
    if request.target == life.spec.id and any(one.spec.id == life.spec.id for one in request.taken):
        # The bot had joined, was scheduled again, and was deleted then: its own id names it alone.
        return True
    came_back = any(one.spec.id == life.spec.id for one in request.taken) and life.born >= request.at
    if request.said != "lie" and not came_back and not _took_unseen(played, request, life):
        return False
    # A listing that was under way with the request can't tell: it may be older than what the request did.
    # So for one that had begun, and still waited for its connection when the answer came.
    since = request.delivered_at + CONNECTING + played.history.lateness
    later = [shown for shown in played.ledger.shown if _began(played, shown) >= since]
    return not any(life in shown.lives for shown in later)


def _began(played: Played, shown: Shown) -> float:
    """When the call that brought a listing began: with the first of its attempts."""
    delivered = {one.request for one in played.ledger.shown}
    began = 0.0
    for request in played.ledger.requests:
        if request.route == "list" and request.number <= shown.request:
            began = began or request.at
            if request.number in delivered and request.number != shown.request:
                began = 0.0
    return began


def _took_unseen(played: Played, request: Request, life: Life) -> bool:
    """Its success was about as many bots as the event was known to have, but about others in part.

    The event had bots that no listing had shown with it: left out, scheduled since, or shown with another
    event. Its answer reads the same as if the known ones had been taken. A bot whose time had come by then is
    not excused: there the answer proves nothing.
    """
    if request.delivered_at is None or request.said != "done" or request.event_id is None:
        return False
    shown: dict[Life, float | None] = {}
    for listing in played.ledger.seen_before(request):
        shown.update(listing.lives)
    known = {one: joins for one, joins in shown.items() if one.spec.events[:1] == (request.event_id,)}
    joins = known.get(life)
    has_come = joins is not None and joins + _behind(played) <= request.delivered_at
    return life in known and not has_come and life not in request.taken and len(request.taken) >= len(known)


def _seemed_ahead(played: Played, life: Life) -> bool:
    """The last row of it put its time behind the end of the run, by the clock that answers told.

    Or behind two whole listings that did not show it any more: it had left them before its time, by all that
    anybody had told. (It had moved to an earlier time that no row showed, or the ``Date`` is behind.)
    """
    shown = played.ledger.shown
    with_it = [number for number, one in enumerate(shown) if life in one.lives]
    joins = shown[with_it[-1]].lives[life] if with_it else None
    if joins is None:
        return False
    later = [one.delivered_at for one in shown[with_it[-1] + 1 :] if not one.truncated]
    proved = later[1] if len(later) > 1 else played.ending.at
    return joins + _behind(played) > min(proved, played.ending.at)


def _behind(played: Played) -> float:
    """How far the ``Date`` of an answer was behind the server's own clock, at most."""
    habits = played.history.habits
    jump = habits.date_jump[1] if habits.date_jump is not None else 0.0
    return max(0.0, -habits.date, -habits.date - jump)


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
    outcomes = {bot: outcome for outcome in all_outcomes(played) for bot in outcome.bot_ids}
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
            # A bot that is listed under another event can't be known to be of this one, too.
            if life.spec.events[:1] != (event.id,) or not (life.died is None or life.cause == "joined"):
                continue
            about = _about(played, life)
            if history.knows_bot_event and any(_says_gone(request) for request in about):
                continue
            shown = played.ledger.shown
            if not history.knows_bot_event and shown:
                hidden = (
                    life in shown[-1].kept_back or life.born > shown[-1].at or not life.alive_at(shown[-1].at)
                )
                if hidden or _left_unseen(played, life) or any(one.said in ("gone", "lie") for one in about):
                    continue
                if any(_took_unseen(played, request, life) for request in about):
                    continue
            kind = "ids" if event.listed != "provider" and not history.knows_bot_event else why(played, life)
            yield Broken(
                f"false-ok/meeting-{kind}", f"meeting {meeting.event_id} is ok, but {life} {_fate(life)}"
            )


def _left_unseen(played: Played, life: Life) -> bool:
    """A full listing did not show it, and it had joined when the events were read: these show it no more."""
    last = played.ledger.shown[-1]
    read = [one.delivered_at for one in played.ledger.requests if one.route == "events"]
    return (
        last.truncated and life not in last.lives and not all(at is None or life.alive_at(at) for at in read)
    )


def all_outcomes(played: Played) -> list[Any]:
    """What a stream has handed out, and what the report holds."""
    report = played.ending.report
    return [*played.ending.streamed, *(report.outcomes if report is not None else ())]


def _dry(played: Played) -> Iterator[Broken]:
    for request in played.ledger.deletes():
        yield Broken("dry-run", f"request {request.number} in a dry run")
