"""Reading replies: the documented example bodies, every format of an error, and hostile JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meetstream_async import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    DeletedBot,
    EventNotFoundError,
    EventNotScheduledError,
    InvalidFromDateError,
    InvalidResponseError,
    MasterEventNotFoundError,
    MeetStreamError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ScheduledBot,
    ScheduledBotPage,
    ServerError,
    UnscheduleResult,
    UserNotFoundError,
)
from meetstream_async._http.call import ONE_ATTEMPT, Context, Remark
from meetstream_async._http.reply import Reply
from meetstream_async.meetstream._replies import (
    meetstream_error,
    read_deleted_bot,
    read_listing,
    read_unscheduled,
)

ROWS = "$.scheduled_bots"
EVENT_ID = ".custom_attributes.event_id"


def _reply(body: object = b"", status: int = 200, **known: Any) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, known.pop("headers", {}), raw, **known)


def _paths(remarks: Sequence[Remark]) -> list[str]:
    """The places of fields that were of another type than documented."""
    return [remark.fields["path"] for remark in remarks if remark.fields["event"] == "ignored_field"]


def _listing(body: object, limit: int = 100) -> tuple[ScheduledBotPage, list[str]]:
    page, remarks = read_listing(_reply(body), ONE_ATTEMPT, limit=limit)
    return page, _paths(remarks)


def _unscheduled(
    body: object, status: int = 200, *, series: bool = False, **before: Any
) -> tuple[UnscheduleResult, list[str]]:
    context = Context(**{"attempts": 1, **before})
    result, remarks = read_unscheduled(_reply(body, status), context, event_id="evt_1", series=series)
    return result, _paths(remarks)


def _deleted(body: object, status: int = 200, **before: Any) -> tuple[DeletedBot, list[str]]:
    deleted, remarks = read_deleted_bot(_reply(body, status), Context(**{"attempts": 1, **before}))
    return deleted, _paths(remarks)


def _page(body: object, limit: int = 100) -> ScheduledBotPage:
    return _listing(body, limit)[0]


def _of_event(event_id: object) -> dict[str, Any]:
    return {"bot_id": "b", "custom_attributes": {"event_id": event_id}}


def _ignored(row: dict[str, Any]) -> list[str]:
    return _listing({"scheduled_bots": [row]})[1]


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
    page, ignored = _listing(body)
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
        (b'{"scheduled_bots": "\xff"}', "$"),
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


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
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


# --- DELETE of an event --------------------------------------------------------------------------------

SINGLE = b"""
{
  "unscheduled": true,
  "event_id": "evt_abc123",
  "cancelled_schedules": ["bot-abc12345-xyz789012"],
  "schedules_cancelled": 1,
  "bots_deleted": 1,
  "cancel_all_occurrences": false,
  "from_date": null,
  "is_recurring_series": false
}"""
SERIES = b"""
{
  "cancelled": true,
  "master_event_id": "master_id",
  "from_date": "2024-12-20T00:00:00Z",
  "occurrences_affected": 8,
  "schedules_cancelled": 8,
  "cancelled_schedules": [
    "bot-abc12345-xyz789012",
    "bot-def67890-uvw345678"
  ]
}"""
SAMPLE = b"""
{"unscheduled": true, "cancelled": true, "event_id": "<string>", "master_event_id": "<string>",
 "cancelled_schedules": ["<string>"], "schedules_cancelled": 123, "bots_deleted": 123,
 "cancel_all_occurrences": true, "from_date": "2023-11-07T05:31:56Z", "is_recurring_series": true,
 "occurrences_affected": 123}"""


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (
            SINGLE,
            UnscheduleResult(
                unscheduled=True,
                event_id="evt_abc123",
                cancelled_schedules=("bot-abc12345-xyz789012",),
                schedules_cancelled=1,
                bots_deleted=1,
                cancel_all_occurrences=False,
                is_recurring_series=False,
            ),
        ),
        (
            SERIES,
            UnscheduleResult(
                cancelled=True,
                master_event_id="master_id",
                from_date=datetime(2024, 12, 20, tzinfo=UTC),
                occurrences_affected=8,
                schedules_cancelled=8,
                cancelled_schedules=("bot-abc12345-xyz789012", "bot-def67890-uvw345678"),
            ),
        ),
        (
            SAMPLE,
            UnscheduleResult(
                unscheduled=True,
                cancelled=True,
                event_id="<string>",
                master_event_id="<string>",
                cancelled_schedules=("<string>",),
                schedules_cancelled=123,
                bots_deleted=123,
                cancel_all_occurrences=True,
                from_date=datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC),
                is_recurring_series=True,
                occurrences_affected=123,
            ),
        ),
        (b"", UnscheduleResult()),
        (b" \r\n", UnscheduleResult()),
        (b"{}", UnscheduleResult()),
        (b"null", UnscheduleResult()),
        (b'{"message": "done"}', UnscheduleResult()),
        (b'{"unscheduled": null, "cancelled": null}', UnscheduleResult()),
        (b'{"inferred": true}', UnscheduleResult()),
    ],
)
def test_every_shape_of_a_successful_delete_is_read(body: bytes, result: UnscheduleResult) -> None:
    """Single, series, empty body, {}, null and a message are success; a reply cannot claim `inferred`."""
    assert _unscheduled(body) == (result, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("schedules_cancelled", "8"),
        ("schedules_cancelled", True),
        ("bots_deleted", 1.0),
        ("cancelled_schedules", "bot-1"),
        ("cancelled_schedules", ["bot-1", None]),
        ("is_recurring_series", 0),
        ("from_date", "2024-12-20"),
        ("event_id", 5),
    ],
)
def test_a_result_field_of_another_type_reads_as_none(name: str, value: object) -> None:
    """Success stays success, and the odd field is None, never a guess."""
    result, ignored = _unscheduled({"unscheduled": True, name: value})
    assert result == UnscheduleResult(unscheduled=True)
    assert ignored == [f"$.{name}"]


@pytest.mark.parametrize("body", [b"ok", b"<html>", b"[]", b'"done"', b"true", b"{", b"\xff", b"[" * 200_000])
@pytest.mark.parametrize("read", [_unscheduled, _deleted])
def test_an_unreadable_answer_to_a_delete_leaves_the_outcome_unknown(
    body: bytes, read: Callable[..., Any]
) -> None:
    """A 2xx body that is neither empty nor an object is an InvalidResponseError, outcome unknown."""
    with pytest.raises(InvalidResponseError) as caught:
        read(body, attempts=2)
    assert (caught.value.path, caught.value.outcome_unknown, caught.value.attempts) == ("$", True, 2)


@pytest.mark.parametrize("name", ["unscheduled", "cancelled"])
def test_a_reply_that_says_false_is_no_success(name: str) -> None:
    """unscheduled: false and cancelled: false are a plain refusal whose outcome is known."""
    with pytest.raises(ApiError, match=f"{name}: false") as caught:
        _unscheduled({name: False})
    assert caught.value.outcome_unknown is False


@pytest.mark.parametrize(
    ("body", "deleted"),
    [
        ({"message": "Bot deleted", "bot_id": "b"}, DeletedBot("Bot deleted", "b")),
        ({}, DeletedBot()),
        (b"", DeletedBot()),
        (b"null", DeletedBot()),
    ],
)
def test_every_shape_of_a_deleted_bot_is_read(body: object, deleted: DeletedBot) -> None:
    """A deleted bot's reply may be anything from empty to both fields."""
    assert _deleted(body) == (deleted, [])


