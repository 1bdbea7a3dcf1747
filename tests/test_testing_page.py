"""docs/testing.md keeps its word: its programs are the files of one project, which pytest runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = "pytester"
pytestmark = pytest.mark.docs

PAGE = (Path(__file__).parents[1] / "docs" / "testing.md").read_text("utf-8")
PROGRAMS = {
    block.partition("\n")[0].removeprefix("# "): block
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
}
OTHERS = ("randomly", "xdist", "timeout", "hypothesispytest", "schemathesis")
TESTS = 11


def test_every_program_of_the_page_passes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user would run them, with warnings as errors."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(pytester.path))
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
    for name, program in PROGRAMS.items():
        (pytester.path / name).write_text(program, "utf-8")
    without = (part for name in OTHERS for part in ("-p", f"no:{name}"))
    run = pytester.runpytest_subprocess(*without, "-W", "error")
    run.assert_outcomes(passed=TESTS)
    assert PAGE.count("\ndef test_") + PAGE.count("async def test_") == TESTS


def test_what_the_page_says_of_aioresponses_is_still_so() -> None:
    """The bridge of the page is the one of this project's own tests; once it can go there, so can it."""
    ours = (Path(__file__).parent / "conftest.py").read_text("utf-8")
    for part in ('"stream_writer" in inspect.signature(ClientResponse.__init__).parameters', "limit=2**26"):
        assert part in PROGRAMS["conftest.py"]
        assert part in ours
