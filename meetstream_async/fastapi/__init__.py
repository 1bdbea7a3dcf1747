"""FastAPI integration, behind the extra ``fastapi``: ``pip install 'meetstream-async[fastapi]'``.

One client per application, the models in routes and OpenAPI, errors as problem documents, and a router that
runs bulk unschedules in the background.
"""

try:
    from .in_process import InProcessRuns
    from .lifespan import (
        ClientDep,
        MeetBitClientDep,
        get_client,
        get_meetbit_client,
        meetbit_lifespan,
        meetstream_lifespan,
    )
    from .problems import FieldProblem, Problem, ProblemError, add_error_handlers, problem_responses
    from .router import bulk_router
    from .runs import BulkRequest, OutcomePage, RunOutcome, RunPhase, Runs, RunState
    from .webhooks import WebhookIds, meetbit_webhook
except ImportError as _error:
    if (_error.name or "").partition(".")[0] not in ("fastapi", "starlette", "pydantic"):
        raise
    raise ImportError(
        "the FastAPI integration needs an extra: pip install 'meetstream-async[fastapi]', "
        "or '.[fastapi]' in a checkout",
        name=_error.name,
    ) from None

__all__ = [
    "BulkRequest",
    "ClientDep",
    "FieldProblem",
    "InProcessRuns",
    "MeetBitClientDep",
    "OutcomePage",
    "Problem",
    "ProblemError",
    "RunOutcome",
    "RunPhase",
    "RunState",
    "Runs",
    "WebhookIds",
    "add_error_handlers",
    "bulk_router",
    "get_client",
    "get_meetbit_client",
    "meetbit_lifespan",
    "meetbit_webhook",
    "meetstream_lifespan",
    "problem_responses",
]
