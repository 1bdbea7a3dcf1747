"""Which tests reach which lines, and whether they notice a mutant."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import coverage
import pytest
from attrs import define, field, frozen
from hypothesis import Phase, settings

from .groups import Group
from .mutants import PACKAGE, Mutant, mutants_of
from .processes import each

ROOT = PACKAGE.parent
SURVIVORS = Path(__file__).with_name("survivors.toml")
SEED = 1
_OPTIONS = (
    *("-q", "-n0", "-pno:randomly", "-pno:cacheprovider", "--timeout=20"),
    "-Wignore::pytest.PytestAssertRewriteWarning",  # plugins were imported before the fork
)
_FIRST = 2
"""Test files that are tried before the others are even imported."""


@frozen
class Reach:
    """The tests of a group, and the lines that each of them runs."""

    seconds: dict[str, float]
    """By test."""
    lines: dict[str, dict[int, set[str]]]
    """By module and line, the tests. Line 0: what runs when the module is imported, so all of them."""
    failed: set[str]
    """Tests that fail before anything is mutated, such as one of timing on a busy machine."""

    def tests(self, mutant: Mutant) -> list[str]:
        """The tests that may notice, the quick ones first."""
        lines = self.lines.get(mutant.module, {})
        found = set(lines.get(0, ())) if mutant.at_import else set()
        for line in mutant.lines:
            found |= lines.get(line, set())
        # A part of a longer statement may be counted for an earlier line.
        before = mutant.lines.start
        while not found and (before := before - 1) > mutant.lines.start - 12:
            found |= lines.get(before, set())
        # The default of a parameter is worked out when the module is imported, and no test runs its line.
        found = found or set(lines.get(0, ()))
        files = Counter(test.partition("::")[0] for test in found)
        once = max(files.values(), default=0) <= 2
        # What only the first tests of each file run is kept, as in a cache; the others may notice, too.
        every = lines.get(0, set()) if once and found else found
        return sorted(every, key=lambda test: (test not in found, self.seconds[test], test))


@define
class Tally:
    """What came of the mutants of one group."""

    mutants: int
    killed: int = 0
    survived: list[Mutant] = field(factory=list)
    """Not listed in survivors.toml."""
    excused: list[Mutant] = field(factory=list)

    @property
    def share(self) -> float:
        """The part that was killed of those that a test can notice."""
        noticeable = self.mutants - len(self.excused)
        return self.killed / noticeable if noticeable else 1.0


def prepare() -> None:
    """Import what every process needs, all but what may be mutated."""
    os.chdir(ROOT)
    for plugin in importlib.metadata.entry_points(group="pytest11"):
        # Not the package's own.
        if not plugin.module.startswith(PACKAGE.name):
            plugin.load()
    for name in ("aiohttp.web", "aiohttp.test_utils", "aioresponses", "cattrs", "tenacity", "time_machine"):
        importlib.import_module(name)
    assert "meetstream_async" not in sys.modules, "it was imported before it could be mutated"


def chosen(group: Group, count: int | None, seed: int = SEED) -> list[Mutant]:
    """A fixed sample of the group's mutants, or all of them."""
    found = [mutant for module in group.modules for mutant in mutants_of(module)]
    return found if count is None else sorted(found, key=lambda mutant: mutant.rank(seed))[:count]


def excuses() -> dict[str, str]:
    """The listed survivors, each with the reason why it does not matter."""
    listed = tomllib.loads(SURVIVORS.read_text(encoding="utf-8")).get("survivor", [])
    return {one["mutant"]: one["reason"] for one in listed}


def reach(group: Group) -> Reach:
    """Run the group's tests once as they are. Those that fail already are left out of it."""
    files = [f"tests/{name}" for name in group.tests]
    seconds: dict[str, float] = {}
    failed: set[str] = set()
    lines: dict[str, dict[int, set[str]]] = {module: {} for module in group.modules}
    work = _Coverage(group.modules)
    for file, found in each(work, files, _processes()):
        if found is None or found["code"] not in (0, 1):
            raise RuntimeError(f"{file} can't be run before anything is mutated")
        seconds |= found["seconds"]
        failed |= set(found["failed"])
        for module, tests in found["lines"].items():
            for test in tests.keys() - failed:
                for number in (0, *tests[test]):
                    lines[module].setdefault(number, set()).add(test)
    return Reach(seconds, lines, failed)


