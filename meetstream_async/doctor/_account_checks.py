"""The checks of what the account shows: rows, ids, events, their join, and what comes back. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import frozen

from ..errors import NotFoundError
from ..meetstream.models import MeetStreamEvent, ScheduledBot, ScheduledBotPage, is_own_event_id
from ._connection_checks import OK, SKIPPED, WARN
from ._facts import Facts
from ._plan import Plan, plan
from ._words import count, moment, words_of
from .diagnosis import Check, IdKind

_NO_LISTING: Final = "there is no listing to look at: see key"
_NO_TIME: Final = "no time was left for it"
_DAY = timedelta(days=1)
_KINDS: dict[IdKind, str] = {
    "event": "MeetStream's own event ids",
    "provider": "the calendar provider's event ids",
    "none": "no event ids",
}


@frozen
class Account:
    """What a listing and the events come to together."""

    facts: Facts
    page: ScheduledBotPage
    plan: Plan
    events: dict[str, MeetStreamEvent]
    """By the id of each of their bots."""
    calendar_bots: tuple[ScheduledBot, ...]
    """The listed bots that are going to join and belong to a calendar, by any sign."""
    kinds: Counter[IdKind]
    """What these show as the id of their event."""
    proved: int
    """For how many of them the events prove it."""

    @classmethod
    def of(cls, facts: Facts, page: ScheduledBotPage) -> Account:
        events = {one.id: event for event in facts.events if not event.is_deleted for one in event.bots}
        found = plan(facts, page)
        bots = tuple(bot for bot in found.waiting if bot.bot_id in events or not bot.is_one_off)
        kinds: Counter[IdKind] = Counter()
        proved = 0
        for bot in bots:
            kind, is_proved = _kind_of(bot, events.get(bot.bot_id))
            kinds[kind] += 1
            proved += is_proved
        return cls(facts, page, found, events, bots, kinds, proved)

    @property
    def ids(self) -> IdKind:
        if not self.kinds:
            return "unknown"
        return next(iter(self.kinds)) if len(self.kinds) == 1 else "mixed"

    @property
    def known(self) -> int:
        """How many of the calendar bots the events know."""
        return sum(bot.bot_id in self.events for bot in self.calendar_bots)

    def event_of(self, bot: ScheduledBot) -> str | None:
        """The bot's event, by the index or by its own row."""
        event = self.events.get(bot.bot_id)
        return bot.event_id if event is None else event.id


def _kind_of(bot: ScheduledBot, event: MeetStreamEvent | None) -> tuple[IdKind, bool]:
    """What a row shows as the id of its event, and whether the event proves it."""
    shown = bot.event_id
    if shown is None:
        return "none", event is not None
    if event is not None:
        if shown == event.id:
            return "event", True
        # Google's id of an instance is that of its series, "_" and the time.
        if shown in (event.platform_id, event.ical_uid) or (event.platform_id or "").startswith(f"{shown}_"):
            return "provider", True
    return ("event" if is_own_event_id(shown) else "provider"), False


def rows(account: Account | None) -> Check:
    """The rows of the listing."""
    if account is None:
        return Check("rows", SKIPPED, _NO_LISTING)
    page, found = account.page, account.plan
    bots = found.waiting
    text = "no bot is scheduled" if not bots else f"{count(len(bots), 'scheduled bot')}"
    times = [bot.scheduled_join_time for bot in bots if bot.scheduled_join_time is not None]
    if times:
        text += f", the soonest joins at {moment(min(times))}"
    if found.one_off:
        text += f"; {count(found.one_off, 'one-off bot')} without an event"
    if several := sum(number > 1 for number in Counter(filter(None, map(account.event_of, bots))).values()):
        text += f"; {count(several, 'event')} with several bots"
    if others := len({bot.bot_id for bot in page.bots}) - len(bots):
        text += f"; {count(others, 'row')} that will not join (cancelled, stopped or not scheduled)"
    notes = []
    if page.rejected:
        first = page.rejected[0]
        number = count(len(page.rejected), "unreadable row")
        notes.append(f"{number}, never acted on: {first.path} {first.reason}")
    if page.truncated:
        notes.append("the listing is full, so there may be more, and some may join sooner")
    if untimed := len(bots) - len(times):
        notes.append(f"{count(untimed, 'bot')} without a readable time, which no filter by time can judge")
    return Check("rows", WARN if notes else OK, "; ".join([text, *notes]))


