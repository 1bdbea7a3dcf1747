"""MeetStream's routes: which path is which, who is let in, and who answers."""

import hmac
from collections.abc import Callable, Mapping
from datetime import datetime

from ..account import Account
from ..gateway import Answer, Metered, Route, json_answer
from ..pace import Pace
from ..settings import Settings
from ..trouble import RequestRecord, Trouble
from .events import Events
from .listing import Listing
from .unscheduling import Unscheduling
from .words import documented, refusal

Handler = Callable[[RequestRecord, datetime, Trouble | None], Answer]

_ROUTES = (
    ("unschedule", "DELETE", ("calendar", "schedule", "{event_id}")),
    ("events", "GET", ("calendar", "events")),
    ("auto_schedule", "GET", ("calendar", "auto-schedule", "settings")),
)


class MeetStreamApi:
    """All routes, under the names that troubles and the request log use."""

    prefix = ("api", "v1")

    def __init__(
        self,
        account: Account,
        settings: Settings,
        pace: Pace,
        *,
        api_key: str,
        user_id: str,
    ) -> None:
        world, index = account.world, account.index
        self._world = world
        self._settings = settings
        self._pace = pace
        self._authorization = f"Token {api_key}".encode()
        self.syncs: list[int] = []
        unscheduling = Unscheduling(world, index, settings, user_id)
        self._handlers: dict[str, Handler] = {
            "list": Listing(world, index).answer,
            "unschedule": unscheduling.unschedule,
            "delete_bot": unscheduling.delete_bot,
            "events": Events(world, index, settings, self.syncs).answer,
            "auto_schedule": self._auto_schedule,
        }
        self.route_names = frozenset(self._handlers)
        self._routes = (
            *_ROUTES,
            *(("list", "GET", ("calendar", name)) for name in settings.list_paths),
            *(
                ("delete_bot", "DELETE", ("calendar", name, "{bot_id}"))
                for name in settings.bot_paths
                if name != "schedule"
            ),
        )

    def match(self, segments: tuple[str, ...]) -> Mapping[str, Route]:
        """The routes of a path below the prefix, by the method that each takes."""
        found: dict[str, Route] = {}
        for name, method, pattern in self._routes:
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
            return documented(None, 401)
        if not hmac.compare_digest(value.encode("utf-8", "surrogateescape"), self._authorization):
            return documented(None, 403)
        return None

    def note(self, record: RequestRecord) -> None:
        """Count the DELETE requests for each event and bot."""
        if record.method == "DELETE":
            self._world.count_delete(record.event_id, record.bot_id)

    def answer(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        """Apply an authorized request and answer it."""
        if self._settings.user_missing:
            return refusal(404, "User not found")
        return self._handlers[record.route or ""](record, now, trouble)

    def error(self, route: str | None, status: int) -> Answer:
        """The documented text for a status on a route; the gateway's text where nothing is documented."""
        return documented(route, status)

    def _auto_schedule(self, record: RequestRecord, now: datetime, trouble: Trouble | None) -> Answer:
        if not self._settings.calendar_connected:
            return documented("auto_schedule", 404)
        return json_answer(
            200, {"auto_schedule_enabled": self._settings.auto_schedule, "default_bot_config": {}}
        )


def _ids(pattern: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    """The ids in a path; None if it is another path."""
    if len(pattern) != len(segments):
        return None
    ids = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{") and segment:
            ids[expected[1:-1]] = segment
        elif expected != segment:
            return None
    return ids
