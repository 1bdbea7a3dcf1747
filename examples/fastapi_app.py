"""A FastAPI backend over a MeetStream account: list bots, unschedule one event, unschedule many."""
# Run it: MEETSTREAM_API_KEY=... ADMIN_TOKEN=... uvicorn fastapi_app:app

import os
import secrets
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from meetstream_async import ScheduledBotPage, UnscheduleResult
from meetstream_async.fastapi import (
    ClientDep,
    add_error_handlers,
    bulk_router,
    meetstream_lifespan,
    problem_responses,
)

ADMIN_TOKEN = os.environ["ADMIN_TOKEN"].encode()


def require_admin(sent: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> None:
    if not secrets.compare_digest(sent.credentials.encode(), ADMIN_TOKEN):
        raise HTTPException(403, "not an administrator")


app = FastAPI(lifespan=meetstream_lifespan(rate_limit=20), responses=problem_responses())
add_error_handlers(app)
app.include_router(bulk_router(dependencies=[Depends(require_admin)]))


@app.get("/bots", dependencies=[Depends(require_admin)])
async def list_bots(client: ClientDep, limit: int = 100) -> ScheduledBotPage:
    return await client.list_scheduled_bots(limit)


@app.delete("/events/{event_id}/bot", dependencies=[Depends(require_admin)])
async def unschedule(client: ClientDep, event_id: str) -> UnscheduleResult:
    return await client.unschedule_event(event_id)