def ids(account: Account | None) -> Check:
    """What the listing shows as the id of a bot's event."""
    if account is None:
        return Check("ids", SKIPPED, _NO_LISTING)
    total = len(account.calendar_bots)
    if not total:
        text = "unknown: no bot of a calendar is listed, so nothing shows which ids there are"
        return Check("ids", WARN, text)
    kinds = account.kinds
    if len(kinds) == 1:
        text = f"the listing shows {_KINDS[account.ids]}"
    else:
        parts = ", ".join(f"{_KINDS[kind]} ({kinds[kind]})" for kind in _KINDS if kinds[kind])
        text = f"the listing mixes {parts}"
    if account.proved:
        return Check("ids", OK, f"{text}; the events prove it for {account.proved} of {total}")
    return Check("ids", WARN, f"{text}; no event proves it")


def events(facts: Facts, account: Account | None) -> Check:
    """The shape and the paging of the events."""
    if account is None:
        return Check("events", SKIPPED, _NO_LISTING)
    if not facts.pages:
        return Check("events", SKIPPED, _NO_TIME)
    error = facts.pages[-1].error
    read = sum(page.value is not None for page in facts.pages)
    text = f"{count(len(facts.events), 'event')} on {count(read, 'page')}"
    if isinstance(error, NotFoundError):
        return Check(
            "events", WARN, f"no calendar is connected, or there is no such route: {words_of(error)}"
        )
    if error is not None:
        return Check("events", WARN, f"{text}, then: {words_of(error)}" if read else words_of(error))
    if facts.repeats:
        how = "without anything new and with more to come"
        return Check("events", WARN, f"{text}; {count(facts.repeats, 'page')} {how}: the paging does not end")
    if facts.events_complete is False:
        return Check("events", WARN, f"{text}; {facts.why_incomplete}")
    if facts.events_complete is None:
        return Check("events", OK, f"{text}, and more that the doctor does not read")
    joins = any(bot.scheduled_join_time is not None for bot in account.page.bots)
    window = "of the time in which the listed bots join" if joins else "of the next 28 days"
    return Check("events", OK, f"{text}, which are all {window}")


def join(facts: Facts, account: Account | None) -> Check:
    """How many of the listed bots the events know."""
    if account is None:
        return Check("join", SKIPPED, _NO_LISTING)
    total, known = len(account.calendar_bots), account.known
    if not total:
        return Check("join", SKIPPED, "no bot of a calendar is listed")
    if not any(page.value is not None for page in facts.pages):
        return Check("join", SKIPPED, "there are no events to look in: see events")
    text = f"the events know {known} of {count(total, 'listed calendar bot')}"
    if known == total:
        return Check("join", OK, text)
    if known and facts.events_complete is None:
        return Check("join", OK, f"{text}, as far as they were read")
    return Check("join", WARN, f"{text}; for the others nothing proves which event they belong to")


def comes_back(facts: Facts, account: Account | None) -> Check:
    """Whether the daily job books bots again."""
    name = "comes back"
    if account is None:
        return Check(name, SKIPPED, _NO_LISTING)
    settings = facts.settings
    if settings is None:
        return Check(name, SKIPPED, _NO_TIME)
    if settings.value is None:
        if isinstance(settings.error, NotFoundError) and "calendar" in settings.error.message.casefold():
            return Check(name, OK, "no calendar is connected, so no daily job books bots")
        return Check(name, WARN, f"unknown, since the settings can't be read: {words_of(settings.error)}")
    if not settings.value:
        return Check(name, OK, "auto-schedule is off; only recurring chains may book a bot again")
    number = _of_tonight(account, facts.now)
    listed = count(len(account.calendar_bots), "listed calendar bot")
    job = "auto-schedule is on: at 00:00 UTC it books each event of the 24 hours after that which has no bot"
    return Check(name, WARN, f"{job}, so {number} of {listed} would come back tonight")


def _of_tonight(account: Account, now: datetime) -> int:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + _DAY
    starts: Iterable[datetime | None] = (_start(account, bot) for bot in account.calendar_bots)
    return sum(start is not None and midnight < start <= midnight + _DAY for start in starts)


def _start(account: Account, bot: ScheduledBot) -> datetime | None:
    event = account.events.get(bot.bot_id)
    return bot.scheduled_join_time if event is None or event.start_time is None else event.start_time
