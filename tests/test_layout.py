"""How the tests themselves are laid out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PACKAGE = ROOT / "meetstream_async"
PLUGIN = ROOT / "pytest_meetstream_async"
MODULES = sorted(path for path in TESTS.rglob("*.py") if path.name != "__init__.py")
_IMPORT = re.compile(
    r"^ *(?:from [.\w]+ import (?:\([^)]*\)|[*\w][\w, ]*)|import [.\w]+(?: as \w+)?) *(?=$|#|;)", re.M
)
"""A statement, wherever it stands: reading nothing else takes a tenth of the time."""


def _imported(path: Path) -> set[str]:
    """The modules, and the names of modules, that a file imports, dotted."""
    found: set[str] = set()
    statements = _IMPORT.findall(path.read_text(encoding="utf-8"))
    for node in ast.parse("\n".join(statement.strip() for statement in statements)).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return found


def test_no_test_module_imports_another() -> None:
    """What several test modules need stands in tests/helpers/."""
    tests = {path.stem for path in MODULES if path.name.startswith(("test_", "conftest"))}
    for path in MODULES:
        for name in _imported(path):
            parts = name.split(".")
            if name.startswith("."):
                # Within a folder that is a program of its own, such as the simulation.
                assert not name.lstrip(".").startswith("test_"), f"{path}: {name}"
                continue
            assert parts[0] not in tests, f"{path}: {name}"
            assert parts[0] != "tests" or parts[1:2] in ([], ["helpers"]), f"{path}: {name}"


def test_every_folder_of_tests_is_a_package() -> None:
    """So that two test files may have the same name."""
    folders = {path.parent for path in MODULES if path.name.startswith("test_")}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_no_file_name_repeats_its_folder() -> None:
    """`tests/cli/test_report.py`, not `tests/cli/test_cli_report.py`."""
    doubled = [path for path in MODULES if path.stem.startswith(f"test_{path.parent.name}_")]
    assert doubled == []


def test_every_folder_of_the_package_has_its_tests() -> None:
    """Under the same name, without the underscore."""
    folders = {path.parent.name.strip("_") for path in PACKAGE.glob("*/__init__.py")}
    assert folders <= {path.parent.name for path in TESTS.glob("*/test_*.py")}


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_guides_name_files_and_names_that_are_there(page: str) -> None:
    """Each path leads somewhere, and a name behind a module stands in it: `bulk/run.py` `Tally.report`."""
    text = (ROOT / page).read_text("utf-8")
    named = re.findall(r"`([\w./]+\.py)`((?: \(?`[\w.]+`(?:, `[\w.]+`)*)?)", text)
    assert len(named) > 30
    for path, names in named:
        if path == "bulk/move.py":
            continue  # the one that is to be written
        found = [base / path for base in (PACKAGE, ROOT) if (base / path).exists()]
        found += [file for base in (PACKAGE, PLUGIN, TESTS) for file in base.rglob(path) if "/" not in path]
        assert found, path
        for part in re.findall(r"\w+", names):
            assert any(re.search(rf"\b{part}\b", file.read_text("utf-8")) for file in found), (
                f"{path}: {part}"
            )
