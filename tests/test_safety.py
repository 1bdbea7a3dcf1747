"""Values that may go into a request, and sanitizing of hostile text."""

from __future__ import annotations

import copy
import pickle
import unicodedata
from enum import Enum
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import API, KEY
from yarl import URL

from meetstream_async import ConfigurationError, MeetStreamClient
from meetstream_async._http.secrets import MAX_TEXT, Secret, clean_text, scrubber
from meetstream_async._http.urls import check_base_url, check_identifier, identifier_problem, path_segment

# --- texts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Event not found", "Event not found"),
        ("", ""),
        ("  a \t b  ", "a b"),
        ("one\r\ntwo\nthree", "one two three"),
        ("one\x85two\u2028three", "one two three"),
        ("nul\x00bell\x07", "nulbell"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x9b31mred", "31mred"),
        ("admin\u202egpj.exe\u2066", "admingpj.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("tag\U000e0041", "tag"),
        ("lone\ud800surrogate", "lonesurrogate"),
        ("private\ue000use", "privateuse"),
        ("Grüße 会议 🤖", "Grüße 会议 🤖"),
    ],
)
def test_a_servers_text_becomes_one_harmless_line(text: str, cleaned: str) -> None:
    """Line breaks become spaces; control, formatting, private and surrogate characters go."""
    assert clean_text(text) == cleaned


@given(st.text(st.characters(categories=["C", "L", "Z", "S"]), max_size=3000), st.integers(1, 600))
def test_no_text_is_dangerous_or_long_once_cleaned(text: str, limit: int) -> None:
    """For any input, the output is short and contains no line break and no character of category C."""
    cleaned = clean_text(text, limit)
    assert len(cleaned) <= limit
    assert not [char for char in cleaned if unicodedata.category(char)[0] == "C"]
    assert "\n" not in cleaned
    assert cleaned == cleaned.strip()


def test_a_long_text_is_cut_and_says_so() -> None:
    """A text of exactly the limit stays; one more character, and an ellipsis ends it."""
    assert clean_text("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert clean_text("x" * (MAX_TEXT + 1)) == "x" * (MAX_TEXT - 1) + "…"


# --- ids -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["evt_1", "a/b", "a b", "...", "..x", "%2e%2e", "会议", "a\u200bb", " "])
def test_any_printable_string_is_an_id(value: str) -> None:
    """The API's ids are opaque, so nothing but what would break a URL is refused."""
    assert identifier_problem(value) is None
    assert check_identifier(value, "event_id") == value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "is empty"),
        (".", "folder"),
        ("..", "folder"),
        ("evt\n", "control character"),
        ("evt\x00", "control character"),
        ("evt\x7f", "control character"),
        ("evt\x85", "control character"),
        ("evt\ud800", "control character"),
        (None, "NoneType, not a string"),
        (5, "int, not a string"),
        (True, "bool, not a string"),
        (b"evt", "bytes, not a string"),
    ],
)
def test_what_is_no_id_is_refused_by_its_argument_name(value: object, says: str) -> None:
    """The error names the argument and what is wrong with it."""
    with pytest.raises(ConfigurationError, match=f"^event_id .*{says}"):
        check_identifier(value, "event_id")


def test_the_characters_of_an_id_are_what_is_sent() -> None:
    """An id that is an enum member, or a str with a __str__ of its own, goes out as its characters."""

    class Event(str, Enum):  # noqa: UP042 - its str() is not its value, and that is the point
        ONE = "evt_1"

    assert f"/{path_segment(Event.ONE)}" == "/evt_1"


@given(st.text())
def test_an_id_is_one_path_segment_and_comes_back_the_same(text: str) -> None:
    """Every id that is accepted encodes to one segment which decodes to it and which yarl leaves alone."""
    if identifier_problem(text) is not None:
        return
    segment = path_segment(text)
    assert unquote(segment) == text
    assert not set(segment) & set("/?#;=&+ \\")
    url = URL(API).with_path(f"/v1/calendar/schedule/{segment}", encoded=True)
    assert url.raw_path == f"/v1/calendar/schedule/{segment}"


# --- base URLs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.example.com/api/v1", "https://api.example.com/api/v1"),
        ("https://api.example.com/api/v1/", "https://api.example.com/api/v1"),
        ("https://api.example.com", "https://api.example.com/"),
        ("https://api.example.com:8443/v1", "https://api.example.com:8443/v1"),
        ("HTTPS://API.example.com/v1", "https://api.example.com/v1"),
        ("https://10.0.0.1/v1", "https://10.0.0.1/v1"),
        ("http://localhost:8080/v1", "http://localhost:8080/v1"),
        ("http://api.localhost/v1", "http://api.localhost/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("http://127.9.9.9/v1", "http://127.9.9.9/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
    ],
)
def test_a_base_url_that_a_key_may_go_to(given: str, used: str) -> None:
    """https anywhere and http to this machine are accepted, without the trailing slash."""
    assert str(check_base_url(given, "base_url")) in (used, used.rstrip("/"))


