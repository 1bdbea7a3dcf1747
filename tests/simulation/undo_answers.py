"""What the API answers to an undo, and what that does to the account."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from .account import EPOCH, Account, Life
from .answer import Answer, answer_of
from .histories import BotSpec, History
from .ledger import Request

ROUTES = frozenset({"schedule", "create", "detail", "move"})


class UndoAnswers:
    """Schedules, creates, tells and moves bots."""

    def __init__(self, account: Account, history: History) -> None:
        self._account = account
        self._habits = history.habits
        self._bots = history.bots
        self._first_answers: dict[str, dict[str, Any]] = {}
        self._made = 0

    def answer(self, request: Request, body: dict[str, Any], effect: bool, now: float) -> Answer:
        """One of the requests of an undo."""
        if request.route == "schedule":
            return self._schedule(request, body, effect, now)
        if request.route == "create":
            return self._create(request, body, effect, now)
        if request.route == "move":
            return self._move(request, body, effect, now)
        return self._detail(request)

    def _schedule(self, request: Request, body: dict[str, Any], effect: bool, now: float) -> Answer:
        if self._account.event(request.target) is None:
            return answer_of(404, {"message": "Event not found"}, "refused")
        there = self._account.of_event(request.target)
        if there and self._habits.conflicts:
            name = "bot_id" if request.number % 2 else "existing_bot_id"
            return answer_of(409, {"message": "Already scheduled", name: there[0].spec.id}, "gone")
        olds = sorted((bot for bot in self._bots if request.target in bot.events), key=lambda bot: bot.joins)
        old = next((bot for bot in olds if bot.joins > now), olds[-1])
        joins = max(old.joins + self._habits.lead, now + 1.0)
        name, config = f"n{self._made}", body.get("bot_config") or {}
        assert "join_at" not in config, "the lead would be taken off twice"
        assert "deduplication_key" not in config, "it would be answered with the cancelled bot"
        spec = BotSpec(name, (request.target,), old.inside, joins)
        if effect:
            self._add(spec, request, now)
        reply = {
            "scheduled": True,
            "bot_id": name,
            "event_id": request.target,
            "scheduled_time": _time(joins),
        }
        return answer_of(200, reply, "done")

    def _create(self, request: Request, body: dict[str, Any], effect: bool, now: float) -> Answer:
        if request.key is not None and request.key in self._first_answers:
            return answer_of(507, self._first_answers[request.key], "gone")
        joins = (datetime.fromisoformat(body["join_at"]) - EPOCH).total_seconds()
        name = f"n{self._made}"
        reply = {"bot_id": name, "status": "Scheduled"}
        if effect:
            inside = body.get("custom_attributes", {}).get("customer") == "acme"
            self._add(BotSpec(name, (), inside, joins, link=body["meeting_link"]), request, now)
            if request.key is not None:
                self._first_answers[request.key] = reply
        return answer_of(201, reply, "done")

    def _add(self, spec: BotSpec, request: Request, now: float) -> None:
        self._made += 1
        self._account.add(spec, now, request.number)

    def _move(self, request: Request, body: dict[str, Any], effect: bool, now: float) -> Answer:
        life = self._account.life(request.target)
        if life is None:
            return answer_of(404, {"message": "Bot not found"}, "refused")
        joins = (datetime.fromisoformat(body["scheduled_join_time"]) - EPOCH).total_seconds()
        if effect:
            life.times.append((now, joins))
            life.spec = replace(life.spec, joins=joins)
        return answer_of(200, {"message": "updated", "bot_id": life.spec.id}, "done")

    def _detail(self, request: Request) -> Answer:
        life: Life | None = self._account.life(request.target)
        if life is None:
            return answer_of(404, {"message": "Bot not found"}, "refused")
        details = {"BotID": life.spec.id, "Status": "Scheduled", "RequestPayload": {}}
        return answer_of(200, {"bot_details": details}, "done")


def _time(joins: float) -> str:
    return (EPOCH + timedelta(seconds=joins)).isoformat()
