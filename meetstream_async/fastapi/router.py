"""The router: start a bulk unschedule over HTTP, watch it, stop it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends as DependsParam
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from .. import ConfigurationError, MeetStreamError
from .body import bounded
from .in_process import InProcessRuns
from .lifespan import ClientDep
from .problems import ProblemError, as_problem, router_problems
from .runs import BulkRequest, OutcomePage, Runs, RunState, no_such_run
from .stream import RunStream, parse_event_id

_MOST_OUTCOMES = 1000
"""Maximum number of outcomes on one page."""

RunId = Annotated[str, Path(max_length=200, description="The id of a run.")]
# OpenAPI 3.1, which FastAPI writes, can't describe the items of a stream.
_EVENTS = {
    "type": "string",
    "description": "Server-sent events, each with `event` and `data`, a JSON object: an `outcome` is a "
    "RunOutcome, with its position as `id` for `Last-Event-ID`; `progress` and, last, `end` are a RunState.",
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The events, until the run ends.",
        "content": {"text/event-stream": {"schema": _EVENTS}},
    },
    204: {"description": "The client has seen the end: there is nothing to reconnect for."},
}
_UNREADABLE: dict[int | str, dict[str, Any]] = {
    400: {
        "description": "The body is not text.",
        "content": {
            "application/json": {"schema": {"type": "object", "properties": {"detail": {"type": "string"}}}}
        },
    }
}
_STOPPING: dict[str, Any] = {
    "model": RunState,
    "description": "The run is stopping; requests in flight finish.",
}


class _Route(APIRoute):
    """A route whose errors are problem documents, whether or not the application has our handlers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_or_tell(request: Request) -> Response:
            try:
                return await handle(await bounded(request))
            except (MeetStreamError, ProblemError, RequestValidationError) as error:
                return as_problem(error).response()

        return handle_or_tell


def _location(request: Request, run_id: str) -> str:
    """The path of a run as the caller sees it, including any prefix that a proxy has stripped.

    Percent-encoded, because the path arrives decoded and a parameter of the prefix may contain anything.
    """
    front, path = request.scope.get("root_path", ""), request.scope["path"]
    path = f"{path if path.startswith(front) else front + path}/{run_id}"
    # A reference that begins with two slashes names another host.
    rest = path.removeprefix("/")
    slashes = len(rest) - len(rest.lstrip("/"))
    return "/" + "%2F" * slashes + quote(rest[slashes:])


def bulk_router(
    prefix: str = "/bulk-unschedule",
    *,
    dependencies: Sequence[DependsParam] = (),
    caller: DependsParam | None = None,
    allow_unauthenticated: bool = False,
    runs: Runs | None = None,
) -> APIRouter:
    """A router that runs bulk unschedules in the background, for ``app.include_router``.

    prefix: where its routes are, such as "/bulk-unschedule"; "" for the root.
    dependencies: the application's own security dependencies, such as ``[Depends(require_admin)]``. Anyone
        who passes them can unschedule every bot of the account.
    caller: a dependency that returns who is asking, as text, such as ``Depends(current_user_id)``. A run then
        belongs to the caller that started it (for others it is 404), and each caller has their own
        idempotency keys. Without it, all callers share the runs and the keys.
    runs: where runs live; by default an ``InProcessRuns()``, which belongs to one worker process.

    The application needs ``meetstream_lifespan``. Raises ConfigurationError without dependencies, unless
    ``allow_unauthenticated`` is True, and for invalid arguments.
    """
    guards = _guards(dependencies, allow_unauthenticated)
    if caller is not None and (not isinstance(caller, DependsParam) or not callable(caller.dependency)):
        raise ConfigurationError(
            "caller must be Depends(...) with a function that returns who is asking, as text, "
            f"not {type(caller).__name__}"
        )
    if not isinstance(prefix, str) or (prefix and (prefix[0] != "/" or prefix[-1] == "/")):
        raise ConfigurationError(
            f"prefix must begin with '/' and not end with it, as '/bulk-unschedule' does; not {prefix!r}"
        )
    kept: Runs = InProcessRuns() if runs is None else runs
    if isinstance(kept, type) or not hasattr(kept, "serving"):
        raise ConfigurationError("runs must be InProcessRuns(...), DurableRuns(...) or another Runs")
    router = APIRouter(
        prefix=prefix,
        dependencies=guards,
        lifespan=_lifespan(kept),
        route_class=_Route,
        tags=["bulk unschedule"],
    )
    _add_routes(router, kept, caller)
    return router


