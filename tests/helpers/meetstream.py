"""A MeetStream client without sockets, and the listings that it is answered."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aioresponses import aioresponses as Mocked

from meetstream_async import MeetStreamClient
from tests.helpers.credentials import API, KEY
from tests.helpers.raw_server import RawServer

Start = Callable[..., Awaitable[RawServer]]
Call = Callable[[MeetStreamClient], Awaitable[Any]]


def client(base_url: str = API, **options: Any) -> MeetStreamClient:
    return MeetStreamClient(KEY, base_url=base_url, **options)


def listing(*bots: dict[str, Any]) -> dict[str, Any]:
    return {"scheduled_bots": list(bots)}


OLD, NEW = f"{API}/calendar/scheduled", f"{API}/calendar/scheduled_bots"


def answer(mocked: Mocked, url: str, status: int, body: object = b"", **options: Any) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    mocked.get(f"{url}?limit=100", status=status, body=content, **options)


def asked(mocked: Mocked) -> list[str]:
    """The paths that were asked, each as often as it was."""
    return [url.path for (_, url), calls in mocked.requests.items() for _ in calls]
