"""The plan of the house: folders import only what stands to their left, and keep their private modules."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from attrs import frozen

import meetstream_async

PACKAGE = Path(meetstream_async.__file__).parent
ROOT = "meetstream_async"
ORDER = [
    {"_tasks", "_times", "_logs"},
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
TOOLS = {"_tasks", "_times", "_logs"}
"""What knows nothing of the package, and is for every folder of it."""
FRONT_DOORS = {"preview", "jobs", "fastapi", "console", "cli", "__main__"}
EXTRAS = {
    "click",
    "dbos",
    "fastapi",
    "opentelemetry",
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


def _imports(path: Path) -> Iterator[Import]:
    """Imports of the package's own names, those for type checkers included."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        id(node)
        for check in ast.walk(tree)
        if isinstance(check, ast.If) and ast.unparse(check.test).endswith("TYPE_CHECKING")
        for node in ast.walk(check)
    }
    package = (ROOT, *_location(path)[:-1])
    for node in ast.walk(tree):
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


MODULES = sorted(PACKAGE.rglob("*.py"))
IDS = ["/".join(_location(path)) for path in MODULES]


def _rank(folder: str) -> int:
    return next(index for index, names in enumerate(ORDER) if folder in names)


def test_every_folder_has_its_place() -> None:
    """A new first-level folder or module is put into the order, and they stay few."""
    shown = {_location(path)[0] for path in MODULES}
    assert shown == set().union(*ORDER) | {"simulator"}
    assert len(shown - TOOLS - {"_version", "_pydantic"}) <= 15


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_a_folder_imports_only_from_its_left(path: Path) -> None:
    """The direction holds for imports that only a type checker sees, too."""
    here = _first(_location(path))
    for found in _imports(path):
        if found.folder == here:
            continue
        assert here != "simulator", f"line {found.line}: the simulator shares nothing with what it tests"
        if found.folder != "simulator":
            assert _rank(found.folder) < _rank(here), f"line {found.line}: {'.'.join(found.parts)}"
        else:
            # The command line runs it for people; nothing else in the package may need it.
            assert here == "cli", f"line {found.line}"


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_nobody_imports_a_private_module_across_a_folder(path: Path) -> None:
    """A name with an underscore stays in its folder, and is imported by no module but its own."""
    here = _location(path)[:-1]
    for found in _imports(path):
        for depth, part in enumerate(found.parts):
            if not part.startswith("_") or part.startswith("__"):
                continue
            where = found.parts[:depth]
            assert here[: len(where)] == where, f"line {found.line}: {'.'.join(found.parts)}"
            is_module = (PACKAGE.joinpath(*where) / f"{part}.py").exists()
            is_folder = PACKAGE.joinpath(*where, part).is_dir()
            assert is_module or is_folder, f"line {found.line}: a private name of another module"


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if _first(_location(path)) in FRONT_DOORS],
    ids=[id_ for id_, path in zip(IDS, MODULES, strict=True) if _first(_location(path)) in FRONT_DOORS],
)
def test_a_front_door_uses_public_names_only(path: Path) -> None:
    """From outside its own folder it knows the package root, what other doors name in ``__all__``, and the
    tools that know nothing of the package.
    """
    here = _first(_location(path))
    for found in _imports(path):
        if found.folder not in {here, "simulator"}:
            assert len(found.parts) <= (1 if found.folder == "__init__" else 2), f"line {found.line}"
            assert found.folder in {"__init__", *FRONT_DOORS, *TOOLS}, f"line {found.line}"


def test_nothing_waits_by_a_sleep_that_tests_patch() -> None:
    """`_tasks.pause` takes the place of `asyncio.sleep`, which applications patch in their tests."""
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                assert ast.unparse(node) != "asyncio.sleep", f"{path}:{node.lineno}"
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


@pytest.mark.parametrize("path", MODULES, ids=IDS)
def test_a_module_stays_short(path: Path) -> None:
    """A module of more than 300 lines holds two ideas, and is split."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_importing_the_package_imports_no_extra() -> None:
    """The core needs neither the command line's libraries nor pydantic, nor any front door."""
    code = "import json, sys, meetstream_async; print(json.dumps(sorted(sys.modules)))"
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
