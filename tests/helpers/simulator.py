"""Raw requests to the simulator, without a client library that could repeat or re-encode them."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from meetstream_async.simulator import SimulatedEvent, Simulator


@frozen
class Reply:
    """The response on a raw connection; status None without one."""

    status: int | None
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def send(base_url: str, method: str, path: str, body: Any, headers: dict[str, str]) -> Reply:
    """Send one request; a body of bytes is sent as it is, anything else except None as JSON."""
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    url = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"{method} {url.path}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    try:
        writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        raw = await reader.read()
    except ConnectionError:
        raw = b""
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    if not raw:
        return Reply(None, {}, b"")
    start, _, rest = raw.partition(b"\r\n\r\n")
    lines = start.decode().split("\r\n")
    return Reply(
        int(lines[0].split()[1]), {k.lower(): v for k, v in (x.split(": ", 1) for x in lines[1:])}, rest
    )


async def ask(
    sim: Simulator,
    method: str,
    path: str,
    body: Any = None,
    key: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One request to MeetStream; `key` replaces the right Authorization header, "" omits it."""
    authorization = f"Token {sim.api_key}" if key is None else key
    sent = {"Authorization": authorization} if authorization else {}
    return await send(sim.base_url, method, path, body, {**sent, **(headers or {})})


def says(text: str) -> dict[str, str]:
    """The body of a refusal in MeetStream's own words."""
    return {"error": text, "message": text}


def access(sim: Simulator) -> dict[str, str]:
    """The headers of an authorized MeetBit request."""
    return {"X-Access-Key-Id": sim.access_key_id, "X-Access-Key-Secret": sim.access_key_secret}


async def cancel(
    sim: Simulator,
    event: SimulatedEvent | str,
    body: Any = {"cancel_note": "Off."},  # noqa: B006 - it is only read
    headers: dict[str, str] | None = None,
    method: str = "POST",
) -> Reply:
    """One request to cancel a MeetBit event, or to another path below its base URL."""
    path = (
        event if isinstance(event, str) else f"/calendars/{event.calendar_id}/events/{event.event_id}/cancel"
    )
    return await send(sim.meetbit_base_url, method, path, body, access(sim) if headers is None else headers)
