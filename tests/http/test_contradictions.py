"""Signs of failure in the body of a 2xx."""

from __future__ import annotations

from typing import Any

import pytest

from meetstream_async._http.contradictions import contradiction
from meetstream_async._http.reply import Reply


def _found(body: dict[str, Any], status: int = 200) -> tuple[str, bool] | None:
    """Where the body contradicts its status, and whether it refuses."""
    found = contradiction(Reply(status, {}), body)
    return None if found is None else (found.path, found.refuses)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"unscheduled": True},
        {"unscheduled": None},
        {"success": True, "ok": 1, "cancelled": "True"},
        {"success": None, "ok": None},
        {"status": 200},
        {"status": "ok"},
        {"status": 399},
        {"status": 600},
        {"status": True},
        {"status": "0400"},
        {"status": "٤٠٤"},
        {"status": None, "statusCode": "202", "status_code": 204},
        {"error": None, "errors": [], "errorMessage": ""},
        {"error": {}, "errors": {}},
        {"error": "None", "errorCode": "0", "error_message": "no error"},
        {"error": {"code": 0, "message": "OK"}},
        {"occurrences_affected": 1},
        {"occurrences_affected": None},
        {"occurrences_affected": False},
        {"occurrences_affected": "0"},
        {"occurrences_affected": -1},
        {"code": 500},
        {"status": "errors"},
        {"status": "cancelled"},
        {"schedules_cancelled": 0},
        {"bots_deleted": 0},
        {"failed": 0, "failures": [], "failed_occurrences": None, "failover": "eu"},
        {"schedules_cancelled": 1, "bots_deleted": 0},
        {"schedules_cancelled": 0, "bots_deleted": 1},
        {"schedules_cancelled": False, "bots_deleted": 0},
        {"schedules_cancelled": 0, "bots_deleted": 0, "occurrences_affected": 2},
        {"deleted": 3, "canceled": "2026-12-01T09:00:00Z", "deleted_at": False},
        {"errorCode": 0, "errorType": None, "isError": False},
        {"data": {"status": "confirmed", "ok": True}, "result": None, "body": "not JSON", "response": "{}"},
        {"message": "Event unscheduled successfully"},
        {"message": "No scheduled bots were found", "scheduled_bots": []},
        {"message": "Event not found", "scheduled_bots": []},
        {"message": "Event not found", "results": []},
        {"message": "Unscheduled; the calendar's event was not found"},
        {"message": "Server error", "unscheduled": True},
        {"message": "Server error", "cancelled": True},
        {"message": ["Server error"]},
        {"message": "Not Found", "scheduled_bots": []},
        {"message": "The event is canceled.", "data": {"id": 7, "status": "rejected"}},
        {"message": "Gone"},
        {"message": "OK"},
        {"message": "Unscheduled; the calendar's event was not changed"},
        {"result": True, "__type": "UnscheduleResult", "err": None, "error_count": 0},
        {"result": "unscheduled", "__type": None},
    ],
)
def test_what_says_nothing_of_failure_is_a_success(body: dict[str, Any]) -> None:
    """Flags that are set, statuses below 400, empty complaints, fields of other types."""
    assert _found(body) is None


@pytest.mark.parametrize("value", [False, 0, 2, "false", "yes", "", [], {}])
@pytest.mark.parametrize("flag", ["success", "ok", "unscheduled", "cancelled"])
def test_a_flag_that_is_not_set_refuses(flag: str, value: object) -> None:
    """Only true, 1, "true" and null let it pass."""
    assert _found({flag: value}) == (f"$.{flag}", True)


@pytest.mark.parametrize("code", [400, 404, 499, 500, 599])
@pytest.mark.parametrize("name", ["status", "statusCode", "status_code"])
@pytest.mark.parametrize("kind", [int, str])
def test_a_status_in_the_body_counts_as_one_of_http(name: str, code: int, kind: type) -> None:
    """One of 400 to 499 refuses; after a broken server nobody knows."""
    assert _found({name: kind(code)}) == (f"$.{name}", code < 500)


@pytest.mark.parametrize("name", ["status", "statusCode", "status_code", "code"])
@pytest.mark.parametrize("code", [404, 500])
def test_a_status_inside_the_error_counts_as_well(name: str, code: int) -> None:
    """Some gateways wrap it."""
    assert _found({"error": {name: code}}) == (f"$.error.{name}", code < 500)


@pytest.mark.parametrize(("code", "refuses"), [(404, True), (499, True), (500, False), (503, False)])
def test_a_flag_beside_a_status_of_a_broken_server_refuses_nothing(code: int, refuses: bool) -> None:
    """The flag is the place; the status says whether anything is known."""
    assert _found({"success": False, "statusCode": code}) == ("$.success", refuses)


@pytest.mark.parametrize("name", ["error", "errors", "errorMessage"])
@pytest.mark.parametrize("value", ["x", ["x"], {"x": "y"}, 1, True])
def test_a_complaint_leaves_open_what_was_done(name: str, value: object) -> None:
    """It does not say that nothing was."""
    assert _found({name: value}) == (f"$.{name}", False)


def test_a_207_leaves_open_what_was_done() -> None:
    """A part may have failed, whatever the body says."""
    assert _found({}, 207) == ("$", False)
    assert _found({"unscheduled": True}, 207) == ("$", False)
    assert _found({}, 206) is None


def test_no_occurrence_affected_is_no_success() -> None:
    """A series of which nothing was cancelled was not cancelled; why is not known."""
    assert _found({"occurrences_affected": 0}) == ("$.occurrences_affected", False)
    assert _found({"unscheduled": True, "occurrences_affected": 0}) == ("$.occurrences_affected", False)


