"""Request and response models of the console API."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from .. import BotFilter, RescheduleOutcome, ScheduledBot, SkipReason, platform_name
from .._times import time_of
from ..fastapi import RunState
from ..preview import CancelBy, OneOffBots, Preview, Selection

_SOONEST = 3
_EXAMPLES = 5
_LONGEST = 500
"""Maximum length of a shown value, in characters."""
MOST_PICKED = 10_000
"""Maximum number of bots that can be ticked for one preview."""

Text = Annotated[str, Field(min_length=1, max_length=1024, pattern=r"\S")]


class _Request(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class FilterRequest(_Request):
    """A filter for bots; all conditions must match."""

    platform: Text | None = None
    after: Annotated[AwareDatetime | None, BeforeValidator(partial(time_of, up=True))] = None
    before: Annotated[AwareDatetime | None, BeforeValidator(time_of)] = None
    name: Text | None = None
    attributes: dict[Text, Text] = {}

    def selection(self) -> Selection | None:
        """The filter as a function of a bot; None without conditions."""
        given = (self.platform, self.before, self.after, self.name)
        if all(condition is None for condition in given):
            return Selection(None, self.attributes) if self.attributes else None
        bot_filter = BotFilter(platform=self.platform, before=self.before, after=self.after, name=self.name)
        return Selection(bot_filter, self.attributes)


class PreviewRequest(_Request):
    """What to unschedule: the bots that match the filter, only these bots, or all."""

    filter: FilterRequest = FilterRequest()
    # Not "yes", nor 1: the whole account is asked for in so many words.
    all: Annotated[bool, Field(strict=True)] = False
    bot_ids: Annotated[frozenset[Text], Field(min_length=1, max_length=MOST_PICKED)] | None = None
    one_off_bots: OneOffBots = "report"
    whole_events: bool = False
    cancel_by: CancelBy = "auto"

    @model_validator(mode="after")
    def _selects(self) -> Self:
        given = (self.filter.selection() is not None, self.bot_ids is not None, self.all)
        # Of two, one would be passed over, which may be the narrower one.
        if sum(given) != 1:
            raise ValueError(
                'a preview needs a filter, or bot_ids, or "all": true for the whole account: one of them'
            )
        return self


class ConsentRequest(_Request):
    """The typed confirmation, and the digest of the preview it is for."""

    words: Annotated[str, Field(max_length=200)]
    digest: Annotated[str, Field(max_length=100)]


class BotRow(BaseModel):
    """A bot as a row of the table, without its meeting link, which often contains a password, and without
    what may be personal in its attributes.
    """

    bot_id: str
    event_id: str | None
    one_off: bool = Field(description="Nothing shows that a calendar scheduled it.")
    platform: str | None
    status: str | None
    name: str | None
    joins: AwareDatetime | None
    attributes: dict[str, str] = Field(description="Values other than strings are JSON.")

    @classmethod
    def of(cls, bot: ScheduledBot) -> BotRow:
        attributes = {
            name: _shown(value) for name, value in bot.shown_attributes.items() if name != "event_id"
        }
        return cls(
            bot_id=bot.bot_id,
            event_id=bot.event_id,
            one_off=bot.is_one_off,
            platform=bot.platform and platform_name(bot.platform),
            status=bot.status and _shown(bot.status),
            name=bot.bot_username and _shown(bot.bot_username),
            joins=bot.scheduled_join_time,
            attributes=attributes,
        )


class Unreadable(BaseModel):
    """A row of the listing that could not be read."""

    path: str
    reason: str


class Listing(BaseModel):
    """The account's scheduled bots, soonest first."""

    host: str
    key_source: str
    simulated: bool
    listed_at: AwareDatetime
    truncated: bool = Field(description="The listing is full: there may be more bots.")
    bots: list[BotRow]
    rejected: list[Unreadable]


class Matches(BaseModel):
    """The bots of the last listing that match a filter."""

    bot_ids: list[str]


class LeftAlone(BaseModel):
    """Bots or events that a run would not touch, with some of their ids."""

    kind: Literal["one_off", "shared", "unsafe", "outside", "unreadable", "gone", "unseen", "undecided"]
    count: int
    examples: list[str] = []


