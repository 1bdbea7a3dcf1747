"""Listings with bytes that are not UTF-8, over a real socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.helpers.raw_server import reply
from tests.helpers.single_calls import Start, client

CUT = "\N{CJK UNIFIED IDEOGRAPH-4F1A}".encode()[:2]
"""A character whose last byte is missing."""


def _with_bytes(broken: bytes, *rows: dict[str, Any]) -> bytes:
    return json.dumps({"scheduled_bots": list(rows)}).encode().replace(b"BROKEN", broken)


@pytest.mark.parametrize("broken", [CUT, b"\xff", "J\u00fcrgen".encode("latin-1")])
async def test_one_name_that_is_not_utf_8_costs_nothing_but_its_characters(
    raw_server: Start, broken: bytes
) -> None:
    """The rest of the listing is read as it is, and no row is rejected."""
    body = _with_bytes(broken, {"bot_id": "a", "bot_username": "x BROKEN y"}, {"bot_id": "b"})
    server = await raw_server(reply(200, body))
    async with client(server) as c:
        page = await c.list_scheduled_bots()
    assert [bot.bot_id for bot in page.bots] == ["a", "b"]
    assert page.rejected == ()
    name = page.bots[0].bot_username or ""
    assert name.startswith("x ")
    assert name.endswith(" y")
    assert "\N{REPLACEMENT CHARACTER}" in name


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ({"bot_id": "a BROKEN"}, "$.scheduled_bots[1].bot_id"),
        (
            {"bot_id": "a", "custom_attributes": {"event_id": "evt_BROKEN"}},
            "$.scheduled_bots[1].custom_attributes.event_id",
        ),
    ],
)
async def test_an_id_that_is_not_utf_8_costs_its_own_row(
    raw_server: Start, row: dict[str, Any], path: str
) -> None:
    """It can't be sent back as the API has it, so the row is rejected; the others stay."""
    server = await raw_server(reply(200, _with_bytes(CUT, {"bot_id": "b"}, row)))
    async with client(server) as c:
        page = await c.list_scheduled_bots()
    assert [bot.bot_id for bot in page.bots] == ["b"]
    assert [(one.index, one.path, one.reason) for one in page.rejected] == [(1, path, "is not valid UTF-8")]


async def test_a_replacement_character_that_the_api_sends_itself_is_part_of_the_id(
    raw_server: Start,
) -> None:
    """Only one that comes from our own decoding makes an id unusable."""
    odd = "a\N{REPLACEMENT CHARACTER}"
    server = await raw_server(reply(200, {"scheduled_bots": [{"bot_id": odd}]}))
    async with client(server) as c:
        page = await c.list_scheduled_bots()
    assert [bot.bot_id for bot in page.bots] == [odd]
