"""The figures, one function each: takes a size, returns the value stored in the JSON file under its name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from statistics import median
from typing import Any

from .instructions import instructions as count_instructions
from .probe import ask
from .serving import canned_server, limited_server
from .sizes import Size

CONTENDERS: dict[str, dict[str, Any]] = {
    "raw asyncio streams": {"name": "raw_streams"},
    "hand-written aiohttp": {"name": "hand_aiohttp"},
    "ours": {"name": "ours"},
    "ours with uvloop": {"name": "ours", "uvloop": True},
    "requests in threads": {"name": "requests_threads"},
    "httpx with tenacity": {"name": "httpx_tenacity"},
    "vendor SDK": {"name": "vendor_sdk"},
}
SLOW = ("requests in threads", "httpx with tenacity", "vendor SDK")

LATENCY = 0.05
"""Seconds."""
WALL_CONCURRENCY = 20
ERROR_RATES = (0.0, 0.01, 0.1, 0.5)

JOB_EVENTS = 20
"""Of each account."""
JOB_WORKERS = (1, 2, 4)

LIMITS: dict[str, dict[str, Any]] = {
    "50 a second, burst 10, Retry-After: 1": {"rate": 50, "burst": 10, "retry_after": 1},
    "50 a second, burst 10, no Retry-After": {"rate": 50, "burst": 10},
    "20 a second, burst 5, Retry-After: 2": {"rate": 20, "burst": 5, "retry_after": 2, "concurrency": 50},
    "100 in any 10 seconds": {"rate": 10, "burst": 100, "window": 10, "retry_after": -1},
}
"""Limits that a server keeps without saying so; 20 requests in flight unless it says otherwise."""

_IMPORT = "import time; begin = time.process_time(); {}; print(time.process_time() - begin)"
_IMPORTS = {
    # By name: the package alone imports nothing until one of its names is asked for.
    "ours": "from meetstream_async import MeetStreamClient, bulk_unschedule, unschedule_all",
    "dependencies": "import aiohttp, attrs, cattrs, tenacity",
}


def ratio(size: Size) -> dict[str, Any]:
    """CPU time of ours ÷ the hand-written aiohttp loop, alternating in one process, at each concurrency."""
    with canned_server() as server:
        rounds = {"rounds": size.ratio_rounds, "events": size.ratio_events}
        return {
            str(concurrency): ask("ratio", base_url=server.base_url, concurrency=concurrency, **rounds)
            for concurrency in (10, 20, 50)
        }


def speed(size: Size) -> dict[str, Any]:
    """The same with the extra ``speed``, and the hand-written loop on uvloop."""
    with canned_server() as server:
        rounds = {"rounds": size.ratio_rounds, "events": size.ratio_events}
        return ask("ratio", base_url=server.base_url, concurrency=20, uvloop=True, **rounds)


def instructions(size: Size) -> dict[str, Any]:
    """Thousands of instructions per event of ours and of the hand-written loop, and per page; needs valgrind.

    Empty without it.
    """
    return count_instructions() if shutil.which("valgrind") else {}


def contenders(size: Size) -> dict[str, Any]:
    """Each contender in its own process, at each concurrency."""
    return {
        str(concurrency): _side_by_side(list(CONTENDERS), concurrency, size) for concurrency in (1, 10, 50)
    }


def vendor(size: Size) -> dict[str, Any]:
    """The vendor SDK's CPU per event ÷ ours."""
    names = ["ours", "vendor SDK"]
    figures = _side_by_side(names, 20, size)
    ours, theirs = (figures[name]["cpu_us"] for name in names)
    return {**figures, "ratio": theirs["median"] / ours["median"]}


def wall(size: Size) -> dict[str, Any]:
    """Wall time against the ideal, events × latency ÷ concurrency."""
    events = size.wall_events
    ideal = events * LATENCY / WALL_CONCURRENCY
    seconds: dict[str, list[float]] = {"hand": [], "ours": [], "drain": []}
    listings = 0
    for _ in range(size.wall_runs):
        for kind, taken in seconds.items():
            with canned_server(events=events if kind == "drain" else 0, latency=LATENCY) as server:
                sizes = {"concurrency": WALL_CONCURRENCY, "events": events}
                taken.append(ask("wall", kind=kind, base_url=server.base_url, **sizes)["seconds"])
                listings = server.stats()["listings"]
    share = {kind: spread([ideal / each for each in taken]) for kind, taken in seconds.items()}
    return {
        "events": events,
        "ideal_seconds": ideal,
        "share_of_ideal": share,
        "ours_of_hand": share["ours"]["median"] / share["hand"]["median"],
        "listings": listings,
    }


def memory(size: Size) -> dict[str, Any]:
    """Peak RSS while targets stream through, with and without deduplication."""
    with canned_server() as server:
        arguments: dict[str, Any] = {"base_url": server.base_url, "concurrency": 10}
        arguments["marks"] = size.memory_marks
        return {
            "dedupe_off": ask("memory", dedupe=False, **arguments),
            "dedupe_on": ask("memory", dedupe=True, **arguments),
        }


def page(size: Size) -> dict[str, Any]:
    """CPU time to read a page of 100 bots."""
    with canned_server(events=100) as server:
        arguments: dict[str, Any] = {"base_url": server.base_url, "rounds": size.page_rounds, "pages": 20}
        return {**ask("page", **arguments), "speed": ask("page", uvloop=True, **arguments)}


