"""A server with prebuilt responses, on a bare asyncio protocol, in its own process.

``python -m benchmarks.server`` prints its port and exits when its stdin is closed or its lifetime is over.
It answers the DELETE of any event id with success, unless an error is due; a listing shows
the account's events that have not been deleted yet.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import selectors
import sys
from itertools import islice
from typing import Any, cast

from attrs import define, field

from .ids import event_id

_ROOT = b"/api/v1/calendar/"
_EVENT = _ROOT + b"schedule/"
_EVENTS = _ROOT + b"events?"
_LISTINGS = (_ROOT + b"scheduled?", _ROOT + b"scheduled_bots?")
_HEAD = (
    b"HTTP/1.1 %d %s\r\n"
    b"Date: Fri, 20 Nov 2026 10:00:00 GMT\r\n"
    b"Content-Type: application/json\r\n"
    b"Content-Length: %d\r\n"
    b"Connection: keep-alive\r\n"
    b"x-amzn-RequestId: 5b3c1c51-2f0e-4d5c-9a55-0d7e1f2a3b4c\r\n"
    b"\r\n"
)


def answer(body: bytes, status: int = 200, phrase: bytes = b"OK", more: bytes = b"") -> bytes:
    """A response; ``more``: further header lines, each with its end."""
    head = _HEAD % (status, phrase, len(body))
    return head[:-2] + more + b"\r\n" + body


_UNSCHEDULED = (
    b'{"unscheduled": true, "event_id": "%s", "cancelled_schedules": ["bot-abc12345-xyz789012"], '
    b'"schedules_cancelled": 1, "bots_deleted": 1, "cancel_all_occurrences": false, "from_date": null, '
    b'"is_recurring_series": false}'
)
_UNAVAILABLE = answer(b'{"message": "Service Unavailable"}', 503, b"Service Unavailable")
_NOT_FOUND = answer(b'{"message": "no such route"}', 404, b"Not Found")


def row(number: int) -> bytes:
    """A row of the listing, with the fields of the API reference."""
    value = {
        "bot_id": f"0b9d1f5e-6a34-4c1b-8d5f-{number:012x}",
        "platform": ("google_meet", "zoom", "microsoft_teams")[number % 3],
        "status": "Scheduled",
        "scheduled_join_time": f"2030-12-{number % 28 + 1:02}T09:57:00+00:00",
        "custom_attributes": {
            "source": "calendar_schedule_api",
            "event_id": event_id(number),
            "deduplication_key": f"key-{number:012x}",
        },
        "bot_username": "MeetStream Bot",
        "is_scheduled": True,
    }
    return json.dumps(value).encode()


def _event(row: dict[str, Any]) -> bytes:
    """The event of a row, as the calendars' events show it."""
    bot = {name: row[name] for name in ("status", "scheduled_join_time", "bot_username", "platform")}
    value = {
        "id": row["custom_attributes"]["event_id"],
        "platform": "google",
        "start_time": row["scheduled_join_time"],
        "is_deleted": False,
        "bots": [{"id": row["bot_id"], **bot, "is_scheduled": True}],
    }
    return json.dumps(value).encode()


