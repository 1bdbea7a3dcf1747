"""The package from outside: its names, what importing it costs, and which room may know which."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import meetstream_async

PACKAGE = Path(meetstream_async.__file__).parent
SIMULATOR = sorted((PACKAGE / "simulator").glob("*.py"))
FRONT_DOORS = [
    path
    for door in ("agreement", "cli", "console", "fastapi", "jobs")
    for path in sorted((PACKAGE / door).glob("*.py"))
]
# What a front door may know of another one, by the rooms that may.
NEIGHBOURS = {
    ("cli", "meetstream_async.agreement"): (
        "consent",
        "demo",
        "given",
        "journal",
        "listed",
        "listing",
        "preview",
        "retry",
        "selection",
        "unscheduling",
    ),
    ("cli", "meetstream_async.console"): ("console",),
    ("console", "meetstream_async.agreement"): ("agreements", "desk", "outline", "records"),
    ("console", "meetstream_async.fastapi"): ("agreements", "app", "desk", "outline", "runs"),
    ("cli", "meetstream_async.jobs"): ("jobs", "jobs_input", "jobs_kept", "jobs_view"),
    ("cli", "meetstream_async.simulator"): ("console", "demo", "simulate"),
    ("fastapi", "meetstream_async.jobs"): ("durable",),
}

# A room imports only from rooms before it.
ROOMS = [
    "schemas",
    "errors",
    "safety",
    "models",
    "meetbit_models",
    "retry",
    "reply",
    "refusals",
    "wire",
    "pacing",
    "deadlines",
    "connections",
    "lent",
    "transport",
    "session",
    "client",
    "outcomes",
    "plan",
    "outage",
    "runner",
    "calls",
    "bulk",
    "meetstream",
    "events",
    "sources",
    "unschedule",
    "drain_plan",
    "drain",
    "meetbit",
    "cancel",
    "meeting_bots",
    "meetings",
]
# What these rooms have for users; everything else in them that has no underscore is for other rooms.
FOR_USERS = [
    "errors",
    "models",
    "meetbit_models",
    "retry",
    "outcomes",
    "bulk",
    "meetstream",
    "unschedule",
    "drain",
    "meetbit",
    "cancel",
    "meeting_bots",
    "meetings",
]
FOR_ROOMS = {
    "canonical_platform",
    "is_retried",
    "parse_retry_after",
    "Attempt",
    "retry",
    "Outcome",
    "Tally",
    "run_to_end",
    "with_report",
    "soonest_first",
    "check_series_options",
    "check_client",
    "check_id",
    "check_note",
    "check_meetbit",
    "Cancellation",
    "CancelPlan",
    "Half",
    "unschedule_bots",
}


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every import that happens when the code runs, as its level and its dotted name."""
    hidden = {
        id(node)
        for check in ast.walk(tree)
        if isinstance(check, ast.If) and ast.unparse(check.test).endswith("TYPE_CHECKING")
        for node in ast.walk(check)
    }
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.level, f"{node.module}.{alias.name}" if node.module else alias.name


def _defined(room: str) -> set[str]:
    """The classes and functions that a room defines without an underscore."""
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    body = _tree(PACKAGE / f"{room}.py").body
    return {node.name for node in body if isinstance(node, kinds) and not node.name.startswith("_")}


def test_the_public_names_are_sorted_and_there() -> None:
    """__all__ is sorted, without repetition, and each of its names exists."""
    names = meetstream_async.__all__
    assert names == sorted(set(names))
    assert [name for name in names if not hasattr(meetstream_async, name)] == []


def test_the_public_names_are_complete() -> None:
    """Every class and function that a room has for users is importable from the package root."""
    defined = set().union(*map(_defined, FOR_USERS))
    assert defined >= FOR_ROOMS
    assert defined - FOR_ROOMS | {"__version__"} == set(meetstream_async.__all__)


def test_no_name_is_public_by_accident() -> None:
    """What the package root shows without an underscore is in __all__, or a module of its own."""
    shown = {name for name in vars(meetstream_async) if not name.startswith("_")}
    modules = {name for name in shown if f"meetstream_async.{name}" in sys.modules}
    assert shown - modules <= set(meetstream_async.__all__)


def test_the_version_is_that_of_the_metadata() -> None:
    """Code and package agree on the version."""
    from importlib.metadata import version

    assert meetstream_async.__version__ == version("meetstream-async")


def test_importing_the_package_imports_no_extra() -> None:
    """The core needs neither the command line's libraries nor pydantic, and not the simulator."""
    code = "import json, sys, meetstream_async; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    loaded = set(json.loads(run.stdout))
    assert "meetstream_async.session" in loaded
    extras = {"typer", "click", "rich", "pydantic", "fastapi", "uvicorn", "dbos", "sqlalchemy", "psycopg"}
    assert loaded & extras == set()
    assert loaded & {"meetstream_async.simulator", "meetstream_async.cli", "meetstream_async.jobs"} == set()


def test_every_room_has_its_place() -> None:
    """A new room of the core is put into the order, and so has a direction."""
    assert {path.stem for path in PACKAGE.glob("*.py")} == {*ROOMS, "__init__", "__about__"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_before_it(room: str) -> None:
    """The direction of imports holds, and no room of the core knows simulator or command line."""
    allowed = {*ROOMS[: ROOMS.index(room)], "__about__"}
    for level, name in _imports(_tree(PACKAGE / f"{room}.py")):
        assert level <= 1
        assert not name.startswith("meetstream_async")
        if level:
            assert name.partition(".")[0] in allowed


@pytest.mark.parametrize("path", SIMULATOR, ids=lambda path: path.stem)
def test_the_simulator_knows_nothing_of_the_client(path: Path) -> None:
    """It shares no code with what it tests, so that one mistake cannot hide in both."""
    siblings = {other.stem for other in SIMULATOR}
    for level, name in _imports(_tree(path)):
        assert level <= 1
        assert not name.startswith("meetstream_async")
        if level:
            assert name.partition(".")[0] in siblings


@pytest.mark.parametrize("path", FRONT_DOORS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_front_door_uses_public_names_only(path: Path) -> None:
    """Of the package it knows its own rooms, what __all__ has, and neighbours that are named here."""
    siblings = {other.stem for other in path.parent.glob("*.py")}
    for level, name in _imports(_tree(path)):
        if level:
            assert level == 1
            assert name.partition(".")[0] in siblings
        elif name.partition(".")[0] == "meetstream_async":
            room, _, public = name.rpartition(".")
            if room == "meetstream_async":
                assert public in meetstream_async.__all__
            else:
                assert path.stem in NEIGHBOURS[path.parent.name, room]


@pytest.mark.parametrize("door", ["agreement", "console", "fastapi"])
def test_the_public_names_of_a_door_are_there(door: str) -> None:
    """What other rooms and users may take from it is named once, and exists."""
    room = importlib.import_module(f"meetstream_async.{door}")
    assert len(room.__all__) == len(set(room.__all__)) > 0
    assert [name for name in room.__all__ if not hasattr(room, name)] == []


def test_the_public_names_of_jobs_are_sorted_and_there() -> None:
    """So are those behind the extra; and the errors among them are the package's."""
    from meetstream_async import jobs

    assert jobs.__all__ == sorted(set(jobs.__all__))
    assert [name for name in jobs.__all__ if not hasattr(jobs, name)] == []
    errors = [getattr(jobs, name) for name in jobs.__all__ if name.endswith("Error")]
    assert all(issubclass(error, meetstream_async.MeetStreamError) for error in errors)
