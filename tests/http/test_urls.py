"""Which ids and base URLs may go into a request, and that an id stays one path segment."""

from __future__ import annotations

from enum import Enum
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from meetstream_async import ConfigurationError, MeetBitClient, MeetStreamClient
from meetstream_async._http.urls import check_base_url, check_identifier, identifier_problem, path_segment
from tests.helpers.credentials import API, KEY

# --- ids -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["evt_1", "a/b", "a b", "...", "..x", "%2e%2e", "会议", "a\u200bb"])
def test_any_printable_string_is_an_id(value: str) -> None:
    """The API's ids are opaque, so nothing but what would break a URL is refused."""
    assert identifier_problem(value) is None
    assert check_identifier(value, "event_id") == value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "is empty"),
        (" ", "is empty"),
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

    assert f"/{path_segment(Event.ONE, 'event_id')}" == "/evt_1"


@given(st.text())
def test_an_id_is_one_path_segment_and_comes_back_the_same(text: str) -> None:
    """Every id that is accepted encodes to one segment which decodes to it and which yarl leaves alone."""
    if identifier_problem(text) is not None:
        return
    segment = path_segment(text, "text")
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


_KEYED = [
    "{}", "https://api.example.com/v1?key={}", "https://api.example.com/v1#{}", "https://api.example.com/{}/v1",
    "https://{}.example.com", "https://api.example.com:{}/", "{}://api.example.com", "https:/{}", "http://h/{}",
]  # fmt: skip


@pytest.mark.parametrize("given", _KEYED)
@pytest.mark.parametrize("written", [KEY, KEY.upper(), "".join(f"%{ord(char):02x}" for char in KEY)])
def test_a_key_in_a_base_url_is_refused_and_not_repeated(given: str, written: str) -> None:
    """An address is shown in previews, reports and reprs: it must not hold the key, in any part of it."""
    for make in (
        lambda url: MeetStreamClient(KEY, base_url=url),
        lambda url: MeetBitClient(None, "access-key-id", KEY, base_url=url),
    ):
        with pytest.raises(ConfigurationError, match=r"^base_url must not contain the key") as caught:
            make(given.format(written))
        assert KEY not in repr(caught.value)


@pytest.mark.parametrize("given", ["ms_another_key_0123456789", "https://api.example.com/v1#ms_another_key"])
def test_what_may_be_a_key_of_somebody_else_is_not_repeated(given: str) -> None:
    """A key that was put into the variable of the address; what has the form of an address is shown."""
    with pytest.raises(ConfigurationError, match=r"^MEETSTREAM_API_URL .*can't be used") as caught:
        check_base_url(given, "MEETSTREAM_API_URL")
    assert "another_key" not in str(caught.value)
    with pytest.raises(ConfigurationError, match=r"'api\.example\.com/v1' can't be used"):
        check_base_url("api.example.com/v1", "MEETSTREAM_API_URL")


def test_a_short_key_may_be_a_word_of_the_address() -> None:
    """Such as a placeholder of tests."""
    assert MeetStreamClient("localhost", base_url="http://localhost:8080").base_url == "http://localhost:8080"