# --- what an uncertain reply means ---------------------------------------------------------------------

NOT_SCHEDULED = {"message": "Event not scheduled"}
NOT_FOUND = {"message": "Event not found"}


@pytest.mark.parametrize(
    ("status", "body", "uncertain", "series", "means"),
    [
        # First answers.
        (400, NOT_SCHEDULED, False, False, (EventNotScheduledError, False)),
        (400, NOT_SCHEDULED, False, True, (EventNotScheduledError, False)),
        (404, NOT_FOUND, False, False, (EventNotFoundError, False)),
        (429, {}, False, False, (RateLimitError, False)),
        (401, {}, False, False, (AuthenticationError, False)),
        (302, {}, False, False, (ApiError, False)),
        (500, {}, False, False, (ServerError, True)),
        (501, {}, False, False, (ServerError, True)),
        # After an attempt that may have taken effect.
        (400, NOT_SCHEDULED, True, False, None),
        (400, NOT_SCHEDULED, True, True, (EventNotScheduledError, True)),
        (400, {"message": "Invalid from_date format"}, True, True, (InvalidFromDateError, True)),
        (400, {"message": "Something else"}, True, False, (BadRequestError, True)),
        (404, NOT_FOUND, True, False, (EventNotFoundError, True)),
        (404, {"message": "User not found"}, True, False, (UserNotFoundError, True)),
        (401, {}, True, False, (AuthenticationError, True)),
        (403, {}, True, False, (PermissionDeniedError, True)),
        (429, {}, True, False, (RateLimitError, True)),
        (503, {}, True, False, (ServerError, True)),
    ],
)
def test_what_the_answer_to_an_unscheduling_means(
    status: int, body: object, uncertain: bool, series: bool, means: tuple[type[ApiError], bool] | None
) -> None:
    """Only "not scheduled" after a lost answer, without series options, is an inferred success."""
    before = {"uncertain": uncertain, "attempts": 2}
    if means is None:
        result, _ = _unscheduled(body, status, series=series, **before)
        assert result == UnscheduleResult(unscheduled=True, event_id="evt_1", inferred=True)
        return
    with pytest.raises(means[0]) as caught:
        _unscheduled(body, status, series=series, **before)
    assert (type(caught.value), caught.value.outcome_unknown) == means
    assert caught.value.attempts == 2


