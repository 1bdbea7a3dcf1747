"""MeetBitClient: what goes out, and what is refused before that."""

from __future__ import annotations

import json

import pytest
from yarl import URL

from meetstream_async import ConfigurationError, MeetBitClient
from tests.helpers.meetbit import GOOD, ID, KEYS, SECRET, URL_1_2, client, free, meetbit, pairs

# --- arguments of the client ---------------------------------------------------------------------------


async def test_the_documented_request_goes_to_the_tenants_domain(mocked):
    """One POST with both key headers and the note as JSON, nothing else in its body."""
    mocked.post(URL_1_2, payload={"data": {"id": 2}})
    async with MeetBitClient("acme.example.com", ID, SECRET) as c:
        await c.cancel_event(1, 2, "Off “today”.")
    ((method, url), (call,)) = next(iter(mocked.requests.items()))
    assert (len(mocked.requests), method, str(url)) == (1, "POST", URL_1_2)
    headers = call.kwargs["headers"]
    assert (headers["X-Access-Key-Id"], headers["X-Access-Key-Secret"]) == (ID, SECRET)
    assert headers["Content-Type"] == "application/json"
    assert "Authorization" not in headers
    assert json.loads(call.kwargs["data"]) == {"cancel_note": "Off “today”."}


async def test_what_goes_over_the_wire(raw_server):
    """Path, headers and body arrive as the document has them."""
    server = await raw_server(GOOD)
    async with client(server) as c:
        await c.cancel_event("17", 4, "Moved")
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/calendars/17/events/4/cancel")
    assert request.header("x-access-key-id") == [ID]
    assert request.header("x-access-key-secret") == [SECRET]
    assert request.header("content-type") == ["application/json"]
    assert request.header("authorization") == []
    assert request.body == b'{"cancel_note": "Moved"}'


async def test_the_environment_fills_in_what_is_not_passed(mocked, monkeypatch):
    """Domain and both keys have a variable each."""
    monkeypatch.setenv("MEETBIT_PRIMARY_DOMAIN", "acme.example.com")
    monkeypatch.setenv("MEETBIT_ACCESS_KEY_ID", ID)
    monkeypatch.setenv("MEETBIT_ACCESS_KEY_SECRET", SECRET)
    mocked.post(URL_1_2, payload={"data": {"id": 2}})
    async with MeetBitClient() as c:
        await c.cancel_event(1, 2, "x")
    headers = mocked.requests["POST", URL(URL_1_2)][0].kwargs["headers"]
    assert (headers["X-Access-Key-Id"], headers["X-Access-Key-Secret"]) == (ID, SECRET)


def test_an_argument_goes_before_the_environment(monkeypatch):
    """base_url, then the domain that was passed, then MEETBIT_API_URL, then MEETBIT_PRIMARY_DOMAIN."""
    monkeypatch.setenv("MEETBIT_PRIMARY_DOMAIN", "last.example.com")
    assert MeetBitClient(**KEYS).base_url == "https://last.example.com/api/public/v2.0"
    monkeypatch.setenv("MEETBIT_API_URL", "http://localhost:1/third")
    assert MeetBitClient(**KEYS).base_url == "http://localhost:1/third"
    passed = MeetBitClient("second.example.com", **KEYS)
    assert passed.base_url == "https://second.example.com/api/public/v2.0"
    assert MeetBitClient("x.example.com", base_url="https://first/v9/", **KEYS).base_url == "https://first/v9"


@pytest.mark.parametrize("url", ["http://acme.example.com", "https://a@b", "acme.example.com", "ftp://x"])
def test_an_unusable_url_in_the_environment_is_refused(url, monkeypatch):
    """The error names the variable."""
    monkeypatch.setenv("MEETBIT_API_URL", url)
    with pytest.raises(ConfigurationError, match="MEETBIT_API_URL"):
        MeetBitClient(**KEYS)


async def test_the_simulators_environment_is_enough(monkeypatch):
    """Its variables lead a client without arguments to it."""
    async with free(1) as sim:
        for name, value in sim.environment.items():
            monkeypatch.setenv(name, value)
        async with MeetBitClient() as c:
            cancelled = await c.cancel_event(*pairs(sim)[0], "Off")
    assert {cancelled.event.id} == sim.ledger.cancelled_events


BAD_DOMAINS = [
    "https://x",
    "x/y",
    "a@b",
    "",
    "x y",
    "x?y",
    "x#y",
    "x\n",
    "x:99999",
    "x:y",
    "bücher.example",
    b"x.example.com",
    7,
]