def test_the_complaint_is_shown_shortened_and_without_secrets() -> None:
    """At most 200 characters of it, as text or as JSON."""
    reply = Reply(200, {}, scrub=lambda text: text.replace("sk_secret", "***"))
    shown = [contradiction(reply, {"error": value}) for value in ("sk_secret é", ["é"], "x" * 500)]
    texts = [one.text for one in shown if one is not None]
    assert texts[:2] == ["says error: *** é", 'says error: ["é"]']
    assert 200 <= len(texts[2]) <= 220


@pytest.mark.parametrize("word", ["error", "fail", "Failed", " FAILURE "])
@pytest.mark.parametrize("name", ["status", "statusCode", "status_code"])
def test_a_status_in_words_leaves_the_outcome_open(name: str, word: str) -> None:
    """They do not say whether anything was done."""
    assert _found({name: word, "message": "no"}) == (f"$.{name}", False)


def test_counts_that_are_all_zero_say_that_nothing_was_done() -> None:
    """Whatever the flag beside them says."""
    body = {"unscheduled": True, "schedules_cancelled": 0, "bots_deleted": 0}
    assert _found(body) == ("$.schedules_cancelled", False)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"cancelled": True, "failed_occurrences": ["2026-12-01"]}, "$.failed_occurrences"),
        ({"cancelled": True, "occurrences_affected": 2, "occurrences_failed": 3}, "$.occurrences_failed"),
        ({"unscheduled": True, "failures": {"bot": "busy"}}, "$.failures"),
        ({"failed": True}, "$.failed"),
    ],
)
def test_what_failed_in_part_is_unknown(body: dict[str, Any], path: str) -> None:
    """A part of a series may stay scheduled."""
    assert _found(body) == (path, False)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"Success": False}, ("$.Success", True)),
        ({"OK": "False"}, ("$.OK", True)),
        ({"succeeded": False}, ("$.succeeded", True)),
        ({"exception": "x"}, ("$.exception", False)),
        ({"Unscheduled": 0}, ("$.Unscheduled", True)),
        ({"canceled": False}, ("$.canceled", True)),
        ({"deleted": "false"}, ("$.deleted", True)),
        ({"Error": "x"}, ("$.Error", False)),
        ({"error_message": "x"}, ("$.error_message", False)),
        ({"errorType": "Runtime.ExitError"}, ("$.errorType", False)),
        ({"error-code": "E17"}, ("$.error-code", False)),
        ({"isError": True}, ("$.isError", False)),
        ({"fault": {"faultstring": "x"}}, ("$.fault", False)),
        ({"statuscode": 404}, ("$.statuscode", True)),
        ({"httpStatus": 500.0}, ("$.httpStatus", False)),
        ({"http_status_code": "404 Not Found"}, ("$.http_status_code", True)),
        ({"Error": {"Code": 503}}, ("$.Error.Code", False)),
        ({"err": "x"}, ("$.err", False)),
        ({"error_description": "x"}, ("$.error_description", False)),
        ({"errorMsg": "x"}, ("$.errorMsg", False)),
        ({"__type": "com.example#AccessDeniedException"}, ("$.__type", False)),
        ({"isSuccess": False}, ("$.isSuccess", True)),
        ({"is_successful": "false"}, ("$.is_successful", True)),
        ({"acknowledged": False}, ("$.acknowledged", True)),
        ({"result": False}, ("$.result", False)),
        ({"Result": " Failure "}, ("$.Result", False)),
        ({"status": "rejected"}, ("$.status", False)),
        ({"status": "Denied"}, ("$.status", False)),
    ],
)
def test_a_sign_counts_in_every_spelling(body: dict[str, Any], found: tuple[str, bool]) -> None:
    """Capitals, hyphens, underscores and American English."""
    assert _found(body) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"data": {"unscheduled": False}}, ("$.data.unscheduled", True)),
        ({"status": 200, "result": {"error": "x"}}, ("$.result.error", False)),
        ({"statusCode": 200, "body": '{"statusCode": 500}'}, ("$.body.statusCode", False)),
        ({"statusCode": 200, "body": '{"success": false}'}, ("$.body.success", True)),
        ({"response": {"status": "error"}}, ("$.response.status", False)),
    ],
)
def test_a_sign_counts_in_what_a_gateway_wraps(body: dict[str, Any], found: tuple[str, bool]) -> None:
    """One level deep, also where the answer is there as text."""
    assert _found(body) == found


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("Server error", False),
        ("Internal server error.", False),
        ("Unauthorized", True),
        ("forbidden.", True),
        ("Not Found", True),
        ("Too Many Requests", True),
        ("Service Unavailable", False),
        ("Something went wrong", False),
        ("Bot could not be unscheduled", False),
        ("Event has not been cancelled", False),
        ("The bots were not deleted.", False),
        ("No bots were unscheduled", False),
        ("Nothing was cancelled", False),
        ("An error occurred while unscheduling the bot", False),
        ("Task timed out after 29.00 seconds", False),
        ("Failed to delete the schedule", False),
        ("could not cancel", False),
        ("Event not scheduled", True),
        ("Bot is not scheduled.", True),
        ("Event evt_1 not found", True),
        ("Resource object does not exist.", True),
    ],
)
def test_an_answer_that_is_only_a_complaint_is_no_success(text: str, refuses: bool) -> None:
    """Nothing beside the text says that it was done."""
    assert _found({"message": text}) == ("$.message", refuses)


def test_an_empty_listing_with_a_complaint_is_no_listing() -> None:
    """It would read as an empty account."""
    assert _found({"scheduled_bots": [], "message": "Internal server error"}) == ("$.message", False)
