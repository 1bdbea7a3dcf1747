"""The path of a bot's DELETE, which falls back and is remembered like that of the listing."""

from __future__ import annotations

from typing import Any

import pytest

from meetstream_async import MeetStreamClient, NotFoundError, RetryPolicy
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble

NAMES = ("scheduled_bots", "scheduled", "schedule")


def _client(sim: Simulator, **options: Any) -> MeetStreamClient:
    return MeetStreamClient(sim.api_key, base_url=sim.base_url, **options)


def _bots(count: int = 3) -> list[SimulatedBot]:
    return [SimulatedBot(f"bot-{n}", f"evt_{n}") for n in range(count)]


def _names(sim: Simulator) -> list[str]:
    return [request.path.split("/")[-2] for request in sim.requests if request.method == "DELETE"]


@pytest.mark.parametrize("name", NAMES)
async def test_the_path_that_exists_is_found_and_remembered(name: str) -> None:
    """The current one first, then the older ones; the next bot goes straight to what worked."""
    async with Simulator(_bots(), bot_paths=name) as sim, _client(sim) as client:
        for n in range(3):
            await client.delete_scheduled_bot(f"bot-{n}")
        assert sim.ledger.removed_bots == {"bot-0", "bot-1", "bot-2"}
    assert _names(sim) == [*NAMES[: NAMES.index(name) + 1], name, name]


@pytest.mark.parametrize("name", NAMES[:2])
async def test_a_bot_that_is_not_found_is_no_missing_path(name: str) -> None:
    """ "Bot not found" is the API's word: it is the error, and no other path is tried after it."""
    async with Simulator(_bots(), bot_paths=name) as sim, _client(sim) as client:
        for _ in range(2):
            with pytest.raises(NotFoundError, match="Bot not found"):
                await client.delete_scheduled_bot("bot-9")
    assert _names(sim) == [*NAMES[: NAMES.index(name) + 1], name]


async def test_where_no_path_exists_the_first_error_is_raised() -> None:
    """With what the others answered, and a doubt about the address."""
    troubles = [Trouble("*", missing_route=True)]
    async with Simulator(_bots(), troubles=troubles) as sim, _client(sim) as client:
        with pytest.raises(NotFoundError, match=r"is the address .* right") as caught:
            await client.delete_scheduled_bot("bot-1")
    assert _names(sim) == list(NAMES)
    assert caught.value.request_id == "sim-0"
    assert caught.value.attempts == 3


async def test_after_a_lost_answer_no_other_path_is_tried() -> None:
    """The bot may be gone by the lost request, which a gateway's 404 would hide."""
    troubles = [Trouble("*", 503, apply="before", times=1), Trouble("*", missing_route=True)]
    async with Simulator(_bots(), troubles=troubles) as sim:
        async with _client(sim, retry=RetryPolicy(initial_wait=0)) as client:
            with pytest.raises(NotFoundError) as caught:
                await client.delete_scheduled_bot("bot-1")
    assert _names(sim) == ["scheduled_bots"] * 2
    assert caught.value.outcome_unknown
