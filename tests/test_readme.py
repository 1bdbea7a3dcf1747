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


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_python(example: str) -> None:
    """It compiles, and what it imports of this library is there."""
    compile(example, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    imports = [node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.ImportFrom)]
    for node in imports:
        if (node.module or "").startswith("meetstream_async"):
            module = __import__(node.module, fromlist=["*"])
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


async def test_the_first_program_of_the_readme_runs() -> None:
    """Copied into a file and started against the simulator, it unschedules the account."""
    program = next(block.values[0] for block in EXAMPLES if "asyncio.run(main())" in str(block.values[0]))
    async with Simulator(30, one_off=0) as sim:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, env=sim.environment, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
    assert process.returncode == 0
    assert b"unscheduled" in out
    assert sim.ledger.scheduled_events == frozenset()


def test_the_two_commands_of_the_readme_are_those_that_are_promised() -> None:
    """Install and run the demo; install and run the tests. CI runs the second one's test command."""
    readme = (ROOT / "README.md").read_text("utf-8")
    environment = "python3 -m venv .venv && .venv/bin/pip install -q"
    assert f'{environment} ".[cli]" && .venv/bin/meetstream-async demo' in readme
    assert f'{environment} -e ".[test]" && .venv/bin/python -m pytest' in readme
    assert '"$bin/python" -m pytest\n' in (ROOT / ".ci" / "run").read_text("utf-8")
