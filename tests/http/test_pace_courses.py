"""The figures of the pace at servers of many kinds are those that were recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.helpers.pace_courses import COURSES, RECORDED, figures

recorded: dict[str, dict[str, Any]] = json.loads(RECORDED.read_text("utf-8"))


@pytest.mark.parametrize("name", COURSES)
def test_the_law_of_the_pace_changes_on_purpose_only(name: str) -> None:
    """Whoever changes it records the figures anew, and reads in the difference what else became faster or
    slower: ``python -m tests.helpers.pace_courses``."""
    assert figures(name) == recorded[name]


def test_every_recorded_course_exists() -> None:
    """A course that was taken out leaves nothing behind."""
    assert list(recorded) == list(COURSES)