@define
class Account:
    """The server's account, and counts of its requests."""

    rows: dict[bytes, bytes]
    """Listed rows by event id."""
    error_rate: float = 0.0
    """Share of the DELETEs answered with 503, always the first one for an event."""
    counts: dict[str, int] = field(
        factory=lambda: dict.fromkeys(("deletes", "errors", "listings", "events"), 0)
    )
    events: list[bytes] = field(init=False)
    _due: float = 0.0
    _failed: set[bytes] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        self.events = [_event(json.loads(row)) for row in self.rows.values()]

    def answer(self, method: bytes, target: bytes) -> bytes:
        """The response to one request."""
        if method == b"DELETE" and target.startswith(_EVENT):
            return self._delete(target[len(_EVENT) :])
        if method == b"GET" and target.startswith(_LISTINGS):
            return self._list(int(target.partition(b"limit=")[2] or 100))
        if method == b"GET" and target.startswith(_EVENTS):
            return self._events(int(target.partition(b"cursor=")[2].partition(b"&")[0] or 0))
        if method == b"GET" and target == b"/stats":
            return answer(json.dumps({**self.counts, "left": len(self.rows)}).encode())
        return _NOT_FOUND

    def _delete(self, event: bytes) -> bytes:
        self.counts["deletes"] += 1
        if self.error_rate and self._fails(event):
            self.counts["errors"] += 1
            return _UNAVAILABLE
        self.rows.pop(event, None)
        return answer(_UNSCHEDULED % event)

    def _fails(self, event: bytes) -> bool:
        """Whether to fail: no event fails twice, and exactly the share ``rate`` of all requests fails."""
        if event in self._failed:
            self._failed.remove(event)
            return False
        self._due += self.error_rate / (1 - self.error_rate)
        # Slightly less than 1, because ninths don't add up to it exactly.
        if self._due < 1 - 1e-9:
            return False
        self._due -= 1
        self._failed.add(event)
        return True

    def _events(self, start: int) -> bytes:
        """A page of the events that the account had at first; also of those whose bot is gone by now."""
        self.counts["events"] += 1
        page = self.events[start : start + 100]
        following = b'"%d"' % (start + 100) if len(page) == 100 else b"null"
        return answer(b'{"next": %s, "results": [%s]}' % (following, b", ".join(page)))

    def _list(self, limit: int) -> bytes:
        self.counts["listings"] += 1
        return answer(b'{"scheduled_bots": [%s]}' % b", ".join(islice(self.rows.values(), limit)))


class CannedProtocol(asyncio.Protocol):
    """One connection. Requests may arrive in pieces, or several at once."""

    def __init__(self, account: Account, latency: float) -> None:
        self._account = account
        self._latency = latency
        self._rest = b""
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of it.
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            head, after = data[:end], end + 4 + _body_length(data[:end])
            if len(data) < after:
                break
            data = data[after:]
            method, target, _ = head.split(b" ", 2)
            answer = self._account.answer(method, target)
            if self._latency and target != b"/stats":
                asyncio.get_running_loop().call_later(self._latency, self._late, answer)
            else:
                self._transport.write(answer)
        self._rest = data

    def _late(self, answer: bytes) -> None:
        # The client was cancelled and has disconnected.
        if not self._transport.is_closing():
            self._transport.write(answer)


def _body_length(head: bytes) -> int:
    _, found, value = head.lower().partition(b"\r\ncontent-length:")
    return int(value.partition(b"\r\n")[0]) if found else 0


async def _serve(account: Account, latency: float, lifetime: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: CannedProtocol(account, latency), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    over = asyncio.Event()
    loop.add_reader(sys.stdin, over.set)
    loop.call_later(lifetime, over.set)
    await over.wait()
    server.close()


def _new_loop(latency: float) -> asyncio.AbstractEventLoop:
    if latency:
        # select() takes microseconds; epoll and uvloop round timers to whole milliseconds, 2 % of 50 ms.
        return asyncio.SelectorEventLoop(selectors.SelectSelector())
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server")
    parser.add_argument("--events", type=int, default=0, help="scheduled events at the start")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument(
        "--error-rate", type=float, default=0.0, help="share of the DELETEs answered with 503"
    )
    parser.add_argument("--lifetime", type=float, default=1200.0, help="seconds until it ends by itself")
    options = parser.parse_args()
    account = Account(
        {event_id(number).encode(): row(number) for number in range(options.events)}, options.error_rate
    )
    with asyncio.Runner(loop_factory=lambda: _new_loop(options.latency)) as runner:
        runner.run(_serve(account, options.latency, options.lifetime))


if __name__ == "__main__":
    main()
