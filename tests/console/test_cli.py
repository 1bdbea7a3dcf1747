"""`meetstream-async console` as a program: its address, its signals and its exit codes."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import Mapping
from queue import Queue

import httpx
import pytest

from meetstream_async.cli.commands.console import Wanted, console, open_page
from meetstream_async.cli.exit_codes import Refused
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.command_line import command, deletes, finish, surroundings, until
from tests.helpers.program import Program, start


async def opened(environment: Mapping[str, str], *options: str) -> tuple[Program, str]:
    """The program, and the address that it prints."""
    process = await start("console", "--no-browser", *options, environment=environment)
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), 20)
    return process, line.decode().strip()


async def start_all(url: str) -> None:
    """Open the page, and start a run of everything."""
    address, _, _ = url.partition("?")
    origin = {"Origin": address.rsplit("/", 2)[0]}
    async with httpx.AsyncClient(base_url=address, headers=origin) as http:
        assert (await http.get(url)).status_code == 303
        told = (await http.post("api/previews", json={"all": True})).json()
        consent = {"words": told["words"], "digest": told["digest"]}
        assert (await http.post(f"api/previews/{told['id']}/run", json=consent)).status_code == 202


async def test_the_console_ends_with_true_outcomes_and_codes() -> None:
    """Ctrl-C once, twice, and without a run in progress; a port in use, and no key."""
    await asyncio.gather(
        ctrl_c_ends_a_run_gracefully(),
        ctrl_c_twice_leaves_at_once(),
        the_simulated_console_ends_with_0(),
        a_port_that_is_taken_is_named(),
        without_a_key_nothing_starts(),
    )


async def ctrl_c_ends_a_run_gracefully() -> None:
    async with Simulator(20, one_off=0, several=0, latency=0.2) as sim:
        environment = surroundings(sim)
        process, url = await opened(environment, "--concurrency", "3")
        await start_all(url)
        await until(lambda: len(deletes(sim)) >= 5)
        process.send_signal(signal.SIGINT)
        ended = await finish(process, environment)
        done = len(sim.ledger.unscheduled_events)
    assert ended.code == 130
    assert 3 <= done < 20
    counts = dict(re.findall(r"^(unscheduled|not attempted) +(\d+)$", ended.out, re.MULTILINE))
    assert counts == {"unscheduled": str(done), "not attempted": str(20 - done)}
    assert "ended the run of everything" in ended.err
    assert url.partition("=")[2] not in ended.err


async def ctrl_c_twice_leaves_at_once() -> None:
    async with Simulator(20, one_off=0, several=0, troubles=[Trouble("unschedule", hang=True)]) as sim:
        environment = surroundings(sim)
        process, url = await opened(environment)
        await start_all(url)
        await until(lambda: sim.in_flight == 5)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        async with asyncio.timeout(10):
            while b"stopping" not in await process.stderr.readline():
                pass
            process.send_signal(signal.SIGINT)
            ended = await finish(process, environment)
    assert ended.code == 130
    assert "stopped without checking the listing again: 15 not attempted, 5 unknown" in ended.err


async def the_simulated_console_ends_with_0() -> None:
    environment = surroundings()
    process, url = await opened(environment, "--simulate", "--bots", "3")
    async with httpx.AsyncClient(follow_redirects=True) as http:
        page = await http.get(url)
        assert (page.status_code, "token" in str(page.url)) == (200, False)
    process.send_signal(signal.SIGTERM)
    ended = await finish(process, environment)
    assert ended.code == 0
    assert url.startswith("http://127.0.0.1:")


async def a_port_that_is_taken_is_named() -> None:
    async with Simulator(0) as sim:
        port = sim.base_url.split(":")[2].split("/")[0]
        ended = await command("console", "--no-browser", "--port", port, sim=sim)
    assert (ended.code, ended.out) == (2, "")
    assert f"port {port} can't be used" in ended.err


async def without_a_key_nothing_starts() -> None:
    ended = await command("console", "--no-browser")
    assert (ended.code, ended.out) == (2, "")
    assert "MEETSTREAM_API_KEY is not set" in ended.err


def test_without_the_extra_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that can be copied, and no traceback."""
    for name in [name for name in sys.modules if name.startswith("meetstream_async.console")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("meetstream_async.console", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(Refused, match=r"pip install 'meetstream-async\[console\]'"):
        console(Wanted(simulate=True, browser=False))


def test_a_browser_is_opened_only_where_it_has_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser in the terminal would take over where the console is ended; elsewhere the page opens."""
    opened_at: Queue[str] = Queue()
    monkeypatch.setattr("webbrowser.open", opened_at.put)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    open_page("http://127.0.0.1:1/terminal")
    monkeypatch.setenv("DISPLAY", ":0")
    open_page("http://127.0.0.1:1/window")
    assert opened_at.get(timeout=5) == "http://127.0.0.1:1/window"
    assert opened_at.empty()
