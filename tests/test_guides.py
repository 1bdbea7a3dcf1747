"""The guides keep their word: their programs run, and their tables name what there is."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meetstream_async.simulator import SimulatedBot, Simulator
from tests.helpers.source import MODULES, nodes

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def _page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def _program(name: str) -> str:
    blocks = re.findall(r"```python\n(.*?)```", _page(name), re.DOTALL)
    (program,) = [block for block in blocks if "asyncio.run(main())" in block]
    return str(program)


async def _run(program: str, environment: dict[str, str]) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.mark.docs
async def test_the_tutorials_program_says_what_a_run_would_do() -> None:
    """It lists, decides and reports; nothing is cancelled, whatever the account."""
    soon = datetime.now(UTC) + timedelta(hours=2)
    async with Simulator([SimulatedBot(f"b-{n}", n, join_time=soon) for n in ("evt_1", None)]) as sim:
        code, out, err = await _run(_program("tutorial.md"), sim.environment)
        assert {request.method for request in sim.requests} == {"GET"}
    assert (code, err) == (0, "")
    assert "would_unschedule" in out
    assert "skipped one-off bot without an event" in out


@pytest.mark.docs
async def test_offboarding_takes_one_customers_bots() -> None:
    """With and without an event; those of another customer stay."""
    bots = [
        SimulatedBot("b-1", "evt_1", attributes={"customer": "acme"}),
        SimulatedBot("b-2", None, attributes={"customer": "acme"}),
        SimulatedBot("b-3", "evt_3", attributes={"customer": "globex"}),
    ]
    async with Simulator(bots) as sim:
        code, out, err = await _run(_program("offboarding.md"), sim.environment)
        assert sim.ledger.scheduled_bots == {"b-3"}
    assert (code, err) == (0, "")
    assert '"ok": true' in out


@pytest.mark.docs
async def test_a_broken_account_does_not_keep_the_others_from_their_report() -> None:
    """One account is cleared, the other's key is rejected, and each has its line."""
    async with Simulator(5, one_off=0) as sim:
        keys = {"ACME_KEY": sim.api_key, "GLOBEX_KEY": "ms_another_one_0123456789"}
        code, out, err = await _run(_program("accounts.md"), sim.environment | keys)
        assert sim.ledger.scheduled_events == frozenset()
    assert (code, err) == (0, "")
    good, bad = out.splitlines()
    assert good == "acme ok"
    assert bad.startswith("globex not ok: ")


def _texts() -> str:
    """Every text in the package's code, what is filled in later left out, and the names of its attributes."""
    texts = []
    for path in MODULES:
        for node in nodes(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                texts.append("".join(getattr(part, "value", "…") if isinstance(part, ast.Constant) else "…"
                                     for part in node.values))  # fmt: skip
    return "\n".join(texts)


ELSEWHERE = (
    "aiohttp's",
    "stream_writer",
    "Unclosed client session",
    "InvalidResponseError",
    "401 …",
    "403 …",
    "404 …",
    "error.",
)
"""In messages of other packages, statuses and names of attributes."""


@pytest.mark.docs
def test_each_message_of_troubleshooting_is_one_of_ours() -> None:
    """What a user searches the page for is what the code says."""
    rows = re.findall(r"^\| (`.*?) \|", _page("troubleshooting.md"), re.MULTILINE)
    messages = [message for row in rows for message in re.findall(r"`([^`]+)`", row)]
    assert len(messages) > 30
    texts = _texts()
    for message in messages:
        if not any(word in message for word in ELSEWHERE):
            for part in message.split("…"):
                assert part.strip() in texts, message


@pytest.mark.compat
def test_every_method_of_the_sdk_has_a_place_in_the_guide() -> None:
    """Of its calendars and bots each one, of the other resources the resource."""
    from meetstream import AsyncMeetStream
    from meetstream.resources.bots import AsyncBots
    from meetstream.resources.calendar import AsyncCalendar

    page = _page("migrating.md")
    for resource, of in (("calendar", AsyncCalendar), ("bots", AsyncBots)):
        for name, _ in inspect.getmembers(of, inspect.isfunction):
            if not name.startswith("_"):
                assert f"`{resource}.{name}" in page, f"{resource}.{name}"
    client = AsyncMeetStream(api_key="ms_nobodys")
    for name in set(vars(client)) - {"http", "bots", "calendar"}:
        assert f"`{name}`" in page, name


def test_llms_txt_names_every_page() -> None:
    """And each of its links leads to a file of the project."""
    text = (ROOT / "llms.txt").read_text("utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert all((ROOT / link).is_file() for link in links)
    assert {f"docs/{page.name}" for page in DOCS.glob("*.md")} - {"docs/index.md"} <= set(links)


def test_the_site_names_every_page() -> None:
    """In its table of contents."""
    listed = re.findall(r"^([\w./-]+)$", _page("index.md"), re.MULTILINE)
    assert {page.stem for page in DOCS.glob("*.md")} - {"index"} <= set(listed)
