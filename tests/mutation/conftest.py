"""How many mutants are made."""

from __future__ import annotations

import pytest

from .groups import SAMPLE


def pytest_addoption(parser: pytest.Parser) -> None:
    """Heard where `tests/mutation` is named on the command line, as `nox -s mutation` does."""
    parser.addoption("--mutants", default=SAMPLE, help="mutants of each group, or `all`")
