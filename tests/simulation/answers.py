"""What the API answers, and what a request does to the account."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from .account import EPOCH, Account, Life, provider_id
from .answer import Answer, answer_of
from .histories import History, Quirk
from .ledger import Request
from .undo_answers import ROUTES as UNDO_ROUTES
from .undo_answers import UndoAnswers

_LOST = "503|500|504|lost|hang|429|429 told|429 date|503 told|503 date|401|403 html|404 html|503 html"
_SIGNS = "200 error|200 false|200 nothing|lie"
NO_EFFECT = frozenset(f"{_LOST}|{_SIGNS}".split("|"))
"""Trouble that comes before the request does anything."""
_STATUS = {
    "503": 503, "500": 500, "504": 504, "503 after": 503, "504 after": 504, "429": 429, "429 told": 429,
    "429 date": 429, "503 told": 503, "503 date": 503, "401": 401, "403 html": 403, "404 html": 404,
    "503 html": 503,
}  # fmt: skip


class Answers:
    """Answers the requests of one history."""

    def __init__(self, account: Account, history: History) -> None:
        self._account = account
        self._history = history
        self._habits = history.habits
        self._rng = random.Random(history.seed ^ 0xA115)
        self._listings = 0
        self._cancelled_meetings: set[str] = set()
        self._undo = UndoAnswers(account, history)

    def answer(
        self, request: Request, method: str, path: str, query: dict[str, list[str]], body: dict[str, Any],
        kind: str, now: float,
    ) -> Answer:  # fmt: skip
        """Do what is asked, unless trouble comes before, and say what goes back."""
        effect = kind not in NO_EFFECT
        if request.route == "list":
            answer = self._list(path, int(query.get("limit", ["100"])[0]), now)
        elif request.route == "events":
            answer = self._events(query, now)
        elif request.route == "meeting":
            answer = self._meeting(request.target, path, effect)
        elif request.route in UNDO_ROUTES:
            answer = self._undo.answer(request, body, effect, now)
        elif request.route == "event":
            answer = self._delete_event(request, body, now, effect)
        else:
            answer = self._delete_bot(request, now, effect)
        return self._troubled(answer, request, kind)

    def _troubled(self, answer: Answer, request: Request, kind: str) -> Answer:
        if kind in _STATUS:
            status = _STATUS[kind]
            wait = "seconds" if kind.endswith("told") else "date" if kind.endswith("date") else None
            if kind.endswith("html"):
                page = b"<html><body>Something went wrong</body></html>"
                return Answer(status, page, "trouble", "an HTML page", content_type="text/html")
            text = {429: "Too Many Requests", 401: "Invalid API key"}.get(
                status, "Endpoint request timed out"
            )
            return answer_of(status, {"message": text}, "trouble", wait=wait)
        if kind == "odd" and answer.status == 200:
            return Answer(200, b'{"half', "odd", "a body that can't be read")
        if kind == "lie" and answer.said == "done" and request.route != "list":
            answer.said = "lie"
            return answer
        if answer.said != "done" or kind not in ("200 error", "200 false", "200 nothing", "200 other"):
            return answer
        if request.route == "list":
            return answer_of(200, {"scheduled_bots": [], "error": "Internal error"}, "sign")
        if kind == "200 error":
            return answer_of(200, {"error": "Could not delete schedule", "status_code": 500}, "sign")
        if kind == "200 false":
            return answer_of(200, {"unscheduled": False, "event_id": request.target}, "sign")
        if kind == "200 nothing":
            return answer_of(200, {"cancelled": True, "occurrences_affected": 0}, "sign")
        return answer_of(200, {"unscheduled": True, "event_id": "evt_ffffffff"}, "odd")

    # --- reading ------------------------------------------------------------------------------------

    def _list(self, path: str, limit: int, now: float) -> Answer:
        if path.rsplit("/", 1)[1] != self._habits.list_route:
            return answer_of(404, {"message": "Not Found"}, "refused")
        self._listings += 1
        quirks = {quirk.kind: quirk for quirk in self._history.quirks if quirk.listing in (0, self._listings)}
        made_at = now - quirks["lags"].amount if "lags" in quirks else now
        lives = self._account.alive(made_at)
        if "shuffles" in quirks:
            self._rng.shuffle(lives)
        if "omits" in quirks:
            lives = [life for life in lives if self._rng.random() >= quirks["omits"].amount]
        shown, more = self._page(lives, limit, quirks)
        rows = [self._account.row(life, made_at) for life in shown]
        if "repeats" in quirks and rows:
            again = [rows[number % len(rows)] for number in range(int(quirks["repeats"].amount))]
            rows += again[: limit - len(rows)]
        rows += self._rows_of_others(now, shown)[: limit - len(rows)]
        reply: dict[str, Any] = {"scheduled_bots": rows}
        if "comes short" in quirks:
            reply |= {"has_more": more, "total": len(lives)}
        names = ", ".join(map(str, shown[:12])) + (" ..." if len(shown) > 12 else "")
        said_more = ", has_more" if reply.get("has_more") else ""
        return answer_of(
            200, reply, "done", f"{len(rows)} rows: {names}{said_more}",
            shown={life: self._time_in_row(life, made_at) for life in shown},
            truncated=len(rows) >= limit or bool(reply.get("has_more")),
            made_at=now,
        )  # fmt: skip

    @staticmethod
    def _page(lives: list[Life], limit: int, quirks: Mapping[Any, Quirk]) -> tuple[list[Life], bool]:
        for kind in ("comes short", "comes short unsaid"):
            if kind in quirks:
                limit = min(limit, max(1, int(quirks[kind].amount)))
        return lives[:limit], len(lives) > limit

    @staticmethod
    def _time_in_row(life: Life, moment: float) -> float | None:
        return life.joins_as_of(moment) if life.spec.shows == "time" else None

    def _rows_of_others(self, now: float, shown: list[Life]) -> list[dict[str, Any]]:
        """Rows of bots that are not scheduled any more, where the account keeps them."""
        rows = []
        for life in self._account.lives:
            if life.died is None or life in shown or self._account.life(life.spec.id) is not None:
                continue
            if life.cause == "joined" and self._habits.lists_joined:
                rows.append(self._account.row(life, now, "InMeeting"))
            elif life.cause != "joined" and self._habits.lists_cancelled:
                rows.append(self._account.row(life, now, "Cancelled"))
        return rows

    def _events(self, query: dict[str, list[str]], now: float) -> Answer:
        route = self._habits.events_route
        if route == "missing":
            return answer_of(404, {"message": "No calendar connected"}, "refused")
        if route == "forbidden":
            return answer_of(403, {"message": "Forbidden"}, "refused")
        events = [] if route == "empty" else list(self._history.events)
        first, limit = int(query.get("cursor", ["0"])[0]), int(query.get("limit", ["50"])[0])
        results = [
            {
                "id": event.id, "platform": "google", "platform_id": provider_id(event.id),
                "is_deleted": False, "start_time": EPOCH.isoformat(),
                "bots": [
                    {"id": life.spec.id, "status": "Scheduled", "is_scheduled": True,
                     "scheduled_join_time": (EPOCH + timedelta(seconds=life.joins)).isoformat()}
                    for life in self._account.of_event(event.id)
                ],
            }
            for event in events[first : first + limit]
        ]  # fmt: skip
        following = str(first + limit) if first + limit < len(events) else None
        page = {"results": results, "next": following, "previous": None, "has_more": following is not None}
        return answer_of(200, page, "done", f"{len(results)} events")

    # --- doing --------------------------------------------------------------------------------------

    def _delete_event(self, request: Request, body: dict[str, Any], now: float, effect: bool) -> Answer:
        event = self._account.event(request.target)
        if event is None:
            known = self._account.event_of_foreign_id(request.target) is not None
            text = self._habits.foreign_id if known else "Event not found"
            said = "gone" if text == "Event not scheduled" else "refused"
            return answer_of(400 if said == "gone" else 404, {"error": text, "message": text}, said)
        if body.get("cancel_all_occurrences"):
            return self._delete_series(request, body, self._account.series_of(event), now, effect)
        lives = self._account.of_event(event.id)
        if not lives:
            return answer_of(400, {"error": "Event not scheduled", "message": "Event not scheduled"}, "gone")
        if self._habits.takes == "one":
            lives = lives[:1]
        if effect:
            request.taken = self._account.take(lives, now, request.number)
        return self._success(event.id, lives)

    def _delete_series(
        self, request: Request, body: dict[str, Any], events: list[str], now: float, effect: bool
    ) -> Answer:
        start = float("-inf")
        if "from_date" in body:
            start = (datetime.fromisoformat(body["from_date"]) - EPOCH).total_seconds()
        lives = [life for name in events for life in self._account.of_event(name)]
        if not lives:
            return answer_of(400, {"error": "Event not scheduled", "message": "Event not scheduled"}, "gone")
        lives = list(dict.fromkeys(life for life in lives if life.joins >= start))
        if effect:
            request.taken = self._account.take(lives, now, request.number)
        reply = {"cancelled": True, "master_event_id": events[0], "occurrences_affected": len(lives)}
        return answer_of(200, reply, "done" if lives else "sign")

    def _success(self, event_id: str, lives: list[Life]) -> Answer:
        style = self._habits.answer
        if style == "empty":
            return Answer(200, b"", "done", "(empty)")
        if style == "object":
            return answer_of(200, {}, "done")
        if style == "message":
            return answer_of(200, {"message": "Bot unscheduled"}, "done")
        reply = {
            "unscheduled": True,
            "event_id": event_id,
            "cancelled_schedules": [f"bot-945804c8-{life.spec.id[:12]}" for life in lives],
            "schedules_cancelled": len(lives),
            "bots_deleted": len(lives),
        }
        return answer_of(200, reply, "done", f"unscheduled, {len(lives)} of its bots deleted")

    def _delete_bot(self, request: Request, now: float, effect: bool) -> Answer:
        life = self._account.life(request.target)
        if life is None:
            joined = any(
                life.spec.id == request.target and life.cause == "joined" for life in self._account.lives
            )
            if joined:
                return answer_of(400, {"message": "Cannot delete active bot"}, "refused")
            if self._habits.gone_bot == 400 and self._account.was_known(request.target):
                return answer_of(400, {"message": "Bot is not scheduled"}, "gone")
            return answer_of(404, {"message": "Bot not found"}, "gone")
        if effect:
            request.taken = self._account.take([life], now, request.number)
        reply = {"message": "Scheduled bot deleted successfully", "bot_id": life.spec.id}
        return answer_of(200, reply, "done")

    def _meeting(self, target: str, path: str, effect: bool) -> Answer:
        if target in self._cancelled_meetings:
            return Answer(404, b"Resource object does not exist.", "gone", content_type="text/plain")
        if effect:
            self._cancelled_meetings.add(target)
        event = self._account.event_of_meeting(int(target))
        data = {"id": int(target), "calendar_id": 7, "provider_event_id": provider_id(event.id)}
        return answer_of(200, {"message": "Cancelled", "data": data}, "done")