@pytest.mark.parametrize(
    ("status", "uncertain", "means"),
    [
        (404, False, (NotFoundError, False)),
        (404, True, None),
        (400, False, (BadRequestError, False)),
        (400, True, (BadRequestError, True)),
        (403, True, (PermissionDeniedError, True)),
        (500, False, (ServerError, True)),
    ],
)
def test_what_the_answer_to_deleting_a_bot_means(
    status: int, uncertain: bool, means: tuple[type[ApiError], bool] | None
) -> None:
    """A bot that is not found after a lost answer is gone; anything else keeps its doubt."""
    answer = {"message": "no"}
    if means is None:
        assert _deleted(answer, status, uncertain=uncertain) == (DeletedBot(inferred=True), [])
        return
    with pytest.raises(means[0]) as caught:
        _deleted(answer, status, uncertain=uncertain)
    assert (type(caught.value), caught.value.outcome_unknown) == means


def test_a_listing_never_leaves_an_outcome_unknown() -> None:
    """A GET changes nothing, so not even its 500 is uncertain."""
    with pytest.raises(ServerError) as caught:
        read_listing(_reply({}, 500), Context(attempts=2, uncertain=True), limit=100)
    assert caught.value.outcome_unknown is False


def test_an_event_that_is_not_found_is_named() -> None:
    """The error says which id was tried, since the provider's id is easily taken for MeetStream's."""
    with pytest.raises(EventNotFoundError, match="evt_1"):
        _unscheduled(NOT_FOUND, 404)


# --- refusals ------------------------------------------------------------------------------------------

DIALECTS: dict[str, Callable[[str, int], bytes]] = {
    "message": lambda text, _: json.dumps({"message": text}).encode(),
    "error": lambda text, _: json.dumps({"error": text}).encode(),
    "error and status": lambda text, status: json.dumps({"error": text, "status_code": status}).encode(),
    "detail": lambda text, _: json.dumps({"detail": text}).encode(),
    "nested": lambda text, _: json.dumps({"error": {"message": text}}).encode(),
    "plain text": lambda text, _: text.encode(),
    "HTML title": lambda text, _: f"<html><title>{text}</title><body></body></html>".encode(),
    "HTML title and body": lambda text, _: (
        f"<html><head><style>p {{}}</style></head><body><p>{text}</p></body></html>".encode()
    ),
    "HTML body": lambda text, _: f"<html><script>x()</script><h1>{text}</h1></html>".encode(),
}
DOCUMENTED = [
    (400, "Event not scheduled", EventNotScheduledError),
    (400, "Invalid from_date format", InvalidFromDateError),
    (400, "Master event ID not found", MasterEventNotFoundError),
    (400, "Invalid limit parameter (must be between 1 and 100).", BadRequestError),
    (401, "Missing user_id in token or invalid authentication.", AuthenticationError),
    (404, "Event not found", EventNotFoundError),
    (404, "User not found", UserNotFoundError),
    (500, "An error occurred while unscheduling the bot.", ServerError),
    (500, "An error occurred while fetching scheduled bots.", ServerError),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("status", "text", "kind"), DOCUMENTED)
