"""The pytest plugin, in a fresh project of a user."""

from __future__ import annotations

import os
import sys

import pytest

pytest_plugins = "pytester"

ASYNC = """
import pytest
from meetstream_async import unschedule_all
from meetstream_async.simulator import Trouble

@pytest.mark.meetstream_simulator(bots=3, one_off=0, seed=7)
async def test_everything_is_cancelled(meetstream_client, meetstream_simulator):
    assert len((await meetstream_client.list_scheduled_bots()).bots) == 3
    meetstream_simulator.add_trouble(Trouble("unschedule", 503, times=2))
    report = await unschedule_all(meetstream_client)
    assert report.ok
    assert meetstream_simulator.ledger.scheduled_events == frozenset()

@pytest.mark.meetstream_simulator(bots=0, events=2)
async def test_meetbit(meetbit_client, meetstream_client, meetstream_simulator):
    event = meetstream_simulator.calendar_events[0]
    await meetbit_client.cancel_event(event.calendar_id, event.event_id, "Off.")
    assert len(meetstream_simulator.ledger.live_events) == 1

async def test_it_may_be_closed_by_the_test(meetstream_client):
    async with meetstream_client:
        await meetstream_client.list_scheduled_bots()

async def test_it_may_be_left_unused(meetstream_client):
    pass

@pytest.mark.meetstream_simulator(ids="provider", bots=2)
class TestMarkers:
    @pytest.mark.meetstream_simulator(bots=1, one_off=0)
    async def test_the_nearest_marker_wins(self, meetstream_client):
        (bot,) = (await meetstream_client.list_scheduled_bots()).bots
        assert not bot.event_id.startswith("evt_")
"""
SYNC = """
import asyncio, json, urllib.request
import pytest
from meetstream_async import MeetStreamClient, unschedule_all

@pytest.mark.meetstream_simulator(bots=2)
def test_any_program_can_ask_it(meetstream_simulator):
    sim = meetstream_simulator
    request = urllib.request.Request(
        f"{sim.base_url}/calendar/scheduled", headers={"Authorization": f"Token {sim.api_key}"})
    with urllib.request.urlopen(request) as reply:
        assert len(json.load(reply)["scheduled_bots"]) == 2

@pytest.mark.meetstream_simulator(bots=2, one_off=0)
def test_a_loop_of_its_own(meetstream_client, meetstream_simulator):
    async def main():
        async with meetstream_client:
            return await unschedule_all(meetstream_client)
    assert asyncio.run(main()).ok

def test_code_that_reads_the_environment(meetstream_environment, meetstream_simulator):
    async def main():
        async with MeetStreamClient() as client:
            return await client.list_scheduled_bots(limit=5)
    assert len(asyncio.run(main()).bots) == 5
    assert meetstream_environment["MEETSTREAM_API_URL"] == meetstream_simulator.base_url
"""
STRICT = """
import pytest

@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("turn", [1, 2])
async def test_strict(meetstream_client, turn):
    await meetstream_client.list_scheduled_bots()
"""
# What pytest-asyncio wants to be told, or else it warns.
STRICTLY = "[pytest]\nasyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n"
ANYIO = """
import pytest

@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_anyio(meetstream_client):
    await meetstream_client.list_scheduled_bots()
"""
OTHERS = ("randomly", "xdist", "timeout", "hypothesispytest", "schemathesis")
AUTOLOADED = (*(part for name in OTHERS for part in ("-p", f"no:{name}")), "-W", "error")
OURS = ("-p", "pytest_meetstream_async", "--disable-plugin-autoload", "-W", "error")
# In the process of these tests, its plugins were imported before.
ALREADY = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """An empty one, whose processes import from this checkout."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(pytester.path))
    return pytester


@pytest.mark.slow
def test_a_fresh_project_uses_it(project: pytest.Pytester) -> None:
    """Found by its entry point, without a warning, by async and sync tests; docs/testing.md has a command."""
    project.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    project.makepyfile(test_async=ASYNC, test_sync=SYNC)
    run = project.runpytest_subprocess(*AUTOLOADED)
    run.assert_outcomes(passed=8)
    assert "warning" not in run.stdout.str()


def test_strict_mode_and_wider_loops(project: pytest.Pytester) -> None:
    """A client is closed on the loop that its test runs on, whichever that is."""
    project.makeini(STRICTLY)
    project.makepyfile(STRICT)
    project.runpytest_inprocess("-p", "pytest_asyncio.plugin", *OURS, *ALREADY).assert_outcomes(passed=2)


def test_anyio_runs_it_as_well(project: pytest.Pytester) -> None:
    """Nothing in it is about one plugin for async tests."""
    project.makepyfile(ANYIO)
    project.runpytest_inprocess("-p", "anyio.pytest_plugin", *OURS, *ALREADY).assert_outcomes(passed=1)


def test_a_failing_test_says_what_failed(project: pytest.Pytester) -> None:
    """And its client is closed all the same."""
    project.makeini(STRICTLY)
    project.makepyfile(
        """
        import pytest
        @pytest.mark.asyncio
        async def test_it(meetstream_client):
            await meetstream_client.list_scheduled_bots()
            assert 1 == 2
        """
    )
    run = project.runpytest_inprocess("-p", "pytest_asyncio.plugin", *OURS, *ALREADY)
    run.assert_outcomes(failed=1)
    run.stdout.fnmatch_lines(["*assert 1 == 2*"])


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        ("bots=3, colour=1", "*unexpected keyword argument 'colour'*"),
        ("ids='none at all'", "*ids must be 'event', 'provider', 'none' or 'mixed'*"),
        ("3", "*takes keyword arguments only, such as bots=3*"),
    ],
)
def test_a_wrong_option_is_named(project: pytest.Pytester, marker: str, says: str) -> None:
    """In the words of the simulator."""
    project.makepyfile(
        f"""
        import pytest
        @pytest.mark.meetstream_simulator({marker})
        def test_it(meetstream_simulator):
            pass
        """
    )
    run = project.runpytest_inprocess(*OURS)
    run.assert_outcomes(errors=1)
    run.stdout.fnmatch_lines([says])


def test_its_marker_is_known(project: pytest.Pytester) -> None:
    """So --strict-markers accepts it, and --markers explains it."""
    run = project.runpytest_inprocess("--markers", "--strict-markers", *OURS)
    run.stdout.fnmatch_lines(["@pytest.mark.meetstream_simulator(bots=250, seed=1, *"])


@pytest.mark.slow
def test_nothing_is_imported_until_a_fixture_is_used(project: pytest.Pytester) -> None:
    """A project that has it installed pays for pytest alone."""
    project.makepyfile(
        """
        import sys
        def test_it():
            assert "pytest_meetstream_async" in sys.modules
            loaded = {"aiohttp", "meetstream_async", "asyncio", "pytest_meetstream_async._serving"}
            assert loaded & sys.modules.keys() == set()
        """
    )
    code = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    run = project.run(sys.executable, "-c", code, *OURS, "-q")
    assert run.ret == 0, run.stdout.str()


def test_no_key_of_the_developer_is_used(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the simulator's variables are left, for this test."""
    monkeypatch.setenv("MEETSTREAM_PACE_STORE", "/nowhere/pace.db")
    monkeypatch.setenv("MEETBIT_PRIMARY_DOMAIN", "acme.example.com")
    project.makepyfile(
        """
        import os
        def test_it(meetstream_environment):
            ours = {k: v for k, v in os.environ.items() if k.startswith(("MEETSTREAM_", "MEETBIT_"))}
            assert ours == meetstream_environment
        """
    )
    project.runpytest_inprocess(*OURS).assert_outcomes(passed=1)
    assert os.environ["MEETSTREAM_PACE_STORE"] == "/nowhere/pace.db"
