"""The examples do what they say, as they stand, against simulated accounts."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import io
import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import yaml
from typer.main import get_command

from meetstream_async.cli.app import app
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.command_line import finish, surroundings
from tests.helpers.jobs import account, serving
from tests.helpers.postgres import new_database, postgres_server
from tests.helpers.program import PROGRAM, start

EXAMPLES = Path(__file__).parents[1] / "examples"
COMPOSE = yaml.safe_load((EXAMPLES / "compose.yaml").read_text("utf-8"))


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _environment(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in sim.environment.items():
        monkeypatch.setenv(name, value)


async def test_the_nightly_job_cancels_what_joins_until_tomorrow_evening(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its exit code is 0, its log line is the report, and nobody is alerted."""
    async with Simulator(12, one_off=0, several=0, series=0, soon=0.5) as sim:
        _environment(sim, monkeypatch)
        assert await _load("nightly").main() == 0
        soon = [bot for bot in sim.ledger.events.values() if bot.unscheduled_at is not None]
    out, err = capsys.readouterr()
    assert 0 < len(soon) < 12
    assert (json.loads(out)["ok"], json.loads(out)["counts"]["unscheduled"], err) == (True, len(soon), "")


async def test_the_nightly_job_alerts_when_something_was_not_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The alert names each event that may still have a bot, and why; the exit code is 1."""
    text = tmp_path / "alert"
    monkeypatch.setenv("ALERT_COMMAND", f"tee {text}")
    stuck = [Trouble("unschedule", 409), Trouble("delete_bot", 409)]
    async with Simulator(3, one_off=0, several=0, series=0, soon=1.0, troubles=stuck) as sim:
        _environment(sim, monkeypatch)
        assert await _load("nightly").main() == 1
        events = sim.ledger.scheduled_events
    assert text.read_text().startswith("not ok")
    assert all(f"{event}: failed: " in text.read_text() for event in events)


async def test_the_nightly_job_alerts_when_it_could_not_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rejected key is told, and the exit code is 2."""
    monkeypatch.delenv("ALERT_COMMAND", raising=False)
    async with Simulator(1) as sim:
        _environment(sim, monkeypatch)
        monkeypatch.setenv("MEETSTREAM_API_KEY", "ms_another_key")
        assert await _load("nightly").main() == 2
    assert capsys.readouterr().err.startswith("the nightly job did not run: ")


