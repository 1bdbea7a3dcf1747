"""Undos of a cancel in histories of trouble: the door, the histories, and what has to hold of each."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import meetstream_async as product

from . import generate
from .account import EPOCH, Life
from .histories import BotSpec, History

if TYPE_CHECKING:
    from .run import Broken, Played

_DAY = 86400.0


def history(seed: int) -> History:
    """The undo of a seed: some bots were cancelled, and are to be scheduled again, once to three times."""
    usual = generate.history(seed)
    rng = random.Random(seed ^ 0x0DD0)
    bots = []
    for bot in usual.bots:
        soon = bot.joins < _DAY and rng.random() < 0.5
        joins = bot.joins if soon else _DAY + len(bots) * 60.0
        undo = rng.choices(("cancelled", "stayed", ""), (14, 1, 4))[0]
        link = None if bot.events else f"https://zoom.us/j/{len(bots)}"
        bots.append(
            BotSpec(bot.id, bot.events[:1], bot.inside, joins, "time", undo != "cancelled", undo, link)
        )  # type: ignore[arg-type]
    runs = rng.choice((1, 1, 2, 3))
    options: dict[str, Any] = {"runs": runs, "settle": rng.choice((0.0, 1.0, 5.0, 15.0))}
    options["max_concurrency"] = rng.choice((1, 2, 5, 10))
    if rng.random() < 0.3:
        options["kill"] = rng.choice((0.01, 0.05, 0.2, 1.0, 5.0))
    if rng.random() < 0.25:
        options["restore_times"] = True
    if rng.random() < 0.1:
        options["dry_run"] = True
    quirks = tuple(quirk for quirk in usual.quirks if quirk.kind in ("lags", "repeats", "shuffles"))
    habits = replace(usual.habits, lead=rng.choice((0.0, 0.0, 120.0)), wall=0.0, wall_jump=None)
    if runs == 1 and not quirks and not options.get("kill") and not any(bot.undo == "stayed" for bot in bots):
        # Nothing but the client's own care keeps two bots from being scheduled for one event.
        habits = replace(habits, conflicts=rng.random() < 0.5)
    return replace(
        usual,
        door="undo",
        options=options,
        bots=tuple(bots),
        changes=(),
        quirks=quirks,
        habits=habits,
        interventions=tuple(one for one in usual.interventions if one.kind != "leave"),
    )


def snapshot_of(story: History) -> product.Snapshot:
    """What was kept before the bots were cancelled."""
    shared = {
        event: tuple(bot.id for bot in story.bots if event in bot.events)
        for event in {event for bot in story.bots for event in bot.events}
    }
    entries = [
        product.SnapshotBot(
            bot_id=bot.id,
            event_id=bot.events[0] if bot.events else None,
            is_one_off=not bot.events,
            join_time=EPOCH + timedelta(seconds=bot.joins),
            bot_username="Notes",
            custom_attributes={"customer": "acme" if bot.inside else "globex"},
            meeting_link=bot.link,
            other_bots=tuple(one for one in shared.get((*bot.events, "")[0], ()) if one != bot.id),
        )
        for bot in story.bots
        if bot.undo
    ]
    return product.Snapshot(id="5" * 32, taken_at=EPOCH, base_url="", bots=tuple(entries))


async def undo(client: product.MeetStreamClient, run: Any) -> None:
    """Go through the door as often as the history says; a run may be killed in the middle."""
    options = dict(run.history.options)
    runs, kill = options.pop("runs", 1), options.pop("kill", None)
    snapshot = replace_url(snapshot_of(run.history), client.base_url)
    options |= {"on_outcome": run.ending.heard.append, "stop": run._stop}
    for number in range(runs):
        run.ending.heard.clear()
        run.ending.report = None
        task = asyncio.ensure_future(product.bulk_reschedule(client, snapshot, **options))
        try:
            if kill is not None and number < runs - 1:
                await asyncio.wait({task}, timeout=kill)
                task.cancel()
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise
        if task.cancelled():
            continue
        if (error := task.exception()) is not None:
            if number == runs - 1:
                raise error
            continue
        run.ending.report = task.result()
        run.marks.append(len(run.server.ledger.requests))


def replace_url(snapshot: product.Snapshot, url: str) -> product.Snapshot:
    return product.Snapshot.from_dict({**snapshot.to_dict(), "base_url": url})


# --- what has to hold -------------------------------------------------------------------------------------


def check_undo(played: Played) -> list[Broken]:
    """Every invariant of an undo that does not hold."""
    from .invariants import _ends
    from .run import Broken

    found = [*_ends(played), *(Broken(name, text) for name, text in played.ledger.troubles)]
    found += [Broken(name, text) for name, text in (*_doubles(played), *_bounds(played), *_truth(played))]
    return found


def _made(played: Played) -> list[Life]:
    return [life for life in played.server.account.lives if life.made_by is not None]


def _doubles(played: Played) -> Iterator[tuple[str, str]]:
    """Never two bots for one old one, whatever is lost on the wire."""
    old = Counter(bot.events[0] for bot in played.history.bots if bot.undo and bot.events)
    for event, count in Counter(life.spec.events[0] for life in _made(played) if life.spec.events).items():
        if count > (old[event] if played.history.options.get("runs", 1) > 1 else 1):
            yield "double", f"{count} bots were scheduled for {event}"
    for life in _made(played):
        beside = [one for one in _made(played) if one is not life and one.spec.events == life.spec.events]
        if life.spec.events and any(one.alive_at(life.born) for one in beside):
            yield "double", f"{life} was scheduled beside {beside[0]}"
    for link, count in Counter(life.spec.link for life in _made(played) if not life.spec.events).items():
        if count > 1:
            yield "double", f"{count} bots were created for {link}"
    stayed = {bot.id: bot for bot in played.history.bots if bot.undo == "stayed"}
    for life in _made(played):
        for bot in stayed.values():
            if (life.spec.link and life.spec.link == bot.link) and bot.joins > played.ending.at:
                yield "double", f"{life} was created beside {bot.id}, which had stayed"


def _bounds(played: Played) -> Iterator[tuple[str, str]]:
    """No request but those of an undo; none by event twice, unless the API has refused it for now."""
    requests = played.ledger.requests
    if any(request.route in ("event", "bot", "meeting") for request in requests):
        yield "deletes", "an undo has cancelled something"
    if played.history.options.get("dry_run") and any(
        request.route not in ("list", "events", "detail") for request in requests
    ):
        yield "dry", "a dry run has sent something"
    if played.history.options.get("runs", 1) == 1:
        refused = Counter(
            request.target
            for request in requests
            if request.route == "schedule" and (request.status == 429 and request.delivered_at is not None)
        )
        for target, count in Counter(one.target for one in requests if one.route == "schedule").items():
            if count - refused[target] > 1:
                yield "again", f"{count} requests for {target}, of which {refused[target]} were refused"
    worst = max((request.in_flight for request in requests), default=0)
    if worst > played.history.options.get("max_concurrency", 5):
        yield "in-flight", f"{worst} requests in flight"


def _truth(played: Played) -> Iterator[tuple[str, str]]:
    """What the report says of each bot is so."""
    report, history = played.ending.report, played.history
    if report is None or history.options.get("dry_run"):
        return
    wanted = {bot.id: bot for bot in history.bots if bot.undo}
    if sorted(one.bot_id for one in report.outcomes) != sorted(wanted):
        yield "outcomes", "not one outcome for each bot"
    lives = played.server.account.lives
    for outcome in report.outcomes:
        bot = wanted[outcome.bot_id]
        status = str(outcome.status)
        mine = [life for life in _made(played) if _replaces(life, bot)]
        if status in ("failed", "not_attempted") and mine and history.options.get("runs", 1) == 1:
            yield "effect", f"{bot.id} is {status}, and {mine[0]} was scheduled"
        if status in ("rescheduled", "already_scheduled") and outcome.new_bot_id is not None and report.ok:
            there = [life for life in lives if life.spec.id == outcome.new_bot_id]
            if not any(life.alive_at(played.ending.at) or life.cause == "joined" for life in there):
                yield "lie", f"{bot.id} is {status} as {outcome.new_bot_id}, which is not scheduled"
        if report.ok and status not in ("rescheduled", "already_scheduled", "not_restorable"):
            yield "ok", f"the report is ok, and {bot.id} is {status}"
        once = history.options.get("runs", 1) == 1 and not _has_sibling(history, bot)
        if status == "not_restorable" and mine and once:
            yield "lost", f"{bot.id} can't come back, and {mine[0]} was scheduled"


def _replaces(life: Life, bot: BotSpec) -> bool:
    return life.spec.events == bot.events if bot.events else life.spec.link == bot.link


def _has_sibling(history: History, bot: BotSpec) -> bool:
    return any(one is not bot and one.events == bot.events for one in history.bots if bot.events)
