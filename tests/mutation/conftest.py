"""How many mutants are made."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Heard where `tests/mutation` is named on the command line, as `nox -s mutation` does."""
    parser.addoption("--mutants", default="16", help="mutants of each group, or `all`")