def _guards(dependencies: object, allow_unauthenticated: object) -> list[DependsParam]:
    if not isinstance(dependencies, list | tuple):
        raise ConfigurationError(
            f"dependencies must be a list, such as [Depends(...)], not {type(dependencies).__name__}"
        )
    if not dependencies and allow_unauthenticated is not True:
        raise ConfigurationError(
            "the router unschedules bots for anyone who can reach it: pass dependencies=[Depends(...)] that "
            "authenticate the caller, or allow_unauthenticated=True if something in front of it does"
        )
    for dependency in dependencies:
        if not isinstance(dependency, DependsParam) or not callable(dependency.dependency):
            raise ConfigurationError(
                "dependencies must be a list of Depends(...) or Security(...) with a function in each, "
                f"not of {type(dependency).__name__}"
            )
    return list(dependencies)


def _lifespan(runs: Runs) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    served: list[object] = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        if any(app is other for other in served):
            # If the router is included twice, under two prefixes, both share the same runs.
            yield
            return
        served.append(app)
        try:
            async with runs.serving():
                yield
        finally:
            served.remove(app)

    return lifespan


async def _nobody() -> None:
    """The caller, if the application does not name one."""


def _checked(caller: Any) -> str:
    """The caller's name. None or a number must not pass for every caller, or for another one."""
    if not isinstance(caller, str) or not caller:
        raise TypeError(f"caller must return text that names who is asking, not {type(caller).__name__}")
    return caller


def _add_routes(router: APIRouter, runs: Runs, caller_dependency: DependsParam | None) -> None:
    # A default value, because annotations are strings here and can't refer to a function's local names.
    who: Any = caller_dependency or DependsParam(_nobody)

    async def own_run(run_id: RunId, caller: Any = who) -> None:
        if caller_dependency is not None and not await runs.belongs(run_id, _checked(caller)):
            raise no_such_run()

    own = [DependsParam(own_run)]

    @router.post(
        "",
        status_code=202,
        response_description="The run has started; Location is its URL.",
        responses=_UNREADABLE | router_problems(413, 422, 503),
    )
    async def start_bulk_unschedule(
        order: BulkRequest,
        request: Request,
        response: Response,
        client: ClientDep,
        idempotency_key: Annotated[
            str | None,
            Header(
                alias="Idempotency-Key",
                min_length=1,
                max_length=255,
                pattern=r"^[\x21-\x7e]+$",
                description="Repeating a request with the same key returns the same run. Use a UUID.",
            ),
        ] = None,
        caller: Any = who,
    ) -> RunState:
        """Start a bulk unschedule in the background."""
        if caller_dependency is None:
            state = await runs.start(client, order, idempotency_key)
        else:
            state = await runs.start(client, order, idempotency_key, _checked(caller))
        response.headers["Location"] = _location(request, state.id)
        return state

    @router.get("/{run_id}", dependencies=own, responses=router_problems(404, 422))
    async def read_bulk_unschedule(run_id: RunId) -> RunState:
        """The current state of a run."""
        return await runs.state(run_id)

    @router.get("/{run_id}/outcomes", dependencies=own, responses=router_problems(404, 422))
    async def list_bulk_unschedule_outcomes(
        run_id: RunId,
        after: Annotated[
            str | None, Query(max_length=100, description="`next` of the previous page.")
        ] = None,
        limit: Annotated[
            int, Query(ge=1, le=_MOST_OUTCOMES, description="Maximum number of outcomes on the page.")
        ] = 100,
    ) -> OutcomePage:
        """The outcomes so far, in pages."""
        state = await runs.state(run_id)
        outcomes = list(await runs.outcomes(run_id, after, limit))
        return OutcomePage(
            outcomes=outcomes,
            next=outcomes[-1].position if outcomes else after,
            more=not state.over or len(outcomes) == limit,
        )

    @router.get(
        "/{run_id}/events",
        dependencies=own,
        response_class=StreamingResponse,
        responses=_STREAM | router_problems(404, 422),
    )
    async def follow_bulk_unschedule(
        run_id: RunId,
        last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)] = None,
    ) -> Response:
        """The run as server-sent events, from its first outcome or after `Last-Event-ID`."""
        after, end_seen = parse_event_id(last_event_id)
        state = await runs.state(run_id)
        # Raise errors now, while a response other than a stream is still possible.
        await runs.outcomes(run_id, after, 1)
        if end_seen and state.over:
            # Browsers reconnect to a stream that ends; 204 makes them stop.
            return Response(status_code=204)
        return RunStream(runs, run_id, after)

    @router.delete(
        "/{run_id}",
        dependencies=own,
        response_description="The run has ended.",
        responses=router_problems(404, 422) | {202: _STOPPING},
    )
    async def stop_bulk_unschedule(run_id: RunId, response: Response) -> RunState:
        """Stop a run: nothing new is started, requests in flight finish."""
        state = await runs.stop(run_id)
        response.status_code = 200 if state.over else 202
        return state
