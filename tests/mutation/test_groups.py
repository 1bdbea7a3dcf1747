"""The tests notice when the code is changed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .groups import GROUPS, SAMPLE
from .mutants import PACKAGE
from .run import chosen, excuses


@pytest.mark.mutation
@pytest.mark.timeout(6 * 3600)
@pytest.mark.parametrize("group", GROUPS)
def test_at_least_95_percent_of_the_mutants_are_noticed(
    group: str, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of those that are not listed in survivors.toml, with the reason why no test can."""
    mutants = request.config.getoption("--mutants", default=SAMPLE)
    command = [sys.executable, "-m", "tests.mutation", group, f"--mutants={mutants}"]
    with capfd.disabled():
        print(flush=True)
        # A process of its own, because this one has imported what is to be mutated.
        assert subprocess.run(command, cwd=PACKAGE.parent, check=False).returncode == 0


@pytest.mark.mutation
def test_every_listed_survivor_is_a_mutant_that_exists() -> None:
    """An entry whose code was changed or taken out has to go."""
    mutants = {mutant.name for group in GROUPS.values() for mutant in chosen(group, None)}
    assert excuses().keys() - mutants == set()
    assert all(excuses().values())


@pytest.mark.mutation
@pytest.mark.parametrize("group", GROUPS)
def test_a_sample_is_always_the_same_mutants(group: str) -> None:
    """And each of them can be compiled, under a name of its own."""
    sample = chosen(GROUPS[group], SAMPLE)
    assert len({mutant.name for mutant in sample}) == SAMPLE
    assert sample == chosen(GROUPS[group], SAMPLE) == chosen(GROUPS[group], 50)[:SAMPLE]
    for mutant in sample:
        mutant.code()
