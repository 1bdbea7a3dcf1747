"""The time of the proofs that come in three sizes, and the figures that they measured."""

from __future__ import annotations

import pytest

from tests.helpers.proof import SIZE, figures, worst


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("soak") is not None and SIZE != "short":
            item.add_marker(pytest.mark.timeout(3600), append=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = figures + [
        f"promise {promise:2}: {what}: {value:.4g}" for (promise, what), value in worst.items()
    ]
    if lines and SIZE != "short":
        terminalreporter.section(f"reliability figures ({SIZE})")
        for line in sorted(lines):
            terminalreporter.write_line(line)
