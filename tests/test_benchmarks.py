"""The benchmarks measure what they say: the canned server, the contenders, and what is published."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import publish
from benchmarks.figures import CONTENDERS, FIGURES
from benchmarks.ids import event_id
from benchmarks.probe import ask
from benchmarks.serving import Server, canned_server
from benchmarks.table import as_markdown, as_text, rows

# The extra `bench` has them; .ci/run installs it.
NEEDS = {
    "httpx_tenacity": "httpx",
    "vendor_sdk": "meetstream",
    "requests_threads": "requests",
}


def delete(number: int) -> bytes:
    return f"DELETE /api/v1/calendar/schedule/{event_id(number)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


LIST = b"GET /api/v1/calendar/scheduled?limit=100 HTTP/1.1\r\nHost: x\r\n\r\n"


async def answers(server: Server, *pieces: bytes, count: int) -> list[tuple[int, dict[str, object]]]:
    """Status and JSON of the answers to requests on one connection, sent piece by piece."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01)
    read = []
    for _ in range(count):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        read.append((int(head.split()[1]), json.loads(await reader.readexactly(length))))
    writer.close()
    await writer.wait_closed()
    return read


async def test_the_canned_server_answers_pipelined_and_broken_up_requests_in_order():
    """Three DELETEs in pieces that end anywhere, one with a body, have their three answers."""
    with_body = delete(1).replace(b"Host: x", b"Host: x\r\nContent-Length: 4") + b"\r\n\r\n"
    wire = delete(0) + with_body + delete(2)
    with canned_server() as server:
        read = await answers(server, wire[:7], wire[7:100], wire[100:], count=3)
        assert server.stats()["deletes"] == 3
    assert [body["event_id"] for _, body in read] == [event_id(number) for number in range(3)]


async def test_deleted_events_leave_the_canned_servers_listing():
    """A listing shows the first 100 of what is left."""
    with canned_server(events=102) as server:
        (_, before), _, (_, after) = await answers(server, LIST, delete(1), LIST, count=3)
        assert server.stats() == {"deletes": 1, "errors": 0, "listings": 2, "events": 0, "left": 101}
    numbers = [int(row["bot_id"][-12:], 16) for row in before["scheduled_bots"]]
    assert numbers == list(range(100))
    numbers = [int(row["bot_id"][-12:], 16) for row in after["scheduled_bots"]]
    assert numbers == [0, *range(2, 101)]


@pytest.mark.parametrize(
    ("rate", "tries"),
    [(0.1, 9), *(pytest.param(*pair, marks=pytest.mark.slow) for pair in [(0.01, 99), (0.5, 1)])],
)
async def test_the_canned_server_refuses_exactly_the_rates_share(rate, tries):
    """The given share of first attempts is refused, and no event's second attempt is."""
    with canned_server(error_rate=rate) as server:
        pipelined = b"".join(delete(number) for number in range(tries * 2))
        statuses = [status for status, _ in await answers(server, pipelined, count=tries * 2)]
        assert statuses == ([200] * (tries - 1) + [503]) * 2
        again = await answers(server, delete(tries - 1) + delete(tries * 2 - 1), count=2)
        assert [status for status, _ in again] == [200, 200]
        assert server.stats()["errors"] == rate * server.stats()["deletes"]


async def test_the_canned_server_takes_its_time():
    """No answer earlier than the latency, and pipelined requests wait side by side."""
    loop = asyncio.get_running_loop()
    with canned_server(latency=0.05) as server:
        begin = loop.time()
        await answers(server, b"".join(map(delete, range(20))), count=20)
    assert 0.05 <= loop.time() - begin < 1


async def test_the_canned_server_ends_when_its_input_does():
    """Nothing is left running when the block is left, by an error too."""
    with pytest.raises(KeyError), canned_server() as server:
        raise KeyError
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({contender["name"] for contender in CONTENDERS.values()}))
async def test_every_contender_sends_one_delete_an_event(name):
    """Counted by the server: as many DELETEs as events, and none of the events is left."""
    pytest.importorskip(NEEDS.get(name, "aiohttp"))
    opened = import_module(f"benchmarks.contenders.{name}").opened
    with canned_server(events=30) as server:
        async with opened(server.base_url, 4) as run:
            assert await run([event_id(number) for number in range(30)]) == 30
        assert server.stats() == {"deletes": 30, "errors": 0, "listings": 0, "events": 0, "left": 0}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ours", "httpx_tenacity"])
