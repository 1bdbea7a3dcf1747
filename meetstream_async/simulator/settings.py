"""The switches of the simulated account: what it shows, accepts and says."""

import math
from collections.abc import Iterable
from typing import Any, Literal, TypedDict, get_args

from attrs import field, frozen

Ids = Literal["event", "provider", "none", "mixed"]
ForeignId = Literal["event_not_found", "bot_not_found", "not_found", "bad_request"]
Removes = Literal["event", "occurrence", "nothing"]
SeriesAs = Literal["occurrences", "master"]
Dialect = Literal["both", "message", "error", "error_status", "detail", "nested", "problem", "text"]
UnscheduleAnswer = Literal["documented", "message", "empty_object", "no_content"]
MeetBitAnswer = Literal["full", "nulls", "no_content"]
EventBots = Literal["always", "sparse", "never"]

LIST_PATHS = ("scheduled", "schedule", "scheduled_bots")
STATES = ("Scheduled", "InMeeting", "Stopped", "Cancelled")
BOT_PATHS = ("scheduled_bots", "scheduled", "schedule")


class Switches(TypedDict, total=False):
    """The keyword arguments of `Simulator` that end up in `Settings`, which says what they mean."""

    ids: Ids
    foreign_id: ForeignId
    series_as: SeriesAs
    dialect: Dialect
    unschedule_answer: UnscheduleAnswer
    meetbit_answer: MeetBitAnswer
    removes: Removes
    listing_lag: float
    listed_states: Iterable[str]
    list_paths: Iterable[str]
    bot_paths: Iterable[str]
    foreign_bots: Iterable[str]
    user_missing: bool
    calendar_connected: bool
    event_bots: EventBots
    auto_schedule: bool


def _one_of(kind: Any) -> Any:
    choices = get_args(kind)

    def check(_: object, attribute: Any, value: object) -> None:
        if value not in choices:
            *most, last = map(repr, choices)
            raise ValueError(f"{attribute.name} must be {', '.join(most)} or {last}")

    return check


def _among(known: tuple[str, ...]) -> Any:
    def check(_: object, attribute: Any, value: tuple[str, ...]) -> None:
        if not set(value) <= set(known):
            raise ValueError(f"{attribute.name} must be among {', '.join(map(repr, known))}")

    return check


def _seconds(_: object, attribute: Any, value: float) -> None:
    if not 0 <= value < math.inf:
        raise ValueError(f"{attribute.name} must be finite and not negative")


def _several(value: Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@frozen(kw_only=True)
class Settings:
    """What `Simulator` was told about the account.

    ids: what a listing shows in `custom_attributes.event_id`: the event's own id ("event"), the calendar
        provider's ("provider"), nothing ("none"), or each of the three for a part of the events ("mixed").
        Whatever it shows, requests take the event's own id only.
    foreign_id: how a DELETE refuses an id that is no event's own: 404 "Event not found"
        ("event_not_found"), 404 "Bot not found" ("bot_not_found"), a gateway's 404 "Not Found" ("not_found"),
        or 400 "Event not scheduled" ("bad_request").
    series_as: a recurring series is one event for each occurrence ("occurrences"), or one event that holds
        the bots of all of them ("master").
    dialect: the body of a refusal in the API's own words: `message` and `error` ("both"), one of them
        ("message", "error"), {"error", "status_code"} ("error_status"), {"detail"} ("detail"),
        {"error": {"message"}} ("nested"), RFC 7807 ("problem"), or plain text ("text").
    unschedule_answer: what a DELETE that worked answers: the documented fields ("documented"), {"message"}
        ("message"), {} ("empty_object"), or 202 without a body ("no_content").
    meetbit_answer: what a cancel that worked answers: every documented field ("full"), null wherever that is
        possible ("nulls"), or 202 without a body ("no_content").
    removes: what one DELETE of an event removes: all its bots ("event") or only the soonest one
        ("occurrence"). With "nothing", every DELETE (also that of a bot) succeeds but removes nothing.
    listing_lag: seconds for which a removed bot still shows up in listings.
    listed_states: the states of the bots that a listing shows: "Scheduled", and also "InMeeting", "Stopped"
        and "Cancelled", which rows then say. A cancelled bot that stays listed can still be asked for.
    list_paths: the names below /calendar that list the scheduled bots.
    bot_paths: the names below /calendar under which a scheduled bot is deleted or moved by its own id.
        With "schedule", DELETE /calendar/schedule/{id} also takes the id of a bot.
    foreign_bots: ids of bots that belong to another user; deleting one gets 403.
    user_missing: answer every authorized request with 404 "User not found".
    calendar_connected: without a calendar, its routes answer 404.
    event_bots: whether events carry `bots`: all of them ("always"), those that have some ("sparse"), or none
        of them ("never").
    auto_schedule: whether the daily job that schedules bots is on.
    """

    ids: Ids = field(default="event", validator=_one_of(Ids))
    foreign_id: ForeignId = field(default="event_not_found", validator=_one_of(ForeignId))
    series_as: SeriesAs = field(default="occurrences", validator=_one_of(SeriesAs))
    removes: Removes = field(default="event", validator=_one_of(Removes))
    dialect: Dialect = field(default="both", validator=_one_of(Dialect))
    unschedule_answer: UnscheduleAnswer = field(default="documented", validator=_one_of(UnscheduleAnswer))
    meetbit_answer: MeetBitAnswer = field(default="full", validator=_one_of(MeetBitAnswer))
    listing_lag: float = field(default=0.0, validator=_seconds)
    listed_states: tuple[str, ...] = field(default=STATES[:1], converter=_several, validator=_among(STATES))
    list_paths: tuple[str, ...] = field(default=LIST_PATHS, converter=_several, validator=_among(LIST_PATHS))
    bot_paths: tuple[str, ...] = field(default=BOT_PATHS[:1], converter=_several, validator=_among(BOT_PATHS))
    foreign_bots: frozenset[str] = field(default=frozenset(), converter=frozenset)
    user_missing: bool = False
    calendar_connected: bool = True
    event_bots: EventBots = field(default="sparse", validator=_one_of(EventBots))
    auto_schedule: bool = False
