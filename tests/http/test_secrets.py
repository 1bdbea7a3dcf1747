"""What a hostile text is reduced to, and that a credential is never shown."""

from __future__ import annotations

import base64
import copy
import html
import json
import pickle
import re
import unicodedata
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetstream_async import ConfigurationError, MeetStreamClient
from meetstream_async._http.scrubbing import redactor, scrubber
from meetstream_async._http.secrets import MAX_TEXT, Secret, clean_text
from tests.helpers.credentials import API, KEY

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


_AWKWARD = 'ms_S3cr3t+/="0123456789abcdef'


@pytest.mark.parametrize(
    "form",
    [
        _AWKWARD,
        quote(_AWKWARD, safe=""),
        quote(_AWKWARD, safe="").lower(),
        quote(quote(_AWKWARD, safe=""), safe=""),
        "".join(f"%{ord(char):02X}" for char in _AWKWARD),
        json.dumps(_AWKWARD)[1:-1],
        json.dumps(json.dumps(_AWKWARD)[1:-1])[1:-1],
        _AWKWARD.replace("/", "\\/"),
        "".join(f"\\u{ord(char):04x}" for char in _AWKWARD),
        "".join(f"\\x{ord(char):02x}" for char in _AWKWARD),
        html.escape(_AWKWARD),
        "".join(f"&#{ord(char)};" for char in _AWKWARD),
        "".join(f"&#x{ord(char):X};" for char in _AWKWARD),
        _AWKWARD.upper(),
        _AWKWARD[:9] + "\n    " + _AWKWARD[9:],
        _AWKWARD[:9] + "\\n" + "\n" + _AWKWARD[9:],
        " ".join(_AWKWARD),
        _AWKWARD.replace("+", " "),
        _AWKWARD.encode().hex(),
        _AWKWARD.encode().hex().upper(),
    ],
)
def test_a_key_is_taken_out_of_a_text(form: str) -> None:
    """A key that a server echoes is replaced, in whatever way it is written, in a sentence or alone."""
    scrub = scrubber([Secret(KEY), Secret(_AWKWARD)])
    assert scrub(f"bad header: Token {form}! Twice {form}.") == "bad header: Token ***! Twice ***."
    assert scrub(form) == "***"
    assert scrub(f"{form}!{form}?") == "***!***?"


@pytest.mark.parametrize("form", [KEY, KEY.upper(), KEY.encode().hex(), KEY[:9] + "\n" + KEY[9:]])
def test_a_key_of_letters_is_taken_out_of_a_request_id(form: str) -> None:
    """Where nothing looks like any way of writing."""
    assert scrubber([Secret(KEY)])(f"req-{form}-7") == "req-***-7"


def test_from_16_characters_on_a_key_is_taken_out_in_any_letters_and_of_data() -> None:
    """A shorter one could be a word."""
    key = "k3y-of-16-chars!"
    assert scrubber([Secret(key)])(key.upper()) == "***"
    assert redactor([Secret(key)])(f'["{key}"]') == '["***"]'
    assert scrubber([Secret(key[1:])])(key[1:].upper()) == key[1:].upper()
    assert redactor([Secret(key[1:])])(key) == key
    spaced = "form+key+of+16+chars"
    assert scrubber([Secret(spaced)])(spaced.replace("+", " ").upper()) == "***"


def test_of_two_keys_of_which_one_begins_the_other_nothing_is_left() -> None:
    """The longer one goes first."""
    keys = [Secret(KEY), Secret(f"{KEY}-of-another")]
    for text in (keys[1].reveal(), keys[1].reveal().upper()):
        assert scrubber(keys)(text) == "***"
    assert redactor(keys)(keys[1].reveal()) == "***"


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", ["", ":", "x:", "user:", "Token "])
@pytest.mark.parametrize("after", ["", ":", ":x", "\r\n"])
def test_a_key_is_taken_out_of_base64(encode: Callable[[bytes], bytes], before: str, after: str) -> None:
    """Wherever the key lies in it, no more of its Base64 is left than what its neighbours share."""
    for key in (KEY, _AWKWARD):
        encoded = encode(f"{before}{key}{after}".encode()).decode()
        # A letter of Base64 is six bits: those with a bit of a neighbour stay.
        left = encoded[: -(-8 * len(before) // 6)], encoded[8 * len(before + key) // 6 :]
        scrub = scrubber([Secret(key)])
        assert scrub(f"header {encoded}, and more") == f"header {left[0]}***{left[1]}, and more"
        assert scrub(encoded) == "***".join(left)


@pytest.mark.parametrize(
    "form",
    [
        _AWKWARD,
        quote(_AWKWARD, safe=""),
        re.sub("%..", lambda found: found[0].lower(), quote(_AWKWARD, safe="")),
        json.dumps(_AWKWARD)[1:-1],
        _AWKWARD.replace("/", "\\/"),
    ],
)
def test_a_key_is_taken_out_of_data(form: str) -> None:
    """Data stays what it was but for the key."""
    assert redactor([Secret(_AWKWARD)])(f'{{"a": "{form}", "b": "é\\n"}}') == '{"a": "***", "b": "é\\n"}'


@pytest.mark.parametrize(
    "text", ["100 % of 3 &amp; \\u00e9 %zz &#5; \\", "ms_S3cr3t", "%41" * 40, "é" * 99, ""]
)
def test_a_text_without_a_key_stays_as_it_is(text: str) -> None:
    """Escapes that are no key's are left as they were written."""
    assert scrubber([Secret(KEY), Secret(_AWKWARD)])(text) == text


def test_a_short_key_does_not_garble_words() -> None:
    """Of a key that could be a word, only the exact letters go."""
    scrub = scrubber([Secret("meetings")])
    assert scrub("Meetings, meet ings: meetings") == "Meetings, meet ings: ***"


def test_no_secret_shows_in_a_client() -> None:
    """A client's repr shows where it sends to, not the key."""
    client = MeetStreamClient(KEY, base_url=API)
    assert API in repr(client)
    assert KEY not in repr(client)
    assert KEY not in repr(vars(client))


def test_a_key_is_taken_out_of_entities_of_html() -> None:
    """Each by its name."""
    key = "a<b>c&d'e\"f+g/h=0123456789~"
    names = {
        "<": "lt",
        ">": "gt",
        "&": "amp",
        "'": "apos",
        '"': "quot",
        "+": "plus",
        "/": "sol",
        "=": "equals",
    }
    written = "".join(f"&{names[char]};" if char in names else char for char in key)
    assert scrubber([Secret(key)])(f"<b>{written}</b>") == "<b>***</b>"
    assert scrubber([Secret(key)])("".join(f"%{ord(char):x}" for char in key)) == "***"
