"""docs/reliability.md names tests that exist, and every proof in this folder."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
DOCUMENT = TESTS.parent / "docs" / "reliability.md"


@functools.cache
def _functions(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_named_proof_exists_and_every_proof_is_named():
    """A test that is renamed takes its line of the document with it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    elsewhere = re.findall(r"`tests/([\w/]+\.py)::(\w+)`", text)
    assert [name for file, name in elsewhere if name not in _functions(TESTS / file)] == []
    here = {
        name
        for file in Path(__file__).parent.glob("test_*.py")
        if file != Path(__file__)
        for name in _functions(file)
        if name.startswith("test_")
    }
    assert set(re.findall(r"^- `(test_\w+)`", text, re.MULTILINE)) == here


def test_every_promise_has_a_heading():
    """From 1 to 18, in order."""
    numbers = re.findall(r"^## (\d+)\. ", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 19)]
