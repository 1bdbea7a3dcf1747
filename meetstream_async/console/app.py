"""The console's application: its page, its data, and the runs of the bulk router."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Response

from ..fastapi import ClientDep, add_error_handlers, bulk_router, meetstream_lifespan
from .assets import INDEX, asset, read_assets
from .desk import Desk, tell_run
from .outline import ConsentAsked, FilterAsked, Listing, Matches, PreviewAsked, PreviewTold, RunTold


def create_app(desk: Desk, base: str, client_arguments: Mapping[str, Any]) -> FastAPI:
    """The application below ``/base/``, for a Gate. ``client_arguments``: those of MeetStreamClient.

    It checks nobody by itself.
    """
    app = FastAPI(
        lifespan=meetstream_lifespan(**client_arguments), docs_url=None, redoc_url=None, openapi_url=None
    )
    add_error_handlers(app)
    app.include_router(_desk_router(desk), prefix=f"/{base}/api")
    app.include_router(
        # The Gate in front of the application asks who it is.
        bulk_router("/runs", allow_unauthenticated=True, runs=desk.runs),
        prefix=f"/{base}/api",
    )
    assets = read_assets()

    @app.get(f"/{base}/")
    async def index() -> Response:
        return asset(assets, INDEX)

    @app.get(f"/{base}/{{name}}")
    async def static(name: str) -> Response:
        return asset(assets, name)

    return app


def _desk_router(desk: Desk) -> APIRouter:
    router = APIRouter()

    @router.get("/bots")
    async def list_bots(client: ClientDep) -> Listing:
        return await desk.listing(client)

    @router.post("/matches")
    async def match_bots(asked: FilterAsked) -> Matches:
        return desk.match(asked)

    @router.post("/previews")
    async def preview(client: ClientDep, asked: PreviewAsked) -> PreviewTold:
        return await desk.preview(client, asked)

    @router.post("/previews/{preview_id}/run", status_code=202)
    async def start(client: ClientDep, preview_id: str, asked: ConsentAsked) -> RunTold:
        return await desk.start(client, preview_id, asked)

    @router.get("/runs")
    async def list_runs() -> list[RunTold]:
        return [tell_run(state, record) for state, record in await desk.runs.kept()]

    @router.post("/runs/{run_id}/retry")
    async def retry(run_id: str) -> PreviewTold:
        return await desk.retry(run_id)

    @router.get("/runs/{run_id}/report")
    async def report(run_id: str) -> Response:
        state, record = await desk.runs.state(run_id), await desk.runs.record(run_id)
        name = f"meetstream-{state.started_at:%Y%m%dT%H%M%SZ}.jsonl"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(record.document(), headers=headers, media_type="application/jsonl")

    return router