def run(group: Group, mutants: Sequence[Mutant], known: Reach) -> Iterator[tuple[Mutant, str]]:
    """Each mutant, and the test that noticed it or nothing, in the order they finish."""
    files = [f"tests/{name}" for name in group.tests]
    tests = {mutant.name: known.tests(mutant) for mutant in mutants}
    left = list(mutants)
    for stage in (slice(0, _FIRST), slice(_FIRST, None)):
        work = []
        for mutant in left:
            reached = {test.partition("::")[0] for test in tests[mutant.name]}
            first = [file for file in files if file in reached][stage]
            those = [test for test in tests[mutant.name] if test.partition("::")[0] in first]
            work.append((mutant, first, those))
        left = []
        for (mutant, _, _), noticed in each(_noticed, work, _processes()):
            if noticed == "":
                left.append(mutant)
            else:
                yield mutant, noticed or "killed: it went on for too long"
    for mutant in left:
        yield mutant, ""


def _processes() -> int:
    return os.cpu_count() or 2


def _noticed(work: tuple[Mutant, list[str], list[str]]) -> str:
    """In a process of its own: the test that fails with the mutant, or nothing."""
    mutant, files, tests = work
    if not tests:
        return ""
    name = ".".join((PACKAGE.name, *Path(mutant.module).with_suffix("").parts))
    sys.meta_path.insert(0, _Finder(name, mutant.code()))
    order = _Order(tests)
    code = _pytest(["-x", *files], order)
    return "" if code == 0 else order.failed or f"pytest ended with {code}"


def _pytest(arguments: list[str], plugin: object) -> int:
    # Of its own: each run would tidy up what is shared at its end, under the hands of the others.
    with tempfile.TemporaryDirectory() as place:
        options = (*_OPTIONS, f"--basetemp={place}/tests")
        return int(pytest.main([*options, *arguments], plugins=[plugin, _Derandomized()]))


@frozen
class _Coverage:
    """In a process of its own: which lines each test of a file runs."""

    modules: tuple[str, ...]

    def __call__(self, file: str) -> dict[str, Any]:
        paths = {module: str(PACKAGE / module) for module in self.modules}
        measured = coverage.Coverage(data_file=None, config_file=False, include=list(paths.values()))
        measured.start()
        tests = _Contexts(measured)
        code = _pytest([file], tests)
        measured.stop()
        data = measured.get_data()
        lines: dict[str, dict[str, list[int]]] = {}
        for module, path in paths.items():
            by_test: dict[str, list[int]] = {}
            for number, names in data.contexts_by_lineno(path).items():
                for name in names:
                    if name:
                        by_test.setdefault(name, []).append(number)
            lines[module] = by_test
        return {"code": code, "seconds": tests.seconds, "failed": tests.failed, "lines": lines}


@define
class _Contexts:
    """A plugin of pytest: tells coverage which test is running."""

    measured: coverage.Coverage
    seconds: dict[str, float] = field(factory=dict)
    failed: list[str] = field(factory=list)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.measured.switch_context(item.nodeid)
        result = yield
        self.measured.switch_context("")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed.append(report.nodeid)


@define
class _Order:
    """A plugin of pytest: runs these tests only, in this order."""

    tests: list[str]
    failed: str = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = report.nodeid

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        order = {test: number for number, test in enumerate(self.tests)}
        items[:] = sorted((item for item in items if item.nodeid in order), key=lambda one: order[one.nodeid])


class _Derandomized:
    """A plugin of pytest: hypothesis tries the same examples each time, and looks for no smaller ones."""

    def pytest_collection(self) -> None:
        settings.register_profile(
            "mutation",
            parent=settings.get_profile("default"),
            derandomize=True,
            max_examples=20,
            database=None,
            phases=(Phase.explicit, Phase.generate),
        )
        settings.load_profile("mutation")


@frozen
class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module in its mutated form."""

    name: str
    code: CodeType

    def find_spec(
        self, fullname: str, path: object, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.code.co_filename, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(self.code, module.__dict__)