@pytest.mark.parametrize(
    "given",
    [
        "http://api.example.com/v1",
        "http://10.0.0.1/v1",
        "http://192.168.0.1",
        "http://0.0.0.0:80",
        "http://[2001:db8::1]/v1",
        "http://127.0.0.1.example.com/",
        "http://localhost.example.com/",
        "http://notlocalhost/",
        "ftp://api.example.com/v1",
        "file:///etc/passwd",
        "api.example.com/v1",
        "/v1",
        "https://",
        "https:///v1",
        "https://api.example.com/v1?key=1",
        "https://api.example.com/v1#here",
        "https://user@api.example.com/v1",
        "https://user:sesame12@api.example.com/v1",
        "https://:sesame12@api.example.com/v1",
        "https://api.example.com:port/v1",
        "https://api.example.com:99999/v1",
        "https://[::1/v1",
        "",
        None,
        5,
        URL("https://api.example.com/v1"),
    ],
)
def test_any_other_base_url_is_refused(given: object) -> None:
    """The error names where the URL came from."""
    with pytest.raises(ConfigurationError, match=r"^MEETSTREAM_API_URL "):
        check_base_url(given, "MEETSTREAM_API_URL")


@pytest.mark.parametrize(
    "given",
    [
        "https://user:sesame12@api.example.com/v1",
        "https://user:sesame12@api.example.com:port/v1",
        "https://user:sesame12@api.example.com:99999/v1",
        "https://user:sesame12@[::1/v1",
        "ftp://user:sesame12@api.example.com/v1",
        "https://user:sesame12@/v1",
    ],
)
def test_a_password_in_a_base_url_is_not_repeated(given: str) -> None:
    """The error about a URL never shows the password in it, however broken the URL is."""
    with pytest.raises(ConfigurationError) as caught:
        check_base_url(given, "base_url")
    assert "sesame12" not in str(caught.value)


# --- credentials ---------------------------------------------------------------------------------------


def test_a_secret_shows_itself_to_nobody() -> None:
    """Neither repr, str nor format shows a credential, and it is neither pickled nor copied."""
    secret = Secret(KEY)
    assert secret.reveal() == KEY
    for text in (repr(secret), str(secret), f"{secret}", f"{[secret]}"):
        assert KEY not in text
    for transfer in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            transfer(secret)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (KEY + "\n", "line break"),
        (KEY + "\r\n", "line break"),
        (" " + KEY, "space"),
        (f"Token {KEY}", "the key alone"),
        (f"Bearer {KEY}", "the key alone"),
        ("", "is empty"),
        (KEY + "é", "printable ASCII"),
        (KEY + "\x00x", "printable ASCII"),
        (KEY + "\nX-Injected: 1", "line break"),
        (KEY.encode(), "must be a string, not bytes"),
        (5, "must be a string, not int"),
    ],
)
def test_an_unusable_key_is_refused_by_what_is_wrong_with_it(given: object, says: str) -> None:
    """The error names the argument and the problem, never the key."""
    with pytest.raises(ConfigurationError, match=f"^api_key .*{says}") as caught:
        Secret.load(given, "MEETSTREAM_API_KEY", "api_key")
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value)


def test_a_missing_key_names_both_places_to_put_it() -> None:
    """Without argument and variable the error says where a key may come from."""
    with pytest.raises(ConfigurationError, match=r"api_key=.*MEETSTREAM_API_KEY"):
        Secret.load(None, "MEETSTREAM_API_KEY", "api_key")


def test_a_bad_key_in_the_environment_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break at the end of a secret file's content is blamed on the variable."""
    monkeypatch.setenv("MEETSTREAM_API_KEY", KEY + "\n")
    with pytest.raises(ConfigurationError, match=r"^MEETSTREAM_API_KEY .*line break"):
        Secret.load(None, "MEETSTREAM_API_KEY", "api_key")


def test_an_argument_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable serves only where no argument is given."""
    monkeypatch.setenv("MEETSTREAM_API_KEY", "ms_from_environment")
    assert Secret.load(KEY, "MEETSTREAM_API_KEY", "api_key").reveal() == KEY
    assert Secret.load(None, "MEETSTREAM_API_KEY", "api_key").reveal() == "ms_from_environment"


def test_a_client_takes_key_and_url_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """MEETSTREAM_API_KEY and MEETSTREAM_API_URL serve where no argument is given."""
    monkeypatch.setenv("MEETSTREAM_API_KEY", KEY)
    assert MeetStreamClient().base_url == "https://api.meetstream.ai/api/v1"
    monkeypatch.setenv("MEETSTREAM_API_URL", "https://other.example.com/v2/")
    assert MeetStreamClient().base_url == "https://other.example.com/v2"
    assert MeetStreamClient(base_url=API).base_url == API


def test_a_bad_url_in_the_environment_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says that the variable, not an argument, is at fault."""
    monkeypatch.setenv("MEETSTREAM_API_URL", "http://api.example.com")
    with pytest.raises(ConfigurationError, match=r"^MEETSTREAM_API_URL .*unencrypted"):
        MeetStreamClient(KEY)


@pytest.mark.parametrize("form", [KEY, quote("ms_with/slash+plus=", safe=""), "ms_with/slash+plus="])
def test_a_key_is_taken_out_of_a_text(form: str) -> None:
    """A key that a server echoes is replaced, also where it is percent-encoded."""
    scrub = scrubber([Secret(KEY), Secret("ms_with/slash+plus=")])
    assert scrub(f"bad header: Token {form}!") == "bad header: Token ***!"


def test_no_secret_shows_in_a_client() -> None:
    """A client's repr shows where it sends to, not the key."""
    client = MeetStreamClient(KEY, base_url=API)
    assert API in repr(client)
    assert KEY not in repr(client)
    assert KEY not in repr(vars(client))
