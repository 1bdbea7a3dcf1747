"""How much a command imports before it can answer, which is what its start costs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

from meetstream_async import __version__
from meetstream_async.jobs import JobAccount, JobEngine, submit_job
from tests.helpers.program import ROOT

PROGRAM = """
import atexit, json, os, sys
sys.argv[1:] = json.loads(os.environ["WORDS"])
atexit.register(lambda: open(os.environ["LOADED"], "w").write(json.dumps(sorted(sys.modules))))
from meetstream_async.cli import main
main()
"""
HEAVY = {"aiohttp", "cattrs", "dbos", "fastapi", "psycopg", "pydantic", "rich.live", "sqlalchemy", "tenacity"}
"""What takes long to import."""
BROUGHT = {name for name in ("pydantic",) if any(one.startswith(name) for one in requires("typer") or [])}
"""What typer needs itself, from 0.28 on, wherever a command has options."""


async def loaded(folder: Path, *words: str) -> tuple[str, int | None, set[str]]:
    """What a command prints, its exit code, and all that it has imported."""
    listed = folder / "loaded.json"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        cwd=ROOT,
        env={**os.environ, "WORDS": json.dumps(words), "LOADED": str(listed)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return out.decode(), process.returncode, set(json.loads(listed.read_text()))


@pytest.mark.parametrize("word", ["--version", "-V"])
async def test_the_version_needs_nothing(tmp_path: Path, word: str) -> None:
    """It is printed before the libraries of the command line are imported, and asyncio."""
    out, code, modules = await loaded(tmp_path, word)
    assert (out, code) == (f"meetstream-async {__version__}\n", 0)
    assert modules & (HEAVY | {"asyncio", "attr", "rich", "typer"}) == set()


@pytest.mark.parametrize(
    "words",
    [("--help",), ("jobs", "--help"), pytest.param((), marks=pytest.mark.slow)],
    ids=["help", "jobs", "nothing"],
)
async def test_the_help_imports_no_command(tmp_path: Path, words: tuple[str, ...]) -> None:
    """The list of commands is shown without importing any of them."""
    _, _, modules = await loaded(tmp_path, *words)
    assert modules & (HEAVY | {"asyncio", "attr"}) <= BROUGHT
    assert [name for name in modules if name.startswith("meetstream_async.cli.commands")] == []


@pytest.mark.slow
async def test_looking_at_jobs_starts_no_engine(tmp_path: Path) -> None:
    """`jobs status` and `jobs list` read the database themselves, without the engine or a client."""
    database = f"sqlite:///{tmp_path}/jobs.sqlite"
    async with JobEngine(database):
        await submit_job([JobAccount("acme", api_key_env="ACME_KEY")], job_id="one")
    for words in (("jobs", "status", "one"), ("jobs", "list")):
        out, code, modules = await loaded(tmp_path, *words, "--database", database)
        assert (code, "queued" in out) == (0, True)
        assert modules & HEAVY <= BROUGHT


@pytest.mark.parametrize(
    "words",
    [
        ("unschedule-all", "--help"),
        ("list", "--help"),
        ("jobs", "run", "--help"),
    ],
    ids=str,
)
@pytest.mark.slow
async def test_a_command_imports_no_other_rooms(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A command of one account imports neither jobs nor console nor simulator, and that of jobs no engine."""
    out, code, modules = await loaded(tmp_path, *words)
    assert (code, out.startswith("Usage:")) == (0, True)
    assert modules & {"dbos", "sqlalchemy", "fastapi", "pydantic", "meetstream_async.simulator"} <= BROUGHT
