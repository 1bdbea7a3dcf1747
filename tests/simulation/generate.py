"""A history from an integer. Most are small: what goes wrong goes wrong with two bots as with two hundred."""

from __future__ import annotations

import random
from typing import Any

from .histories import (
    MEETINGS,
    TYPED,
    BotSpec,
    Change,
    Door,
    EventSpec,
    Fault,
    Habits,
    History,
    Intervention,
    Quirk,
    Spell,
)

_DAY = 86400.0
FAULTS = (
    "503", "500", "504", "503 after", "504 after", "lost", "lost after", "cut", "hang", "hang after", "slow",
    "late", "429", "429 told", "429 date", "503 told", "503 date", "200 error", "200 false", "200 nothing",
    "200 other", "odd", "lie", "404 html", "503 html",
)  # fmt: skip
_RARE_FAULTS = ("401", "403 html")
_SPELLS = ("503", "503 after", "lost", "lost after", "hang", "hang after", "429", "429 told", "429 date",
           "503 told", "503 date", "refused", "unreachable", "slow")  # fmt: skip


def history(seed: int) -> History:
    """The history of a seed."""
    rng = random.Random(seed)
    door: Door = rng.choices(
        ("all", "listing", "iter", "typed", "stream", "stream_typed", "meeting", "meetings"),
        (12, 3, 1, 2, 2, 1, 2, 1),
    )[0]
    crowd = rng.random() < 0.006
    events = _events(rng, crowd)
    bots = _bots(rng, events, crowd)
    targets: tuple[str, ...] = ()
    if door in TYPED or door in MEETINGS:
        names = [event.id for event in events] or ["evt_0"]
        if door == "meeting":
            targets = (rng.choice(names),)
        else:
            targets = tuple(rng.sample(names, rng.randint(1, len(names))))
            if rng.random() < 0.1 and door in TYPED:
                targets += targets[:1]
    calm = rng.random() < 0.15
    return History(
        seed=seed,
        door=door,
        options=_options(rng, door),
        policy=_policy(rng),
        timeout=rng.choice((2.0, 5.0, 30.0)),
        rate_limit=rng.choice((None, None, None, None, 2.0, 20.0)),
        targets=targets,
        knows_bot_event=door not in MEETINGS or rng.random() < 0.5,
        events=events or (EventSpec("evt_0"),),
        bots=bots,
        changes=() if rng.random() < 0.5 else _changes(rng, bots),
        faults=() if calm else _faults(rng, len(events)),
        spells=() if calm or rng.random() < 0.6 else _spells(rng),
        quirks=() if rng.random() < 0.5 else _quirks(rng),
        interventions=() if rng.random() < 0.8 else _interventions(rng, door),
        habits=_habits(rng),
        consumer=rng.choice((0.0, 0.0, 0.5, 7.0)) if door.startswith("stream") else 0.0,
        eager=rng.random() < 0.15,
        lateness=rng.choice((0.0, 0.0, 0.01, 0.3)),
    )


def _events(rng: random.Random, crowd: bool) -> tuple[EventSpec, ...]:
    count = rng.randint(60, 120) if crowd else rng.choice((0, 1, 1, 1, 2, 2, 3, 4, 6, 9))
    world = rng.choices(("event", "provider", "none", "mixed"), (14, 2, 1, 1))[0]
    series = rng.random() < 0.1
    return tuple(
        EventSpec(
            f"evt_{number}",
            rng.choice(("event", "provider", "none")) if world == "mixed" else world,  # type: ignore[arg-type]
            f"series{number % 2}" if series and rng.random() < 0.7 else None,
        )
        for number in range(count)
    )


def _bots(rng: random.Random, events: tuple[EventSpec, ...], crowd: bool) -> tuple[BotSpec, ...]:
    bots: list[BotSpec] = []
    soon = rng.random() < 0.4
    unreadable = rng.random() < 0.1
    mixed = rng.random() < 0.5

    def add(owners: tuple[str, ...], from_start: bool = True) -> None:
        near = soon and rng.random() < 0.5
        joins = rng.choice((-3.0, 0.5, 2.0, 5.0, 15.0, 40.0, 120.0)) if near else _DAY + len(bots) * 60
        joins += rng.random() if near else 0.0
        shows = (
            rng.choice(("nothing", "no offset", "nonsense")) if unreadable and rng.random() < 0.5 else "time"
        )
        inside = not mixed or rng.random() < 0.7
        bots.append(BotSpec(f"b{len(bots)}", owners, inside, joins, shows, from_start))  # type: ignore[arg-type]

    for event in events:
        for _ in range(rng.choices((1, 2, 3), (7, 2, 1))[0] if rng.random() < 0.95 else 0):
            owners: tuple[str, ...] = (event.id,)
            if rng.random() < 0.03 and len(events) > 1:
                owners += (rng.choice([other.id for other in events if other is not event]),)
            add(owners)
        if rng.random() < 0.05:
            add((event.id,), from_start=False)
    if rng.random() < 0.2 and not crowd:
        for _ in range(rng.randint(1, 3)):
            add(())
    rng.shuffle(bots)
    return tuple(bots)