def imports(size: Size) -> dict[str, Any]:
    """CPU time to import the package, and its four dependencies alone, each in a new interpreter."""
    milliseconds: dict[str, list[float]] = {name: [] for name in _IMPORTS}
    # The first import compiles bytecode and is not counted; it must be able to write the files.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for counted in [False] + [True] * size.imports:
        for name, modules in _IMPORTS.items():
            command = [sys.executable, "-c", _IMPORT.format(modules)]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, check=True, timeout=60, env=environment
            )
            if counted:
                milliseconds[name].append(float(done.stdout) * 1e3)
    ratios = [a / b for a, b in zip(milliseconds["ours"], milliseconds["dependencies"], strict=True)]
    return {
        **{f"{name}_ms": spread(values) for name, values in milliseconds.items()},
        "ratio": spread(ratios),
    }


def jobs(size: Size) -> dict[str, Any]:
    """Durable jobs by the number of accounts: on a SQLite file, and on the PostgreSQL database of the worker.

    SQLite allows one worker at a time.
    """
    if find_spec("dbos") is None:
        return {}
    given = os.environ.get("MEETSTREAM_JOBS_DATABASE_URL", "")
    databases: dict[str, tuple[str | None, tuple[int, ...]]] = {"SQLite": (None, (1,))}
    if given.startswith(("postgresql://", "postgres://")):
        databases["PostgreSQL"] = (given, JOB_WORKERS)
    with canned_server() as server:
        return {
            name: [
                ask(
                    "jobs", seconds=3600, base_url=server.base_url, accounts=accounts, events=JOB_EVENTS,
                    workers=at_once, database=database,
                )
                for accounts in size.job_accounts
                for at_once in workers
            ]
            for name, (database, workers) in databases.items()
        }  # fmt: skip


def happy_path(size: Size) -> dict[str, Any]:
    """The cost of retry, pacing and logging when nothing fails."""
    with canned_server() as server:
        rounds = {"rounds": size.ratio_rounds, "events": size.ratio_events}
        return ask("happy_path", base_url=server.base_url, concurrency=10, **rounds)


def cancel(size: Size) -> dict[str, Any]:
    """Milliseconds from cancelling a run with 50 requests in flight, and 950 targets left, to its return."""
    with canned_server(latency=10.0) as server:
        return ask("cancel", base_url=server.base_url, concurrency=50, events=1000, repeats=size.cancels)


def errors(size: Size) -> dict[str, Any]:
    """CPU time per event when a share of the requests is answered with 503."""
    cpu: dict[str, dict[str, list[float]]] = {
        str(rate): {name: [] for name in ("ours", "httpx with tenacity")} for rate in ERROR_RATES
    }
    for _ in range(size.runs):
        for rate in ERROR_RATES:
            for name, values in cpu[str(rate)].items():
                with canned_server(error_rate=rate) as server:
                    # Short waits: they cost wall time, not CPU time.
                    measured = _contend(name, server.base_url, 10, size, first_wait=0.001, longest_wait=0.001)
                values.append(measured["cpu_us"])
    return {rate: {name: spread(values) for name, values in runs.items()} for rate, runs in cpu.items()}


def at_limit(size: Size) -> dict[str, Any]:
    """Share of the speed that a limit allows, and of the requests that are refused."""
    limits = list(LIMITS.items())[: size.limits]
    return {name: _at_limit(dict(limit), size.limit_events) for name, limit in limits}


def _at_limit(limit: dict[str, Any], events: int) -> dict[str, Any]:
    concurrency = limit.pop("concurrency", WALL_CONCURRENCY)
    with limited_server(latency=LATENCY, **limit) as server:
        run = ask("limit", base_url=server.base_url, concurrency=concurrency, events=events)
        stats = server.stats()
    ideal = (events - limit["burst"]) / limit["rate"]
    share, refused = ideal / run["seconds"], stats["refused"] / stats["seen"]
    return {"share": share, "refused": refused, "failed": run["failed"], "events": events}


def asked(size: Size) -> dict[str, Any]:
    """The rate that arrives ÷ the ``rate_limit`` that is asked for, and the most in any second."""
    figures: dict[str, Any] = {}
    for rate in size.asked:
        with limited_server(latency=0.005) as server:
            events = max(int(rate * size.asked_seconds), 20)
            ask(
                "limit",
                base_url=server.base_url,
                concurrency=WALL_CONCURRENCY,
                events=events,
                rate_limit=rate,
            )
            stats = server.stats()
        share = (events - 1) / stats["seconds"] / rate
        figures[str(rate)] = {"share": share, "fullest_second": stats["fullest_second"]}
    return figures


FIGURES: dict[str, Callable[[Size], dict[str, Any]]] = {
    figure.__name__: figure
    for figure in (
        ratio,
        speed,
        instructions,
        vendor,
        wall,
        at_limit,
        asked,
        memory,
        page,
        imports,
        contenders,
        errors,
        happy_path,
        cancel,
        jobs,
    )
}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, minimum and maximum."""
    return {"median": median(values), "low": min(values), "high": max(values)}


def _contend(name: str, base_url: str, concurrency: int, size: Size, **options: Any) -> dict[str, Any]:
    events = size.slow_events if name in SLOW else size.events
    return ask(
        "contender", base_url=base_url, concurrency=concurrency, events=events, **CONTENDERS[name], **options
    )


def _side_by_side(names: Sequence[str], concurrency: int, size: Size) -> dict[str, Any]:
    """Rounds of all of them, interleaved."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with canned_server() as server:
        for _ in range(size.runs):
            for name in names:
                runs[name].append(_contend(name, server.base_url, concurrency, size))
    measured = ("cpu_us", "per_second", "peak_rss_mb")
    return {
        name: {figure: spread([run[figure] for run in runs[name]]) for figure in measured} for name in names
    }