async def test_contenders_that_retry_get_through_errors(name):
    """Half of the requests refused: each event takes two."""
    pytest.importorskip(NEEDS.get(name, "aiohttp"))
    opened = import_module(f"benchmarks.contenders.{name}").opened
    with canned_server(events=30, error_rate=0.5) as server:
        async with opened(server.base_url, 4, first_wait=0.001, longest_wait=0.001) as run:
            assert await run([event_id(number) for number in range(30)]) == 30
        assert server.stats() == {"deletes": 60, "errors": 30, "listings": 0, "events": 0, "left": 0}


@pytest.mark.bench
def test_one_figure_is_measured_printed_and_written(tmp_path, monkeypatch, capsys):
    """--only and --out: the table has the target and whether it is met, the JSON the machine's facts."""
    for needed in ("matplotlib", "meetstream", "uvloop"):
        pytest.importorskip(needed, reason="the extra `bench` is not installed")
    out = tmp_path / "results.json"
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick", "--only", "page", "--out", str(out)])
    command.main()
    results = json.loads(out.read_text())
    assert results["figures"].keys() == {"page"}
    assert results["figures"]["page"]["page_us"] > results["figures"]["page"]["json_us"] > 0
    assert results["machine"].keys() == {"date", "python", "system", "cpus", "versions"}
    printed = capsys.readouterr().out
    assert "Read a page of 100 bots" in printed
    assert "≤ 190 µs" in printed
    assert "The same with the extra `speed`" in printed


def test_the_published_table_is_that_of_the_published_results():
    """Both READMEs' tables were rendered from results.json, which has every figure."""
    folder = Path(publish.__file__).parent
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for readme, table in ((folder / "README.md", as_markdown), (folder.parent / "README.md", publish.quoted)):
        text = readme.read_text(encoding="utf-8")
        assert publish.BEGIN in text
        assert publish.renewed(text, table(results)) == text
    assert results["figures"].keys() == FIGURES.keys()


@pytest.mark.bench
def test_a_measured_job_sends_one_delete_an_event():
    """Twenty accounts of four events on a worker in a process of its own: eighty DELETEs, and a database.

    The control sends none.
    """
    pytest.importorskip("dbos", reason="the extra `jobs` is not installed")
    with canned_server() as server:
        measured = ask("jobs", base_url=server.base_url, accounts=20, events=4, workers=1)
        assert server.stats()["deletes"] == 80
    assert measured["per_second"] > 0
    assert measured["bytes"] > 0
    assert min(measured[name] for name in ("cpu_us", "bare_cpu_us", "bare_per_second")) > 0
    assert measured["status"]["wall_ms"] > 0


def test_a_job_is_a_row_by_database_and_workers():
    """The table says what was run where, and compares the throughput and the looks with their targets."""
    quick, slow = {"cpu_ms": 10, "wall_ms": 20}, {"cpu_ms": 10, "wall_ms": 1200}
    common = {"accounts": 1000, "events": 20, "per_second": 1600.0, "bytes": 400.0, "status": quick}
    common |= {"cpu_us": 500.0, "bare_per_second": 4000.0, "bare_cpu_us": 200.0}
    runs = {
        "SQLite": [{**common, "workers": 1, "list": quick}],
        "PostgreSQL": [{**common, "workers": 2, "list": slow}],
    }
    first, second = rows({"figures": {"jobs": runs}})
    assert first.cells == (
        "A job of 1,000 accounts × 20 events, SQLite, 1 worker",
        "1,600/s, 400 bytes for each event",
        "500 µs of a worker's CPU; control 4,000/s, 200 µs; status 20 ms (10 of CPU), list 20 ms (10 of CPU)",
        "≥ 1,500/s, a look < 1 s",
        "met",
    )
    assert (second.figure, second.met) == (
        "A job of 1,000 accounts × 20 events, PostgreSQL, 2 workers",
        False,
    )


@pytest.mark.bench
@pytest.mark.timeout(240)
def test_the_quick_mode_has_every_figure(tmp_path):
    """As its user calls it: exit code 0, the whole table, one JSON file and a plot."""
    out = tmp_path / "quick.json"
    call = [sys.executable, "-m", "benchmarks", "--quick", "--out", str(out)]
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True)
    results = json.loads(out.read_text())
    assert results["figures"].keys() == FIGURES.keys()
    assert done.stdout.rstrip() == as_text(results)
    assert out.with_suffix(".svg").read_text().startswith("<?xml")
