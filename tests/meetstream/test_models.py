"""The values of the API, and which bots a filter selects."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetstream_async import BotFilter, ConfigurationError, ScheduledBot, UnscheduleOptions, platform_name

NOON = datetime(2024, 12, 20, 12, 0, tzinfo=UTC)
BOT = ScheduledBot(
    bot_id="bot-1",
    platform="google_meet",
    status="Scheduled",
    scheduled_join_time=NOON,
    bot_username="MeetStream Bot",
    is_scheduled=True,
    custom_attributes={
        "source": "calendar_schedule_api",
        "event_id": "evt_1",
        "deduplication_key": "key123",
        "flag": True,
        "count": 1,
        "nothing": None,
    },
    meeting_link="https://meet.example.com/abc?pwd=sesame",
)
BARE = ScheduledBot("bot-2")

times = st.datetimes(
    min_value=datetime(1900, 1, 1),
    max_value=datetime(2200, 1, 1),
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
platforms = st.sampled_from(["google_meet", "GMeet", "zoom", "Zoom", "microsoft_teams", "Teams", "webex"])
names = st.sampled_from(["Bot", "bot", "Bot 2", "Notes*", ""])


def _says_something(value: object) -> bool:
    return value.strip() != "" if isinstance(value, str) else value not in (None, [], {})


attributes = st.dictionaries(st.sampled_from(["event_id", "source", "n"]), json_values, max_size=3)
bots = st.builds(
    ScheduledBot,
    bot_id=st.text(min_size=1),
    platform=st.none() | platforms,
    scheduled_join_time=st.none() | times,
    bot_username=st.none() | names,
    custom_attributes=attributes,
)
conditions = st.fixed_dictionaries(
    {},
    optional={
        "platform": platforms,
        "before": times,
        "after": times,
        "name": st.sampled_from(["*", "Bot", "B?t", "[Bb]ot*"]),
        "attributes": attributes.filter(lambda given: given and all(map(_says_something, given.values()))),
    },
).filter(bool)


# --- ScheduledBot --------------------------------------------------------------------------------------


def test_a_bot_reads_its_ids_from_its_attributes() -> None:
    """event_id, source and deduplication_key are those of the custom attributes."""
    assert (BOT.event_id, BOT.source, BOT.deduplication_key) == ("evt_1", "calendar_schedule_api", "key123")


@pytest.mark.parametrize("value", [None, "", 5, True, ["evt"], {"id": "evt"}])
@pytest.mark.parametrize("name", ["event_id", "source", "deduplication_key"])
def test_an_attribute_that_is_no_text_reads_as_none(name: str, value: object) -> None:
    """A property never hands out anything but a non-empty string or None."""
    assert getattr(ScheduledBot("b", custom_attributes={name: value}), name) is None


@pytest.mark.parametrize("name", ["event_id", "source", "deduplication_key"])
def test_a_bot_without_attributes_has_no_event(name: str) -> None:
    """A one-off bot reads None for all three."""
    assert getattr(BARE, name) is None


def test_bots_hash_and_compare_by_value() -> None:
    """Equal bots are one member of a set, also with attributes; other attributes make another bot."""
    twin = pickle.loads(pickle.dumps(BOT))
    other = ScheduledBot("bot-1", custom_attributes={"event_id": "evt_2"})
    assert twin == BOT
    assert hash(twin) == hash(BOT)
    assert len({BOT, twin, other, BARE}) == 3


def test_a_bot_is_frozen() -> None:
    """A field of a bot cannot be set."""
    with pytest.raises(AttributeError):
        BOT.bot_id = "other"  # type: ignore[misc]


def test_the_repr_of_a_bot_shows_no_meeting_link() -> None:
    """A meeting link may carry a password, so it stays out of logs."""
    assert "sesame" not in repr(BOT)
    assert "bot-1" in repr(BOT)


def test_the_repr_of_a_bot_shows_nothing_personal_of_its_attributes() -> None:
    """Ids, the source and the place in a series are shown; titles, people and unknown attributes are not."""
    shown = {
        "event_id": "evt_1",
        "source": "calendar_integration",
        "deduplication_key": "key-1",
        "occurrence_start_time": "2026-05-01T09:00:00Z",
        "occurrence_number": 3,
        "is_recurring": True,
    }
    personal = {
        "event_summary": "Ada's review",
        "scheduled_by": "ada@example.com",
        "calendar_id": "ada@example.com",
        "event_start_time": "2026-05-01T09:00:00Z",
        "customer": "Ada Ltd",
    }
    bot = ScheduledBot("bot-1", custom_attributes={**personal, **shown})
    assert bot.shown_attributes == shown
    assert "ada" not in repr(bot).casefold()
    assert "'occurrence_number': 3, " in repr(bot)
    assert repr(ScheduledBot("bot-1", custom_attributes={"event_id": "e"})).count("{'event_id': 'e'}") == 1
    hidden = ScheduledBot("bot-1", custom_attributes={"event_id": {"title": "Ada"}, "source": ["Ada"]})
    assert (hidden.shown_attributes, "{...}" in repr(hidden)) == ({}, True)


# --- BotFilter -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "selected"),
    [
        ({"platform": "google_meet"}, True),
        ({"platform": "GMeet"}, True),
        ({"platform": "Google Meet"}, True),
        ({"platform": "zoom"}, False),
        ({"before": NOON + timedelta(seconds=1)}, True),
        ({"before": NOON}, False),
        ({"after": NOON}, True),
        ({"after": NOON + timedelta(seconds=1)}, False),
        ({"after": NOON.astimezone(timezone(timedelta(hours=-7)))}, True),
        ({"after": NOON, "before": NOON}, False),
        ({"name": "MeetStream Bot"}, True),
        ({"name": "MeetStream*"}, True),
        ({"name": "MeetStream ?ot"}, True),
        ({"name": "[MN]eet*"}, True),
        ({"name": "meetstream*"}, True),
        ({"name": "[mn]EET*"}, True),
        ({"name": "Bot"}, False),
        ({"attributes": {"event_id": "evt_1"}}, True),
        ({"attributes": {"event_id": "evt_1", "count": 1}}, True),
        ({"attributes": {"event_id": "evt_1", "count": 2}}, False),
        ({"attributes": {"absent": "x"}}, False),
        ({"attributes": {"nothing": False}}, False),
        ({"attributes": {"flag": True}}, True),
        ({"attributes": {"flag": 1}}, False),
        ({"attributes": {"count": True}}, False),
        ({"attributes": {"count": "1"}}, False),
        ({"platform": "GMeet", "name": "Other*"}, False),
        ({"platform": "zoom", "name": "MeetStream*"}, False),
    ],
)
def test_a_filter_selects_what_all_its_conditions_match(given: dict[str, Any], selected: bool) -> None:
    """Conditions are ANDed; before is exclusive, after inclusive, a name a glob, a value exact."""
    assert bool(BotFilter(**given)(BOT)) is selected


@pytest.mark.parametrize(
    "given",
    [
        {"platform": "zoom"},
        {"before": NOON},
        {"after": NOON},
        {"name": "*"},
        {"attributes": {"event_id": "evt_1"}},
    ],
)
def test_a_missing_value_never_matches(given: dict[str, Any]) -> None:
    """A bot that lacks what a condition looks at is left alone."""
    assert not BotFilter(**given)(BARE)


@pytest.mark.parametrize(
    "spellings",
    [
        ("google_meet", "GMeet", "Google Meet", "GOOGLE_MEET", "google-meet"),
        ("microsoft_teams", "Teams", "Microsoft Teams", "MSTeams"),
        ("zoom", "Zoom", "ZOOM"),
    ],
)
def test_platforms_compare_in_one_spelling(spellings: tuple[str, ...]) -> None:
    """Every spelling that the API and its clients use for a platform means the same."""
    for wanted in spellings:
        for shown in spellings:
            assert BotFilter(platform=wanted)(ScheduledBot("b", platform=shown))


@given(conditions, bots)
def test_a_filter_is_the_and_of_its_conditions(given: dict[str, Any], bot: ScheduledBot) -> None:
    """A filter matches exactly where a filter of each single condition does."""
    alone = [BotFilter(**{name: value})(bot) for name, value in given.items()]
    assert BotFilter(**given)(bot) == all(alone)


@given(conditions)
def test_a_filter_survives_its_dict_and_json(given: dict[str, Any]) -> None:
    """from_dict(to_dict()) is the same filter, also when it went through JSON text."""
    where = BotFilter(**given)
    assert BotFilter.from_dict(where.to_dict()) == where
    assert BotFilter.from_dict(json.loads(json.dumps(where.to_dict()))) == where


def test_a_filter_dict_holds_only_what_is_set() -> None:
    """to_dict names the given conditions, times in ISO 8601."""
    assert BotFilter(platform="zoom", before=NOON).to_dict() == {
        "platform": "zoom",
        "before": "2024-12-20T12:00:00+00:00",
    }
    assert BotFilter(platform="zoom", name=None, attributes=None).to_dict() == {"platform": "zoom"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"platform": None},
        {"platform": None, "before": None, "after": None, "name": None, "attributes": None},
        {"platform": ""},
        {"platform": "--"},
        {"name": " "},
        {"attributes": {}},
        {"platform": None, "attributes": {}},
        {"platform": "zoom", "name": ""},
        {"platform": "zoom", "attributes": {}},
    ],
)
def test_a_filter_without_a_condition_or_with_an_empty_one_is_refused(given: dict[str, Any]) -> None:
    """What was meant to narrow a run down, such as an unset variable, never widens it to the account."""
    for make in (lambda: BotFilter(**given), lambda: BotFilter.from_dict(given)):
        with pytest.raises(ConfigurationError, match=r"whole account|is empty"):
            make()
    with pytest.raises(ConfigurationError, match=r"whole account|is empty"):
        UnscheduleOptions.from_dict({"where": given})


def test_a_filter_that_selects_none_says_what_may_be_misspelt() -> None:
    """An unknown platform leads to those that are listed, a name to what it has to match."""
    listed = [
        ScheduledBot("a", "Zoom", bot_username="Notetaker"),
        ScheduledBot("b", "GMeet"),
        ScheduledBot("c"),
    ]
    assert BotFilter(platform="zom").why_none(listed) == (
        "the filter selects none of 3 listed bots: none is on zom; listed are google_meet, unknown, zoom"
    )
    assert "whole name" in BotFilter(name="scri").why_none(listed)
    assert BotFilter(before=NOON).why_none(listed) == "the filter selects none of 3 listed bots"
    many = [ScheduledBot(str(number), f"platform {number}") for number in range(12)]
    assert BotFilter(platform="zom").why_none(many).endswith("platform5 and 4 more")


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("GMeet", "google_meet"),
        ("google-meet", "google_meet"),
        ("MSTeams", "microsoft_teams"),
        ("Zoom", "zoom"),
        ("Webex\x1b[31m", "webex31m"),
        ("x" * 99, "x" * 40),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_platform_has_one_name_for_display(shown: str | None, name: str) -> None:
    """All spellings of a platform are counted as one, and nothing but letters and digits is shown."""
    assert platform_name(shown) == name


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"before": datetime(2024, 12, 20)}, "before has no time zone"),
        ({"after": datetime(2024, 12, 20)}, "after has no time zone"),
        ({"before": "2024-12-20T00:00:00Z"}, "before must be a datetime"),
        ({"platform": 5}, "platform must be a string"),
        ({"name": b"Bot"}, "name must be a string"),
        ({"attributes": ["event_id"]}, "attributes must map"),
        ({"attributes": {1: "x"}}, "attributes must map"),
    ],
)
def test_a_filter_refuses_what_it_cannot_compare(given: dict[str, Any], says: str) -> None:
    """A condition of the wrong kind is a ConfigurationError that names it."""
    with pytest.raises(ConfigurationError, match=says):
        BotFilter(**given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"platfrom": "zoom"}, "platfrom"),
        ({"before": "tomorrow"}, "before 'tomorrow' is not an ISO 8601 datetime"),
        ({"before": "2024-12-20T00:00:00"}, "before has no time zone"),
        ({"after": 5}, "after must be a datetime"),
        ([("platform", "zoom")], "a filter must be an object"),
    ],
)
def test_a_filter_dict_with_anything_else_is_refused(given: Any, says: str) -> None:
    """A misspelt condition is an error: ignored, it would select too many bots."""
    with pytest.raises(ConfigurationError, match=says):
        BotFilter.from_dict(given)


def test_a_filter_hashes_compares_and_pickles() -> None:
    """A filter with attributes can be a key, and crosses a process boundary."""
    where = BotFilter(platform="zoom", before=NOON, attributes={"event_id": "evt_1"})
    assert pickle.loads(pickle.dumps(where)) == where
    assert len({where, BotFilter.from_dict(where.to_dict())}) == 1


@pytest.mark.parametrize(
    "attributes",
    [
        {"": "acme"},
        {" ": "acme"},
        {"customer": ""},
        {"customer": " \t"},
        {"customer": None},
        {"customer": []},
        {"customer": {}},
        {"customer": "acme", "plan": None},
    ],
    ids=str,
)
def test_an_attribute_needs_a_name_and_a_value(attributes: dict[str, Any]) -> None:
    """Blank text is what an unset variable leaves; the bots of nobody in particular are not meant by it."""
    with pytest.raises(ConfigurationError, match="is empty"):
        BotFilter(attributes=attributes)


def test_an_attribute_that_no_bot_has_is_named() -> None:
    """Mostly its case is another, which a filter tells apart; its values are not shown."""
    where = BotFilter(attributes={"Customer": "acme"})
    bots = [ScheduledBot("b1", custom_attributes={"customer": "globex"})]
    told = "the filter selects none of 1 listed bots: none has the attribute 'Customer'"
    assert where.why_none(bots) == f"{told}, but 'customer' is there"
    assert where.why_none([ScheduledBot("b1")]) == told
    other = BotFilter(attributes={"customer": "acme"})
    assert other.why_none(bots) == "the filter selects none of 1 listed bots"