async def test_the_queue_worker_acknowledges_what_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A message is acknowledged once its event has no bot; one that failed stays in the queue."""
    wanted = [("m-1", "evt_1"), ("m-2", "evt_2"), ("m-3", "evt_unknown")]
    lines = [json.dumps({"id": message, "event_id": event}) for message, event in wanted]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines) + "\n"))
    async with Simulator([SimulatedBot("b-1", "evt_1"), SimulatedBot("b-2", "evt_2")]) as sim:
        _environment(sim, monkeypatch)
        assert await _load("queue_worker").main() == 1
        assert sim.ledger.scheduled_events == frozenset()
    out, err = capsys.readouterr()
    assert {json.loads(line)["ack"] for line in out.splitlines()} == {"m-1", "m-2"}
    assert "m-3: failed: " in err


async def test_the_notebook_runs_from_its_first_cell_to_its_last(capsys: pytest.CaptureFixture[str]) -> None:
    """The Zoom bots are gone at its end, and only these."""
    text = (EXAMPLES / "notebook.py").read_text("utf-8")
    names: dict[str, Any] = {}
    for cell in re.split(r"^# %%.*$", text, flags=re.MULTILINE)[1:]:
        code = compile(cell, "notebook.py", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if asyncio.iscoroutine(last := eval(code, names)):
            await last
    assert names["by_platform"]["zoom"] > 0
    assert set(names["left"]) == set(names["by_platform"]) - {"zoom"}
    assert names["report"].ok
    assert names["report"].counts["unscheduled"] == names["plan"].counts["would_unschedule"]
    assert "a run cancels" in capsys.readouterr().out


def _commands() -> Iterator[tuple[str, list[str]]]:
    for name, service in COMPOSE["services"].items():
        if "image" in service and service["image"] == "meetstream-async":
            entry = service.get("entrypoint", ["meetstream-async"])
            yield name, [*entry[1:], *service["command"]]


@pytest.mark.parametrize(("name", "arguments"), list(_commands()), ids=lambda value: str(value))
def test_every_command_of_the_compose_file_is_one_of_ours(name: str, arguments: list[str]) -> None:
    """With options that it has."""
    command, context = get_command(app), None
    for _ in range(2):
        if not hasattr(command, "resolve_command"):
            break
        context = command.make_context(
            "meetstream-async", list(arguments), parent=context, resilient_parsing=True
        )
        _, command, arguments = command.resolve_command(context, arguments)
    assert command.make_context(name, list(arguments), parent=context).params


def test_the_compose_file_is_whole() -> None:
    """PostgreSQL, two workers under names of their own, the console; what is mounted and copied is there."""
    services = COMPOSE["services"]
    assert {"postgres", "worker-1", "worker-2", "console", "jobs"} == services.keys()
    for name in ("worker-1", "worker-2"):
        assert services[name]["command"][3] == name
        assert services[name]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
        assert services[name]["restart"] == "always"
    build = services["worker-1"]["build"]
    copied = re.findall(r"^COPY (.+) \S+$", build["dockerfile_inline"], re.MULTILINE)
    assert all((EXAMPLES / build["context"] / path).exists() for line in copied for path in line.split())
    assert (EXAMPLES / services["worker-1"]["volumes"][0].partition(":")[0]).exists()
    assert set(COMPOSE["volumes"]) == {"database"}


@pytest.mark.slow
async def test_the_console_of_the_compose_file_opens() -> None:
    """Started without Docker, on a free port: the address that it prints leads to its page."""
    (arguments,) = [words for name, words in _commands() if name == "console"]
    async with Simulator(3) as sim:
        environment = surroundings(sim)
        process = await start(*arguments[:-1], "0", environment=environment)
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
        async with httpx.AsyncClient(follow_redirects=True) as http:
            page = await http.get(url)
        process.terminate()
        ended = await finish(process, environment)
    assert (arguments[-2], page.status_code, ended.code) == ("--port", 200, 0)


@pytest.mark.postgres
@pytest.mark.timeout(180)
async def test_the_commands_of_the_compose_file_work_through_a_job(tmp_path: Path) -> None:
    """Started without Docker: both workers, and the job that its comment submits, to its end."""
    with postgres_server("canary-of-the-example") as server:
        await _work_through_a_job(new_database(server, "jobs"), tmp_path)


async def _work_through_a_job(database: str, tmp_path: Path) -> None:
    async with serving([account(0, 5), account(1, 5)]) as sims:
        keys = dict(zip(("ACME_KEY", "GLOBEX_KEY"), (sim.api_key for sim in sims), strict=True))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "MEETSTREAM_JOBS_DATABASE_URL": database,
            **keys,
        }
        text = (EXAMPLES / "accounts.toml").read_text("utf-8")
        for name, sim in zip(keys, sims, strict=True):
            text = text.replace(f'"{name}"', f'"{name}"\nbase_url = "{sim.base_url}"')
        (tmp_path / "accounts.toml").write_text(text)

        async def run(*arguments: str) -> asyncio.subprocess.Process:
            return await asyncio.create_subprocess_exec(
                PROGRAM, *arguments, cwd=tmp_path, env=environment,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip

        comment = (EXAMPLES / "compose.yaml").read_text("utf-8")
        submit = shlex.split(re.findall(r"run --rm (jobs submit .*)$", comment, re.MULTILINE)[0])
        submitted = await run(*submit)
        assert await submitted.wait() == 0
        workers = [await run(*arguments) for name, arguments in _commands() if name.startswith("worker")]
        try:
            async with asyncio.timeout(120):
                while True:
                    status = await run("jobs", "status", "offboarding-7", "--json")
                    told = json.loads((await status.communicate())[0])
                    if told["state"] not in ("queued", "running"):
                        break
                    await asyncio.sleep(0.5)
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                await worker.communicate()
        assert (told["ok"], [sim.ledger.scheduled_events for sim in sims]) == (True, [frozenset()] * 2)
