"""The library as its users type it. Checked by ``mypy --strict``, never run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, assert_type

import aiohttp
from fastapi import Depends, FastAPI

import meetstream_async
from meetstream_async import (
    ApiError,
    Attendee,
    BotDetail,
    BotFilter,
    BulkError,
    BulkReport,
    BulkRun,
    CalendarEvent,
    CancelledEvent,
    CancelOutcome,
    CheckStatus,
    CreatedBot,
    DeletedBot,
    Diagnosis,
    InvalidResponseError,
    JsonValue,
    MeetBitClient,
    MeetingCancellation,
    MeetStreamClient,
    MeetStreamError,
    MeetStreamEvent,
    MeetStreamEventPage,
    MovedBot,
    OnlineConference,
    OutcomeStatus,
    RejectedRow,
    RequestTimeoutError,
    RescheduleOutcome,
    RetryPolicy,
    ScheduledBot,
    ScheduledBotPage,
    ScheduledBotStream,
    ScheduleResult,
    SeenWebhooks,
    Snapshot,
    SnapshotBot,
    UnscheduleOutcome,
    UnscheduleResult,
    Webhook,
    bulk_cancel_events,
    bulk_reschedule,
    bulk_unschedule,
    cancel_meeting,
    cancel_meetings,
    diagnose,
    jobs,
    sign_webhook,
    simulator,
    stream_unschedule,
    take_snapshot,
    unschedule_all,
    verify_webhook,
)
from meetstream_async import fastapi as integration
from meetstream_async.fastapi.durable import DurableRuns
from meetstream_async.tracing import instrument, uninstrument


async def clients(session: aiohttp.ClientSession, trace: aiohttp.TraceConfig) -> None:
    MeetStreamClient()
    MeetStreamClient("key", base_url="https://api.example.com", session=session)
    MeetStreamClient(
        api_key="key",
        retry=RetryPolicy(max_attempts=2, max_elapsed=10, initial_wait=0.1, max_wait=1, max_retry_after=5),
        timeout=5,
        rate_limit=5,
        trace_configs=[trace],
    )
    MeetStreamClient(b"key")  # type: ignore[arg-type]
    MeetStreamClient("key", "https://api.example.com")  # type: ignore[call-arg]
    MeetStreamClient("key", timeout=aiohttp.ClientTimeout())  # type: ignore[arg-type]
    client = MeetStreamClient()
    assert_type(client.base_url, str)
    await client.close()


async def way_back() -> None:
    async with MeetStreamClient() as client:
        page = await client.list_scheduled_bots()
        snapshot = await take_snapshot(client, page, detail=True)
        assert_type(snapshot, Snapshot)
        await take_snapshot(client, client.iter_scheduled_bots())
        await take_snapshot(client, page, where=lambda bot: bot.platform == "zoom")
        assert_type(snapshot.bots, tuple[SnapshotBot, ...])
        stored: dict[str, Any] = snapshot.to_dict()
        report = await bulk_reschedule(client, Snapshot.from_dict(stored), dry_run=True)
        assert_type(report, BulkReport[RescheduleOutcome])
        stop = asyncio.Event()
        await bulk_reschedule(
            client, snapshot.only(["bot-1"]), max_concurrency=2, stop=stop, on_outcome=print
        )
        await bulk_reschedule(client, page)  # type: ignore[arg-type]
        assert_type(report.outcomes[0].new_bot_id, str | None)
        assert_type(await client.schedule_event("evt_1", {"bot_name": "Notes"}), ScheduleResult)
        assert_type(await client.create_bot("https://zoom.us/j/1", "Notes", idempotency_key="a"), CreatedBot)
        assert_type(await client.get_bot_detail("bot-1"), BotDetail)
        assert_type(await client.move_scheduled_bot("bot-1", datetime.now(UTC)), MovedBot)


async def single_calls() -> None:
    async with MeetStreamClient() as client:
        assert_type(client, MeetStreamClient)
        page = await client.list_scheduled_bots(limit=50)
        assert_type(page, ScheduledBotPage)
        assert_type(page.bots, tuple[ScheduledBot, ...])
        assert_type(page.rejected, tuple[RejectedRow, ...])
        assert_type(page.truncated, bool)

        assert_type(await client.list_calendar_events(limit=5), MeetStreamEventPage)
        events = client.iter_calendar_events(time_min=datetime.now(UTC))
        async for event in events:
            assert_type(event, MeetStreamEvent)
            assert_type([bot.id for bot in event.bots], list[str])
        assert_type(events.complete, bool | None)
        assert_type(events.why_incomplete, str | None)
        diagnosis = await diagnose(client, strict=True)
        assert_type(diagnosis, Diagnosis)
        assert_type([check.status for check in diagnosis.checks], list[CheckStatus])
        stream = client.iter_scheduled_bots()
        assert_type(stream, ScheduledBotStream)
        async for bot in stream:
            assert_type(bot, ScheduledBot)
            assert_type(bot.event_id, str | None)
            assert_type(bot.scheduled_join_time, datetime | None)
            assert_type(bot.custom_attributes, Mapping[str, Any])
        assert_type(stream.truncated, bool | None)

        result = await client.unschedule_event(
            "evt_1", cancel_all_occurrences=True, from_date=datetime.now(UTC)
        )
        assert_type(result, UnscheduleResult)
        assert_type(result.cancelled_schedules, tuple[str, ...] | None)
        assert_type(result.inferred, bool)
        assert_type(await client.delete_scheduled_bot("bot-1"), DeletedBot)
        await client.unschedule_event(None)  # type: ignore[arg-type]
        await client.unschedule_event("evt_1", from_date="2024-12-20")  # type: ignore[arg-type]


async def event_ids() -> AsyncIterator[str]:
    yield "evt_1"


def keep(outcome: UnscheduleOutcome) -> None:
    assert_type(outcome.status, OutcomeStatus)
    assert_type(outcome.event_id, str | None)
    assert_type(outcome.bot_ids, tuple[str, ...])
    assert_type(outcome.result, UnscheduleResult | None)
    assert_type(outcome.error, MeetStreamError | None)
    assert_type(outcome.elapsed, float)


async def bulk_runs(client: MeetStreamClient, bots: list[ScheduledBot]) -> None:
    report = await bulk_unschedule(client, bots, max_concurrency=10, on_outcome=keep)
    assert_type(report, BulkReport[UnscheduleOutcome])
    assert_type(report.outcomes, tuple[UnscheduleOutcome, ...])
    assert_type(report.counts, Mapping[str, int])
    assert_type(report.still_listed, tuple[ScheduledBot, ...])
    assert_type(report.reason, str | None)
    assert_type(report.to_dict(), dict[str, Any])

    # Every kind of target.
    await bulk_unschedule(client, ["evt_1", "evt_2"], one_off_bots="delete", dedupe=False)
    await bulk_unschedule(client, ("evt_1", bots[0]), dry_run=True)
    await bulk_unschedule(client, (bot for bot in bots), max_pause=60, stop_after_failures=5)
    await bulk_unschedule(client, event_ids())
    await bulk_unschedule(client, client.iter_scheduled_bots(), where=BotFilter(platform="zoom"))
    await bulk_unschedule(client, bots, where=lambda bot: bot.bot_username == "Bot", whole_events=True)
    await bulk_unschedule(client, [5])  # type: ignore[list-item]
    await bulk_unschedule(client, bots, one_off_bots="keep")  # type: ignore[arg-type]

    async with stream_unschedule(client, event_ids(), cancel_all_occurrences=True) as run:
        assert_type(run, BulkRun[UnscheduleOutcome])
        async for outcome in run:
            assert_type(outcome, UnscheduleOutcome)
            await run.stop()
    assert_type(run.report, BulkReport[UnscheduleOutcome])

    assert_type(await unschedule_all(client, settle=5.0), BulkReport[UnscheduleOutcome])


def filters(bot: ScheduledBot) -> None:
    where = BotFilter(platform="zoom", before=datetime.now(UTC), name="*", attributes={"source": "api"})
    assert_type(where(bot), bool)
    assert_type(where.to_dict(), dict[str, Any])
    assert_type(BotFilter.from_dict({"platform": "zoom"}), BotFilter)


async def errors(client: MeetStreamClient, report: BulkReport[UnscheduleOutcome]) -> None:
    try:
        await client.unschedule_event("evt_1")
    except ApiError as error:
        assert_type(error.status, int)
        assert_type(error.request_id, str | None)
        assert_type(error.retry_after, float | None)
        assert_type(error.errors, dict[str, tuple[str, ...]])
    except InvalidResponseError as error:
        assert_type(error.path, str)
    except RequestTimeoutError as error:
        built_in: TimeoutError = error
        str(built_in)
    except MeetStreamError as error:
        assert_type(error.outcome_unknown, bool)
        assert_type(error.attempts, int)
    try:
        report.raise_for_failures()
    except BulkError as error:
        assert_type(error.report, BulkReport[Any] | None)


async def meetbit_clients(session: aiohttp.ClientSession, trace: aiohttp.TraceConfig) -> None:
    MeetBitClient()
    MeetBitClient("acme.example.com", "key id", "key secret")
    MeetBitClient(primary_domain="acme.example.com", access_key_id="id", access_key_secret="secret")
    MeetBitClient(
        base_url="http://localhost:8080/api/public/v2.0",
        session=session,
        retry=RetryPolicy(),
        timeout=5,
        rate_limit=None,
        trace_configs=[trace],
    )
    MeetBitClient("acme.example.com", rate_limit="5")  # type: ignore[arg-type]
    MeetBitClient("acme.example.com", "id", "secret", "https://x")  # type: ignore[call-arg]
    async with MeetBitClient() as client:
        assert_type(client, MeetBitClient)
        assert_type(client.base_url, str)
        cancelled = await client.cancel_event(1, "2", "Off")
        assert_type(cancelled, CancelledEvent)
        assert_type(cancelled.message, str | None)
        assert_type(cancelled.event, CalendarEvent)
        assert_type(cancelled.event.id, int)
        assert_type(cancelled.event.start, datetime | None)
        assert_type(cancelled.event.provider_event_id, str | None)
        assert_type(cancelled.event.attendees, tuple[Attendee, ...])
        assert_type(cancelled.event.online_conference, OnlineConference | None)
        await client.cancel_event(1, 2)  # type: ignore[call-arg]
        await client.cancel_event(1.5, 2, "Off")  # type: ignore[arg-type]
        await client.cancel_event(1, 2, None)  # type: ignore[arg-type]
        await client.close()


async def calendar_events() -> AsyncIterator[tuple[int, int]]:
    yield 1, 2


def keep_cancelled(outcome: CancelOutcome) -> None:
    assert_type(outcome.status, OutcomeStatus)
    assert_type(outcome.calendar_id, int)
    assert_type(outcome.event_id, int)
    assert_type(outcome.result, CancelledEvent | None)
    assert_type(outcome.error, MeetStreamError | None)


async def bulk_cancels(client: MeetBitClient, bots: MeetStreamClient, stop: asyncio.Event) -> None:
    report = await bulk_cancel_events(
        client,
        [(1, 2), (3, 4)],
        "Off",
        max_concurrency=5,
        dry_run=False,
        max_pause=60,
        stop_after_failures=5,
        on_outcome=keep_cancelled,
        stop=stop,
    )
    assert_type(report, BulkReport[CancelOutcome])
    assert_type(report.outcomes, tuple[CancelOutcome, ...])
    assert_type(report.counts, Mapping[str, int])

    # Every kind of target.
    await bulk_cancel_events(client, [("1", "2")], "Off")
    await bulk_cancel_events(client, [(1, 2, "a note of its own"), (3, 4, None)], "Off")
    await bulk_cancel_events(client, ((1, number) for number in range(1, 9)), "Off")
    await bulk_cancel_events(client, calendar_events(), "Off")
    await bulk_cancel_events(client, [1, 2], "Off")  # type: ignore[list-item]
    await bulk_cancel_events(client, [(1, 2)])  # type: ignore[call-arg]
    await bulk_cancel_events(bots, [(1, 2)], "Off")  # type: ignore[arg-type]


async def meetings(meetbit: MeetBitClient, meetstream: MeetStreamClient) -> None:
    result = await cancel_meeting(meetbit, meetstream, 1, "2", "Off", bot_event_id="evt_1")
    assert_type(result, MeetingCancellation)
    assert_type(result.event, CancelledEvent | None)
    assert_type(result.bots, tuple[UnscheduleOutcome, ...])
    assert_type(result.ok, bool)
    assert_type(result.reason, str | None)
    await cancel_meeting(meetstream, meetbit, 1, 2, "Off")  # type: ignore[arg-type]
    results = await cancel_meetings(meetbit, meetstream, [(1, 2), (3, 4)], "Off", max_concurrency=2)
    assert_type(results, tuple[MeetingCancellation, ...])
    await cancel_meetings(meetbit, meetstream, [(1, 2, "evt_1")], "Off", max_pause=60)
    await cancel_meetings(meetbit, meetstream, calendar_events(), "Off")


async def durable(filtered: BotFilter) -> None:
    async def look_up(account: jobs.JobAccount) -> str:
        return f"key of {account.api_key_ref}"

    async with jobs.JobEngine("sqlite:////srv/jobs.sqlite", worker_id="w", resolver=look_up) as engine:
        assert_type(engine, jobs.JobEngine)
        accounts = [
            jobs.JobAccount("a", api_key_env="KEY"),
            jobs.JobAccount("b", api_key_ref="vault:b", event_ids=["evt_1", "evt_2"]),
        ]
        assert_type(accounts[1].event_ids, tuple[str, ...] | None)
        status = await jobs.submit_job(accounts, jobs.JobOptions(where=filtered), job_id="x", engine=engine)
        assert_type(status, jobs.JobStatus)
        assert_type(status.accounts, tuple[jobs.AccountStatus, ...])
        assert_type(status.state, jobs.JobState)
        async for outcome in jobs.job_outcomes("x", after="0.1.2", follow=False):
            assert_type(outcome, jobs.JobOutcome)
            assert_type(outcome.status, OutcomeStatus)
        assert_type(await jobs.cancel_job("x"), jobs.JobStatus)
        assert_type((await jobs.resume_job("x", force=True)).left, Mapping[str, int])
        jobs.JobEngine(resolver=lambda account: account.name)
        jobs.JobEngine(resolver="vault")  # type: ignore[arg-type]
        await jobs.submit_job("accounts.toml")  # type: ignore[arg-type]
        jobs.JobOptions(where=lambda bot: True)  # type: ignore[arg-type]


async def in_an_application(bot_filter: BotFilter) -> None:
    @asynccontextmanager
    async def plain(app: FastAPI) -> AsyncGenerator[None, None]:
        yield

    @asynccontextmanager
    async def with_state(app: FastAPI) -> AsyncGenerator[dict[str, int], None]:
        yield {"answer": 42}

    FastAPI(lifespan=integration.meetstream_lifespan(plain, api_key="key", rate_limit=5))
    FastAPI(
        lifespan=integration.meetstream_lifespan(with_state, proxy="http://proxy.example", trust_env=False)
    )
    FastAPI(
        lifespan=integration.meetstream_lifespan(integration.meetbit_lifespan(primary_domain="a.example"))
    )
    integration.meetstream_lifespan(primary_domain="a.example")  # type: ignore[call-arg]
    app = FastAPI(responses=integration.problem_responses())
    integration.add_error_handlers(app)
    runs = integration.InProcessRuns(max_running=2)
    account = jobs.JobAccount("a", api_key_env="KEY")
    for kept in (None, runs, DurableRuns(jobs.JobEngine(), account)):
        app.include_router(integration.bulk_router(dependencies=[Depends(plain)], runs=kept))
    integration.bulk_router(runs=account)  # type: ignore[arg-type]

    @app.get("/")
    async def route(client: integration.ClientDep, meetbit: integration.MeetBitClientDep) -> BulkReport[Any]:
        assert_type(client, MeetStreamClient)
        assert_type(meetbit, MeetBitClient)
        return await unschedule_all(client)

    state = await runs.start(MeetStreamClient(), integration.BulkRequest(filter=bot_filter), None)
    assert_type(state.counts, dict[str, int])
    assert_type(state.state, integration.RunPhase)


async def simulated() -> None:
    bots = [simulator.SimulatedBot("b", "evt_1", provider_event_id="7vq1")]
    events = [simulator.SimulatedMeetStreamEvent(event_id="evt_1", platform="outlook")]
    async with simulator.Simulator(
        bots, meetstream_events=events, ids="provider", foreign_id="not_found", dialect="problem",
        listed_states=("Scheduled", "Cancelled"), limit=simulator.TokenBucket(50, 10, retry_after="exact"),
    ) as sim:  # fmt: skip
        sim.limit = simulator.SlidingWindow(30)
        assert_type(sim.run_nightly_job(), tuple[str, ...])
        assert_type(sim.ledger.pace, simulator.PaceRecord)
        assert_type(sim.ledger.syncs, tuple[int, ...])
    simulator.Simulator(ids="uid")  # type: ignore[arg-type]
    simulator.Simulator(nonsense=True)  # type: ignore[call-arg]


assert_type(meetstream_async.__version__, str)


def webhooks(headers: Mapping[str, str], body: bytes) -> None:
    webhook = verify_webhook(headers, body, "secret", seen=SeenWebhooks())
    assert_type(webhook, Webhook)
    assert_type(webhook.event_id, int | None)
    assert_type(webhook.data, Mapping[str, Any])
    assert_type(sign_webhook("id", "2026-03-02T10:00:00Z", body, "secret"), str)
    seen: set[str] = set()
    Depends(integration.meetbit_webhook("secret", seen=seen))
    verify_webhook(headers, "text", "secret")  # type: ignore[arg-type]


def traces() -> None:
    instrument(tracer_provider=None)
    uninstrument()


async def endpoints_that_are_not_wrapped(client: MeetStreamClient, meetbit: MeetBitClient) -> None:
    assert_type(await client.request("GET", "/bots", params={"limit": 5, "id": ["a"]}), JsonValue)
    answer = await meetbit.request("POST", "/calendars", json={"name": "Room"}, retry=True)
    if isinstance(answer, dict):
        field: JsonValue = answer["id"]
        assert field is not None
    patient = client.with_options(timeout=60, retry=RetryPolicy(max_attempts=2))
    assert_type(patient, MeetStreamClient)
    assert_type(meetbit.with_options(), MeetBitClient)
    assert_type((await client.list_scheduled_bots()).request_id, str | None)
    MeetStreamClient(user_agent="acme-jobs/2.1")
