"""What the reply to a listing means: the documents' examples, and hostile JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meetstream_async import InvalidResponseError, ScheduledBot, ScheduledBotPage, ServerError
from meetstream_async._http.call import Context
from meetstream_async.meetstream._replies import read_listing
from tests.helpers.replies import listing, reply_of
from tests.helpers.strategies import json_values

ROWS = "$.scheduled_bots"
EVENT_ID = ".custom_attributes.event_id"


def _page(body: object, limit: int = 100) -> ScheduledBotPage:
    return listing(body, limit)[0]


def _of_event(event_id: object) -> dict[str, Any]:
    return {"bot_id": "b", "custom_attributes": {"event_id": event_id}}


def _ignored(row: dict[str, Any]) -> list[str]:
    return listing({"scheduled_bots": [row]})[1]


# --- listings ------------------------------------------------------------------------------------------


def test_the_documented_listing_is_read() -> None:
    """The example of "List Scheduled Bots" becomes one bot with every field."""
    body = b"""
    {
      "scheduled_bots": [
        {
          "bot_id": "uuid",
          "platform": "google_meet",
          "status": "Scheduled",
          "scheduled_join_time": "2024-12-20T09:57:00+00:00",
          "custom_attributes": {
            "source": "calendar_schedule_api",
            "event_id": "google_event_id",
            "deduplication_key": "key123"
          },
          "bot_username": "MeetStream Bot",
          "is_scheduled": true
        }
      ]
    }"""
    page, ignored = listing(body)
    assert page.bots == (
        ScheduledBot(
            bot_id="uuid",
            platform="google_meet",
            status="Scheduled",
            scheduled_join_time=datetime(2024, 12, 20, 9, 57, tzinfo=UTC),
            bot_username="MeetStream Bot",
            is_scheduled=True,
            custom_attributes={
                "source": "calendar_schedule_api",
                "event_id": "google_event_id",
                "deduplication_key": "key123",
            },
        ),
    )
    assert (page.limit, page.truncated, page.rejected, ignored) == (100, False, (), [])


def test_the_schemas_sample_listing_is_read() -> None:
    """The sample next to the curl line, with its Z time and empty attributes, becomes a one-off bot."""
    body = b"""{"scheduled_bots": [{"bot_id": "<string>", "platform": "<string>", "status": "<string>",
        "scheduled_join_time": "2023-11-07T05:31:56Z", "custom_attributes": {},
        "bot_username": "<string>", "is_scheduled": true}]}"""
    (bot,) = _page(body).bots
    assert bot.scheduled_join_time == datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC)
    assert bot.event_id is None


def test_only_the_bot_id_is_required() -> None:
    """A row with nothing but its id is a bot, unknown fields are ignored, a meeting link is kept."""
    rows = [{"bot_id": "a"}, {"bot_id": "b", "new": [1], "meeting_link": "https://m.example.com/1"}]
    bots = _page({"scheduled_bots": rows, "next": None}).bots
    assert bots == (ScheduledBot("a"), ScheduledBot("b", meeting_link="https://m.example.com/1"))


@pytest.mark.parametrize(
    ("count", "limit", "truncated"), [(0, 1, False), (1, 2, False), (2, 2, True), (3, 2, True)]
)
def test_a_full_page_is_truncated(count: int, limit: int, truncated: bool) -> None:
    """A page with as many rows as were asked for may hide more; unreadable rows count."""
    rows: list[Any] = [{"bot_id": f"b{index}"} for index in range(count)]
    assert _page({"scheduled_bots": rows}, limit).truncated is truncated
    assert _page({"scheduled_bots": [None] * count}, limit).truncated is truncated


@pytest.mark.parametrize(
    ("row", "path", "reason"),
    [
        (None, "", "null"),
        ("bot", "", "a string"),
        (5, "", "a number"),
        (True, "", "a boolean"),
        ([], "", "an array"),
        ({}, ".bot_id", "missing"),
        ({"bot_id": None}, ".bot_id", "not a string"),
        ({"bot_id": ""}, ".bot_id", "empty"),
        ({"bot_id": 5}, ".bot_id", "not a string"),
        ({"bot_id": True}, ".bot_id", "not a string"),
        ({"bot_id": ["b"]}, ".bot_id", "not a string"),
        ({"bot_id": {"id": "b"}}, ".bot_id", "not a string"),
        ({"bot_id": ".."}, ".bot_id", "folder"),
        ({"bot_id": "b\n"}, ".bot_id", "control character"),
        ({"bot_id": "\ud800"}, ".bot_id", "control character"),
        (_of_event(""), EVENT_ID, "empty"),
        (_of_event(5), EVENT_ID, "not a string"),
        (_of_event(False), EVENT_ID, "not a string"),
        (_of_event(["e"]), EVENT_ID, "not a string"),
        (_of_event("."), EVENT_ID, "folder"),
        (_of_event("e\x00"), EVENT_ID, "control character"),
    ],
)
def test_a_row_without_usable_ids_is_rejected_and_the_rest_is_read(
    row: object, path: str, reason: str
) -> None:
    """Such a row is rejected with its place and reason, and its neighbours are read."""
    page = _page({"scheduled_bots": [{"bot_id": "before"}, row, {"bot_id": "after"}]})
    assert [bot.bot_id for bot in page.bots] == ["before", "after"]
    (rejected,) = page.rejected
    assert (rejected.index, rejected.path) == (1, f"{ROWS}[1]{path}")
    assert reason in rejected.reason


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("platform", 5),
        ("status", ["Scheduled"]),
        ("scheduled_join_time", "soon"),
        ("scheduled_join_time", ""),
        ("scheduled_join_time", 1734688620),
        ("scheduled_join_time", "2024-12-20T09:57:00"),
        ("bot_username", {"name": "Bot"}),
        ("is_scheduled", "false"),
        ("is_scheduled", 1),
        ("meeting_link", False),
    ],
)
def test_a_field_of_another_type_reads_as_none(name: str, value: object) -> None:
    """The bot is kept, the field is None, never a guess, and its path is logged."""
    row = {"bot_id": "b", "bot_username": "Bot", name: value}
    (bot,) = _page({"scheduled_bots": [row]}).bots
    assert getattr(bot, name) is None
    assert bot.bot_username == (None if name == "bot_username" else "Bot")
    assert _ignored(row) == [f"{ROWS}[0].{name}"]


@pytest.mark.parametrize(
    "name", ["platform", "status", "scheduled_join_time", "is_scheduled", "custom_attributes"]
)
def test_a_null_field_is_nothing_to_tell(name: str) -> None:
    """null reads like an absent field."""
    assert _page({"scheduled_bots": [{"bot_id": "b", name: None}]}).bots == (ScheduledBot("b"),)
    assert _ignored({"bot_id": "b", name: None}) == []


def test_attributes_of_another_type_read_as_none_at_all() -> None:
    """Attributes that are not an object read as empty, and the path is logged."""
    row = {"bot_id": "b", "custom_attributes": ["event_id"]}
    assert _page({"scheduled_bots": [row]}).bots == (ScheduledBot("b"),)
    assert _ignored(row) == [f"{ROWS}[0].custom_attributes"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$"),
        (b"   ", "$"),
        (b"<html>maintenance</html>", "$"),
        (b'{"scheduled_bots": [', "$"),
        (b'{"scheduled_bots": []} trailing', "$"),
        (b'\xff\xfe{"scheduled_bots": []}', "$"),
        ('{"scheduled_bots": []}'.encode("utf-16"), "$"),
        (b'{"scheduled_bots": "\xff"}', ROWS),
        (b"[" * 200_000, "$"),
        (b'{"scheduled_bots": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "$"),
        (None, "$"),
        ([], "$"),
        ("scheduled_bots", "$"),
        (5, "$"),
        ({}, ROWS),
        ({"bots": []}, ROWS),
        ({"Scheduled_bots": []}, ROWS),
        ({"scheduled_bots": None}, ROWS),
        ({"scheduled_bots": {}}, ROWS),
        ({"scheduled_bots": ""}, ROWS),
        ({"scheduled_bots": 0}, ROWS),
        ({"scheduled_bots": False}, ROWS),
        ({"message": "ok"}, ROWS),
    ],
)
def test_a_listing_without_a_list_is_never_an_empty_account(body: object, path: str) -> None:
    """Anything but a list of bots is an InvalidResponseError that names the place."""
    with pytest.raises(InvalidResponseError) as caught:
        _page(b"null" if body is None else body)
    assert caught.value.path == path
    assert caught.value.status == 200
    assert caught.value.outcome_unknown is False


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"scheduled_bots": [{"bot_id": "b"}]}',
        b'{"scheduled_bots": [], "scheduled_bots": [{"bot_id": "a", "bot_id": "b"}]}',
        b'{"scheduled_bots": [{"bot_id": "b", "custom_attributes": {"n": NaN, "i": -Infinity}}]}',
        b'{"scheduled_bots": [{"bot_id": "b", "custom_attributes": {"n": 1e999}}]}',
        b'{"scheduled_bots": [{"bot_id": "b", "bot_username": "\\ud800"}]}',
        b'{"scheduled_bots": [{"bot_id": "b", "scheduled_join_time": "\\ud800"}]}',
        b'{"scheduled_bots": [{"bot_id": "b", "extra": ' + b"9" * 4000 + b"}]}",
    ],
    ids=[
        "byte order mark",
        "duplicate keys",
        "NaN",
        "overflow",
        "surrogate",
        "surrogate time",
        "huge number",
    ],
)
def test_odd_json_that_is_still_a_listing_is_read(body: bytes) -> None:
    """A byte order mark, duplicate keys, NaN, odd numbers and lone surrogates do not hide the bot."""
    assert [bot.bot_id for bot in _page(body).bots] == ["b"]


FIELDS = [
    "bot_id", "platform", "status", "scheduled_join_time", "bot_username", "is_scheduled",
    "custom_attributes", "meeting_link",
]  # fmt: skip
rows = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(FIELDS, json_values)
    | {
        "bot_id": st.text() | json_values,
        "scheduled_join_time": st.datetimes().map(str) | json_values,
        "custom_attributes": st.dictionaries(st.sampled_from(["event_id", "source"]), st.text() | json_values)
        | json_values,
    },
)


@given(json_values | st.fixed_dictionaries({"scheduled_bots": st.lists(rows | json_values) | json_values}))
@example({"scheduled_bots": [{"bot_id": "0001-01-01", "scheduled_join_time": "0001-01-01T00:00:00+14:00"}]})
def test_any_json_is_a_page_or_an_invalid_response(body: Any) -> None:
    """No listing raises another error, and every bot of a page has an id that can go into a URL."""
    try:
        page = _page(json.dumps(body).encode())
    except InvalidResponseError:
        return
    assert len(page.bots) + len(page.rejected) == len(body["scheduled_bots"])
    for bot in page.bots:
        for identifier in (bot.bot_id, bot.event_id):
            if identifier is not None or identifier is bot.bot_id:
                assert type(identifier) is str
                assert identifier not in ("", ".", "..")
                identifier.encode()
        assert bot.scheduled_join_time is None or bot.scheduled_join_time.tzinfo is not None
        hash(bot)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_page_or_an_invalid_response(body: bytes) -> None:
    """A body that is not JSON at all raises InvalidResponseError and nothing else."""
    with pytest.raises(InvalidResponseError) as caught:
        _page(body)
    assert caught.value.path in ("$", ROWS)


def test_a_listing_never_leaves_an_outcome_unknown() -> None:
    """A GET changes nothing, so not even its 500 is uncertain."""
    with pytest.raises(ServerError) as caught:
        read_listing(reply_of({}, 500), Context(attempts=2, uncertain=True), limit=100)
    assert caught.value.outcome_unknown is False