@pytest.mark.parametrize("domain", BAD_DOMAINS)
def test_a_domain_that_is_no_bare_host_name_is_refused(domain, monkeypatch):
    """Also from the environment: keys go to nothing that is not a plain domain."""
    with pytest.raises(ConfigurationError, match="primary_domain"):
        MeetBitClient(domain, **KEYS)
    if isinstance(domain, str):
        monkeypatch.setenv("MEETBIT_PRIMARY_DOMAIN", domain)
        with pytest.raises(ConfigurationError, match="MEETBIT_PRIMARY_DOMAIN"):
            MeetBitClient(**KEYS)


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("primary_domain", "MEETBIT_PRIMARY_DOMAIN"),
        ("access_key_id", "MEETBIT_ACCESS_KEY_ID"),
        ("access_key_secret", "MEETBIT_ACCESS_KEY_SECRET"),
    ],
)
def test_what_is_missing_is_named_with_its_variable(missing, says):
    """The error says which argument to pass or which variable to set."""
    arguments = {"primary_domain": "acme.example.com", **KEYS}
    del arguments[missing]
    with pytest.raises(ConfigurationError, match=says) as caught:
        MeetBitClient(**arguments)
    assert missing in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"access_key_id": ""}, "access_key_id"),
        ({"access_key_secret": SECRET + "\n"}, "access_key_secret"),
        ({"access_key_secret": 7}, "access_key_secret"),
        ({"base_url": "http://acme.example.com"}, "https"),
        ({"base_url": "https://user:pw@acme.example.com"}, "base_url"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit": "5"}, "rate_limit"),
        ({"rate_limit": True}, "rate_limit"),
        ({"timeout": 0}, "timeout"),
        ({"retry": 3}, "retry"),
        ({"session": "x"}, "session"),
    ],
)
def test_an_unusable_argument_of_the_client_is_refused(options, says):
    """Each error names the argument."""
    with pytest.raises(ConfigurationError, match=says):
        MeetBitClient("acme.example.com", **{**KEYS, **options})


BAD_IDS = [
    0,
    -1,
    True,
    False,
    1.0,
    None,
    "",
    "0",
    "-1",
    "+1",
    " 1",
    "1.5",
    "1e3",
    "1_0",
    "0x1",
    "../2",
    "१२",
    "²",
    b"1",
    [1],
    10**19,
    "9" * 40,
]


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("identifier", BAD_IDS, ids=repr)
async def test_an_id_that_is_no_positive_integer_is_refused(mocked, identifier, position):
    """Nothing is sent, and the error names the argument."""
    ids = [5, 5]
    ids[position] = identifier
    async with MeetBitClient("acme.example.com", **KEYS) as c:
        with pytest.raises(ConfigurationError, match=("calendar_id", "event_id")[position]):
            await c.cancel_event(*ids, "x")
    assert mocked.requests == {}


@pytest.mark.parametrize("note", [None, 7, b"x", ["x"], "", "  \n ", "x" * 256, "half \ud83d"], ids=repr)
async def test_a_note_that_the_api_would_not_take_is_refused(mocked, note):
    """Nothing is sent: an invalid request counts against the limit, too."""
    async with MeetBitClient("acme.example.com", **KEYS) as c:
        with pytest.raises(ConfigurationError, match="cancel_note"):
            await c.cancel_event(1, 2, note)
    assert mocked.requests == {}


@pytest.mark.parametrize("note", ["x", "x" * 255, "é" * 255, "🙂" * 255, ' "quoted"\n\\u0041 '], ids=len)
async def test_a_note_of_up_to_255_characters_arrives_as_it_is(note):
    """Characters are counted, not bytes, and none is changed."""
    async with free(1) as sim, meetbit(sim) as c:
        (event,) = sim.calendar_events
        cancelled = await c.cancel_event(event.calendar_id, str(event.event_id), note)
    assert sim.ledger.calendar_events[event.event_id].cancel_note == note
    assert cancelled.event.cancel_note == note


async def test_a_closed_client_says_so():
    """Using it after its end sends nothing."""
    async with free(1) as sim:
        async with meetbit(sim) as c:
            pass
        with pytest.raises(ConfigurationError, match="closed"):
            await c.cancel_event(*pairs(sim)[0], "x")
        await c.close()
    assert sim.requests == []