def test_each_documented_error_is_its_class_in_every_dialect(
    dialect: str, status: int, text: str, kind: type[ApiError]
) -> None:
    """Status and text decide the class, whatever the format of the body; the text is kept."""
    error = meetstream_error(_reply(DIALECTS[dialect](text, status), status), ONE_ATTEMPT)
    assert type(error) is kind
    assert (error.status, error.message) == (status, text)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (504, b'{"message": "Endpoint request timed out"}', ServerError, "Endpoint request timed out"),
        (403, b'{"Message": "User is not authorized"}', PermissionDeniedError, "User is not authorized"),
        (422, b'{"detail": [{"msg": "bad limit"}]}', BadRequestError, "bad limit"),
        (429, b"Too many requests.", RateLimitError, "Too many requests."),
        (400, b'{"message": "EVENT NOT SCHEDULED!"}', EventNotScheduledError, "EVENT NOT SCHEDULED!"),
        (404, b'{"message": "Event not scheduled"}', NotFoundError, "Event not scheduled"),
        (400, b'{"message": "Event not found"}', BadRequestError, "Event not found"),
        (418, b"", ApiError, "I'm a Teapot"),
        (500, b"", ServerError, "Internal Server Error"),
        (599, b"null", ServerError, "no text"),
        (404, b"{}", NotFoundError, "Not Found"),
        (502, b"<html><h1>502</h1><p>Bad &amp; slow</p>", ServerError, "502 Bad & slow"),
        (502, b"\xff\xfe\x00", ServerError, "\ufffd\ufffd"),
        (500, b'{"message": "a\\u0000b\\u202ec\\ud800d\\n"}', ServerError, "abcd"),
        (500, b'{"message": 5, "error": null, "detail": "x"}', ServerError, "x"),
        (301, b"", ApiError, "Moved Permanently"),
    ],
)
def test_any_other_refusal_is_read_as_well(
    status: int, body: bytes, kind: type[ApiError], message: str
) -> None:
    """Gateway text, odd JSON, no body and garbage become an error of the status, with a clean text."""
    error = meetstream_error(_reply(body, status), ONE_ATTEMPT)
    assert type(error) is kind
    assert error.message.casefold() == message.casefold()


@pytest.mark.parametrize("name", ["x-request-id", "x-amzn-requestid", "apigw-requestid"])
def test_a_refusal_keeps_request_id_wait_and_field_complaints(name: str) -> None:
    """The error carries what callers and support need to know about a refusal."""
    body = {"message": "Invalid", "errors": {"cancel_note": ["is required", 5], "x": "odd", "y": None}}
    reply = _reply(body, 422, headers={name: "req\x1b-1", "Retry-After": "3"})
    error = meetstream_error(reply, Context(attempts=2))
    assert (error.request_id, error.retry_after, error.attempts) == ("req-1", 3.0, 2)
    assert error.errors == {"cancel_note": ("is required",), "x": ("odd",), "y": ()}


def test_a_redirect_says_what_to_check() -> None:
    """A 3xx is an ApiError that points at base_url."""
    assert "base_url" in str(meetstream_error(_reply(b"", 307), ONE_ATTEMPT))


@pytest.mark.parametrize("opening", [b'{"error":', b"["])
def test_an_error_body_of_any_depth_is_an_api_error(opening: bytes) -> None:
    """Deep nesting that the parser accepts does not crash a recursive reader."""
    closing = b"}" if opening[:1] == b"{" else b"]"
    for depth in [*range(0, 1200, 10), 5000, 100_000]:
        body = opening * depth + b'"deep"' + closing * depth
        assert meetstream_error(_reply(body, 500), ONE_ATTEMPT).status == 500


@given(json_values, st.sampled_from([301, 400, 401, 403, 404, 405, 409, 422, 429, 500, 503]))
def test_any_error_body_is_an_api_error(body: Any, status: int) -> None:
    """No refusal raises anything else, and its text is short and clean."""
    error: MeetStreamError = meetstream_error(_reply(json.dumps(body).encode(), status), ONE_ATTEMPT)
    assert isinstance(error, ApiError)
    assert 0 < len(error.message) <= 500
    assert error.message.encode()
