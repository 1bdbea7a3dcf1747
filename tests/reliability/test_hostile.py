"""Hostile ids and bodies: one path segment, no crash, never a DELETE for a row that was not read properly."""

from __future__ import annotations

import asyncio
import functools
import json
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from meetstream_async import (
    ConfigurationError,
    InvalidResponseError,
    MeetStreamClient,
    MeetStreamError,
    RetryPolicy,
    bulk_unschedule,
)
from tests.helpers.proof import figure, linux_only, note_worst, resident_mib, sized
from tests.helpers.raw_server import RawRequest, RawServer, hang, reply

KEY = "ms_key-of-no-account"
AT_ONCE = RetryPolicy(max_attempts=1)


class _Wire:
    """A server and a client of it, on a loop of their own that many examples share."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.listing = b""
        self.server = RawServer(self._answer)
        runner.run(self.server.__aenter__())
        self.client = MeetStreamClient(KEY, base_url=self.server.url, retry=AT_ONCE)

    def close(self) -> None:
        self.runner.run(self.client.close())
        self.runner.run(self.server.__aexit__(None, None, None))

    async def _answer(self, request: RawRequest, writer: asyncio.StreamWriter) -> None:
        body = self.listing if request.method == "GET" else b'{"unscheduled": true}'
        writer.write(reply(200, body))


@pytest.fixture
def wire() -> Iterator[_Wire]:
    with asyncio.Runner() as runner:
        shared = _Wire(runner)
        yield shared
        shared.close()


def thoroughly(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


# --- ids -----------------------------------------------------------------------------------------------

REFUSED = ("", ".", "..")
IDS = st.one_of(
    st.text(max_size=60),
    st.text("/.%\\?#;:@&=+ ", max_size=12),
    st.text(st.characters(min_codepoint=0x80), max_size=20),
)


@pytest.mark.soak
@pytest.mark.parametrize("method", ["unschedule_event", "delete_scheduled_bot"])
def test_an_id_is_one_segment_on_the_wire_and_comes_back_the_same(wire, method):
    """Any text is sent as one path segment that decodes to it exactly, or refused before anything is sent."""
    folder = "/calendar/schedule/" if method == "unschedule_event" else "/calendar/scheduled_bots/"
    tried = {"sent": 0, "refused": 0}

    @thoroughly(sized(settings.default.max_examples, 1000, 10_000))
    @given(identifier=IDS)
    @example(identifier="..")
    @example(identifier="%2e%2e/..")
    @example(identifier="a/../../b?x=1#y")
    def look(identifier: str) -> None:
        wire.server.requests.clear()
        harmful = any(ord(char) < 32 or 127 <= ord(char) < 160 for char in identifier) or any(
            0xD800 <= ord(char) < 0xE000 for char in identifier
        )
        if identifier in REFUSED or identifier.isspace() or harmful:
            tried["refused"] += 1
            with pytest.raises(ConfigurationError):
                wire.runner.run(getattr(wire.client, method)(identifier))
            assert wire.server.requests == []
            return
        tried["sent"] += 1
        wire.runner.run(getattr(wire.client, method)(identifier))
        (request,) = wire.server.requests
        assert request.target.startswith(folder)
        segment = request.target.removeprefix(folder)
        assert not set(segment) & set("/?#;\\ ")
        assert segment not in REFUSED
        assert unquote(segment, errors="strict") == identifier

    look()
    figure(11, f"{method}: {tried['sent']} ids sent, {tried['refused']} refused")


# --- rows ----------------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
        st.sampled_from(
            ["\x1b[2J\x1b]0;x\x07", "[bold red]x[/]", "<script>", "None", "null", "true", "0", "nan"]
        ),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
GOOD_IDS = st.text("abcdef0123456789-_", min_size=1, max_size=12)
ROWS = st.fixed_dictionaries(
    {"bot_id": st.one_of(GOOD_IDS, GOOD_IDS, ANYTHING)},
    optional={
        "platform": ANYTHING,
        "status": ANYTHING,
        "scheduled_join_time": ANYTHING,
        "bot_username": ANYTHING,
        "is_scheduled": ANYTHING,
        "meeting_link": ANYTHING,
        "custom_attributes": ANYTHING
        | st.fixed_dictionaries({"event_id": GOOD_IDS | ANYTHING}, optional={"source": ANYTHING}),
        "new_field": ANYTHING,
    },
)


@pytest.mark.soak
def test_a_mistyped_id_never_becomes_a_delete(wire):
    """Rows of every wrong type: only ids that stand in the listing as strings are sent; no other error."""
    tried = {"listings": 0, "DELETEs": 0}

    @thoroughly(sized(settings.default.max_examples, 1000, 5000))
    @given(rows=st.lists(ROWS | ANYTHING, max_size=6))
    def look(rows: list[Any]) -> None:
        wire.server.requests.clear()
        wire.listing = json.dumps({"scheduled_bots": rows}).encode()
        report = wire.runner.run(
            bulk_unschedule(wire.client, wire.client.iter_scheduled_bots(), one_off_bots="delete")
        )
        strings: set[str] = set()
        for row in rows:
            if isinstance(row, dict) and isinstance(row.get("bot_id"), str):
                attributes = row.get("custom_attributes")
                event_id = attributes.get("event_id") if isinstance(attributes, dict) else None
                own = event_id if event_id is not None else row["bot_id"]
                # Where an event has several bots, they are asked for by their own ids as well.
                strings |= {own, row["bot_id"]} if isinstance(own, str) else set()
        sent = [unquote(request.target.rpartition("/")[2]) for request in wire.server.requests[1:]]
        assert set(sent) <= strings
        assert len(sent) == sum(outcome.attempts for outcome in report.outcomes)
        # Rows of bots that are not scheduled any more are skipped.
        assert all(outcome.attempts or outcome.status == "skipped" for outcome in report.outcomes)
        json.dumps(report.to_dict())
        repr(report)
        tried["listings"] += 1
        tried["DELETEs"] += len(sent)

    look()
    figure(
        12, f"{tried['listings']} listings of rows of any type, {tried['DELETEs']} DELETEs, all for strings"
    )


@pytest.mark.soak
def test_any_body_is_a_page_or_an_error_of_ours(wire):
    """Bytes, JSON of any shape, deep nesting, NaN, duplicate keys: nothing else comes out of a call."""

    @thoroughly(sized(settings.default.max_examples, 1000, 5000))
    @given(body=st.binary(max_size=60) | ANYTHING.map(lambda value: json.dumps(value).encode()))
    @example(body=b'{"scheduled_bots": ' + b"[" * 200_000 + b"]" * 200_000 + b"}")
    @example(body=b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    @example(body=b'{"scheduled_bots": [{"bot_id": NaN}, {"bot_id": "a", "bot_id": 7}, {"bot_id": 1e999}]}')
    @example(body=b'{"scheduled_bots": null}')
    @example(body=b'{"scheduled_bots": [{"bot_id": "\\ud800"}]}')
    @example(body=b'{"scheduled_bots": [' + b"9" * 10_000 + b"]}")
    def look(body: bytes) -> None:
        wire.listing = body
        try:
            page = wire.runner.run(wire.client.list_scheduled_bots())
        except InvalidResponseError as error:
            paths = [error.path or ""]
        else:
            assert all(isinstance(bot.bot_id, str) and bot.bot_id for bot in page.bots)
            paths = [row.path for row in page.rejected]
        assert all(path.startswith("$") for path in paths)

    look()


# --- bombs ---------------------------------------------------------------------------------------------


@functools.cache
def _gzip_of_spaces(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush, the same bytes are packed the same; only the checksum at the end is wrong.
    piece = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + piece * (mebibytes - 1) + packer.flush()


class _Watch(threading.Thread):
    """The most memory that the process held while it ran."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.before = self.peak = resident_mib()
        self._over = threading.Event()

    def run(self) -> None:
        path = Path("/proc/self/statm")
        while not self._over.wait(0.0005):
            pages = int(path.read_text(encoding="ascii").split()[1])
            self.peak = max(self.peak, pages * 4096 / 2**20)

    def end(self) -> float:
        self._over.set()
        self.join()
        return self.peak - self.before


