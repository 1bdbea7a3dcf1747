"""The demo: a bulk run, and meetings with their bots, checked against the simulator's own records."""

from __future__ import annotations

from collections import Counter

from rich.text import Text

from ... import (
    BulkReport,
    MeetBitClient,
    MeetStreamClient,
    OutcomeStatus,
    UnscheduleOutcome,
    cancel_meetings,
    unschedule_all,
)
from ...preview import Consent, OneOffBots, make_preview
from ...simulator import Ledger, Simulator
from ...simulator.settings import ForeignId, Ids
from ..exit_codes import ExitCode
from ..runs.bulk_run import show_report
from ..runs.process import run_async
from ..terminal.output import say, show
from ..terminal.preview import show_preview
from ..terminal.progress import Board
from ..terminal.tables import bots_table, meetings_table

_GONE = (OutcomeStatus.UNSCHEDULED, OutcomeStatus.ALREADY_UNSCHEDULED)
_ONE_OFF_BOTS: OneOffBots = "delete"


def demo(ids: Ids = "event") -> ExitCode:
    """List, preview, unschedule and check, all within this process."""
    return run_async(lambda _: _demo(ids))


async def _demo(ids: Ids) -> ExitCode:
    code = await cancel_an_account(ids)
    if code is ExitCode.OK:
        code = await cancel_three_meetings(ids)
    if code is ExitCode.OK:
        say("\nNext, with your own key in MEETSTREAM_API_KEY (none of them changes anything):")
        say("  meetstream-async doctor\n  meetstream-async list\n  meetstream-async unschedule-all --dry-run")
        say("or without one, an account to play with: meetstream-async simulate")
    return code


async def cancel_an_account(ids: Ids = "event", foreign_id: ForeignId = "event_not_found") -> ExitCode:
    """Part one: every bot of an account. ``ids``, ``foreign_id``: as for the simulator."""
    async with Simulator(
        250, 7, series=0.1, one_off=0.02, error_rate=0.05, latency=0.04, ids=ids, foreign_id=foreign_id
    ) as simulator:
        # Pass both: the demo must never use the environment, which may contain a real key.
        async with MeetStreamClient(simulator.api_key, base_url=simulator.base_url, timeout=10.0) as client:
            report = await _run(client, simulator)
        inferred = sum(one.inferred for one in report.outcomes)
        remaining = len(simulator.ledger.scheduled_bots)
        problems = disagreements(report, simulator.ledger)
        hit = [record for record in simulator.requests if record.trouble is not None]
        # A listing does nothing, so there is nothing to infer from one that was lost.
        lost = sum(one.trouble.applies for one in hit if one.method == "DELETE" and one.trouble)
        _step("4. The report, compared with the simulator's own records")
        say(
            f"It saw {len(simulator.requests)} requests, never more than {simulator.max_in_flight} at once, "
            f"and answered {len(hit)} of them with 500 or 503,\n"
            f"{lost} of those after having cancelled what was asked. "
            f"The client found that out by retrying: it reports {inferred} as inferred."
        )
    for problem in problems:
        show(Text(f"disagreement: {problem}", "red"), results=True)
    if problems or not report.ok:
        show(Text("verdict: the report is NOT correct", "bold red"), results=True)
        return ExitCode.NOT_OK
    show(
        Text(
            f"verdict: the report is correct. {report.counts[OutcomeStatus.UNSCHEDULED]} are reported as "
            f"unscheduled, the simulator's records confirm each, and {remaining} bots are left.",
            "bold green",
        ),
        results=True,
    )
    return ExitCode.OK


