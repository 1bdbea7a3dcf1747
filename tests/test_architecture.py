"""The plan of the house: folders import only what stands to their left, and keep their private modules."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from attrs import frozen

from tests.helpers.source import MODULES, PACKAGE, nodes

ROOT = "meetstream_async"
ORDER = [
    {"_lazy", "_tasks", "_times", "_logs"},
    {"_version", "_pydantic"},
    {"errors"},
    {"_http"},
    {"meetstream", "meetbit"},
    {"bulk"},
    {"doctor", "tracing"},
    {"__init__"},
    {"preview"},
    {"jobs"},
    {"fastapi"},
    {"console"},
    {"cli"},
    {"__main__"},
]
"""A folder imports only from folders in the sets before its own; ``__init__`` is the package root."""
TOOLS = {"_lazy", "_tasks", "_times", "_logs"}
"""What knows nothing of the package, and is for every folder of it."""
FRONT_DOORS = {"preview", "jobs", "fastapi", "console", "cli", "__main__"}
EXTRAS = {
    "click",
    "dbos",
    "fastapi",
    "opentelemetry",
    "orjson",
    "platformdirs",
    "psycopg",
    "pydantic",
    "pydantic_core",
    "rich",
    "sqlalchemy",
    "starlette",
    "typer",
    "uvicorn",
    "uvloop",
}


@frozen
class Import:
    """One imported name, as the dotted parts of module and name below the package."""

    line: int
    parts: tuple[str, ...]
    runs: bool
    """False where only a type checker sees it."""

    @property
    def folder(self) -> str:
        """The first-level folder or module that it comes from."""
        return _first(self.parts)


def _first(parts: tuple[str, ...]) -> str:
    name = parts[0] if parts else "__init__"
    return name if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file() else "__init__"


def _location(path: Path) -> tuple[str, ...]:
    return path.relative_to(PACKAGE).with_suffix("").parts


@cache
def _imports(path: Path) -> tuple[Import, ...]:
    """Imports of the package's own names, those for type checkers included."""
    return tuple(_found(path))


def _found(path: Path) -> Iterator[Import]:
    hidden = {
        id(node)
        for check in nodes(path)
        if isinstance(check, ast.If)
        and isinstance(check.test, ast.Name | ast.Attribute)
        and ast.unparse(check.test).endswith("TYPE_CHECKING")
        for node in ast.walk(check)
    }
    package = (ROOT, *_location(path)[:-1])
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            names = [(*module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        else:
            continue
        for name in names:
            if name[0] == ROOT:
                yield Import(node.lineno, name[1:], id(node) not in hidden)


def _rank(folder: str) -> int:
    return next(index for index, names in enumerate(ORDER) if folder in names)


def test_every_folder_has_its_place() -> None:
    """A new first-level folder or module is put into the order, and they stay few."""
    shown = {_location(path)[0] for path in MODULES}
    assert shown == set().union(*ORDER) | {"simulator"}
    assert len(shown - TOOLS - {"_version", "_pydantic"}) <= 15


def test_a_folder_imports_only_from_its_left() -> None:
    """The direction holds for imports that only a type checker sees, too."""
    assert {path: wrong for path in MODULES if (wrong := [*_from_the_right(path)])} == {}


def _from_the_right(path: Path) -> Iterator[Import]:
    here = _first(_location(path))
    for found in _imports(path):
        if found.folder == here:
            continue
        # The simulator shares nothing with what it tests; the command line runs it for people.
        to_the_left = found.folder != "simulator" and _rank(found.folder) < _rank(here)
        if here == "simulator" or not (to_the_left or (found.folder, here) == ("simulator", "cli")):
            yield found


def test_nobody_imports_a_private_module_across_a_folder() -> None:
    """A name with an underscore stays in its folder, and is imported by no module but its own."""
    assert {path: wrong for path in MODULES if (wrong := [*_private(path)])} == {}


def _private(path: Path) -> Iterator[Import]:
    here = _location(path)[:-1]
    for found in _imports(path):
        for depth, part in enumerate(found.parts):
            if not part.startswith("_") or part.startswith("__"):
                continue
            where = found.parts[:depth]
            is_module = (PACKAGE.joinpath(*where) / f"{part}.py").exists()
            is_folder = PACKAGE.joinpath(*where, part).is_dir()
            if here[: len(where)] != where or not (is_module or is_folder):
                yield found


def test_a_front_door_uses_public_names_only() -> None:
    """From outside its own folder it knows the package root, what other doors name in ``__all__``, and the
    tools that know nothing of the package.
    """
    doors = [path for path in MODULES if _first(_location(path)) in FRONT_DOORS]
    assert doors
    assert {path: wrong for path in doors if (wrong := [*_not_public(path)])} == {}


def _not_public(path: Path) -> Iterator[Import]:
    here = _first(_location(path))
    for found in _imports(path):
        if found.folder in {here, "simulator"}:
            continue
        deep = len(found.parts) > (1 if found.folder == "__init__" else 2)
        if deep or found.folder not in {"__init__", *FRONT_DOORS, *TOOLS}:
            yield found


def test_nothing_waits_by_a_sleep_that_tests_patch() -> None:
    """`_tasks.pause` takes the place of `asyncio.sleep`, which applications patch in their tests."""
    for path in MODULES:
        for node in nodes(path) if "sleep" in path.read_text(encoding="utf-8") else ():
            if isinstance(node, ast.Attribute):
                assert node.attr != "sleep" or ast.unparse(node) != "asyncio.sleep", f"{path}:{node.lineno}"
            elif isinstance(node, ast.ImportFrom) and node.module == "asyncio":
                assert "sleep" not in {alias.name for alias in node.names}, f"{path}:{node.lineno}"


def test_there_are_no_circles() -> None:
    """No module imports itself by way of others, imports for type checkers included."""
    known = {_location(path): path for path in MODULES}
    graph: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for location, path in known.items():
        graph[location] = set()
        for found in _imports(path):
            # A name, a module, or the door of a folder.
            for end in (found.parts, found.parts[:-1]):
                target = end if end in known else (*end, "__init__")
                if target in known and target != location:
                    graph[location].add(target)
                    break
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


def test_a_module_stays_short() -> None:
    """A module of more than 300 lines holds two ideas, and is split."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {path: length for path, length in lengths.items() if length > 300} == {}


def test_importing_the_package_imports_no_extra() -> None:
    """All names of the core need neither the command line's libraries nor pydantic, nor any front door."""
    code = "import json, sys; from meetstream_async import *; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    loaded = set(json.loads(run.stdout))
    assert f"{ROOT}._http.session" in loaded
    assert loaded & EXTRAS == set()
    assert {
        name for name in loaded if name.startswith(f"{ROOT}.") and name.split(".")[1] in FRONT_DOORS
    } == set()
    assert f"{ROOT}.simulator" not in loaded
