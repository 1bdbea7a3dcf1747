"""What is declared in pyproject.toml agrees with the files beside it."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
NAMES = {"opentelemetry": "opentelemetry-api", "pydantic_core": "pydantic"}
"""Distributions that are imported under another name; pydantic takes one version of its core alone."""
OURS = "meetstream-async"


def _requirements() -> Iterator[Requirement]:
    """Those of the core, of each extra and of each group of tools."""
    groups = [
        one for group in PYPROJECT["dependency-groups"].values() for one in group if isinstance(one, str)
    ]
    extras = [one for extra in PROJECT["optional-dependencies"].values() for one in extra]
    yield from map(Requirement, [*PROJECT["dependencies"], *extras, *groups])


def test_the_lock_has_what_development_needs() -> None:
    """Each requirement is in constraints.txt, at a version that pyproject.toml allows."""
    lines = [Requirement(line) for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()]
    locked = {canonicalize_name(line.name): next(iter(line.specifier)).version for line in lines}
    for wanted in _requirements():
        name = canonicalize_name(wanted.name)
        if name != OURS:
            assert name in locked, f"{name}: `nox -s lock` adds it"
            assert wanted.specifier.contains(Version(locked[name])), name


def test_every_requirement_has_a_lower_bound() -> None:
    """Without one, a version that nobody has tried could be installed."""
    assert [str(one) for one in _requirements() if not one.specifier and one.name != OURS] == []


def _imported(folder: Path) -> set[str]:
    """The top-level packages that the modules below a folder import, at any depth."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        found |= set(re.findall(r"^ *(?:import|from) ([A-Za-z_]\w*)", path.read_text("utf-8"), re.MULTILINE))
    return found


def test_what_is_imported_is_declared() -> None:
    """Also where another dependency brings it along: that one may do without it tomorrow."""
    extras = PROJECT["optional-dependencies"]
    for_users = ("cli", "console", "fastapi", "jobs", "otel", "speed")
    declared = {
        canonicalize_name(Requirement(one).name)
        for one in [*PROJECT["dependencies"], *(line for extra in for_users for line in extras[extra])]
    }
    known = set(sys.stdlib_module_names) | {"meetstream_async", "pytest_meetstream_async"}
    imported = _imported(ROOT / "meetstream_async") - known
    assert {canonicalize_name(NAMES.get(name, name)) for name in imported} <= declared
