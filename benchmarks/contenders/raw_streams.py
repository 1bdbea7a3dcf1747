"""The lower bound: asyncio streams, one connection per request in flight, and minimal HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from .types import API_KEY, Run

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def opened(base_url: str, concurrency: int) -> AsyncIterator[Run]:
    url = urlsplit(base_url)
    connections: list[Connection] = [
        await asyncio.open_connection(url.hostname, url.port) for _ in range(concurrency)
    ]
    headers = f"Host: {url.netloc}\r\nAuthorization: Token {API_KEY}\r\nAccept: application/json\r\n\r\n"

    async def work(connection: Connection, event_ids: Iterator[str]) -> int:
        reader, writer = connection
        done = 0
        for event_id in event_ids:
            path = f"{url.path}/calendar/schedule/{event_id}"
            writer.write(f"DELETE {path} HTTP/1.1\r\n{headers}".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = json.loads(await reader.readexactly(length))
            if not head.startswith(b"http/1.1 200 "):
                raise RuntimeError(body)
            done += body["unscheduled"]
        return done

    async def run(event_ids: Sequence[str]) -> int:
        shared = iter(event_ids)
        return sum(await asyncio.gather(*(work(connection, shared) for connection in connections)))

    yield run
    for _, writer in connections:
        writer.close()
        await writer.wait_closed()