def _options(rng: random.Random, door: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if rng.random() < 0.7:
        options["max_concurrency"] = rng.choice((1, 2, 3, 5, 10))
    if rng.random() < 0.15:
        options["max_pause"] = rng.choice((0.0, 5.0, 60.0))
    if rng.random() < 0.15:
        options["stop_after_failures"] = rng.choice((1, 2, 3))
    if door in MEETINGS:
        return options
    if rng.random() < 0.3:
        options["one_off_bots"] = rng.choice(("skip", "delete", "report"))
    if door not in TYPED and rng.random() < 0.35:
        options["where"] = True
    if rng.random() < 0.1:
        options["whole_events"] = True
    if rng.random() < 0.05:
        options["dry_run"] = True
    if rng.random() < 0.12:
        options["cancel_by"] = rng.choice(("auto", "event", "bot"))
    if door == "all" and rng.random() < 0.4:
        options["settle"] = rng.choice((0.0, 1.0, 5.0, 30.0))
    if rng.random() < 0.08 and (options.get("whole_events") or not options.get("where")):
        options["cancel_all_occurrences"] = True
        if rng.random() < 0.5:
            options["from_date"] = float(rng.choice((0, 60, int(_DAY) + 90, 2 * int(_DAY))))
    return options


def _policy(rng: random.Random) -> dict[str, Any]:
    policy: dict[str, Any] = {}
    if rng.random() < 0.6:
        policy["max_attempts"] = rng.choice((1, 2, 3, 4, 6))
    if rng.random() < 0.3:
        policy["max_elapsed"] = rng.choice((1.0, 5.0, 20.0, 60.0))
    if rng.random() < 0.4:
        policy["initial_wait"] = rng.choice((0.0, 0.05, 0.5, 2.0))
    if rng.random() < 0.2:
        policy["max_retry_after"] = rng.choice((0.0, 5.0, 60.0))
    return policy


def _changes(rng: random.Random, bots: tuple[BotSpec, ...]) -> tuple[Change, ...]:
    changes: list[Change] = []
    for bot in bots[:40]:
        at = rng.choice((0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)) * (0.5 + rng.random())
        joins = rng.choice((at + 1.0, at + 10.0, _DAY, 2 * _DAY))
        if not bot.from_start:
            changes.append(Change(at, "added", bot.id, joins))
        elif rng.random() < 0.3:
            kind = rng.choice(("taken", "taken", "moved", "returns"))
            changes.append(Change(at, kind, bot.id, joins))  # type: ignore[arg-type]
            if kind == "taken" and rng.random() < 0.3:
                changes.append(Change(at + rng.random() * 10, "returns", bot.id, joins + 20))
    return tuple(changes)


def _faults(rng: random.Random, events: int) -> tuple[Fault, ...]:
    if rng.random() < (0.15 if events < 4 else 0.4):
        return _bursts(rng)
    faults: dict[int, Fault] = {}
    for _ in range(rng.choice((0, 1, 1, 2, 3, 4, 6))):
        number = rng.choice((1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 10, 12, 15))
        kind = rng.choice(_RARE_FAULTS) if rng.random() < 0.02 else rng.choice(FAULTS)
        faults[number] = Fault(number, kind, rng.choice((0.0, 1.0, 2.0, 7.0, 20.0, 45.0, 90.0)))
    return tuple(faults[number] for number in sorted(faults))


def _bursts(rng: random.Random) -> tuple[Fault, ...]:
    """Some requests get through and some do not, in turns: an outage that flaps, whatever its clock."""
    kind = rng.choice(("503", "503", "503 after", "lost", "lost after", "504", "429", "503 told"))
    number, faults = rng.choice((2, 3, 3, 4, 6)), []
    for _ in range(rng.choice((2, 3, 4, 8))):
        for _ in range(rng.choice((1, 2, 3, 6, 6, 8))):
            faults.append(Fault(number, kind, 1.0))
            number += 1
        number += rng.choice((1, 1, 1, 2, 4))
    return tuple(faults)


def _spells(rng: random.Random) -> tuple[Spell, ...]:
    if rng.random() < 0.3:
        return _flapping(rng)
    spells: list[Spell] = []
    at, kind = rng.choice((0.0, 0.05, 0.2, 1.0, 4.0)), rng.choice(_SPELLS)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        length = rng.choice((0.1, 0.5, 2.0, 6.0, 15.0, 60.0)) * (0.5 + rng.random())
        spells.append(Spell(at, at + length, kind, rng.choice((1.0, 3.0, 10.0, 30.0))))
        at += length + rng.choice((0.05, 0.3, 1.0, 5.0))
        if rng.random() < 0.3:
            kind = rng.choice(_SPELLS)
    return tuple(spells)


def _flapping(rng: random.Random) -> tuple[Spell, ...]:
    """A server that goes away and comes back many times in a row."""
    kind = rng.choice(("503", "503 after", "lost", "lost after", "refused", "429"))
    at, period, share = (
        rng.choice((0.0, 0.1, 0.5)),
        rng.choice((0.05, 0.2, 0.7, 2.0)),
        0.3 + rng.random() * 0.6,
    )
    spells = []
    for _ in range(rng.randint(5, 40)):
        length = period * (0.5 + rng.random())
        spells.append(Spell(at, at + length * share, kind))
        at += length
    return tuple(spells)


def _quirks(rng: random.Random) -> tuple[Quirk, ...]:
    if rng.random() < 0.12:
        # Full pages, so that there is always another listing, none of which shows everything.
        full = Quirk(0, "repeats", 200.0)
        return (full, rng.choice((Quirk(0, "omits", 0.4), Quirk(0, "lags", 4.0))), Quirk(0, "shuffles"))
    quirks: list[Quirk] = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.choices(
            ("lags", "omits", "repeats", "shuffles", "comes short", "comes short unsaid"), (6, 2, 2, 3, 3, 1)
        )[0]
        amount = {
            "lags": rng.choice((0.2, 1.0, 3.0, 8.0, 25.0)), "omits": rng.choice((0.2, 0.5, 1.0)),
            "repeats": float(rng.choice((1, 2, 200))), "shuffles": 0.0,
            "comes short": float(rng.choice((1, 2, 3, 5))),
            "comes short unsaid": float(rng.choice((1, 2, 5))),
        }[kind]  # fmt: skip
        quirks.append(Quirk(rng.choice((0, 0, 1, 2, 3)), kind, amount))  # type: ignore[arg-type]
    return tuple(quirks)


def _interventions(rng: random.Random, door: str) -> tuple[Intervention, ...]:
    kinds = ["cancel", "cancel", "cancel twice"]
    if door not in MEETINGS:
        kinds += ["stop", "stop", "stop"]
    if door.startswith("stream"):
        kinds += ["leave", "leave"]
    kind = rng.choice(kinds)
    if rng.random() < 0.5:
        return (Intervention(kind, request=rng.choice((1, 2, 3, 4, 6, 9))),)  # type: ignore[arg-type]
    return (Intervention(kind, at=rng.choice((0.0, 0.05, 0.2, 1.0, 4.0, 15.0)) * (0.5 + rng.random())),)  # type: ignore[arg-type]


def _habits(rng: random.Random) -> Habits:
    def sometimes(chance: float, value: Any, usual: Any) -> Any:
        return value if rng.random() < chance else usual

    return Habits(
        takes=sometimes(0.4, "one", "all"),
        answer=rng.choice(("documented", "documented", "empty", "object", "message")),
        gone_bot=sometimes(0.3, 400, 404),
        foreign_id=rng.choice(("Event not found", "Bot not found", "Not Found", "Event not scheduled")),
        lists_joined=rng.random() < 0.15,
        lists_cancelled=rng.random() < 0.1,
        events_route=rng.choice(("there", "there", "there", "missing", "forbidden", "empty")),
        list_route=sometimes(0.1, "scheduled_bots", "scheduled"),
        wall=sometimes(0.15, rng.choice((-7200.0, -30.0, 30.0, 7200.0)), 0.0),
        wall_jump=sometimes(0.05, (rng.random() * 10, rng.choice((-3600.0, 3600.0))), None),
        date=sometimes(0.08, rng.choice((-20.0, 20.0)), 0.0),
        date_jump=sometimes(0.04, (rng.random() * 10, rng.choice((-60.0, 60.0))), None),
        latency=rng.choice((0.001, 0.05, 0.05, 0.4)),
    )
