"""MeetStream's routes: which path is which, who is let in, and who answers."""

import hmac
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from ..account import Account
from ..gateway import Answer, Metered, Route
from ..meetstream_limit import Pace
from ..trouble import RequestRecord, Trouble
from .auto_schedule import AutoSchedule
from .bots import Bots
from .calendars import Agents, Connections
from .events import Events
from .listing import Listing
from .media import COMMANDS, GETS, Media
from .scheduling import Scheduling
from .unscheduling import Unscheduling
from .words import documented, in_dialect, refusal

Handler = Callable[[RequestRecord, datetime, Trouble | None], Answer]
_Line = tuple[str, str, str, Handler]


class MeetStreamApi:
    """All routes, under the names that troubles and the request log use."""

    prefix: tuple[str, ...] = ("api", "v1")

    def __init__(self, account: Account, pace: Pace, *, api_key: str) -> None:
        self._account = account
        self._pace = pace
        self._authorization = f"Token {api_key}".encode()
        scheduling, bots = Scheduling(account), Bots(account)
        self._auto_schedule = AutoSchedule(account, scheduling)
        self._handlers: dict[tuple[str, str], Handler] = {}
        # By what tells most of them apart; no path begins with an id.
        self._routes: dict[tuple[int, tuple[str, ...]], list[tuple[str, str, tuple[str, ...]]]] = {}
        for name, method, path, handler in (
            *self._calendar_lines(scheduling, bots),
            *self._bot_lines(bots),
        ):
            self._handlers[name, method] = handler
            pattern = tuple(path.split("/"))
            self._routes.setdefault((len(pattern), pattern[:1]), []).append((name, method, pattern))
        self.route_names: frozenset[str] = frozenset(name for name, _ in self._handlers)

    def _calendar_lines(self, scheduling: Scheduling, bots: Bots) -> Iterator[_Line]:
        """Name, method, path and handler of the routes below /calendar."""
        account, auto = self._account, self._auto_schedule
        unscheduling, connections, listing = Unscheduling(account), Connections(account), Listing(account)
        for path in account.settings.list_paths:
            yield "list", "GET", f"calendar/{path}", listing.answer
        for path in account.settings.bot_paths:
            if path != "schedule":
                yield "delete_bot", "DELETE", f"calendar/{path}/{{bot_id?}}", unscheduling.delete_bot
                yield "reschedule", "PATCH", f"calendar/{path}/{{bot_id}}", bots.reschedule
        yield "unschedule", "DELETE", "calendar/schedule/{event_id}", unscheduling.unschedule
        yield "schedule", "POST", "calendar/schedule/{event_id}", scheduling.schedule
        yield "events", "GET", "calendar/events", Events(account).answer
        yield "toggle_recurrence", "POST", "calendar/toggle-recurrence", scheduling.toggle_recurrence
        yield "auto_schedule", "GET", "calendar/auto-schedule/settings", auto.settings
        yield "auto_schedule_enable", "POST", "calendar/auto-schedule/enable", auto.enable
        yield "auto_schedule_disable", "POST", "calendar/auto-schedule/disable", auto.disable
        yield "calendars", "GET", "calendar", connections.list
        yield "connect_calendar", "POST", "calendar/create_calendar", connections.connect
        yield "connect_calendar", "POST", "calendar/create_outlook_calendar", connections.connect
        yield "disconnect_calendar", "POST", "calendar/disconnect", connections.disconnect

    def _bot_lines(self, bots: Bots) -> Iterator[_Line]:
        """The same of the routes below /bots, and of /mia."""
        agents, media = Agents(self._account), Media(self._account, bots)
        yield "create_bot", "POST", "bots/create_bot", bots.create
        yield "bots", "GET", "bots", bots.list
        yield "bot_status", "GET", "bots/{bot_id}/status", bots.status
        yield "bot_detail", "GET", "bots/{bot_id}/detail", bots.detail
        yield "bot_detail", "GET", "bots/{bot_id}/summary", bots.detail
        yield "remove_bot", "GET", "bots/{bot_id}/remove_bot", media.remove
        yield "delete_data", "DELETE", "bots/{bot_id}/delete", media.erase
        for name in GETS:
            yield "bot_media", "GET", f"bots/{{bot_id}}/{name}", media.get
        for name in COMMANDS:
            yield "bot_command", "POST", f"bots/{{bot_id}}/{name}", media.command
        yield "mia", "GET", "mia", agents.list
        yield "mia", "POST", "mia", agents.create
        yield "mia", "PUT", "mia", agents.update
        yield "mia", "DELETE", "mia", agents.delete

    def match(self, segments: tuple[str, ...]) -> Mapping[str, Route]:
        """The routes of a path below the prefix, by the method that each takes."""
        found: dict[str, Route] = {}
        for name, method, pattern in self._routes.get((len(segments), segments[:1]), ()):
            ids = _ids(pattern, segments)
            if ids is not None:
                found[method] = Route(
                    name=name, method=method, event_id=ids.get("event_id"), bot_id=ids.get("bot_id")
                )
        return found

    def meter(self, headers: Mapping[str, str], at: float) -> Metered:
        """Count any arrival against the limit, if there is one."""
        return self._pace.arrive(at)

    def refuse(self, headers: Mapping[str, str]) -> Answer | None:
        """401 without `Authorization: Token <something>`, 403 for a wrong key."""
        value = headers.get("Authorization", "")
        scheme, _, key = value.partition(" ")
        if scheme != "Token" or not key:
            return self.error(None, 401)
        if not hmac.compare_digest(value.encode("utf-8", "surrogateescape"), self._authorization):
            return self.error(None, 403)
        return None

    def note(self, record: RequestRecord) -> None:
        """Count the DELETE requests for each event and bot."""
        if record.route in ("unschedule", "delete_bot"):
            self._account.world.count_delete(record.event_id, record.bot_id)

    def answer(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """Apply an authorized request and answer it."""
        if self._account.settings.user_missing:
            return self._say(refusal(404, "User not found"))
        self._auto_schedule.tick(now)
        return self._say(self._handlers[record.route or "", record.method](record, now, trouble))

    def run_nightly_job(self, now: datetime) -> tuple[str, ...]:
        """Let the daily job book bots now. Returns their ids."""
        return self._auto_schedule.run(now)

    def error(self, route: str | None, status: int) -> Answer:
        """The documented text for a status on a route; the gateway's text where nothing is documented."""
        return self._say(documented(route, status))

    def _say(self, answer: Answer) -> Answer:
        return in_dialect(answer, self._account.settings.dialect)


def _ids(pattern: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    """The ids in a path; None if it is another path. An id may be empty only where the pattern has "?"."""
    if len(pattern) != len(segments):
        return None
    ids = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{") and (segment or expected.endswith("?}")):
            ids[expected.strip("{?}")] = segment
        elif expected != segment:
            return None
    return ids