@linux_only
@pytest.mark.parametrize(
    ("encoding", "call"),
    [("gzip", "list_scheduled_bots")]
    + [
        pytest.param(*pair, marks=pytest.mark.slow)
        for pair in (
            *(("endless", "list_scheduled_bots"), ("endless", "unschedule_event"), ("endless", "an error")),
            *(("gzip", "unschedule_event"), ("gzip", "an error")),
        )
    ],
)
async def test_a_bomb_of_300_mib_takes_less_than_64(raw_server, call, encoding):
    """Reading a compressed or endless body stops at the cap, for every call and status."""
    status = 500 if call == "an error" else 200
    if encoding == "gzip":
        bomb = _gzip_of_spaces(300)
        server = await raw_server(reply(status, bomb, ("Content-Encoding", "gzip")))
    else:

        async def endless(request: RawRequest, writer: asyncio.StreamWriter) -> None:
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {2**40}\r\n\r\n".encode())
            for _ in range(300 * 16):
                writer.write(b" " * 2**16)
                await writer.drain()
            await hang(request, writer)

        server = await raw_server(endless)
    async with MeetStreamClient(KEY, base_url=server.url, retry=AT_ONCE, timeout=20) as client:
        watch = _Watch()
        # Traced as well, because growth does not show while the process has room from before.
        tracemalloc.start()
        watch.start()
        try:
            with pytest.raises(MeetStreamError):
                if call == "list_scheduled_bots":
                    await client.list_scheduled_bots()
                else:
                    await client.unschedule_event("evt_1")
        finally:
            grown = watch.end()
            traced = tracemalloc.get_traced_memory()[1] / 2**20
            tracemalloc.stop()
    note_worst(12, f"MiB more memory for a body of 300 MiB ({encoding})", max(grown, traced))
    assert max(grown, traced) < 64
