"""Arguments of a bulk run are refused before any request."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from meetstream_async import BotFilter, ConfigurationError, bulk_unschedule, unschedule_all
from tests.helpers.accounts import connect, deletes, plain_account

BAD_ARGUMENTS = [
    ({"max_concurrency": 0}, "max_concurrency"),
    ({"max_concurrency": True}, "max_concurrency"),
    ({"max_concurrency": 2.5}, "max_concurrency"),
    ({"max_pause": -1}, "max_pause"),
    ({"max_pause": float("nan")}, "max_pause"),
    ({"stop_after_failures": 0}, "stop_after_failures"),
    ({"one_off_bots": "ignore"}, "one_off_bots"),
    ({"where": "zoom"}, "where"),
    ({"where": BotFilter(platform="zoom")}, "event id"),
    ({"whole_events": 1}, "whole_events"),
    ({"dry_run": None}, "dry_run"),
    ({"from_date": datetime.now(UTC)}, "cancel_all_occurrences"),
    ({"from_date": datetime(2030, 1, 1), "cancel_all_occurrences": True}, "time zone"),
    ({"cancel_all_occurrences": "yes"}, "cancel_all_occurrences"),
    ({"where": BotFilter(platform="zoom"), "cancel_all_occurrences": True}, "whole_events"),
    ({"on_outcome": asyncio.sleep}, "plain function"),
    ({"stop": True}, "stop"),
    ({"targets": "evt_1"}, "not one str"),
    ({"targets": 7}, "targets"),
    ({"targets": ["evt_1", ""]}, r"targets\[1\]"),
    ({"targets": ["evt_1", ".."]}, r"targets\[1\]"),
    ({"targets": ["evt_1", None]}, r"targets\[1\]"),
    ({"targets": ["evt_1", "a\nb"]}, "control character"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD_ARGUMENTS)
async def test_bad_arguments_are_told_before_any_request(arguments, says):
    """Each is a ConfigurationError that names the argument, and the server sees nothing."""
    async with plain_account(2) as sim, connect(sim) as client:
        with pytest.raises(ConfigurationError, match=says):
            await bulk_unschedule(client, **{"targets": ["evt_1"], **arguments})
    assert sim.requests == []


async def test_a_closed_client_is_told_by_the_run():
    """Using a client after its end is a mistake that says so, once and not per event."""
    async with plain_account(1) as sim:
        client = connect(sim)
        await client.close()
        with pytest.raises(ConfigurationError, match="closed"):
            await bulk_unschedule(client, ["evt_1"])


class AsyncFunction:
    """An object whose call has to be awaited."""

    async def __call__(self, bot):
        return False


async def yields_later(bot):
    yield bot.platform == "zoom"


@pytest.mark.parametrize(
    "where",
    [
        lambda bot: (one for one in [bot.platform] if one == "zoom"),
        yields_later,
        lambda bot: bot.is_one_off.__bool__,
        lambda bot: NotImplemented,
    ],
    ids=["generator", "async generator", "function not called", "NotImplemented"],
)
async def test_a_filter_whose_answer_is_always_true_is_refused(where):
    """A filter that was written wrongly does not select the whole account."""
    async with plain_account(3) as sim, connect(sim) as client:
        with pytest.raises(ConfigurationError, match="is always true"):
            await bulk_unschedule(client, client.iter_scheduled_bots(), where=where)
        with pytest.raises(ConfigurationError, match="is always true"):
            await unschedule_all(client, where=where)
    assert deletes(sim) == []


async def only_zoom(bot):
    return bot.platform == "zoom"


@pytest.mark.parametrize(
    "where", [only_zoom, AsyncFunction(), lambda bot: only_zoom(bot)], ids=["function", "object", "lambda"]
)
async def test_an_async_filter_is_refused(where):
    """A coroutine function is refused: its result is truthy for every bot, so it would select them all."""
    async with plain_account(3) as sim, connect(sim) as client:
        with pytest.raises(ConfigurationError, match="plain function"):
            await bulk_unschedule(client, client.iter_scheduled_bots(), where=where)
    assert deletes(sim) == []
