"""The API in front of the account: requests in, trouble, effects and answers out, all in virtual time."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote
from zlib import crc32

from tests.helpers.simulated_loop import Connection, RunDoesNotEndError, SimulatedLoop

from .account import EPOCH, Account, Life
from .answers import Answer, Answers
from .histories import MEETINGS, Fault, History, Spell
from .ledger import Ledger, Request, Shown

MEETSTREAM_PORT, MEETBIT_PORT = 1, 2
API = f"http://127.0.0.1:{MEETSTREAM_PORT}/api/v1"
MEETBIT_API = f"http://127.0.0.1:{MEETBIT_PORT}/api/public/v2.0"

CONNECTING = 0.01
"""Seconds that a connection takes, at most."""
_GRACE = 4
"""Turns of the loop until the client must have read the head of an answer that arrived."""
MOST_REQUESTS = 2000


class Server:
    """Serves both APIs of a history, and writes the ledger."""

    loop: SimulatedLoop

    def __init__(self, history: History, tell: Callable[[float, str], None]) -> None:
        self.history = history
        self.tell = tell
        self.account = Account(history, tell)
        self.ledger = Ledger()
        self.answers = Answers(self.account, history)
        self.on_request: Callable[[Request], None] = lambda request: None
        self._open: dict[Connection, Request] = {}
        self._told: dict[tuple[bool, int], tuple[float, float, int]] = {}
        """By API and status: until when, when it was told, and in which turn of the loop."""
        self._acts: list[Callable[[], None]] = []
        """Effects that are still to come."""
        self._faults = {(fault.of, fault.request): fault for fault in history.faults}
        self._kin: Counter[str] = Counter()
        self._connections = 0
        self._answered: dict[Connection, tuple[Request, int]] = {}
        """The last answer on a connection, and in which turn of the loop it came, where timers are late."""

    # --- the wire -----------------------------------------------------------------------------------

    def may_connect(self, port: int) -> float | None:
        now = self.loop.elapsed()
        for spell in self.history.spells:
            if spell.kind == "refused" and spell.start <= now < spell.end:
                return None
            if spell.kind == "unreachable" and spell.start <= now < spell.end:
                return 1e6
        self._connections += 1
        return crc32(f"{self.history.seed} {self._connections}".encode()) / 2**32 * CONNECTING

    def closed(self, connection: Connection) -> None:
        request = self._open.pop(connection, None)
        if request is not None:
            request.closed = True
            self.tell(self.loop.elapsed(), f"the client gives request {request.number} up")
        answered, turn = self._answered.pop(connection, (None, 0))
        if answered is not None and self.loop.iterations <= turn + _GRACE:
            # Its time was up by then, though its timer is late: it has read nothing.
            self.ledger.shown = [shown for shown in self.ledger.shown if shown.request != answered.number]
            self._told = {side: told for side, told in self._told.items() if told[1] != answered.delivered_at}
            self.tell(self.loop.elapsed(), f"the client had given request {answered.number} up")

    def received(self, connection: Connection, data: bytes) -> None:
        connection.buffer += data
        head, end, body = connection.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.decode("ascii").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        if len(body) < int(headers.get("content-length", 0)):
            return
        connection.buffer = b""
        method, target, _ = lines[0].split(" ")
        key = headers.get("idempotency-key")
        self._receive(connection, method, target, json.loads(body) if body else {}, key)

    # --- one request --------------------------------------------------------------------------------

    def _receive(
        self, connection: Connection, method: str, target: str, body: dict[str, Any], key: str | None
    ) -> None:
        now = self.loop.elapsed()
        self.account.advance(now)
        request = self._note(connection, method, target, now)
        request.key = key
        self.on_request(request)
        trouble = self._trouble(request)
        kind, seconds = (trouble.kind, trouble.seconds) if trouble is not None else ("", 0.0)
        # By what it is about, not by when it comes: a request fewer leaves the others as they are.
        rng = random.Random(crc32(f"{self.history.seed} {request.kin} {request.nth}".encode()))
        arrives = now + rng.random() * self.history.habits.latency
        answers = arrives + rng.random() * self.history.habits.latency
        if kind == "slow":
            answers += seconds
        if kind == "late":
            arrives += seconds
            answers = arrives + 0.01
        path, _, query = target.partition("?")
        answer: list[Answer] = []

        def act() -> None:
            self._acts.remove(act)
            moment = self.loop.elapsed()
            self.account.advance(moment)
            answer.append(self.answers.answer(request, method, path, parse_qs(query), body, kind, moment))
            self._look_at_effect(request)

        def reply() -> None:
            self.account.advance(self.loop.elapsed())
            self._reply(connection, request, answer[0], kind, seconds)

        self._acts.append(act)
        self.loop.at(arrives, act)
        if kind not in ("hang", "hang after"):
            self.loop.at(max(answers, arrives), reply)

    def _note(self, connection: Connection, method: str, target: str, now: float) -> Request:
        route, wanted = _route(method, target.partition("?")[0])
        request = Request(len(self.ledger.requests) + 1, now, self.loop.iterations, route, wanted)
        if route == "event" and (event := self.account.event(wanted)) is not None:
            request.event_id = event.id
        self.ledger.requests.append(request)
        self._kin[request.kin] += 1
        request.nth = self._kin[request.kin]
        if connection in self._open:
            self.ledger.broken("in-flight", f"request {request.number} on a connection that is in use")
        self._open[connection] = request
        self._answered.pop(connection, None)
        request.in_flight = len(self._open)
        self.tell(now, f"→ {request.number}: {method} {target}")
        if len(self.ledger.requests) > MOST_REQUESTS:
            self.loop.failure = RunDoesNotEndError(f"more than {MOST_REQUESTS} requests")
        self._check_told(request)
        self._check_one_at_a_time(request)
        return request

    def _check_told(self, request: Request) -> None:
        for (meetbit, status), (until, since, iteration) in self._told.items():
            if meetbit is not (request.route == "meeting") or request.at >= until - 0.002:
                continue
            if request.iteration >= iteration + _GRACE and request.at > since:
                self.ledger.broken(
                    f"early/{status}",
                    f"request {request.number} at {request.at:.2f} s, told at {since:.2f} s to wait "
                    f"until {until:.2f} s",
                )

    def _check_one_at_a_time(self, request: Request) -> None:
        if request.route not in ("event", "bot"):
            return
        shared = any(bot.id == request.target and len(bot.events) > 1 for bot in self.history.bots)
        if shared and self.history.door in MEETINGS:
            # Each of its meetings asks for it, and it does no harm.
            return
        for other in self._open.values():
            if other is not request and other.route == request.route and other.target == request.target:
                self.ledger.broken(
                    "one-at-a-time", f"request {request.number} for {request.target} beside {other.number}"
                )

    def _trouble(self, request: Request) -> Fault | Spell | None:
        fault = self._faults.get(("", request.number)) or self._faults.get((request.kin, request.nth))
        if fault is not None:
            return fault
        for spell in self.history.spells:
            if spell.start <= request.at < spell.end and spell.kind not in ("refused", "unreachable"):
                return spell
        return None

    def _look_at_effect(self, request: Request) -> None:
        """Whether the request took what the run was told to leave alone."""
        options = self.history.options
        if not options.get("where") or options.get("whole_events"):
            return
        seen = self.ledger.seen_before(request)
        whole_seen = any(not shown.truncated for shown in seen)
        for life in request.taken:
            if life.spec.inside or (request.route == "event" and life.spec.events[:1] != (request.event_id,)):
                continue
            if any(life in shown.lives for shown in seen):
                self.ledger.broken("outside", f"request {request.number} took {life}, which had been listed")
            elif not whole_seen and life.born < 0:
                self.ledger.broken(
                    "outside-unseen",
                    f"request {request.number} took {life}, behind listings that were not whole",
                )

    # --- answers ------------------------------------------------------------------------------------

    def _reply(
        self, connection: Connection, request: Request, answer: Answer, kind: str, seconds: float
    ) -> None:
        now = self.loop.elapsed()
        if self._open.get(connection) is not request:
            return
        if kind in ("lost", "lost after"):
            del self._open[connection]
            connection.lose()
            self.tell(now, f"✗ {request.number}: the connection is lost")
            return
        headers, told = self._headers(answer, seconds, now)
        data = self._bytes(answer, headers)
        del self._open[connection]
        request.status, request.said = answer.status, answer.said
        if kind == "cut":
            connection.deliver(data[: -max(1, len(answer.body) // 2)])
            connection.lose()
            self.tell(now, f"← {request.number}: {answer.status}, and the connection is lost in the body")
            return
        request.delivered_at = now
        if answer.shown is not None:
            self.ledger.shown.append(self._shown(request, answer, now))
        if self.history.lateness > CONNECTING:
            self._answered[connection] = request, self.loop.iterations
        extra = "" if told is None else f", told to wait {told:.1f} s"
        self.tell(now, f"← {request.number}: {answer.status} {answer.story}{extra}")
        if told is not None:
            request.told_until = now + told
            side = (request.route == "meeting", answer.status)
            if now + told > self._told.get(side, (0.0, 0.0, 0))[0]:
                self._told[side] = (now + told, now, self.loop.iterations)
        connection.deliver(data)

    def _shown(self, request: Request, answer: Answer, now: float) -> Shown:
        assert answer.shown is not None
        kept_back: frozenset[Life] = frozenset()
        if not answer.truncated:
            kept_back = frozenset(set(self.account.alive(answer.made_at)) - answer.shown.keys())
        return Shown(
            request.number,
            answer.made_at,
            now,
            self.loop.iterations,
            answer.shown,
            answer.truncated,
            kept_back,
        )

    def date_offset(self, now: float) -> float:
        habits = self.history.habits
        jump = habits.date_jump
        return habits.date + (jump[1] if jump is not None and now >= jump[0] else 0.0)

    def _headers(self, answer: Answer, seconds: float, now: float) -> tuple[dict[str, str], float | None]:
        """The headers of an answer, and the seconds that they tell to wait."""
        date = (EPOCH + timedelta(seconds=now + self.date_offset(now))).replace(microsecond=0)
        headers = {"Content-Type": answer.content_type, "Date": format_datetime(date, usegmt=True)}
        told: float | None = None
        if answer.wait == "seconds":
            told = float(round(seconds))
            headers["Retry-After"] = str(round(seconds))
        elif answer.wait == "date":
            told = float(round(seconds))
            headers["Retry-After"] = format_datetime(date + timedelta(seconds=told), usegmt=True)
        return headers, told

    @staticmethod
    def _bytes(answer: Answer, headers: dict[str, str]) -> bytes:
        lines = [f"HTTP/1.1 {answer.status} Said", *(f"{name}: {value}" for name, value in headers.items())]
        lines.append(f"Content-Length: {len(answer.body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + answer.body

    # --- the end ------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Let what has been asked for take effect, although nobody waits for the answer any more."""
        for act in list(self._acts):
            act()


def _route(method: str, path: str) -> tuple[str, str]:
    """What a request is for, and the id in its path."""
    parts = [unquote(part) for part in path.split("/")]
    if "calendars" in parts:
        return "meeting", parts[-2]
    name = parts[4] if len(parts) > 4 else ""
    if parts[3:4] == ["bots"]:
        return ("create", "") if name == "create_bot" else ("detail", name)
    if method == "POST":
        return "schedule", parts[-1]
    if method == "PATCH":
        return "move", parts[-1]
    if method == "GET":
        return ("events" if name == "events" else "list"), ""
    return ("event" if name == "schedule" else "bot"), parts[-1]