class PreviewResponse(BaseModel):
    """What a run would do, and the confirmation that starts it."""

    id: str
    digest: str
    words: str | None = Field(description="None if there is nothing to do.")
    title: str
    host: str
    key_source: str
    filter: FilterRequest | None
    truncated: bool
    bots: int
    events: int
    deleted: int = Field(description="One-off bots that would be deleted by their own ids.")
    platforms: dict[str, int]
    soonest: list[BotRow]
    left_alone: list[LeftAlone]
    left: dict[str, int] = Field(
        default={}, description="Of a retry: number of targets in each state that the run left them in."
    )
    one_off_bots: OneOffBots
    whole_events: bool
    cancel_by: CancelBy


class RunResponse(BaseModel):
    """A run, and what it was confirmed to do."""

    run: RunState
    title: str
    total: int | None = Field(description="Expected number of outcomes, if known.")
    undone: int = Field(description="Number of targets a retry would process.")
    undoable: int = Field(description="Number of bots that were cancelled, or may have been, and are known.")
    waiting: str | None = Field(description="What a run in progress waits for, if it sends nothing.")
    still_listed: list[BotRow] = Field(
        description="Bots that should be gone and are still listed; the first 100."
    )


class UndoRow(BaseModel):
    """A cancelled bot, and what becomes of it in an undo."""

    bot_id: str
    new_bot_id: str | None
    event_id: str | None
    joins: AwareDatetime | None
    new_joins: AwareDatetime | None
    status: str
    reason: str | None
    restores: list[str]
    lost: list[str]

    @classmethod
    def of(cls, outcome: RescheduleOutcome) -> UndoRow:
        return cls(
            bot_id=outcome.bot_id,
            new_bot_id=outcome.new_bot_id,
            event_id=outcome.event_id,
            joins=outcome.join_time,
            new_joins=outcome.new_join_time,
            status=outcome.status.value,
            reason=outcome.reason and _shown(outcome.reason),
            restores=list(outcome.restores),
            lost=list(outcome.lost),
        )


class UndoPreview(BaseModel):
    """What an undo would do, and the confirmation that starts it."""

    id: str
    digest: str
    words: str | None = Field(description="None if there is nothing to do.")
    host: str
    counts: dict[str, int]
    rows: list[UndoRow] = Field(description="The first 500 bots; those that can't come back first.")
    missing: int = Field(description="Number of bots that the run has cancelled, and nothing is known of.")


class UndoTold(BaseModel):
    """An undo that was started."""

    id: str
    over: bool
    ok: bool
    reason: str | None
    counts: dict[str, int]
    total: int
    rows: list[UndoRow] = Field(description="The first 500 bots; those that need attention first.")


def platforms_of(bots: Iterable[ScheduledBot]) -> dict[str, int]:
    """Number of these bots on each platform."""
    return dict(Counter(platform_name(bot.platform) for bot in bots).most_common())


def soonest_of(bots: Iterable[ScheduledBot]) -> list[BotRow]:
    """The bots that join first."""
    timed = [(bot.scheduled_join_time, bot) for bot in bots if bot.scheduled_join_time is not None]
    timed.sort(key=lambda pair: pair[0])
    return [BotRow.of(bot) for _, bot in timed[:_SOONEST]]


def left_alone(preview: Preview, *, gone: Iterable[str] = ()) -> list[LeftAlone]:
    """What a run of this preview would not touch. ``gone``: selected bots that are no longer listed."""
    one_off = preview.skipped(SkipReason.ONE_OFF)
    reasons = (SkipReason.HIDDEN, SkipReason.NO_EVENT_ID, SkipReason.NOT_ITS_OWN_ID)
    unsafe = [name for reason in reasons for name in preview.skipped(reason)]
    outside = len(preview.listed) - len(preview.bots)
    found: list[tuple[Any, int, list[str]]] = [
        ("one_off", len(one_off), one_off),
        ("shared", len(preview.shared), preview.shared),
        ("unsafe", len(unsafe), unsafe),
        ("gone", len(missing := list(gone)), missing),
        ("undecided", preview.undecided, []),
        ("outside", outside, []),
        ("unreadable", len(preview.rejected), [f"{row.path}: {row.reason}" for row in preview.rejected]),
    ]
    return [
        LeftAlone(kind=kind, count=count, examples=[_shown(text) for text in examples[:_EXAMPLES]])
        for kind, count, examples in found
        if count
    ]


def _shown(value: object) -> str:
    """A server's value as printable text of limited length."""
    if isinstance(value, str):
        text = value
    else:
        try:
            text = json.dumps(value, ensure_ascii=False)
        except RecursionError:
            text = "…"
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    # JSON can hold lone surrogates, which cannot be encoded.
    return cut.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
