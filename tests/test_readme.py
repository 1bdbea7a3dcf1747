"""The documentation keeps its word: its commands are the project's, and its examples are valid Python."""

from __future__ import annotations

import ast
import asyncio
import re
import sys
from pathlib import Path

import pytest

from meetstream_async.simulator import Simulator

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = [
    pytest.param(block, id=f"{page.name}:{number}")
    for page in PAGES
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL), 1)
]
OWN_TESTS = (
    "accounts.md",
    "fastapi.md",
    "offboarding.md",
    "testing.md",
    "tracing.md",
    "tutorial.md",
    "webhooks.md",
)
"""Pages whose programs are run by a test of their own."""
PROGRAMS = [
    str(example.values[0])
    for example in EXAMPLES
    if "asyncio.run(main())" in str(example.values[0]) and not str(example.id).startswith(OWN_TESTS)
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_python(example: str) -> None:
    """It compiles, and what it imports of this library is there."""
    compile(example, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    imports = [node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.ImportFrom)]
    for node in imports:
        if (node.module or "").startswith("meetstream_async"):
            module = __import__(node.module, fromlist=["*"])
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_every_example_is_a_program_or_says_that_it_is_a_fragment() -> None:
    """Whoever copies it knows what is missing; the programs of some pages are run by a test of their own."""
    for example in EXAMPLES:
        block, name = str(example.values[0]), str(example.id)
        assert block.startswith("# Fragment: ") or name.startswith(OWN_TESTS) or block in PROGRAMS, name


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_program_runs_as_it_stands_against_the_simulator(program: str) -> None:
    """As `simulate` serves an account, with one-off bots and errors: it explains, and raises nothing."""
    async with Simulator(120, one_off=0.05, series=0.1, error_rate=0.05) as sim:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, env=sim.environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    lines = out.decode().splitlines()
    alone = len(sim.ledger.scheduled_bots)
    assert lines[0].startswith(f"not ok: {alone} one-off bots have no calendar event and will join (")
    assert len(lines) == 1 + alone > 2
    assert all("one-off bot without an event" in line and "<" not in line for line in lines[1:])
    assert sim.ledger.scheduled_events == frozenset()


def test_the_two_commands_of_the_readme_are_those_that_are_promised() -> None:
    """Install and run the demo; install and run the tests. CI runs the second one's test command."""
    readme = (ROOT / "README.md").read_text("utf-8")
    environment = "python3 -m venv .venv && .venv/bin/pip install -q"
    assert f'{environment} ".[cli]" && .venv/bin/meetstream-async demo' in readme
    assert f'{environment} -e ".[test]" && .venv/bin/python -m pytest' in readme
    assert '"$bin/python" -m pytest\n' in (ROOT / ".ci" / "run").read_text("utf-8")
