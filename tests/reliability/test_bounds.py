"""Bounded for any length of run: requests in flight, memory, open files, tasks, connections."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
import tracemalloc
from collections.abc import Iterator
from zlib import crc32

import pytest

from meetstream_async import MeetStreamClient, RetryPolicy, bulk_unschedule, stream_unschedule
from tests.helpers.accounts import connect, plain_account
from tests.helpers.fault_proxy import FAULTS, FaultProxy
from tests.helpers.proof import figure, linux_only, note_worst, open_files, resident_mib, sized
from tests.helpers.raw_server import RawServer, reply
from tests.helpers.tasks import ours_running


@pytest.mark.soak
@pytest.mark.parametrize(
    "cap", [pytest.param(1, marks=pytest.mark.slow), pytest.param(10, marks=pytest.mark.slow), 100]
)
async def test_the_servers_gauge_never_shows_more_than_the_cap(cap):
    """Ten thousand ids, and troubles that make requests late and repeated."""
    ids = [f"evt_{number:x}" for number in range(sized(200, 2000, 10_000))]
    # So long that all of them can be under way at once, on a loop with timers of a millisecond as well.
    late = 0.004 * cap
    async with plain_account(0, error_rate=0.05, latency=late) as sim, connect(sim) as client:
        report = await bulk_unschedule(client, ids, max_concurrency=cap, stop_after_failures=10**6)
    assert sum(report.counts.values()) == len(ids)
    assert sim.max_in_flight == cap
    note_worst(9, f"requests in flight of {len(ids)} ids with max_concurrency={cap}", sim.max_in_flight)


def _ids(count: int) -> Iterator[str]:
    for number in range(count):
        yield f"evt_{number:032x}"


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("dedupe", [False, True])
async def test_memory_is_flat_or_one_small_entry_a_target(dedupe):
    """Without dedupe a million targets take no memory; with it one entry of at most 200 bytes each."""
    count = sized(5_000, 200_000, 1_000_000)
    client = MeetStreamClient("ms_key-of-no-account", base_url="http://127.0.0.1:9")
    # Traced, because the process itself may have room from before in which growth would not show.
    tracemalloc.start()
    try:
        before, started, grown, seen = tracemalloc.get_traced_memory()[0], time.monotonic(), 0, 0
        async with stream_unschedule(client, _ids(count), dry_run=True, dedupe=dedupe) as run:
            async for _ in run:
                seen += 1
                if seen % (count // 5) == 0:
                    gc.collect()
                    grown = max(grown, tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    await client.close()
    assert run.report.counts["would_unschedule"] == seen == count
    figure(
        9,
        f"{count} targets, dedupe={dedupe}: {grown / 2**20:.1f} MiB, "
        f"{grown / count:.0f} bytes a target, {time.monotonic() - started:.0f} s",
    )
    assert grown <= 2**20 + (200 * count if dedupe else 0)


@pytest.mark.slow
@linux_only
@pytest.mark.soak
async def test_a_long_run_with_faults_leaks_nothing():
    """Memory, open files, tasks and connections are as flat at its end as after its first part."""
    parts, each = sized(3, 8, 20), sized(100, 2500, 10_000)
    policy = RetryPolicy(initial_wait=0.001, max_wait=0.005)
    answers = [reply(200, {"unscheduled": True})] * 17 + [
        reply(503, {"message": "no"}),
        reply(400, {"message": "Event not scheduled"}),
        reply(500, b"<html>", type="text/html"),
    ]

    async def answer(request, writer):
        raw.requests.clear()
        writer.write(answers[crc32(request.target.encode()) % len(answers)])
        await writer.drain()

    wire = dict.fromkeys(FAULTS, 0.003)
    memory: list[float] = []
    blocks: list[int] = []
    files: list[int] = []
    tasks: list[int] = []
    started = time.monotonic()
    async with RawServer(answer) as raw, FaultProxy(raw.url, wire, slow=0.005) as proxy:
        async with MeetStreamClient(
            "ms_key-of-no-account", base_url=proxy.base_url, retry=policy, timeout=0.2
        ) as client:
            for part in range(parts):
                ids = (f"evt_{part}_{number}" for number in range(each))
                async with stream_unschedule(
                    client, ids, max_concurrency=20, dedupe=False, stop_after_failures=10**6
                ) as run:
                    async for _ in run:
                        pass
                assert sum(run.report.counts.values()) == each
                assert ours_running() == []
                # Those of the faults are closed by now, those for reuse are not.
                async with asyncio.timeout(5):
                    while proxy.open_connections > 20:
                        await asyncio.sleep(0.01)
                memory.append(resident_mib())
                blocks.append(sys.getallocatedblocks())
                files.append(open_files())
                tasks.append(len(asyncio.all_tasks()))
        async with asyncio.timeout(5):
            while proxy.open_connections:
                await asyncio.sleep(0.01)
    gc.collect()
    warm = parts // 4
    figure(
        15,
        f"{proxy.requests} requests, {proxy.hit.total()} wire faults, {time.monotonic() - started:.0f} s: "
        f"{memory[warm - 1]:.1f} MiB after a quarter, {memory[-1]:.1f} at the end; "
        f"blocks of memory {blocks[warm - 1]} and {blocks[-1]}; "
        f"open files {files[0]} to {files[-1]}, tasks {tasks[0]} to {tasks[-1]}",
    )
    assert memory[-1] - memory[warm - 1] <= 4
    # Counted as well, because growth does not show while the process has room from before.
    assert blocks[-1] - blocks[warm - 1] <= 5000
    # At most 20 connections for reuse; each is a file and a task of three ends.
    assert max(files) <= files[0] + 60
    assert max(tasks) <= tasks[0] + 60
