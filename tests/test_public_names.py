"""The package from outside: its names."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

import pytest

import meetstream_async

PACKAGE = Path(meetstream_async.__file__).parent
FOR_USERS = [
    "errors",
    "_http/options",
    "_http/retry",
    "meetstream/models",
    "meetstream/bots",
    "meetstream/filters",
    "meetstream/client",
    "meetstream/events",
    "meetstream/checks",
    "meetbit/models",
    "meetbit/client",
    "meetbit/webhooks",
    "bulk/options",
    "bulk/report",
    "bulk/reschedule",
    "bulk/reschedule_outcome",
    "bulk/snapshot",
    "bulk/statuses",
    "bulk/run",
    "bulk/account_state",
    "bulk/steps",
    "bulk/take_snapshot",
    "bulk/unschedule",
    "bulk/unschedule_all",
    "bulk/cancel",
    "bulk/meetings",
    "doctor/diagnosis",
    "doctor/diagnose",
]
"""Modules whose classes and functions are for users; those that are not are listed below."""
FOR_THE_PACKAGE = {
    "canonical_platform",
    "is_plain_function",
    "is_retried",
    "unschedule_until_empty",
    "speaks_for_itself",
    "log_retry",
    "Attempt",
    "check_policy",
    "retry",
    "Outcome",
    "BotsOutcome",
    "Tally",
    "run_to_end",
    "with_report",
    "soonest_first",
    "check_client",
    "check_meetbit",
    "EventPages",
    "is_own_event_id",
    "kept",
    "Cancellation",
    "CancelOperation",
}


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _defined(module: str) -> set[str]:
    """The classes and functions that a module defines without an underscore."""
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    body = _tree(PACKAGE / f"{module}.py").body
    return {node.name for node in body if isinstance(node, kinds) and not node.name.startswith("_")}


def test_the_public_names_are_sorted_and_there() -> None:
    """__all__ is sorted, without repetition, and each of its names exists."""
    names = meetstream_async.__all__
    assert names == sorted(set(names))
    assert [name for name in names if not hasattr(meetstream_async, name)] == []


def test_the_public_names_are_complete() -> None:
    """Every class and function that a module has for users is importable from the package root."""
    defined = set().union(*map(_defined, FOR_USERS))
    assert defined >= FOR_THE_PACKAGE
    assert defined - FOR_THE_PACKAGE | {"__version__", "JsonValue"} == set(meetstream_async.__all__)


def test_no_name_is_public_by_accident() -> None:
    """Every public name of the package root is in __all__, or is a module."""
    shown = {name for name in vars(meetstream_async) if not name.startswith("_")}
    modules = {name for name in shown if f"meetstream_async.{name}" in sys.modules}
    assert shown - modules - {"TYPE_CHECKING", "lazily"} <= set(meetstream_async.__all__)


@pytest.mark.parametrize("room", ["", "jobs"])
def test_a_name_is_imported_from_where_a_type_checker_sees_it(room: str) -> None:
    """The names that are imported when they are first used are those of the imports for type checkers."""
    tree = _tree(PACKAGE / room / "__init__.py")
    (check,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        (node.module, alias.name)
        for node in check.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    (homes,) = [node for part in check.orelse for node in ast.walk(part) if isinstance(node, ast.Dict)]
    told = {(module, name) for module, names in ast.literal_eval(homes).items() for name in names.split()}
    assert told == seen


def test_a_name_that_is_not_there_is_missed_as_in_any_module() -> None:
    """Names that are imported late are listed by dir(), and others raise AttributeError and ImportError."""
    assert set(meetstream_async.__all__) <= set(dir(meetstream_async))
    with pytest.raises(AttributeError, match="has no attribute 'Simulator'"):
        meetstream_async.Simulator  # noqa: B018
    with pytest.raises(ImportError, match="Simulator"):
        exec("from meetstream_async import Simulator", {})


def test_the_version_is_that_of_the_metadata() -> None:
    """Code and package agree on the version."""
    from importlib.metadata import version

    assert meetstream_async.__version__ == version("meetstream-async")


@pytest.mark.parametrize("door", ["preview", "console", "fastapi", "tracing"])
def test_the_public_names_of_a_door_are_there(door: str) -> None:
    """Each name that other modules and users may import is listed once, and exists."""
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
