"""How a run without options would go about an account, as the judge of all runs says. Pure."""

from __future__ import annotations

from attrs import frozen

from ..bulk.account_state import AccountState
from ..bulk.options import UnscheduleOptions
from ..bulk.statuses import SkipReason
from ..meetstream.models import ScheduledBot, ScheduledBotPage
from ._facts import Facts


@frozen
class Plan:
    """Numbers of bots, by what a run does with them first."""

    waiting: tuple[ScheduledBot, ...]
    """The listed bots that are going to join."""
    by_event: int
    by_bot: int
    one_off: int
    """Left alone, since no event has them."""
    left: int
    """Left alone for other reasons."""
    unlisted: int
    """Known by the events alone: the full listing does not show them."""


def plan(facts: Facts, page: ScheduledBotPage) -> Plan:
    state = AccountState(UnscheduleOptions())
    state.take_listing(page, now=0.0, server_time=facts.now)
    state.take_events(facts.events, complete=facts.events_complete is True)
    listed = {bot.bot_id for bot in page.bots}
    waiting: list[ScheduledBot] = []
    ways = {"event": 0, "bot": 0, "one_off": 0, "left": 0}
    unlisted = 0
    while (item := state.next_item()) is not None:
        outcome = state.outcome_without_request(item)
        bots = tuple(item.bots.values())
        if outcome is None:
            item.start_turn()
            request = item.next_request()
            state.end_turn(item, 0.0)
            ways["bot" if request is not None and request.method == "bot" else "event"] += len(bots)
        elif outcome.reason == SkipReason.WITHDRAWN:
            continue
        else:
            ways["one_off" if outcome.reason == SkipReason.ONE_OFF else "left"] += len(bots)
        unlisted += sum(bot.bot_id not in listed for bot in bots)
        waiting += [bot for bot in bots if bot.bot_id in listed]
    return Plan(tuple(waiting), ways["event"], ways["bot"], ways["one_off"], ways["left"], unlisted)
