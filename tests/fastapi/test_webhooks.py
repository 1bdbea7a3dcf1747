"""The dependency for webhooks, and the program of the page about them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from meetstream_async import ConfigurationError, Webhook, sign_webhook, verify_webhook
from meetstream_async.fastapi import add_error_handlers, meetbit_webhook
from meetstream_async.simulator import Simulator
from tests.helpers.fastapi_app import serve

SECRET = "whsec_7f3a9c51e2d84b60"
BODY = b'{"event":"events.deleted","data":{"id":348,"calendar_id":12}}'
PROGRAM, _ = re.findall(
    r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text("utf-8"), re.DOTALL
)


def signed(webhook_id: str, body: bytes = BODY) -> dict[str, str]:
    """The headers of a webhook that is sent now."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "X-Webhook-Id": webhook_id,
        "X-Webhook-Timestamp": stamp,
        "X-Webhook-Signature": sign_webhook(webhook_id, stamp, body, SECRET),
    }


def http_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(verify=False, transport=httpx.ASGITransport(app), base_url="http://app")


def an_app(**options: Any) -> FastAPI:
    app = FastAPI()
    verified = Annotated[Webhook, Depends(meetbit_webhook(SECRET, **options))]

    async def receive(webhook: verified) -> dict[str, Any]:  # type: ignore[valid-type]
        return {"id": webhook.id, "repeated": webhook.repeated}  # type: ignore[attr-defined]

    # Not by name: the annotation is known here only.
    receive.__annotations__ = {"webhook": verified, "return": dict[str, Any]}
    app.post("/hook")(receive)
    return app


async def test_a_route_gets_what_was_verified() -> None:
    """Twice the same id is told as repeated, with the same answer."""
    async with http_of(an_app()) as http:
        answers = [await http.post("/hook", content=BODY, headers=signed("a")) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert [answer.json()["repeated"] for answer in answers] == [False, True]


async def test_anything_else_is_refused() -> None:
    """401 for what is not genuine, 413 for what is far too large; its id is not kept."""
    app = an_app()
    async with http_of(app) as http:
        forged = await http.post("/hook", content=BODY + b" ", headers=signed("a"))
        bare = await http.post("/hook", content=BODY)
        large = await http.post("/hook", content=b" " * 2**21, headers=signed("a"))
        genuine = await http.post("/hook", content=BODY, headers=signed("a"))
    assert [one.status_code for one in (forged, bare, large, genuine)] == [401, 401, 413, 200]
    assert SECRET not in forged.text
    assert genuine.json() == {"id": "a", "repeated": False}


async def test_ids_may_be_kept_elsewhere() -> None:
    """By anything with ``in`` and ``add``, such as a set that two applications share."""
    shared: set[str] = set()
    for expected in (False, True):
        async with http_of(an_app(seen=shared)) as http:
            answer = await http.post("/hook", content=BODY, headers=signed("a"))
        assert answer.json()["repeated"] is expected


def test_a_secret_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the argument or the environment."""
    with pytest.raises(ConfigurationError, match="MEETBIT_WEBHOOK_SECRET"):
        meetbit_webhook()
    monkeypatch.setenv("MEETBIT_WEBHOOK_SECRET", SECRET)
    dependency: Any = meetbit_webhook()
    shown = repr([cell.cell_contents for cell in dependency.__closure__])
    assert "<secret>" in shown
    assert SECRET not in shown


async def test_a_route_may_verify_by_itself() -> None:
    """Then the error is a problem document like any other."""
    app = FastAPI()
    add_error_handlers(app)

    @app.post("/hook")
    async def receive() -> None:
        verify_webhook({}, b"", SECRET)

    async with http_of(app) as http:
        answer = await http.post("/hook")
    assert (answer.status_code, answer.json()["code"]) == (401, "webhook_refused")


async def test_the_program_of_the_page_unschedules_the_bot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by the map that the application keeps; once, however often the webhook comes."""
    monkeypatch.setenv("MEETBIT_WEBHOOK_SECRET", SECRET)
    async with Simulator(3, one_off=0, several=0, series=0) as sim:
        for name, value in sim.environment.items():
            monkeypatch.setenv(name, value)
        names: dict[str, Any] = {}
        exec(compile(PROGRAM, "webhooks.md", "exec"), names)
        event_id = min(sim.ledger.scheduled_events)
        names["bots"][348] = event_id
        unknown = BODY.replace(b"348", b"349")
        async with serve(names["app"]) as served:
            for webhook_id, body in (("a", BODY), ("a", BODY), ("b", unknown)):
                answer = await served.http.post(
                    "/webhooks/meetbit", content=body, headers=signed(webhook_id, body)
                )
                assert answer.status_code == 204
        assert event_id not in sim.ledger.scheduled_events
        assert [one.method for one in sim.requests] == ["DELETE"]
