"""A filter as a person types it."""

from datetime import UTC, datetime, timedelta

import pytest

from meetstream_async import ScheduledBot
from meetstream_async.cli.inputs.filters import select
from meetstream_async.preview import Selection, reads_as

NOW = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text", "same"),
    [
        ("acme", "acme", True),
        ("acme", "Acme", False),
        ("5", "5", True),
        (5, "5", True),
        (5.0, "5", True),
        (5, "5.0", True),
        (True, "true", True),
        (False, "false", True),
        ("true", "true", True),
        (1, "true", False),
        (True, "1", False),
        (None, "null", False),
        ("", "", True),
        (5, "five", False),
        ([5], "[5]", False),
        ({"a": 1}, '{"a": 1}', False),
        (float("inf"), "Infinity", False),
        pytest.param(5, "[" * 100_000, False, id="deep"),
    ],
)
def test_attributes_are_compared_as_text_or_as_json(value: object, text: str, same: bool) -> None:
    """A typed value matches that very text, and the number, true or false that it stands for."""
    assert reads_as(value, text) is same


def bot(**fields: object) -> ScheduledBot:
    attributes = fields.pop("attributes", {})
    return ScheduledBot("b", custom_attributes=attributes, **fields)  # type: ignore[arg-type]


def test_all_conditions_have_to_match() -> None:
    """A filter is the AND of its options, and a missing value never matches."""
    selection = select(
        platform="Zoom", before="+2h", after="now", name="Acme *", attributes=["team=7", "vip=true"], now=NOW
    )
    assert selection is not None
    fine = {
        "platform": "zoom", "scheduled_join_time": NOW, "bot_username": "Acme notes",
        "attributes": {"team": 7, "vip": True},
    }  # fmt: skip
    assert selection(bot(**fine))
    for name, value in [
        ("platform", "teams"),
        ("scheduled_join_time", NOW + timedelta(hours=2)),
        ("scheduled_join_time", NOW - timedelta(seconds=1)),
        ("scheduled_join_time", None),
        ("bot_username", "an Acme note"),
        ("attributes", {"team": 7}),
        ("attributes", {"team": 8, "vip": True}),
    ]:
        assert not selection(bot(**{**fine, name: value}))


def test_a_selection_says_what_it_is() -> None:
    """A report's first line shows every condition as it was understood."""
    selection = select(platform="zoom", before="+2h", name="A*", attributes=["team=a=b"], now=NOW)
    assert selection is not None
    assert selection.to_dict() == {
        "platform": "zoom", "before": (NOW + timedelta(hours=2)).isoformat(), "name": "A*",
        "attributes": {"team": "a=b"},
    }  # fmt: skip
    assert select() is None


def test_a_selection_compares_all_its_bots() -> None:
    """Without conditions on attributes only the BotFilter decides."""
    selection = select(name="*", now=NOW)
    assert isinstance(selection, Selection)
    assert selection(bot(bot_username="x"))
    assert not selection(bot())
