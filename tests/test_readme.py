"""The documentation keeps its word: its commands are the project's, and its examples are valid Python."""

from __future__ import annotations

import ast
import asyncio
import logging
import re
import ssl
import sys
from collections.abc import Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from fastapi import FastAPI

import meetstream_async
from meetstream_async import MeetStreamClient, unschedule_all
from meetstream_async.jobs import JobEngine
from meetstream_async.simulator import SimulatedBot, SimulatedEvent, Simulator, Trouble

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = [
    pytest.param(block, id=f"{page.name}:{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL), 1)
]
OWN_TESTS = (
    "accounts.md",
    "fastapi.md",
    "offboarding.md",
    "testing.md",
    "tracing.md",
    "tutorial.md",
    "webhooks.md",
)
"""Pages whose programs are run by a test of their own."""
PROGRAMS = [
    str(example.values[0])
    for example in EXAMPLES
    if "asyncio.run(main())" in str(example.values[0]) and not str(example.id).startswith(OWN_TESTS)
]

FRAGMENTS = [
    example
    for example in EXAMPLES
    if str(example.values[0]).startswith("# Fragment: ") and not str(example.id).startswith("fastapi.md")
]
EVENTS = [
    SimulatedEvent(event_id=345 + n, calendar_id=12, provider_event_id=f"7vq1google{n}") for n in range(4)
]


def account() -> list[SimulatedBot]:
    """The bots and events that the fragments name."""
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    weekly = [
        SimulatedBot(f"week-{n}", f"evt_week{n}", join_time=later, series="evt_abc123") for n in range(3)
    ]
    own = SimulatedBot("bot-1", "evt_abc123", series="evt_abc123")
    return [
        own,
        *weekly,
        SimulatedBot("bot-2", "evt_2", provider_event_id="7vq1google3"),
        SimulatedBot("bot-id"),
    ]


def webhook() -> dict[str, Any]:
    """A genuine webhook, as a framework hands it over."""
    body, secret = b'{"event": "events.cancelled", "data": {}}', "a-secret-of-ours"
    stamp = datetime.now(UTC).isoformat()
    headers = {"X-Webhook-Id": "1", "X-Webhook-Timestamp": stamp}
    headers["X-Webhook-Signature"] = meetstream_async.sign_webhook("1", stamp, body, secret)
    return {"headers": headers, "raw_body": body, "secret": secret}


async def my_job(client: MeetStreamClient) -> None:
    await unschedule_all(client)


@pytest.fixture
def quiet() -> Iterator[None]:
    """What a fragment changes of the log is undone."""
    root, ours = logging.getLogger(), logging.getLogger("meetstream_async")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.mark.docs
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("fragment", FRAGMENTS)
async def test_a_fragment_runs_where_it_says_that_it_stands(
    fragment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the names that its first line takes for granted, and keys and addresses in the environment."""
    monkeypatch.chdir(tmp_path)
    trustme.CA().cert_pem.write_to_path(tmp_path / "corporate-ca.pem")
    monkeypatch.setenv("MEETSTREAM_JOBS_DATABASE_URL", f"sqlite:///{tmp_path}/jobs.sqlite")
    async with Simulator(account(), events=EVENTS) as sim:
        for name, value in {**sim.environment, "ACME_KEY": sim.api_key}.items():
            monkeypatch.setenv(name, value)
        async with MeetStreamClient() as client:
            names: dict[str, Any] = {
                **vars(meetstream_async),
                **{name: getattr(meetstream_async, name) for name in meetstream_async.__all__},
                "Simulator": Simulator,
                "Trouble": Trouble,
                "FastAPI": FastAPI,
                "JobEngine": JobEngine,
                "asynccontextmanager": asynccontextmanager,
                "asyncio": asyncio,
                "logging": logging,
                "ssl": ssl,
                "client": client,
                "targets": ["evt_2"],
                "bot_id": "bot-id",
                **webhook(),
                "tonight": meetstream_async.BotFilter(before=datetime.now(UTC) + timedelta(days=1)),
                "tomorrow": datetime.now(UTC) + timedelta(days=1),
                "my_job": my_job,
                "require_admin": lambda: None,
                "vault_lookup": lambda _: sim.api_key,
            }
            code = compile(fragment, "fragment", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            running = eval(code, names)
            if running is not None:
                await running


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_python(example: str) -> None:
    """It compiles, and what it imports of this library is there."""
    compile(example, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    imports = [node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.ImportFrom)]
    for node in imports:
        if (node.module or "").startswith("meetstream_async"):
            module = __import__(node.module, fromlist=["*"])
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_every_example_is_a_program_or_says_that_it_is_a_fragment() -> None:
    """Whoever copies it knows what is missing; the programs of some pages are run by a test of their own."""
    for example in EXAMPLES:
        block, name = str(example.values[0]), str(example.id)
        assert block.startswith("# Fragment: ") or name.startswith(OWN_TESTS) or block in PROGRAMS, name


@pytest.mark.docs
@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_program_runs_as_it_stands_against_the_simulator(program: str) -> None:
    """As `simulate` serves an account, with one-off bots and errors: it explains, and raises nothing."""
    async with Simulator(120, one_off=0.05, series=0.1, error_rate=0.05) as sim:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, env=sim.environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    lines = out.decode().splitlines()
    alone = len(sim.ledger.scheduled_bots)
    assert lines[0].startswith(f"not ok: {alone} one-off bots have no calendar event and will join (")
    assert len(lines) == 1 + alone > 2
    assert all("one-off bot without an event" in line and "<" not in line for line in lines[1:])
    assert sim.ledger.scheduled_events == frozenset()


def test_the_two_commands_of_the_readme_are_those_that_are_promised() -> None:
    """Install and run the demo; install and run the tests. CI runs the second one's test command."""
    readme = (ROOT / "README.md").read_text("utf-8")
    environment = "python3 -m venv .venv && .venv/bin/pip install -q"
    assert f'{environment} ".[cli]" && .venv/bin/meetstream-async demo' in readme
    assert f'{environment} -e ".[test]" && .venv/bin/python -m pytest' in readme
    assert '"$bin/python" -m pytest\n' in (ROOT / ".ci" / "run").read_text("utf-8")
