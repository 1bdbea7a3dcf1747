"""The console's application: the page, its API, and the runs of the bulk router."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Response

from .. import Diagnosis
from ..fastapi import ClientDep, add_error_handlers, bulk_router, meetstream_lifespan
from .assets import INDEX, asset, read_assets
from .models import (
    BotRow,
    ConsentRequest,
    FilterRequest,
    Listing,
    Matches,
    PreviewRequest,
    PreviewResponse,
    RunResponse,
    UndoPreview,
    UndoTold,
)
from .service import ConsoleService


def create_app(service: ConsoleService, base: str, client_arguments: Mapping[str, Any]) -> FastAPI:
    """The application below ``/base/``, to be served behind a Gate.

    client_arguments: the arguments of MeetStreamClient.
    The application itself authenticates nobody.
    """
    app = FastAPI(
        lifespan=meetstream_lifespan(**client_arguments), docs_url=None, redoc_url=None, openapi_url=None
    )
    add_error_handlers(app)
    app.include_router(_api_router(service), prefix=f"/{base}/api")
    app.include_router(
        # The Gate in front of the application authenticates every request.
        bulk_router("/runs", allow_unauthenticated=True, runs=service.runs),
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


def _api_router(service: ConsoleService) -> APIRouter:
    router = APIRouter()

    @router.get("/bots")
    async def list_bots(client: ClientDep) -> Listing:
        return await service.listing(client)

    @router.get("/diagnosis")
    async def diagnose_account(client: ClientDep) -> Diagnosis:
        return await service.diagnosis(client)

    @router.post("/matches")
    async def match_bots(asked: FilterRequest) -> Matches:
        return service.match(asked)

    @router.post("/previews")
    async def preview(client: ClientDep, asked: PreviewRequest) -> PreviewResponse:
        return await service.preview(client, asked)

    @router.post("/previews/{preview_id}/run", status_code=202)
    async def start(client: ClientDep, preview_id: str, asked: ConsentRequest) -> RunResponse:
        return await service.start(client, preview_id, asked)

    @router.get("/runs")
    async def list_runs() -> list[RunResponse]:
        return await service.runs_told()

    @router.get("/runs/{run_id}/told")
    async def tell_run(run_id: str) -> RunResponse:
        return await service.run_told(run_id)

    @router.get("/runs/{run_id}/bots")
    async def run_bots(run_id: str) -> list[BotRow]:
        return await service.bots(run_id)

    @router.post("/runs/{run_id}/retry")
    async def retry(run_id: str) -> PreviewResponse:
        return await service.retry(run_id)

    @router.post("/runs/{run_id}/undo")
    async def preview_undo(client: ClientDep, run_id: str) -> UndoPreview:
        return await service.undo(client, run_id)

    @router.post("/undos/{undo_id}/run", status_code=202)
    async def start_undo(client: ClientDep, undo_id: str, asked: ConsentRequest) -> UndoTold:
        return service.undos.start(client, undo_id, asked)

    @router.get("/undos/{undo_id}")
    async def tell_undo(undo_id: str) -> UndoTold:
        return service.undos.told(undo_id)

    @router.get("/runs/{run_id}/report")
    async def report(run_id: str) -> Response:
        state, record = await service.runs.state(run_id), await service.runs.record(run_id)
        name = f"meetstream-{state.started_at:%Y%m%dT%H%M%SZ}.jsonl"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(record.document(), headers=headers, media_type="application/jsonl")

    return router