async def cancel_three_meetings(ids: Ids = "none") -> ExitCode:
    """Part two: calendar events in MeetBit, and their bots in MeetStream. ``ids``: as for the simulator."""
    _step("5. Three meetings: the calendar event in MeetBit, then its bot in MeetStream")
    # Whatever the listing shows, a meeting's bots are found by the calendar provider's id of its event.
    async with Simulator(12, 3, series=0, one_off=0, several=0, ids=ids) as simulator:
        async with (
            MeetBitClient(
                access_key_id=simulator.access_key_id,
                access_key_secret=simulator.access_key_secret,
                base_url=simulator.meetbit_base_url,
            ) as meetbit,
            MeetStreamClient(simulator.api_key, base_url=simulator.base_url) as meetstream,
        ):
            targets = [(event.calendar_id, event.event_id) for event in simulator.calendar_events[:3]]
            meetings = await cancel_meetings(meetbit, meetstream, targets, "The room is flooded.")
        show(meetings_table(meetings), results=True)
        ledger = simulator.ledger
        cancelled = {event_id for _, event_id in targets}
        gone = {ledger.calendar_events[event_id].provider_event_id for event_id in cancelled}
        true = (
            all(meeting.ok for meeting in meetings)
            and ledger.cancelled_events == cancelled
            and {ledger.events[event_id].provider_event_id for event_id in ledger.unscheduled_events} == gone
        )
    if not true:
        show(Text("verdict: the simulator's records do NOT agree", "bold red"), results=True)
        return ExitCode.NOT_OK
    text = (
        "verdict: the records agree: these three are cancelled, their bots are gone, the other nine remain."
    )
    show(Text(text, "bold green"), results=True)
    return ExitCode.OK


async def _run(client: MeetStreamClient, simulator: Simulator) -> BulkReport[UnscheduleOutcome]:
    bots = len(simulator.ledger.bots)
    say(
        f"A simulated account with {bots} bots, on this machine. 5 % of its responses are errors, as on bad "
        "days.\nNo key is needed, and nothing leaves this machine."
    )
    _step("1. The listing: at most 100 bots, since the API shows no more (the soonest 3 here)")
    preview = await make_preview(client, "the simulator", _ONE_OFF_BOTS)
    show(bots_table(preview.bots[:3]))
    _step("2. The preview: what a run would do")
    show_preview(preview)
    _step("3. The run: unschedule, list again for the remaining bots, and verify")
    say(
        "One-off bots have no calendar event; this run deletes them by their own ids (--one-off-bots delete)."
    )
    one_off = sum(bot.event_id is None for bot in simulator.ledger.bots.values())
    # Only a simulator knows how many bots there are beyond the first 100.
    board = Board(len(simulator.ledger.events) + one_off)
    async with board:
        report = await unschedule_all(
            client, where=Consent(preview), one_off_bots=_ONE_OFF_BOTS, on_outcome=board.record
        )
    show_report(report, one_off_bots=_ONE_OFF_BOTS)
    return report


def disagreements(report: BulkReport[UnscheduleOutcome], ledger: Ledger) -> list[str]:
    """Differences between the report and the simulator's records, whichever ids the listing showed."""
    own = {event.provider_event_id: event_id for event_id, event in ledger.events.items()}
    problems, gone, named = [], set(), Counter[str]()
    for one in report.outcomes:
        event_id = one.event_id if one.event_id in ledger.events else own.get(one.event_id)
        bots = set(one.bot_ids)
        if event_id is not None and one.method != "bot":
            bots |= set(ledger.events[event_id].bot_ids)
        named.update(bots)
        if one.status in _GONE:
            gone |= bots
            if bots & ledger.scheduled_bots:
                name = one.event_id or f"bot {one.bot_ids[0]}"
                problems.append(f"{name} is reported as gone and is scheduled")
    problems += [f"bot {name} is gone and is not reported so" for name in ledger.removed_bots - gone]
    if set(named) != set(ledger.bots) or max(named.values(), default=1) > 1:
        problems.append("the report does not name each bot once")
    if sum(report.counts.values()) != len(report.outcomes):
        problems.append("the counts of the report do not add up")
    return problems


def _step(title: str) -> None:
    say("")
    say((title, "bold"))
